"""``POST /api/projects/:id/query/``: PostHog's queries, of which there is one kind here, the one that lists events.

Its destination editor and its tools load a recent event with it to try something on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request

from hedgerow.api import presenters
from hedgerow.api.access import Access, json_body, needs
from hedgerow.api.deliveries import ids_of
from hedgerow.api.errors import Forbidden, Invalid
from hedgerow.api.property_filters import event_filter
from hedgerow.api.times import iso, parse_time
from hedgerow.delivery.recent import EventSearch
from hedgerow.events import Event
from hedgerow.insight.events import search
from hedgerow.people.queries import FoundPerson, person_of

router = APIRouter(prefix="/api/projects/{project_id}/query")

Asking = Annotated[Access, Depends(needs("query:read"))]
Column: TypeAlias = tuple[str, Callable[[Access, Event, FoundPerson | None], Any]]

KIND = "EventsQuery"
KNOWN = frozenset({
    "kind", "select", "event", "properties", "fixedProperties", "after", "before", "limit", "offset", "orderBy",
    "personId", "actionId",
})  # fmt: skip
NEWEST = ("timestamp desc", "-timestamp")
OLDEST = ("timestamp", "timestamp asc")
DEFAULT_LIMIT, LONGEST, MOST_SKIPPED = 100, 1000, 10_000


@router.post("")
async def run(request: Request, access: Asking) -> dict[str, Any]:
    """Ask for recent events, column by column: an ``EventsQuery``, newest first unless ``orderBy`` says otherwise."""
    asked = _query(await json_body(request))
    select = asked.get("select") or ["*"]
    if not isinstance(select, list):
        raise Invalid("Must be a list of columns.", attr="query__select")
    columns = [_column(name) for name in select]
    if "person" in select and not access.actor.allows("person:read"):
        raise Forbidden("API key missing required scope 'person:read'.")
    limit, offset = _number(asked, "limit", DEFAULT_LIMIT, LONGEST), _number(asked, "offset", 0, MOST_SKIPPED)
    wanted = await _wanted(asked, access, max(1, limit + offset))
    services, filters = access.services, _filters(asked)
    keep = event_filter(access, filters, _action(asked)) if filters or _action(asked) else None
    found = await search(services.state, services.log, access.project.id, wanted, keep)
    events = found.events[offset : offset + limit]
    persons = await _persons(access, events) if "person" in select else {}
    return {
        "columns": select,
        "types": [kind for kind, _ in columns],
        "results": [
            [value(access, event, persons.get(event.distinct_id)) for _, value in columns] for event in events
        ],
        "hasMore": found.cursor is not None,
        "limit": limit,
        "offset": offset,
    }


def _query(body: Any) -> Mapping[str, Any]:
    asked = body.get("query") if isinstance(body, dict) else None
    if not isinstance(asked, dict):
        raise Invalid("This field is required.", code="required", attr="query")
    if asked.get("kind") != KIND:
        raise Invalid(f"{KIND} is the only kind of query there is here.", attr="query__kind")
    if strange := sorted(asked.keys() - KNOWN):
        raise Invalid(f"Not known here. Known are: {', '.join(sorted(KNOWN))}.", attr=f"query__{strange[0]}")
    return asked


def _number(asked: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = asked.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Invalid(f"Must be a whole number from 0 to {most}.", attr=f"query__{name}")
    return value


def _text(asked: Mapping[str, Any], name: str) -> str | None:
    value = asked.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid("Not a valid string.", attr=f"query__{name}")
    return value or None


def _action(asked: Mapping[str, Any]) -> str | None:
    action = asked.get("actionId")
    return None if action is None else str(action)


def _filters(asked: Mapping[str, Any]) -> list[Any]:
    """Both lists of filters; an event must fit all of them."""
    groups = [asked[name] for name in ("fixedProperties", "properties") if asked.get(name)]
    return [group if isinstance(group, dict) else {"type": "AND", "values": group} for group in groups]


async def _wanted(asked: Mapping[str, Any], access: Access, limit: int) -> EventSearch:
    """What the index is asked for."""
    now, person = access.services.now(), _text(asked, "personId")
    ids = await access.services.state.read(lambda c: ids_of(c, access.project.id, person)) if person else None
    return EventSearch(
        _text(asked, "event"),
        ids,
        parse_time(_text(asked, "after"), now, "query__after"),
        parse_time(_text(asked, "before"), now, "query__before"),
        limit=limit,
        oldest_first=_oldest_first(asked.get("orderBy")),
    )


def _oldest_first(order: Any) -> bool:
    text = str(order[0] if isinstance(order, list) and len(order) == 1 else order or NEWEST[0]).lower()
    if text not in (*NEWEST, *OLDEST):
        raise Invalid('Events are ordered by "timestamp DESC" or "timestamp ASC".', attr="query__orderBy")
    return text in OLDEST


def _column(name: Any) -> Column:
    """The type of a column, and how to find its value."""
    if isinstance(name, str) and name in COLUMNS:
        return COLUMNS[name]
    if isinstance(name, str) and (key := name.removeprefix("properties.")) != name:
        return "Nullable(String)", lambda _, event, __: event.properties.get(key)
    known = ", ".join(COLUMNS)
    raise Invalid(f"There is no column {name!r}. Known are: {known}, properties.NAME.", attr="query__select")


def _whole(access: Access, event: Event, _person: FoundPerson | None) -> dict[str, Any]:
    return {
        "uuid": event.uuid,
        "event": event.event,
        "properties": event.properties,
        "timestamp": event.timestamp,
        "team_id": access.project.id,
        "distinct_id": event.distinct_id,
        "elements_chain": event.properties.get("$elements_chain", ""),
        "created_at": iso(event.captured_at),
    }


def _shown(access: Access, event: Event, person: FoundPerson | None) -> dict[str, Any] | None:
    if person is None:
        return None
    shown = presenters.person(person, access.services.settings, access.project)
    kept = {name: shown[name] for name in ("id", "created_at", "properties")}
    return {**kept, "distinct_id": event.distinct_id}


# The type of each column, and how to find its value.
COLUMNS: Mapping[str, Column] = {
    "*": ("Tuple", _whole),
    "person": ("Tuple", _shown),
    "uuid": ("UUID", lambda _, event, __: event.uuid),
    "event": ("String", lambda _, event, __: event.event),
    "distinct_id": ("String", lambda _, event, __: event.distinct_id),
    "timestamp": ("DateTime64(6, 'UTC')", lambda _, event, __: event.timestamp),
    "properties": ("String", lambda _, event, __: event.properties),
}


async def _persons(access: Access, events: list[Event]) -> dict[str, FoundPerson | None]:
    """The persons of some events as they are now, by distinct id."""
    ids, project = {event.distinct_id for event in events}, access.project
    return await access.services.state.read(lambda c: {name: person_of(c, project.id, name) for name in ids})
