"""``/api/projects/:id/activity_log/`` and ``/api/activity_log/``: who changed what."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.accounts import audit, users
from hedgerow.accounts.audit import Entry, Search
from hedgerow.accounts.roles import Role
from hedgerow.api.access import Access, Visit, needs, needs_account
from hedgerow.api.errors import Invalid
from hedgerow.api.paging import DEFAULT_LIMIT, link, number
from hedgerow.api.people import user_summary
from hedgerow.api.services import Services
from hedgerow.api.times import iso, parse_time
from hedgerow.store import Connection

router = APIRouter(prefix="/api")
of_project = APIRouter(prefix="/api/projects/{project_id}")

OfProject = Annotated[Access, Depends(needs("activity_log:read", Role.OWNER))]
OfAll = Annotated[Visit, Depends(needs_account("activity_log:read", instance_owner=True))]


@of_project.get("/activity_log")
async def project_log(request: Request, access: OfProject) -> dict[str, Any]:
    """What was changed in the project, the latest first; `next` goes on where this page ends."""
    wanted = replace(_wanted(request, access.services), project_id=access.project.id)
    return await _page(request, access.services, wanted)


@router.get("/activity_log")
async def whole_log(request: Request, visit: OfAll) -> dict[str, Any]:
    """What was changed anywhere on the instance, users and projects included, the latest first."""
    return await _page(request, visit.services, _wanted(request, visit.services))


def _wanted(request: Request, services: Services) -> Search:
    query, now = request.query_params, services.now()
    return Search(
        scope=query.get("scope") or None,
        item_id=query.get("item_id") or None,
        activity=query.get("activity") or None,
        actor=query.get("user") or None,
        after=parse_time(query.get("after"), now, "after"),
        before=parse_time(query.get("before"), now, "before"),
        below=_cursor(query.get("cursor")),
        limit=number(request, "limit", DEFAULT_LIMIT, least=1),
    )


def _cursor(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Invalid("Use the address in 'next' as it is.", attr="cursor")
    return int(text)


async def _page(request: Request, services: Services, wanted: Search) -> dict[str, Any]:
    def work(connection: Connection) -> list[dict[str, Any]]:
        return [_shown(connection, entry) for entry in audit.search(connection, wanted)]

    found = await services.state.read(work)
    more = len(found) == wanted.limit
    return {"next": link(request, cursor=found[-1]["id"]) if more else None, "results": found}


def _shown(connection: Connection, item: Entry) -> dict[str, Any]:
    user = users.get_user(connection, item.user_id) if item.user_id else None
    return {
        "id": item.id,
        "created_at": iso(item.at),
        "team_id": item.project_id,
        "user": user_summary(user) if user else None,
        "actor": item.actor,
        "via": item.via,
        "ip": item.address or None,
        "activity": item.activity,
        "scope": item.scope,
        "item_id": item.item_id or None,
        "detail": {"name": item.item_name or None, "changes": item.changes},
        "is_system": item.via == "system",
    }
