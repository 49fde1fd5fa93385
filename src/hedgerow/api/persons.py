"""``/api/projects/:id/persons/`` and ``/groups/``: who the events are about, as of now."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from hedgerow.api import presenters
from hedgerow.api.access import Access, Identity, id_bytes, needs
from hedgerow.api.deliveries import names_of
from hedgerow.api.errors import NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, link, number
from hedgerow.api.property_filters import person_filter
from hedgerow.api.streams import Stream
from hedgerow.api.times import iso
from hedgerow.delivery import eraser
from hedgerow.delivery.queries import Delivery, Search
from hedgerow.delivery.queries import search as search_deliveries
from hedgerow.delivery.recent import EventSearch, place
from hedgerow.insight.events import search
from hedgerow.insight.persons import search as search_persons
from hedgerow.people.forgetting import all_distinct_ids, forget_person
from hedgerow.people.queries import (
    GroupSearch,
    PersonSearch,
    find_group,
    find_groups,
    find_persons,
    group_types,
    person_with_id,
)
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}")

Reading = Annotated[Access, Depends(needs("person:read"))]
Writing = Annotated[Access, Depends(needs("person:write"))]
ReadingGroups = Annotated[Access, Depends(needs("group:read"))]
PAGE = 500


@router.get("/persons")
async def list_persons(request: Request, access: Reading) -> dict[str, Any]:
    """Persons, the newest first, by a distinct id, an email address, any text in their properties, or filters on these.

    With filters a page may be shorter than ``limit``, even empty, and still have a ``next``: the search stops now and then so that
    nobody has to wait for it.
    """
    query = request.query_params
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)
    wanted = PersonSearch(
        distinct_id=query.get("distinct_id") or None,
        email=query.get("email") or None,
        text=query.get("search") or None,
        limit=limit,
        offset=offset,
    )
    if query.get("properties"):
        return await _filtered(request, access, wanted)
    found = await access.services.state.read(lambda c: find_persons(c, access.project.id, wanted))
    settings = access.services.settings
    return {
        "next": link(request, offset=offset + limit) if len(found) == limit else None,
        "previous": link(request, offset=max(0, offset - limit)) if offset else None,
        "results": [presenters.person(person, settings, access.project) for person in found],
    }


async def _filtered(request: Request, access: Access, wanted: PersonSearch) -> dict[str, Any]:
    """A page of those whom property filters let through."""
    keep = person_filter(access, request.query_params["properties"])
    before = number(request, "cursor", 0, most=10**9) or None
    page = await search_persons(
        access.services.state, access.project.id, replace(wanted, before=before), keep
    )
    settings = access.services.settings
    return {
        "next": link(request, cursor=page.cursor) if page.cursor else None,
        "previous": None,
        "results": [presenters.person(person, settings, access.project) for person in page.persons],
    }


@router.get("/persons/deletions")
async def list_deletions(access: Reading) -> dict[str, Any]:
    """Deletions with their events: when they were asked for, when they were done, and how much it was."""
    found = await access.services.state.read(lambda c: eraser.deletions(c, access.project.id))
    return {
        "results": [
            {
                "id": item.id,
                "requested_at": iso(item.requested_at),
                "finished_at": iso(item.finished_at) if item.finished_at else None,
                "events": item.events,
                "deliveries": item.deliveries,
            }
            for item in found
        ]
    }


@router.get("/persons/{person_id}")
async def retrieve_person(person_id: str, access: Reading) -> dict[str, Any]:
    """One person."""
    key = id_bytes(person_id)
    found = await access.services.state.read(lambda c: person_with_id(c, access.project.id, key))
    if found is None:
        raise NotFound
    return presenters.person(found, access.services.settings, access.project)


@router.delete("/persons/{person_id}", status_code=202)
async def delete_person(person_id: str, request: Request, access: Writing) -> Response:
    """Forget a person; with ``delete_events=true`` everything that came of their events too.

    The person is gone when this answers, and nothing that was accepted before can bring them back. Removing what stands in log
    and ledger takes a moment longer: ``/persons/deletions/`` tells when it is done.
    """
    services, project, key = access.services, access.project, id_bytes(person_id)
    everything = request.query_params.get("delete_events", "").lower() in {"true", "1"}

    def work(connection: Connection) -> bool:
        ids = all_distinct_ids(connection, project.id, key)
        if not ids and person_with_id(connection, project.id, key) is None:
            return False
        forget_person(connection, project.id, key)
        if everything:
            eraser.request(connection, project.id, ids, services.now())
        access.record(
            connection, "deleted", "Person", uuid.UUID(bytes=key), after={"delete_events": everything}
        )
        return True

    if not await services.state.write(work):
        raise NotFound
    services.forget()
    return Response(status_code=202)


@router.get("/persons/{person_id}/export")
async def export_person(person_id: str, access: Reading) -> Response:
    """Everything about a person as one JSON document: who they are, their events, and what was sent on of each."""
    key = id_bytes(person_id)
    services, project = access.services, access.project
    found = await services.state.read(lambda c: person_with_id(c, project.id, key))
    if found is None:
        raise NotFound
    ids = await services.state.read(lambda c: all_distinct_ids(c, project.id, key))
    shown = {**presenters.person(found, services.settings, project), "distinct_ids": ids}
    name = {"content-disposition": f'attachment; filename="person-{found.uuid}.json"'}
    return Stream(_export(access, shown, ids), "application/json", name)


async def _export(access: Access, person: dict[str, Any], ids: list[str]) -> AsyncIterator[bytes]:
    """The document, a page of events at a time."""
    services, project = access.services, access.project
    yield b'{"person":' + orjson.dumps(person) + b',"events":['
    cursor, comma = None, b""
    while True:
        wanted = EventSearch(distinct_ids=ids, cursor=cursor, limit=PAGE)
        page = await search(services.state, services.log, project.id, wanted)
        for event in page.events:
            yield comma + orjson.dumps(presenters.event(event))
            comma = b","
        if page.cursor is None:
            break
        cursor = place(page.cursor)
    yield b'],"deliveries":['
    after, comma = None, b""
    while True:
        some = Search(distinct_ids=ids, cursor=after, limit=PAGE)
        rows, names = await services.state.read(lambda c, some=some: _deliveries(c, project.id, some))  # type: ignore[misc]
        for row in rows:
            yield comma + orjson.dumps(presenters.delivery(row, names.get(row.destination_id)))
            comma = b","
        if len(rows) < PAGE:
            break
        after = uuid.UUID(rows[-1].id).bytes
    yield b"]}"


def _deliveries(
    connection: Connection, project_id: int, wanted: Search
) -> tuple[list[Delivery], dict[str, str]]:
    rows = search_deliveries(connection, project_id, wanted)
    return rows, names_of(connection, project_id, {row.destination_id for row in rows})


@router.get("/groups_types")
async def list_group_types(access: ReadingGroups) -> list[dict[str, Any]]:
    """The project's types of groups."""
    found = await access.services.state.read(lambda c: group_types(c, access.project.id))
    return [{"group_type": name, "group_type_index": index} for index, name in found]


@router.get("/groups")
async def list_groups(request: Request, access: ReadingGroups) -> dict[str, Any]:
    """Groups by type and key; of one type, or with a text in key or properties."""
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)
    index = request.query_params.get("group_type_index")
    wanted = GroupSearch(
        number(request, "group_type_index", 0, most=4) if index else None,
        text=request.query_params.get("search") or None,
        limit=limit,
        offset=offset,
    )
    found = await access.services.state.read(lambda c: find_groups(c, access.project.id, wanted))
    return {
        "next": link(request, offset=offset + limit) if len(found) == limit else None,
        "previous": link(request, offset=max(0, offset - limit)) if offset else None,
        "results": [presenters.group(item) for item in found],
    }


@router.get("/groups/{type_index}/{group_key:path}")
async def retrieve_group(type_index: Identity, group_key: str, access: ReadingGroups) -> dict[str, Any]:
    """One group, by the number of its type and its key."""
    found = await access.services.state.read(
        lambda c: find_group(c, access.project.id, type_index, group_key)
    )
    if found is None:
        raise NotFound
    return presenters.group(found)
