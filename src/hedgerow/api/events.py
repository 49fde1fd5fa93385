"""``/api/projects/:id/events/``: recent events from index and log, and what became of each."""

from __future__ import annotations

import csv
import io
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api import presenters
from hedgerow.api.access import Access, needs
from hedgerow.api.deliveries import ids_of, names_of
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, link, number
from hedgerow.api.property_filters import event_filter, parsed
from hedgerow.api.times import parse_time
from hedgerow.delivery.queries import of_event
from hedgerow.delivery.recent import EventSearch, event_names, find_event, place
from hedgerow.events import Event
from hedgerow.insight.events import Keep, search
from hedgerow.people.queries import person_of
from hedgerow.replay.tick_events import event_of
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/events")

Reading = Annotated[Access, Depends(needs("event:read"))]
# As PostHog writes the two orders there are; what counts is when an event was accepted.
NEWEST_FIRST = ("", '["-timestamp"]', "-timestamp")
OLDEST_FIRST = ('["timestamp"]', "timestamp")
CSV = ("uuid", "event", "distinct_id", "timestamp", "captured_at", "elements_chain", "properties")
# How many of the latest events are looked at for the values of a property, and how many values are told.
LOOKED_AT, TOLD = 2000, 100
# Pages are better followed by ``next``; this is for clients that count.
MOST_SKIPPED = 10_000


@router.get("")
async def list_recent(request: Request, access: Reading) -> Any:
    """Events, the latest accepted first; ``next`` goes on where this page ends.

    A page may be shorter than ``limit``, even empty, and still have a ``next``: the search stops now and then so that
    nobody has to wait for it.
    """
    services, project, query = access.services, access.project, request.query_params
    offset = number(request, "offset", 0, most=MOST_SKIPPED)
    wanted = await _wanted(request, access)
    found = await search(
        services.state,
        services.log,
        project.id,
        replace(wanted, limit=wanted.limit + offset),
        _condition(request, access),
    )
    events = found.events[offset:]
    if query.get("format") == "csv":
        return _csv(events)
    persons = await _persons(access, events) if query.get("include_person") == "true" else {}
    return {
        "next": link(request, cursor=found.cursor, offset=0) if found.cursor else None,
        "results": [
            {**presenters.event(event), "person": persons.get(event.distinct_id)} for event in events
        ],
    }


def _condition(request: Request, access: Access) -> Keep | None:
    """What the index cannot judge."""
    filters, action = request.query_params.get("properties"), request.query_params.get("action_id")
    if not filters and not action:
        return None
    return event_filter(access, parsed(filters or "[]"), action or None)


def _csv(events: Sequence[Event]) -> Response:
    """Events as a table; the properties stand in one column, as JSON."""
    out = io.StringIO()
    table = csv.DictWriter(out, CSV, extrasaction="ignore")
    table.writeheader()
    for event in events:
        table.writerow({**presenters.event(event), "properties": orjson.dumps(event.properties).decode()})
    name = {"content-disposition": 'attachment; filename="events.csv"'}
    return Response(out.getvalue(), media_type="text/csv", headers=name)


def _oldest_first(request: Request) -> bool:
    order = request.query_params.get("orderBy", "")
    if order not in (*NEWEST_FIRST, *OLDEST_FIRST):
        raise Invalid('Events are ordered by ["-timestamp"] or ["timestamp"].', attr="orderBy")
    return order in OLDEST_FIRST


async def _wanted(request: Request, access: Access) -> EventSearch:
    """What the index is asked for."""
    query, now = request.query_params, access.services.now()
    person = query.get("person") or query.get("person_id") or query.get("distinct_id") or None
    ids = await access.services.state.read(lambda c: ids_of(c, access.project.id, person)) if person else None
    return EventSearch(
        query.get("event") or None,
        ids,
        parse_time(query.get("after"), now, "after"),
        parse_time(query.get("before"), now, "before"),
        _cursor(query.get("cursor")),
        number(request, "limit", DEFAULT_LIMIT, least=1),
        _oldest_first(request),
    )


async def _persons(access: Access, events: Sequence[Event]) -> dict[str, Any]:
    """The persons of some events as they are now, by distinct id."""
    ids = {event.distinct_id for event in events}
    project = access.project
    found = await access.services.state.read(lambda c: {name: person_of(c, project.id, name) for name in ids})
    settings = access.services.settings
    return {name: presenters.person(person, settings, project) for name, person in found.items() if person}


@router.get("/values")
async def values(request: Request, access: Reading) -> list[dict[str, str]]:
    """Names of recent events, or values of a property of theirs, the most frequent first: for choosing one."""
    services, project, key = access.services, access.project, request.query_params.get("key") or "event"
    if key in {"event", "custom_event"}:
        names = await services.state.read(lambda connection: event_names(connection, project.id))
        return [{"name": name} for name in names]
    wanted = EventSearch(event=request.query_params.get("event_name") or None, limit=LOOKED_AT)
    found = await search(services.state, services.log, project.id, wanted)
    counted = Counter(_text(event.properties[key]) for event in found.events if key in event.properties)
    return [{"name": name} for name, _ in counted.most_common(TOLD)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@router.get("/{event_uuid}")
async def retrieve(event_uuid: str, access: Reading) -> dict[str, Any]:
    """One event with its person as they are now and the deliveries it led to."""
    try:
        key = uuid.UUID(event_uuid).bytes
    except ValueError:
        raise Invalid("Invalid UUID", code="invalid") from None
    project, state = access.project, access.services.state
    found = await _find(access, key)
    if found is None:
        raise NotFound
    partition, position, event = found

    def work(connection: Connection) -> tuple[Any, list[dict[str, Any]]]:
        rows = of_event(connection, project.id, key, partition, position)
        names = names_of(connection, project.id, {row.destination_id for row in rows})
        shown = [presenters.delivery(row, names.get(row.destination_id)) for row in rows]
        return person_of(connection, project.id, event.distinct_id), shown

    person, deliveries = await state.read(work)
    shown = presenters.person(person, access.services.settings, project) if person else None
    return {**presenters.event(event), "person": shown, "deliveries": deliveries}


async def _find(access: Access, key: bytes) -> tuple[int, int, Event] | None:
    """An event and its place: from the log, or as a tick of a schedule made it up; None when retention or a person's erasure removed it."""
    state, project_id = access.services.state, access.project.id
    entry = await state.read(lambda connection: find_event(connection, project_id, key))
    if entry is None:
        return await state.read(lambda connection: event_of(connection, project_id, key))
    record = await access.services.log.at(entry.partition, entry.position)
    return (entry.partition, entry.position, record.decode()) if record and not record.erased else None


def _cursor(text: str | None) -> tuple[int, int, int] | None:
    if not text:
        return None
    found = place(text)
    if found is None:
        raise Invalid("Use the address in 'next' as it is.", attr="cursor")
    return found
