"""What PostHog's clients sent, seen by a proxy, beside what the server has stored of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from support.tee import Tee

CLASSIC = ("/batch", "/e", "/i/v0/e", "/capture")


def millis(text: str) -> float:
    """Milliseconds of an ISO time."""
    return datetime.fromisoformat(text).timestamp() * 1000


def sent_by_posthog(tee: Tee) -> Iterator[tuple[str, str, str | None, dict[str, Any], str]]:
    """What was sent as PostHog events: name, distinct id, uuid, properties with the person changes, and the time."""
    for exchange in tee.at(*CLASSIC):
        body = exchange.json
        for raw in body.get("batch", [body]):
            properties = dict(raw["properties"])
            for change in ("$set", "$set_once"):
                if raw.get(change):
                    properties[change] = {**properties.get(change, {}), **raw[change]}
            who = raw.get("distinct_id") or properties.get("distinct_id")
            yield raw["event"], str(who), raw.get("uuid"), properties, raw["timestamp"]


# What the server adds to an event besides; of Segment's context it also writes down what PostHog has a name for.
ADDED = {"$ip", "$sent_at"}
FROM_CONTEXT = {"$lib", "$lib_version", "$current_url", "$raw_user_agent", "$locale", "$timezone"}


def compare(stored: dict[str, Any], sent: tuple[Any, ...], *, segment: bool = False) -> None:
    """One event, field by field."""
    name, who, identity, properties, when = sent
    assert (stored["event"], stored["distinct_id"]) == (name, who)
    assert identity is None or stored["uuid"] == identity
    uuid.UUID(stored["uuid"])
    shown = stored["properties"]
    assert {key: shown.get(key) for key in properties} == properties
    assert shown.keys() - properties.keys() <= ADDED | (FROM_CONTEXT if segment else set())
    assert abs(millis(stored["timestamp"]) - millis(when)) < 2000, (
        "corrected by the clock of the sender, which is ours"
    )
