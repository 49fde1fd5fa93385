"""``/api/projects/:id/events/:uuid/explain/``: why an event went where it went, and why it did not go elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.api import presenters
from hedgerow.api.access import Access, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import number
from hedgerow.api.times import iso
from hedgerow.delivery.identity import raw
from hedgerow.delivery.queries import details
from hedgerow.destinations import DestinationError, drafts, repository
from hedgerow.destinations.listing import Wanted, list_destinations
from hedgerow.destinations.model import RUNNABLE_TYPES, Destination
from hedgerow.hog import HogError
from hedgerow.people.queries import group_types
from hedgerow.replay.explain import Case, Sources, explain, find_case
from hedgerow.replay.restraints import NONE
from hedgerow.replay.trial_event import Setting
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/events/{event_uuid}")

Reading = Annotated[Access, Depends(needs("hog_function:read"))]

PAGE = 100


@router.get("/explain")
async def explain_event(event_uuid: str, request: Request, access: Reading) -> dict[str, Any]:
    """Say what destinations made of an event, or would make of it now, and why.

    With ``destination`` everything about that one, what it would send included (nothing is sent); without it, all destinations in
    brief. ``draft=true`` explains the destination's draft.
    """
    try:
        key = uuid.UUID(event_uuid).bytes
    except ValueError:
        raise Invalid("Invalid UUID", code="invalid") from None
    query = request.query_params
    sources = await sources_of(access)
    case = await find_case(sources, access.project.id, key)
    if case is None:
        raise NotFound("Neither the event log nor the ledger has this event (any more).")
    owner = query.get("destination")
    if owner:
        chosen = await _chosen(access, owner, draft=query.get("draft") == "true")
        shown = [await _explained(sources, case, chosen, access, tried=True)]
    else:
        limit, offset = number(request, "limit", PAGE, least=1, most=PAGE), number(request, "offset", 0)
        some = await access.services.state.read(lambda c: _all(c, access.project.id, limit, offset))
        shown = [await _explained(sources, case, one, access, tried=False) for one in some]
    return {"event": _event(case), "destinations": shown}


async def sources_of(access: Access) -> Sources:
    """What explaining works with, of an application."""
    services = access.services
    types = await services.state.read(lambda connection: group_types(connection, access.project.id))
    setting = Setting(access.seen, services.settings.base_url, services.now(), dict(types))
    return Sources(
        services.state, services.log, services.trials, services.keyring, setting, services.settings.retries
    )


async def _chosen(access: Access, owner: str, *, draft: bool) -> Destination:
    def work(connection: Connection) -> Destination | None:
        found = repository.get(connection, access.project.id, owner, deleted=True)
        if found is None or not draft:
            return found
        kept = drafts.get(connection, found.id)
        return kept.destination(found) if kept else None

    found = await access.services.state.read(work)
    if found is None:
        raise NotFound("This destination has no draft." if draft else "Not found.")
    return found


def _all(connection: Connection, project_id: int, limit: int, offset: int) -> Sequence[Destination]:
    wanted = Wanted(types=RUNNABLE_TYPES)
    return list_destinations(connection, project_id, wanted, limit=limit, offset=offset).items


async def _explained(
    sources: Sources, case: Case, destination: Destination, access: Access, *, tried: bool
) -> dict[str, Any]:
    """One destination; what is wrong with it does not keep the others from being explained."""
    try:
        told = await explain(sources, case, destination, tried=tried)
    except (DestinationError, HogError) as error:
        return {
            "destination": {"id": destination.id, "name": destination.name, "type": destination.type,
                            "enabled": destination.enabled, "revision": destination.revision or None,
                            "draft": destination.revision == 0},
            "verdict": "broken", "because": f"It cannot be explained: {error}", "filters": None, "sampling": None,
            **NONE, "standing": None, "invocations": None, "deliveries": [], "schedule": [],
        }  # fmt: skip
    ids = told["deliveries"]
    rows = await access.services.state.read(lambda c: _rows(c, access, ids, destination.name))
    schedule = [{**one, "at": iso(one["at"])} for one in told["schedule"]]
    return {**told, "deliveries": rows, "schedule": schedule}


def _rows(connection: Connection, access: Access, ids: Sequence[str], name: str) -> list[dict[str, Any]]:
    found = [details(connection, access.project.id, raw(identity)) for identity in ids]
    shown = [presenters.delivery_details(one, name, []) for one in found if one is not None]
    return [
        {field: value for field, value in one.items() if field not in {"globals", "logs"}} for one in shown
    ]


def _event(case: Case) -> dict[str, Any]:
    event = case.subject.globals["event"]
    return {
        "uuid": case.entry.uuid,
        "event": event["event"],
        "distinct_id": event["distinct_id"],
        "timestamp": event["timestamp"],
        "captured_at": iso(case.entry.captured_at),
        "properties": event["properties"],
        "person": case.subject.globals["person"],
        "person_data": case.person,
        "settled": case.settled,
    }
