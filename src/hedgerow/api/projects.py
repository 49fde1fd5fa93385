"""``/api/projects/`` and ``/api/users/@me/``: what a client asks first."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hedgerow.accounts import Project, change_settings, list_projects
from hedgerow.accounts.options import BadOption, checked
from hedgerow.accounts.projects import rename
from hedgerow.api import presenters
from hedgerow.api.access import Access, Visit, json_body, needs, needs_account
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import page
from hedgerow.destinations.repository import touch
from hedgerow.store import Connection

router = APIRouter(prefix="/api")

Reading = Annotated[Access, Depends(needs("project:read"))]
Writing = Annotated[Access, Depends(needs("project:write"))]
Looking = Annotated[Visit, Depends(needs_account("project:read"))]
AskingWho = Annotated[Visit, Depends(needs_account("user:read"))]
LONGEST_NAME = 200


@router.get("/projects")
async def projects(request: Request, visit: Looking) -> dict[str, Any]:
    """The projects that whoever asks may see."""
    found = await visit.services.state.read(list_projects)
    return page(request, [presenters.project(item) for item in found if visit.actor.role_in(item.id)])


@router.get("/projects/{project_id}")
async def project(project_id: str, access: Reading) -> dict[str, Any]:  # noqa: ARG001 - read by the dependency
    """One project; ``@current`` is the first."""
    return presenters.project(access.project)


@router.patch("/projects/{project_id}")
async def change(project_id: str, request: Request, access: Writing) -> dict[str, Any]:  # noqa: ARG001
    """Change options of a project; null takes one back to its default. Capture heeds them within seconds."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise Invalid("Expected a dictionary of options.")
    name = body.pop("name", None)
    if name is not None and not (isinstance(name, str) and 0 < len(name.strip()) <= LONGEST_NAME):
        raise Invalid(f"Must be a text of 1 to {LONGEST_NAME} characters.", attr="name")
    try:
        changes = checked(body)
    except BadOption as error:
        raise Invalid(str(error), attr=error.name) from None
    services, owner = access.services, access.project
    changed = await services.state.write(lambda c: _change(c, owner, changes, name))
    services.changed()
    return presenters.project(changed)


def _change(connection: Connection, owner: Project, changes: dict[str, Any], name: str | None) -> Project:
    """What is hashed without a salt could be found out by trying, so it gets one with the first name on the list."""
    if changes.get("hashed_properties") and not (owner.settings.get("hash_salt") or changes.get("hash_salt")):
        changes = {**changes, "hash_salt": secrets.token_urlsafe(24)}
    if name is not None:
        rename(connection, owner.id, name.strip())
    found = change_settings(connection, owner.id, changes)
    touch(connection)
    if found is None:
        raise NotFound("Project not found.")
    return found


@router.get("/users/@me")
async def me(visit: AskingWho) -> dict[str, Any]:
    """Whoever asks."""
    key = visit.actor.key
    return {"label": visit.actor.label, "scopes": list(key.scopes) if key else ["*"]}
