"""``/api/projects/:id/events/``: recent events from index and log, and what became of each."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api import presenters
from hedgerow.api.access import Access, needs
from hedgerow.api.deliveries import ids_of, names_of
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, link, number
from hedgerow.api.times import parse_time
from hedgerow.delivery.queries import of_event
from hedgerow.delivery.recent import Entry, EventSearch, event_names, find_event, list_events
from hedgerow.log import EventLog
from hedgerow.people.queries import person_of
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/events")

Reading = Annotated[Access, Depends(needs("event:read"))]


@router.get("")
async def list_recent(request: Request, access: Reading) -> dict[str, Any]:
    """Events, the latest accepted first; ``next`` goes on where this page ends."""
    query, now = request.query_params, access.services.now()
    if query.get("properties"):
        raise Invalid("Events can be searched by name, person, distinct id and time.", attr="properties")
    limit = number(request, "limit", DEFAULT_LIMIT, least=1)
    after, before = (
        parse_time(query.get("after"), now, "after"),
        parse_time(query.get("before"), now, "before"),
    )
    person = query.get("person_id") or query.get("distinct_id") or None

    def work(connection: Connection) -> list[Entry]:
        ids = ids_of(connection, access.project.id, person) if person else None
        wanted = EventSearch(
            query.get("event") or None, ids, after, before, _cursor(query.get("cursor")), limit
        )
        return list_events(connection, access.project.id, wanted)

    entries = await access.services.state.read(work)
    results = [event for entry in entries if (event := await _load(access.services.log, entry))]
    more = link(request, cursor=entries[-1].cursor) if len(entries) == limit else None
    return {"next": more, "results": results}


@router.get("/values")
async def values(request: Request, access: Reading) -> list[dict[str, str]]:
    """Names of recent events, for choosing one."""
    if request.query_params.get("key", "event") not in {"event", "custom_event"}:
        return []
    names = await access.services.state.read(lambda connection: event_names(connection, access.project.id))
    return [{"name": name} for name in names]


@router.get("/{event_uuid}")
async def retrieve(event_uuid: str, access: Reading) -> dict[str, Any]:
    """One event with its person as they are now and the deliveries it led to."""
    try:
        key = uuid.UUID(event_uuid).bytes
    except ValueError:
        raise Invalid("Invalid UUID", code="invalid") from None
    project = access.project
    entry = await access.services.state.read(lambda connection: find_event(connection, project.id, key))
    event = await _load(access.services.log, entry) if entry else None
    if entry is None or event is None:
        raise NotFound

    def work(connection: Connection) -> tuple[Any, list[dict[str, Any]]]:
        rows = of_event(connection, project.id, key, entry.partition, entry.position)
        names = names_of(connection, project.id, {row.destination_id for row in rows})
        shown = [presenters.delivery(row, names.get(row.destination_id)) for row in rows]
        return person_of(connection, project.id, entry.distinct_id), shown

    person, deliveries = await access.services.state.read(work)
    shown = presenters.person(person, access.services.settings, project) if person else None
    return {**event, "person": shown, "deliveries": deliveries}


async def _load(log: EventLog, entry: Entry) -> dict[str, Any] | None:
    """The event itself from the log; None when retention removed it."""
    record = await log.at(entry.partition, entry.position)
    return presenters.event(record.decode()) if record else None


def _cursor(text: str | None) -> tuple[int, int, int] | None:
    if not text:
        return None
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
        raise Invalid("Use the address in 'next' as it is.", attr="cursor")
    captured_at, position, partition = map(int, parts)
    return captured_at, position, partition
