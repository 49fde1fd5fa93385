"""``/api/login/``, ``/api/logout/`` and the one-time links: how people come in and go out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from hedgerow.accounts import care, joining, links, login, sessions, users
from hedgerow.accounts.actors import Actor
from hedgerow.accounts.links import Link
from hedgerow.accounts.login import Opened
from hedgerow.accounts.sessions import Session
from hedgerow.accounts.users import User
from hedgerow.api import cookies
from hedgerow.api.access import Identity, Visit, identify, json_fields, needs_account, services_of, source_of
from hedgerow.api.errors import ApiError, Forbidden, NotFound
from hedgerow.api.people import user_details
from hedgerow.api.times import iso
from hedgerow.people.projects import get_project
from hedgerow.store import Connection

router = APIRouter(prefix="/api")

InPerson = Annotated[Visit, Depends(needs_account("user:read", session_only=True))]
Changing = Annotated[Visit, Depends(needs_account("user:write", session_only=True))]


def person_of(visit: Visit) -> User:
    """The person who asks.

    Raises:
        Forbidden: nobody is there, only a key of the operator.
    """
    if visit.actor.user is None:
        raise Forbidden("This key belongs to nobody: it has no account of its own.")
    return visit.actor.user


def settle(request: Request, response: Response, opened: Opened) -> None:
    """Hand the browser the session that has begun."""
    cookies.give(response, services_of(request).settings, opened.token, opened.lasts_ms // 1000)
    response.headers["cache-control"] = "no-store"


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


# ------------------------------------------------------------------ in and out


@router.post("/login")
async def log_in(request: Request, response: Response) -> dict[str, Any]:
    """Begin a session: email, password and, with a second factor, a `token` (or a recovery code).

    The answer carries the session in a cookie. Whatever changes something sends the value of the cookie
    `hedgerow_csrftoken` in the header `X-CSRFToken`.
    """
    services = services_of(request)
    cookies.check_origin(request, services.settings)
    fields = await json_fields(request)
    opened = await login.log_in(
        services.accounts, _text(fields, "email"), _text(fields, "password"), _text(fields, "token"), source_of(request)
    )  # fmt: skip
    settle(request, response, opened)
    return {"success": True, "user": user_details(opened.user)}


@router.post("/logout")
async def log_out(request: Request, response: Response, visit: Changing) -> dict[str, Any]:
    """End the session."""
    services = services_of(request)
    await login.log_out(services.accounts, visit.actor)
    cookies.take(response, services.settings)
    return {"success": True}


# ---------------------------------------------------------------- one-time links


@router.post("/links/preview")
async def preview(request: Request) -> dict[str, Any]:
    """What a one-time link is for, without using it: the `token` is the part of its address behind the `#`."""
    services, fields = services_of(request), await json_fields(request)
    token, now = _text(fields, "token"), services.now()

    def work(connection: Connection) -> dict[str, Any]:
        link = links.peek(connection, token, now)
        return _shown_link(connection, link)

    return await services.state.read(work)


def _shown_link(connection: Connection, link: Link) -> dict[str, Any]:
    project = get_project(connection, link.project_id) if link.project_id else None
    return {
        "kind": link.kind,
        "target_email": link.email or None,
        "project": {"id": project.id, "name": project.name} if project else None,
        "role": link.role.word if link.role else None,
        "expires_at": iso(link.expires_at),
        "has_account": bool(link.email) and users.by_email(connection, link.email) is not None,
    }


@router.post("/links/join", status_code=201)
async def join(request: Request, response: Response) -> dict[str, Any]:
    """Use an invitation: with `first_name` and `password` for a new account, or logged in with the one that it is for.

    The first owner gives an `email` as well. The answer carries a session.
    """
    services, fields = services_of(request), await json_fields(request)
    cookies.check_origin(request, services.settings)
    actor = await _somebody(request)
    token, source = _text(fields, "token"), source_of(request)
    if actor is not None and "password" not in fields:
        user = await joining.join_as(services.accounts, token, actor, source)
        return {"success": True, "user": user_details(user)}
    opened = await joining.join(
        services.accounts, token, email=fields.get("email"), name=fields.get("first_name", ""),
        password=fields.get("password"), source=source,
    )  # fmt: skip
    settle(request, response, opened)
    return {"success": True, "user": user_details(opened.user)}


async def _somebody(request: Request) -> Actor | None:
    """Whose session the request carries, if it carries one that counts."""
    try:
        found = await identify(request)
    except ApiError:
        return None
    return found if found.session else None


@router.post("/links/reset")
async def reset(request: Request) -> dict[str, Any]:
    """Choose a new `password` by a link that an owner made. All sessions of the account end."""
    services, fields = services_of(request), await json_fields(request)
    cookies.check_origin(request, services.settings)
    user = await care.reset_password(
        services.accounts, _text(fields, "token"), fields.get("password"), source_of(request)
    )
    return {"success": True, "email": user.email}


# --------------------------------------------------------------------- sessions


@router.get("/users/@me/sessions")
async def list_sessions(visit: InPerson) -> dict[str, Any]:
    """Where one is logged in, the last used first."""
    user, services = person_of(visit), visit.services
    found = await services.state.read(lambda c: sessions.of_user(c, user.id, services.now()))
    current = visit.actor.session.id if visit.actor.session else None
    return {"results": [_shown_session(one, current) for one in found]}


def _shown_session(item: Session, current: int | None) -> dict[str, Any]:
    return {
        "id": item.id,
        "created_at": iso(item.created_at),
        "last_used_at": iso(item.last_used_at),
        "expires_at": iso(item.expires_at),
        "ip": item.address,
        "user_agent": item.agent,
        "is_current": item.id == current,
    }


@router.delete("/users/@me/sessions")
async def end_others(visit: Changing) -> dict[str, Any]:
    """Log out everywhere else."""
    user, session = person_of(visit), visit.actor.session

    def work(connection: Connection) -> int:
        ended = sessions.end_all(connection, user.id, but=session.id if session else None)
        visit.record(connection, "ended_sessions", "User", user.uuid, item_name=user.email)
        return ended

    return {"ended": await visit.services.state.write(work)}


@router.delete("/users/@me/sessions/{session_id}")
async def end_session(session_id: Identity, visit: Changing) -> dict[str, Any]:
    """Log out in one place."""
    user = person_of(visit)

    def work(connection: Connection) -> None:
        if not sessions.end(connection, user.id, session_id):
            raise NotFound
        visit.record(connection, "ended_sessions", "User", user.uuid, item_name=user.email)

    await visit.services.state.write(work)
    return {"ended": 1}
