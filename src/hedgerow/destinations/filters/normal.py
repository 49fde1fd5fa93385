"""The stored form of a filter: what is kept of what people send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError

SOURCES: Final = ("events", "person-updates", "schedule")
_NOT_YET: Final = ("data-warehouse-table", "data-warehouse-view")
_LISTS: Final = ("events", "actions")


def normalise(raw: Any, *, mapped: bool = False) -> dict[str, Any]:
    """Keep the fields that mean something for the filter's source; entries stay as they were written.

    Args:
        raw: the filter as sent; null means every event.
        mapped: the destination has mappings, which choose the events instead.

    Raises:
        ValidationError: with an attribute such as ``filters__events``.
    """
    if raw is None:
        return {"source": "events"}
    if not isinstance(raw, Mapping):
        raise ValidationError("Expected a dictionary.", attr="filters", code="invalid")
    source = raw.get("source") or "events"
    if source not in SOURCES:
        raise ValidationError(_no_source(source), attr="filters__source", code="invalid_choice")
    clean: dict[str, Any] = {"source": source}
    if source == "events" and not mapped:
        for kind in _LISTS:
            if raw.get(kind) is not None:
                clean[kind] = _entries(raw[kind], kind)
    if raw.get("properties") is not None:
        clean["properties"] = raw["properties"]
    if raw.get("filter_test_accounts") is not None:
        if not isinstance(raw["filter_test_accounts"], bool):
            raise ValidationError(
                "Must be a valid boolean.", attr="filters__filter_test_accounts", code="invalid"
            )
        clean["filter_test_accounts"] = raw["filter_test_accounts"]
    return clean


def _no_source(source: Any) -> str:
    if source in _NOT_YET:
        return f"This server has no data warehouse; {source!r} cannot be a source of events."
    return f'"{source}" is not a valid choice.'


def _entries(raw: Any, kind: str) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or not all(isinstance(item, Mapping) for item in raw):
        raise ValidationError("Expected a list of dictionaries.", attr=f"filters__{kind}", code="invalid")
    for position, item in enumerate(raw):
        identity = item.get("id")
        ok = isinstance(identity, str | None) if kind == "events" else isinstance(identity, str | int)
        if not ok:
            wanted = "an event name, or null for every event" if kind == "events" else "the id of an action"
            raise ValidationError(f"Give {wanted}.", attr=f"filters__{kind}__{position}__id", code="invalid")
    return [dict(item) for item in raw]
