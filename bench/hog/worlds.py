"""The globals, inputs and answers that the programs of the benchmark run with."""

from __future__ import annotations

from typing import Any


def event(properties: int = 42) -> dict[str, Any]:
    """An event with so many properties."""
    values: dict[str, Any] = {
        "$current_url": "https://example.com/docs/start",
        "$browser": "Firefox",
        "price": 12.5,
    }
    for number in range(properties - len(values)):
        values[f"$property_{number}"] = f"value of property {number}" if number % 3 else number
    return {
        "uuid": "0190a0d0-7a3c-7000-8000-000000000001",
        "event": "$pageview",
        "distinct_id": "user-1",
        "properties": values,
        "timestamp": "2024-10-23T10:11:12.000Z",
        "elements_chain": "",
        "url": "https://posthog.example/events/1",
    }


def person() -> dict[str, Any]:
    """A person of an ordinary size."""
    return {
        "id": "0190a0d0-7a3c-7000-8000-000000000002",
        "name": "Ada Lovelace",
        "url": "https://posthog.example/person/1",
        "properties": {
            "email": "Ada@Example.com",
            "plan": "team",
            "$initial_os": "Linux",
            "Company": " Analytical Engines ",
            "seats": 12,
            "tags": ["a", "b"],
        },
    }


def filter_globals() -> dict[str, Any]:
    """What a filter sees."""
    return {**event(), "person": person(), "$group_0": None}


def globals_of_run() -> dict[str, Any]:
    """What a destination sees."""
    return {
        "event": event(),
        "person": person(),
        "groups": {},
        "project": {"id": 1, "name": "Test", "url": "https://posthog.example/project/1"},
        "source": {"name": "Webhook", "url": "https://posthog.example/functions/1"},
    }


WEBHOOK_INPUTS: dict[str, Any] = {
    "url": "https://hooks.example.com/ingest",
    "method": "POST",
    "body": {"event": "{event}", "email": "{person.properties.email}"},
    "headers": {"Content-Type": "application/json"},
    "debug": False,
}

CRM_INPUTS: dict[str, Any] = {
    "email": "Ada@Example.com",
    "token": "secret",
    "include_all": True,
    "source": None,
    "properties": {"firstname": "Ada ", "lastname": "Lovelace", "company": "", "meta": {"a": 1}},
}

CRM_ANSWERS: list[Any] = [
    {"status": 200, "body": {"results": [{"id": "77", "email": "ada@example.com"}]}},
    {"status": 200, "body": {"id": "77"}},
]


def items(count: int = 200) -> list[dict[str, Any]]:
    """Dictionaries for the pipeline."""
    return [
        {
            "id": number,
            "name": f"item {number * 7919 % 1000}",
            "price": (number * 37 % 100) + 0.5,
            "quantity": number % 5 + 1,
            "category": "abc"[number % 3],
            "active": number % 4 != 0,
        }
        for number in range(count)
    ]
