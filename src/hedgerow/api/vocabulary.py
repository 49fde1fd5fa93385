"""``/api/projects/:id/event_definitions/`` and ``/property_definitions/``: names seen in the event stream, to choose from.

They are found by looking at the stream, so nobody writes them. What the project wants dropped is not shown, not even what was
seen before that was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request

from hedgerow.api.access import Access, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, number, page_of
from hedgerow.api.times import iso
from hedgerow.delivery.definitions import (
    ORDERS,
    DefinitionSearch,
    EventDefinition,
    PropertyDefinition,
    event_definitions,
    find_event_definition,
    find_property_definition,
    property_definitions,
)

router = APIRouter(prefix="/api/projects/{project_id}")

ReadingEvents = Annotated[Access, Depends(needs("event_definition:read"))]
ReadingProperties = Annotated[Access, Depends(needs("property_definition:read"))]
# Of events: all, the project's own, or those that begin with "$".
EVENT_TYPES: Mapping[str, bool | None] = {
    "event": None,
    "all": None,
    "event_custom": True,
    "event_posthog": False,
}
OWNERS = ("event", "person", "group")
TRUTH = {"true": True, "1": True, "false": False, "0": False}
KINDS = ("String", "Numeric", "Boolean", "DateTime")


@router.get("/event_definitions")
async def list_event_definitions(request: Request, access: ReadingEvents) -> dict[str, Any]:
    """Events that were seen, by name."""
    query = request.query_params
    wanted = DefinitionSearch(
        search=query.get("search") or None,
        names=[query["name"]] if query.get("name") else None,
        custom=EVENT_TYPES[_choice(request, "event_type", tuple(EVENT_TYPES))],
        order=_choice(request, "ordering", tuple(ORDERS)),
        limit=number(request, "limit", DEFAULT_LIMIT, least=1),
        offset=number(request, "offset", 0, most=10**9),
    )
    found, count = await access.services.state.read(lambda c: event_definitions(c, access.project.id, wanted))
    return page_of(request, [_event(one) for one in found], count, wanted.limit, wanted.offset)


@router.get("/event_definitions/{definition_id}")
async def retrieve_event_definition(definition_id: str, access: ReadingEvents) -> dict[str, Any]:
    """One event that was seen."""
    found = await access.services.state.read(
        lambda c: find_event_definition(c, access.project.id, definition_id.lower())
    )
    if found is None:
        raise NotFound
    return _event(found)


@router.get("/property_definitions")
async def list_property_definitions(request: Request, access: ReadingProperties) -> dict[str, Any]:
    """Properties that were seen, by name; with ``event_names`` those first that were seen in these events."""
    query = request.query_params
    kind = query.get("property_type") or ("Numeric" if _truth(request, "is_numerical") else None)
    if kind is not None and kind not in KINDS:
        raise Invalid(f"Must be one of {', '.join(KINDS)}.", attr="property_type")
    only_seen = _truth(request, "filter_by_event_names")
    only_seen = _truth(request, "is_event_property") if only_seen is None else only_seen
    wanted = DefinitionSearch(
        search=query.get("search") or None,
        names=query["properties"].split(",") if query.get("properties") else None,
        hidden=[*_names(request, "excluded_properties"), *_dropped(access)],
        owner=_choice(request, "type", OWNERS),
        type_index=number(request, "group_type_index", 0, most=4) if query.get("group_type_index") else None,
        kind=kind,
        flags=_truth(request, "is_feature_flag"),
        events=_names(request, "event_names"),
        only_seen=only_seen,
        order=_choice(request, "ordering", tuple(ORDERS)),
        limit=number(request, "limit", DEFAULT_LIMIT, least=1),
        offset=number(request, "offset", 0, most=10**9),
    )
    found, count = await access.services.state.read(
        lambda c: property_definitions(c, access.project.id, wanted)
    )
    return page_of(request, [_property(one) for one in found], count, wanted.limit, wanted.offset)


@router.get("/property_definitions/{definition_id}")
async def retrieve_property_definition(definition_id: str, access: ReadingProperties) -> dict[str, Any]:
    """One property that was seen."""
    found = await access.services.state.read(
        lambda c: find_property_definition(c, access.project.id, definition_id.lower())
    )
    if found is None or found.name in _dropped(access):
        raise NotFound
    return _property(found)


def _dropped(access: Access) -> list[str]:
    """What the project wants nobody to see."""
    return list(access.project.settings.get("dropped_properties") or ())


def _choice(request: Request, name: str, known: tuple[str, ...]) -> str:
    """One of some words from the query; the first when there is none."""
    text = request.query_params.get(name) or known[0]
    if text not in known:
        raise Invalid(f"Must be one of {', '.join(known)}.", attr=name)
    return text


def _truth(request: Request, name: str) -> bool | None:
    text = request.query_params.get(name, "").lower()
    if text and text not in TRUTH:
        raise Invalid("Must be true or false.", attr=name)
    return TRUTH.get(text)


def _names(request: Request, name: str) -> list[str]:
    """A JSON list of texts from the query.

    Raises:
        Invalid: it is none.
    """
    text = request.query_params.get(name, "")
    try:
        found = orjson.loads(text) if text else []
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Invalid('Must be a JSON list of names, such as ["order paid"].', attr=name)
    return found


def _event(item: EventDefinition) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "created_at": iso(item.created_at),
        "last_seen_at": iso(item.last_seen_at),
        "last_updated_at": iso(item.last_seen_at),
        "tags": [],
        "is_action": False,
        "action_id": None,
        "is_calculating": False,
        "last_calculated_at": None,
        "created_by": None,
        "post_to_slack": False,
    }


def _property(item: PropertyDefinition) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "type": item.owner,
        "group_type_index": item.type_index if item.owner == "group" else None,
        "property_type": item.kind,
        "is_numerical": item.kind == "Numeric",
        "is_seen_on_filtered_events": item.seen,
        "created_at": iso(item.created_at),
        "last_seen_at": iso(item.last_seen_at),
        "tags": [],
    }
