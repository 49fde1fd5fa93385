"""``?properties=[...]``: PostHog's property filters on a list of events or persons."""

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
from hedgerow.insight.persons import Keep as KeepPersons
from hedgerow.people import Folded, PersonState
from hedgerow.people.queries import FoundPerson, persons_of

TYPES = ("event", "person")
GROUPED = ("AND", "OR")
# What a condition on persons sees of the event, where there is none.
NOTHING = Event("", "", "")


def property_filter(access: Access, text: str) -> Keep:
    """A condition on events, from the JSON of a list of filters or a group of them; see ``event_filter``."""
    return event_filter(access, parsed(text))


def event_filter(access: Access, raw: Any, action: str | None = None) -> Keep:
    """A condition on events.

    Args:
        access: the project.
        raw: a list of filters or a group of them.
        action: they must also be this action, by its number.

    Raises:
        Invalid: it cannot be understood; ``attr`` leads to the place.
    """
    types = _types(raw, "Events", TYPES)
    actions = [] if action is None else [{"id": action, "type": "actions"}]
    compiled = _compiled(access, {"properties": raw, "actions": actions})

    async def keep(events: Sequence[Event]) -> list[bool]:
        persons = await _persons(access, events) if "person" in types else {}
        return await asyncio.to_thread(_judge, compiled, events, persons)

    return keep


def person_filter(access: Access, text: str) -> KeepPersons:
    """A condition on persons, from the JSON of a list of filters or a group of them.

    Raises:
        Invalid: it cannot be understood, or asks for something else than properties of persons.
    """
    raw = parsed(text)
    for leaf in _leaves(raw):
        leaf.setdefault("type", "person")
    _types(raw, "Persons", ("person",))
    compiled = _compiled(access, {"properties": raw})

    def keep(persons: Sequence[FoundPerson]) -> list[bool]:
        states = [PersonState(p.uuid, p.properties, p.created_at, p.is_identified) for p in persons]
        return [_fits(compiled, NOTHING, state) for state in states]

    return keep


def parsed(text: str) -> Any:
    """The filters in a parameter.

    Raises:
        Invalid: they are no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"Must be a JSON list of filters: {error}.", attr="properties") from None


def _types(raw: Any, what: str, allowed: Sequence[str]) -> set[str]:
    """Which types of properties are asked for."""
    types = {str(leaf.get("type", "event")) for leaf in _leaves(raw)}
    if strange := types - {*allowed}:
        raise Invalid(
            f"{what} are searched by properties of type {' or '.join(allowed)}, not {strange.pop()!r}.",
            attr="properties",
        )
    return types


def _compiled(access: Access, filters: dict[str, Any]) -> CompiledFilter:
    try:
        return compile_filters(normalise(filters), access.seen)
    except ValidationError as error:
        attr = "action_id" if (error.attr or "").startswith("actions") else error.attr or "properties"
        raise Invalid(error.detail, code=error.code, attr=attr) from None


def _leaves(raw: Any) -> list[dict[str, Any]]:
    """The single filters in a list, or in a group of groups."""
    if isinstance(raw, dict) and raw.get("type") in GROUPED:
        return _leaves(raw.get("values") or [])
    if isinstance(raw, list):
        return [leaf for item in raw for leaf in _leaves(item)]
    if isinstance(raw, dict):
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
