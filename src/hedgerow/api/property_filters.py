"""``?properties=[...]``: PostHog's property filters on a list of events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hedgerow.api.access import Access
from hedgerow.api.errors import Invalid
from hedgerow.destinations import FilterError
from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters import CompiledFilter, compile_filters, normalise
from hedgerow.destinations.globals import filter_globals
from hedgerow.events import Event
from hedgerow.insight.events import Keep
from hedgerow.people import Folded, PersonState
from hedgerow.people.queries import persons_of

TYPES = ("event", "person")
GROUPED = ("AND", "OR")


def property_filter(access: Access, text: str) -> Keep:
    """A condition on events, from a list of filters or a group of them.

    Raises:
        Invalid: it cannot be understood; ``attr`` leads to the place.
    """
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"Must be a JSON list of filters: {error}.", attr="properties") from None
    types = {kind for item in _leaves(raw) for kind in [item.get("type", "event")]}
    if strange := types - {*TYPES}:
        raise Invalid(
            f"Events are searched by properties of type {' or '.join(TYPES)}, not {strange.pop()!r}.",
            attr="properties",
        )
    try:
        compiled = compile_filters(normalise({"properties": raw}), access.seen)
    except ValidationError as error:
        raise Invalid(error.detail, code=error.code, attr=error.attr or "properties") from None

    async def keep(events: Sequence[Event]) -> list[bool]:
        persons = await _persons(access, events) if "person" in types else {}
        return await asyncio.to_thread(_judge, compiled, events, persons)

    return keep


def _leaves(raw: Any) -> list[Mapping[str, Any]]:
    """The single filters in a list, or in a group of groups."""
    if isinstance(raw, Mapping) and raw.get("type") in GROUPED:
        return _leaves(raw.get("values") or [])
    if isinstance(raw, list):
        return [leaf for item in raw for leaf in _leaves(item)]
    if isinstance(raw, Mapping):
        return [raw]
    raise Invalid("Must be a JSON list of filters.", attr="properties")


async def _persons(access: Access, events: Sequence[Event]) -> dict[str, PersonState]:
    ids = [event.distinct_id for event in events]
    return await access.services.state.read(lambda connection: persons_of(connection, access.project.id, ids))


def _judge(
    compiled: CompiledFilter, events: Sequence[Event], persons: Mapping[str, PersonState]
) -> list[bool]:
    return [_fits(compiled, event, persons.get(event.distinct_id)) for event in events]


def _fits(compiled: CompiledFilter, event: Event, person: PersonState | None) -> bool:
    """An event about which the filter cannot decide is not shown."""
    try:
        return compiled.matches(filter_globals(event, Folded(person, event.properties)))
    except FilterError:
        return False
