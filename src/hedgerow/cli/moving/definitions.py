"""Actions and cohorts of another instance as ours, and in which order they have to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hedgerow.cli.moving.filters import Numbers, cohorts_in, properties

STEP: Final = (
    "event", "properties", "selector", "tag_name", "text", "text_matching", "href", "href_matching", "url", "url_matching",
)  # fmt: skip
PER_CALL: Final = 100


def action_payload(item: Mapping[str, Any], numbers: Numbers, origin: str) -> dict[str, Any]:
    """An action as it is saved here."""
    steps = [_step(step, numbers) for step in item.get("steps") or () if isinstance(step, Mapping)]
    return {**_named(item, "Action"), "steps": steps, "origin": origin}


def _step(step: Mapping[str, Any], numbers: Numbers) -> dict[str, Any]:
    found = {name: step[name] for name in STEP if step.get(name) not in (None, "", [])}
    if "properties" in found:
        found["properties"] = properties(found["properties"], numbers)
    return found


def cohort_payload(item: Mapping[str, Any], numbers: Numbers, origin: str) -> dict[str, Any]:
    """A cohort as it is saved here; who is on the list of a static one comes apart from it."""
    found = {**_named(item, "Cohort"), "origin": origin}
    if item.get("is_static"):
        return {**found, "is_static": True}
    return {**found, "filters": {"properties": properties(_conditions(item), numbers)}}


def _conditions(item: Mapping[str, Any]) -> Any:
    """What a cohort asks for, in the present form; older cohorts have a list of groups instead."""
    filters = item.get("filters")
    if isinstance(filters, Mapping) and filters.get("properties"):
        return filters["properties"]
    groups = [one for one in item.get("groups") or () if isinstance(one, Mapping)]
    parts = [{"type": "AND", "values": one.get("properties") or []} for one in groups]
    return {"type": "OR", "values": parts}


def refusal(item: Mapping[str, Any]) -> str:
    """Why a cohort cannot come; empty when it can."""
    if item.get("is_static"):
        return ""
    if item.get("query"):
        return "it is made of a HogQL query, which only a database of all events can answer."
    if any(
        one.get("action_id") or one.get("event_id")
        for one in item.get("groups") or ()
        if isinstance(one, Mapping)
    ):
        return "it depends on what persons did over time, which is not known as events arrive."
    if _behavioural(_conditions(item)):
        return "it depends on what persons did over time, which is not known as events arrive."
    return "" if _leaves(_conditions(item)) else "it has no conditions."


def _behavioural(raw: Any) -> bool:
    return any(one.get("type") == "behavioral" for one in _leaves(raw))


def _leaves(raw: Any) -> list[Mapping[str, Any]]:
    if isinstance(raw, Mapping) and isinstance(raw.get("values"), list) and "key" not in raw:
        return [leaf for one in raw["values"] for leaf in _leaves(one)]
    return [raw] if isinstance(raw, Mapping) else []


def in_order(cohorts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Cohorts with those that others refer to first; what refers to itself comes where it stands."""
    waiting = {str(one.get("id")): one for one in cohorts}
    needs = {key: cohorts_in(_conditions(one)) & set(waiting) for key, one in waiting.items()}
    found: dict[str, Mapping[str, Any]] = {}
    while waiting:
        ready = [key for key in waiting if needs[key] <= set(found)] or list(waiting)[:1]
        found |= {key: waiting.pop(key) for key in ready}
    return list(found.values())


def members(persons: Iterable[Mapping[str, Any]], most: int) -> list[str] | None:
    """Distinct ids of persons: all of them, or the first of each where all are too many; None when even those are."""
    lists = [[str(one) for one in person.get("distinct_ids") or ()] for person in persons]
    every = [one for some in lists for one in some]
    chosen = every if len(every) <= most else [some[0] for some in lists if some]
    return chosen if len(chosen) <= most else None


def _named(item: Mapping[str, Any], kind: str) -> dict[str, Any]:
    name = str(item.get("name") or "").strip() or f"{kind} {item.get('id')}"
    return {"name": name[:400], "description": str(item.get("description") or "")}
