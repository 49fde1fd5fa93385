"""``/api/users/``: one's own account, and what owners of the instance do about others'."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.accounts import care, links, totp, users
from hedgerow.accounts.actors import Actor, current_project, visible_projects
from hedgerow.accounts.links import Link
from hedgerow.accounts.users import User, plain_email, plain_name
from hedgerow.api import organizations, presenters
from hedgerow.api.access import Visit, json_fields, needs_account, source_of
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import page
from hedgerow.api.people import role, user_details
from hedgerow.api.sessions import person_of, settle
from hedgerow.api.times import iso
from hedgerow.people.projects import list_projects
from hedgerow.settings import Settings
from hedgerow.store import Connection

router = APIRouter(prefix="/api/users")

Reading = Annotated[Visit, Depends(needs_account("user:read"))]
Writing = Annotated[Visit, Depends(needs_account("user:write"))]
InPerson = Annotated[Visit, Depends(needs_account("user:write", session_only=True))]
Listing = Annotated[Visit, Depends(needs_account("user:read", instance_owner=True))]
# What opens doors to accounts, no personal key may do.
Governing = Annotated[Visit, Depends(needs_account("user:write", instance_owner=True, session_only=True))]


# -------------------------------------------------------------------- oneself


@router.get("/@me")
async def me(visit: Reading) -> dict[str, Any]:
    """Whoever asks: the account, if there is one, the projects they see, and what the key may do."""
    actor = visit.actor

    def work(connection: Connection) -> dict[str, Any]:
        seen = [project for project in list_projects(connection) if actor.role_in(project.id)]
        current = current_project(connection, actor)
        shown = [
            {"id": project.id, "name": project.name, **role(actor.role_in(project.id))} for project in seen
        ]
        team = next((presenters.project(project) for project in seen if project.id == current), None)
        return {
            **_identity(actor),
            "organization": organizations.summary(actor),
            "team": team,
            "projects": shown,
        }

    return await visit.services.state.read(work)


def _identity(actor: Actor) -> dict[str, Any]:
    user = user_details(actor.user) if actor.user else dict.fromkeys(("id", "uuid", "email", "first_name"))
    scopes = list(actor.key.scopes) if actor.key else ["*"]
    return {
        **user,
        "label": actor.key.label if actor.key else actor.label,
        "scopes": scopes,
        "is_owner": actor.is_owner,
    }


@router.patch("/@me")
async def change_me(request: Request, visit: Writing) -> dict[str, Any]:
    """Change one's `first_name`, or the project that `@current` means (`set_current_team`)."""
    own, fields = person_of(visit).uuid, await json_fields(request)

    def work(connection: Connection) -> User:
        user = changed = _named(connection, str(own))  # as it is in this transaction: rights may have changed
        if "first_name" in fields:
            changed = replace(changed, name=plain_name(fields["first_name"]))
        if "set_current_team" in fields:
            chosen = _visible(connection, visit.actor, fields["set_current_team"])
            changed = replace(changed, current_project=chosen)
        return care.change_user(connection, visit.actor, user, changed, visit.services.now())

    return user_details(await visit.services.state.write(work))


def _visible(connection: Connection, actor: Actor, project_id: Any) -> int:
    if type(project_id) is not int or project_id not in visible_projects(connection, actor):
        raise Invalid("There is no such project.", attr="set_current_team", code="does_not_exist")
    return project_id


@router.post("/@me/password")
async def change_password(request: Request, response: Response, visit: InPerson) -> dict[str, Any]:
    """Choose another password: `current_password` and `password`. All sessions end, a new one begins here."""
    user, fields = person_of(visit), await json_fields(request)
    opened = await care.change_password(
        visit.services.accounts, user, fields.get("current_password"), fields.get("password"), source_of(request)
    )  # fmt: skip
    settle(request, response, opened)
    return {"success": True}


# ---------------------------------------------------------------- second factor


@router.get("/@me/two_factor_status")
async def two_factor_status(visit: Reading) -> dict[str, Any]:
    """Whether one has a second factor, and how many recovery codes are left."""
    user = person_of(visit)
    left = await visit.services.state.read(lambda c: totp.recovery_codes_left(c, user.id))
    return {"is_enabled": user.has_second_factor, "recovery_codes_left": left}


@router.post("/@me/two_factor_start_setup")
async def start_two_factor(request: Request, response: Response, visit: InPerson) -> dict[str, Any]:
    """A new secret for an authenticator app; it takes effect with the first code of it (`two_factor_validate`)."""
    user, fields = person_of(visit), await json_fields(request)
    address, secret = await care.begin_second_factor(
        visit.services.accounts, user, fields.get("current_password"), source_of(request)
    )
    response.headers["cache-control"] = "no-store"
    return {"success": True, "otpauth_url": address, "secret": secret}


@router.post("/@me/two_factor_validate")
async def confirm_two_factor(request: Request, response: Response, visit: InPerson) -> dict[str, Any]:
    """Switch the second factor on with a first code (`token`). The recovery codes are shown this once."""
    user, fields = person_of(visit), await json_fields(request)
    codes = await care.confirm_second_factor(
        visit.services.accounts, visit.actor, user, str(fields.get("token") or "")
    )
    response.headers["cache-control"] = "no-store"
    return {"success": True, "recovery_codes": codes}


@router.post("/@me/two_factor_backup_codes")
async def renew_recovery_codes(request: Request, response: Response, visit: InPerson) -> dict[str, Any]:
    """Other recovery codes, which are shown this once; those before them are void."""
    user, fields = person_of(visit), await json_fields(request)
    codes = await care.new_recovery_codes(
        visit.services.accounts, visit.actor, user, fields.get("current_password"), source_of(request)
    )
    response.headers["cache-control"] = "no-store"
    return {"success": True, "recovery_codes": codes}


@router.post("/@me/two_factor_disable")
async def disable_two_factor(request: Request, visit: InPerson) -> dict[str, Any]:
    """Do without a second factor from now on."""
    user, fields = person_of(visit), await json_fields(request)
    await care.disable_second_factor(
        visit.services.accounts, visit.actor, user, fields.get("current_password"), source_of(request)
    )
    return {"success": True}


# ------------------------------------------------------------------------ others


@router.get("")
async def list_users(request: Request, visit: Listing) -> dict[str, Any]:
    """Everybody with an account, the oldest first."""
    found = await visit.services.state.read(users.list_users)
    return page(request, [user_details(user) for user in found])


@router.get("/{user_id}")
async def retrieve(user_id: str, visit: Listing) -> dict[str, Any]:
    """Somebody, by UUID or email address."""
    return user_details(await visit.services.state.read(lambda c: _named(c, user_id)))


@router.patch("/{user_id}")
async def change(user_id: str, request: Request, visit: Governing) -> dict[str, Any]:
    """Change somebody: `first_name`, `email`, `is_active`, `is_owner` (of the instance), or `is_2fa_enabled` to false."""
    fields, now = await json_fields(request), visit.services.now()

    def work(connection: Connection) -> User:
        found = _named(connection, user_id)
        care.change_user(connection, visit.actor, found, _changed(found, fields), now)
        if fields.get("is_2fa_enabled") is False and found.has_second_factor:
            care.drop_second_factor(connection, visit.actor, found, now)
        return _named(connection, str(found.uuid))

    return user_details(await visit.services.state.write(work))


def _changed(user: User, fields: Mapping[str, Any]) -> User:
    return replace(
        user,
        email=plain_email(fields["email"]) if "email" in fields else user.email,
        name=plain_name(fields["first_name"]) if "first_name" in fields else user.name,
        is_active=_flag(fields, "is_active", user.is_active),
        is_owner=_flag(fields, "is_owner", user.is_owner),
    )


def _flag(fields: Mapping[str, Any], name: str, present: bool) -> bool:
    value = fields.get(name, present)
    if not isinstance(value, bool):
        raise Invalid("Must be a valid boolean.", attr=name)
    return value


@router.delete("/{user_id}")
async def remove(user_id: str, visit: Governing) -> dict[str, Any]:
    """Delete somebody's account with their sessions and keys. What they did stays in the audit log."""

    def work(connection: Connection) -> None:
        care.remove_user(connection, visit.actor, _named(connection, user_id), visit.services.now())

    await visit.services.state.write(work)
    return {"success": True}


@router.post("/{user_id}/reset_link", status_code=201)
async def make_reset_link(user_id: str, response: Response, visit: Governing) -> dict[str, Any]:
    """A link by which somebody chooses a new password, once. It is shown this once: hand it to them."""

    def work(connection: Connection) -> tuple[str, Link]:
        return care.reset_link(connection, visit.services.accounts, visit.actor, _named(connection, user_id))

    token, link = await visit.services.state.write(work)
    response.headers["cache-control"] = "no-store"
    return made_link(visit.services.settings, token, link)


def made_link(settings: Settings, token: str, link: Link) -> dict[str, Any]:
    """A link that was made just now: its address carries the token where no log and no other site sees it."""
    page_of = "reset" if link.kind == links.RESET else "join"
    return {
        "link": f"{settings.base_url}/{page_of}#{token}",
        "target_email": link.email,
        "expires_at": iso(link.expires_at),
    }


def _named(connection: Connection, text: str) -> User:
    """Somebody by UUID or email address.

    Raises:
        NotFound: there is nobody.
    """
    try:
        found = users.by_uuid(connection, uuid.UUID(text))
    except ValueError:
        found = users.by_email(connection, text.strip().casefold())
    if found is None:
        raise NotFound
    return found
