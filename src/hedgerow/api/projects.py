"""``/api/projects/``: the projects of this server, their options and tokens."""

from __future__ import annotations

import math
import secrets
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request

from hedgerow.accounts import Project, change_settings, create_project, list_projects
from hedgerow.accounts.options import BadOption, checked, shown
from hedgerow.accounts.projects import (
    LONGEST_GRACE_H,
    check_name,
    delete_project,
    former_tokens,
    rename,
    rotate_token,
)
from hedgerow.accounts.roles import Role
from hedgerow.api import presenters
from hedgerow.api.access import Access, Visit, json_fields, needs, needs_account
from hedgerow.api.errors import ApiError, Invalid, NotFound
from hedgerow.api.paging import page
from hedgerow.api.times import iso
from hedgerow.destinations import Project as Seen
from hedgerow.destinations import ValidationError
from hedgerow.destinations.definitions import broken_by, check, with_definitions
from hedgerow.destinations.repository import touch
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects")
of_project = APIRouter(prefix="/api/projects/{project_id}")

Looking = Annotated[Visit, Depends(needs_account("project:read"))]
Founding = Annotated[Visit, Depends(needs_account("project:write", instance_owner=True))]
Reading = Annotated[Access, Depends(needs("project:read"))]
Writing = Annotated[Access, Depends(needs("project:write", Role.OWNER))]
GRACE_H = 24.0


class TokenFixed(ApiError):
    """The token stands in the settings, so that it would be back at the next start."""

    status, type, code = 409, "invalid_request", "conflict"


@router.get("")
async def projects(request: Request, visit: Looking) -> dict[str, Any]:
    """The projects that whoever asks may see."""
    found = await visit.services.state.read(list_projects)
    return page(request, [presenters.project(item) for item in found if visit.actor.role_in(item.id)])


@router.post("", status_code=201)
async def create(request: Request, visit: Founding) -> dict[str, Any]:
    """Make a project with a `name`. It has a token of its own, and shares nothing with the others."""
    name, now = check_name((await json_fields(request)).get("name")), visit.services.now()

    def work(connection: Connection) -> Project:
        made = create_project(connection, name=name, now=now)
        touch(connection)
        visit.record(connection, "created", "Project", made.id, item_name=name, project_id=made.id)
        return made

    made = await visit.services.state.write(work)
    visit.services.changed()
    return presenters.project(made)


@of_project.get("")
async def project(access: Reading) -> dict[str, Any]:
    """One project; `@current` is the one that whoever asks chose, else the first that they see."""
    return presenters.project(access.project)


@of_project.patch("")
async def change(request: Request, access: Writing) -> dict[str, Any]:
    """Change options of a project; null takes one back to its default. Capture heeds them within seconds."""
    body = await json_fields(request)
    name = check_name(body.pop("name")) if body.get("name") is not None else None
    try:
        changes = checked({key: value for key, value in body.items() if key != "name"})
    except BadOption as error:
        raise Invalid(str(error), attr=error.name) from None
    if {"test_account_filters", "path_cleaning_filters"} & set(changes):
        await _check_filters(access, changes)
    changed = await access.services.state.write(lambda c: _change(c, access, changes, name))
    access.services.changed()
    return presenters.project(changed)


async def _check_filters(access: Access, changes: dict[str, Any]) -> None:
    """See that the filter of test accounts can be judged, and that every destination that is on still can."""
    options = orjson.dumps({**access.project.settings, **changes}).decode()

    def broken(connection: Connection) -> list[str]:
        before = with_definitions(connection, access.seen)
        wanted = Seen.from_row(before.id, before.name, options)
        after = replace(wanted, actions=before.actions, cohorts=before.cohorts)
        check(after, {"source": "events", "filter_test_accounts": True})
        return broken_by(connection, before, after)

    try:
        names = await access.services.state.read(broken)
    except ValidationError as error:
        raise Invalid(error.detail, attr="test_account_filters", code=error.code) from None
    if names:
        raise Invalid(f"In use: with this, these could not go on: {', '.join(names[:5])}.")


def _change(connection: Connection, access: Access, changes: dict[str, Any], name: str | None) -> Project:
    """What is hashed without a salt could be found out by trying, so it gets one with the first name on the list."""
    owner = access.project
    if changes.get("hashed_properties") and not (owner.settings.get("hash_salt") or changes.get("hash_salt")):
        changes = {**changes, "hash_salt": secrets.token_urlsafe(24)}
    if name is not None:
        rename(connection, owner.id, name)
    found = change_settings(connection, owner.id, changes)
    touch(connection)
    if found is None:
        raise NotFound("Project not found.")
    access.record(
        connection, "updated", "Project", owner.id, name=found.name,
        before={"name": owner.name, **shown(owner.settings)}, after={"name": found.name, **shown(found.settings)},
        secrets=("hash_salt",) if _resalted(owner, found) else (),
    )  # fmt: skip
    return found


def _resalted(before: Project, after: Project) -> bool:
    """Whether there is another salt than there was, which does not show."""
    was, now = before.settings.get("hash_salt"), after.settings.get("hash_salt")
    return bool(was and now and was != now)


@of_project.delete("")
async def delete(access: Writing) -> dict[str, Any]:
    """Delete a project: at once no event is taken for it and nothing is delivered. There is no way back."""
    project, now = access.project, access.services.now()

    def work(connection: Connection) -> None:
        delete_project(connection, project.id, now)
        access.record(connection, "deleted", "Project", project.id, name=project.name)

    await access.services.state.write(work)
    access.services.changed()
    return {"success": True}


@of_project.patch("/reset_token")
async def reset_token(request: Request, access: Writing) -> dict[str, Any]:
    """Give a project another token. Events with the former one are taken for `grace_hours` more (24 unless told)."""
    services, hours = access.services, _grace(await json_fields(request))
    if services.settings.project_token == access.project.token:
        raise TokenFixed(
            "HEDGEROW_PROJECT_TOKEN fixes this project's token. Change it there, or unset it first."
        )
    now = services.now()

    def work(connection: Connection) -> tuple[Project, list[tuple[str, int]]]:
        rotated = rotate_token(connection, access.project, grace_hours=hours, now=now)
        access.record(
            connection,
            "rotated_token",
            "Project",
            rotated.id,
            name=rotated.name,
            after={"grace_hours": hours},
        )
        return rotated, former_tokens(connection, rotated.id, now)

    rotated, former = await services.state.write(work)
    services.changed()
    kept = [{"api_token": token, "works_until": iso(until)} for token, until in former]
    return {**presenters.project(rotated), "former_tokens": kept}


def _grace(fields: dict[str, Any]) -> float:
    hours = fields.get("grace_hours", GRACE_H)
    right = isinstance(hours, int | float) and not isinstance(hours, bool) and math.isfinite(hours)
    if not right or not 0 <= hours <= LONGEST_GRACE_H:
        raise Invalid(f"Must be a number of hours from 0 to {LONGEST_GRACE_H}.", attr="grace_hours")
    return float(hours)
