"""``/api/projects/:id/members/`` and ``/invites/``: who is what in a project."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.accounts import joining, links, members, users
from hedgerow.accounts.links import Link
from hedgerow.accounts.members import Member
from hedgerow.accounts.roles import Role
from hedgerow.api import people
from hedgerow.api.access import Access, Identity, json_fields, needs
from hedgerow.api.errors import Forbidden, Invalid, NotFound
from hedgerow.api.paging import page
from hedgerow.api.users import made_link
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}")

Reading = Annotated[Access, Depends(needs("organization_member:read"))]
Writing = Annotated[Access, Depends(needs("organization_member:write", Role.OWNER))]
Leaving = Annotated[Access, Depends(needs("organization_member:write", Role.VIEWER))]
Invitations = Annotated[Access, Depends(needs("organization_member:read", Role.OWNER))]
# A link lets somebody in, so no personal key may make one.
Inviting = Annotated[Access, Depends(needs("organization_member:write", Role.OWNER, session_only=True))]


@router.get("/members")
async def list_members(request: Request, access: Reading) -> dict[str, Any]:
    """Everybody in the project. Owners of the instance are in every project without being listed."""
    found = await access.services.state.read(lambda c: members.list_members(c, access.project.id))
    return page(request, [people.member(one) for one in found])


@router.patch("/members/{user_id}")
async def change_role(user_id: str, request: Request, access: Writing) -> dict[str, Any]:
    """Make somebody a `viewer`, an `editor` or an `owner` of the project."""
    role = _role(await json_fields(request))

    def work(connection: Connection) -> Member:
        was = _member(connection, access, user_id)
        members.set_role(connection, access.project.id, was.user.id, role, access.services.now())
        access.record(
            connection, "updated", "OrganizationMembership", was.user.uuid, name=was.user.email,
            before={"role": was.role.word}, after={"role": role.word},
        )  # fmt: skip
        return _member(connection, access, user_id)

    return people.member(await access.services.state.write(work))


@router.delete("/members/{user_id}")
async def remove(user_id: str, access: Leaving) -> dict[str, Any]:
    """Take somebody out of the project; everybody may leave."""

    def work(connection: Connection) -> None:
        was = _member(connection, access, user_id)
        own = access.actor.role_in(access.project.id)
        if was.user.id != access.actor.user_id and own is not Role.OWNER:
            raise Forbidden("This needs the role of owner in the project.")
        members.remove_member(connection, access.project.id, was.user.id)
        access.record(
            connection, "deleted", "OrganizationMembership", was.user.uuid, name=was.user.email,
            before={"role": was.role.word},
        )  # fmt: skip

    await access.services.state.write(work)
    return {"success": True}


def _member(connection: Connection, access: Access, text: str) -> Member:
    try:
        user = users.by_uuid(connection, uuid.UUID(text))
    except ValueError:
        user = users.by_email(connection, text.strip().casefold())
    found = members.get_member(connection, access.project.id, user.id) if user else None
    if found is None:
        raise NotFound
    return found


def _role(fields: dict[str, Any]) -> Role:
    found = Role.named(fields.get("role"))
    if found is None:
        raise Invalid("Must be viewer, editor or owner.", attr="role", code="invalid_choice")
    return found


# ------------------------------------------------------------------ invitations


@router.get("/invites")
async def list_invites(request: Request, access: Invitations) -> dict[str, Any]:
    """Invitations that were not used yet."""
    now = access.services.now()
    found = await access.services.state.read(lambda c: links.invitations(c, access.project.id))
    return page(request, [people.invitation(one, now) for one in found])


@router.post("/invites", status_code=201)
async def invite(request: Request, response: Response, access: Inviting) -> dict[str, Any]:
    """Invite somebody by `target_email` as `role`. The answer has a link, good once and shown this once: hand it to them."""
    fields, services = await json_fields(request), access.services
    role, is_owner = _role(fields), fields.get("is_owner") or False
    if not isinstance(is_owner, bool):
        raise Invalid("Must be a valid boolean.", attr="is_owner")
    if is_owner and not access.actor.is_owner:
        raise Forbidden("Only owners of the instance make others owners of it.")

    def work(connection: Connection) -> tuple[str, Link]:
        email = fields.get("target_email")
        return joining.invite(
            connection, services.accounts, access.actor, access.project.id, email, role, is_owner=is_owner
        )

    token, link = await services.state.write(work)
    response.headers["cache-control"] = "no-store"
    return {**people.invitation(link, services.now()), **made_link(services.settings, token, link)}


@router.delete("/invites/{invite_id}")
async def withdraw(invite_id: Identity, access: Writing) -> dict[str, Any]:
    """Make an invitation void."""

    def work(connection: Connection) -> None:
        found = links.withdraw(connection, access.project.id, invite_id)
        if found is None:
            raise NotFound
        access.record(connection, "deleted", "OrganizationInvite", found.id, name=found.email)

    await access.services.state.write(work)
    return {"success": True}
