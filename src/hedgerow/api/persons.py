"""``/api/projects/:id/persons/`` and ``/groups/``: who the events are about, as of now."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api import presenters
from hedgerow.api.access import Access, id_bytes, needs
from hedgerow.api.errors import NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, link, number
from hedgerow.people.queries import (
    GroupSearch,
    PersonSearch,
    find_group,
    find_groups,
    find_persons,
    group_types,
    person_with_id,
)

router = APIRouter(prefix="/api/projects/{project_id}")

Reading = Annotated[Access, Depends(needs("person:read"))]
ReadingGroups = Annotated[Access, Depends(needs("group:read"))]


@router.get("/persons")
async def list_persons(request: Request, access: Reading) -> dict[str, Any]:
    """Persons, the newest first, by a distinct id, an email address or any text in their properties."""
    query = request.query_params
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)
    wanted = PersonSearch(
        distinct_id=query.get("distinct_id") or None,
        email=query.get("email") or None,
        text=query.get("search") or None,
        limit=limit,
        offset=offset,
    )
    found = await access.services.state.read(lambda c: find_persons(c, access.project.id, wanted))
    settings = access.services.settings
    return {
        "next": link(request, offset=offset + limit) if len(found) == limit else None,
        "previous": link(request, offset=max(0, offset - limit)) if offset else None,
        "results": [presenters.person(person, settings, access.project) for person in found],
    }


@router.get("/persons/{person_id}")
async def retrieve_person(person_id: str, access: Reading) -> dict[str, Any]:
    """One person."""
    key = id_bytes(person_id)
    found = await access.services.state.read(lambda c: person_with_id(c, access.project.id, key))
    if found is None:
        raise NotFound
    return presenters.person(found, access.services.settings, access.project)


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
async def retrieve_group(type_index: int, group_key: str, access: ReadingGroups) -> dict[str, Any]:
    """One group, by the number of its type and its key."""
    found = await access.services.state.read(
        lambda c: find_group(c, access.project.id, type_index, group_key)
    )
    if found is None:
        raise NotFound
    return presenters.group(found)
