"""Who is asking, what they may do, and which project they mean.

A route names what it needs in one line: ``Annotated[Access, Depends(needs("hog_function:write"))]``, in a project, or
``Annotated[Visit, Depends(needs_account("user:read"))]`` outside of any. A key must have the scope, and the person behind it
the role: viewers read, editors write, whatever is more the route says.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

import orjson
from fastapi import Path, Request

from hedgerow import destinations
from hedgerow.accounts import Project, actors, audit, get_project
from hedgerow.accounts.actors import Actor
from hedgerow.accounts.context import Source
from hedgerow.accounts.roles import EVERYTHING, Role, least_role
from hedgerow.api import cookies
from hedgerow.api.errors import BadKey, Forbidden, Invalid, NotAuthenticated, NotFound, WrongType
from hedgerow.api.services import Services
from hedgerow.capture.address import ClientAddress
from hedgerow.destinations.definitions import with_definitions
from hedgerow.settings import Settings
from hedgerow.store import Connection

CURRENT = "@current"
KEY_FIELD = "personal_api_key"

# A number in a path that the store can hold.
Identity: TypeAlias = Annotated[int, Path(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True)
class Guard:
    """What a route needs; ``role`` is None for those outside of projects."""

    scope: str
    role: Role | None = None
    instance_owner: bool = False
    session_only: bool = False


# By dependency, so that a test can compare what all routes need with what they should.
GUARDS: dict[Callable[..., Any], Guard] = {}


@dataclass(frozen=True, slots=True)
class Visit:
    """An authenticated request."""

    services: Services
    actor: Actor

    def record(self, connection: Connection, activity: str, scope: str, item_id: object, **told: Any) -> None:
        """Write into the audit log, inside the transaction of the change: see ``accounts.audit.record``."""
        now = self.services.now()
        audit.record(connection, self.actor, now, activity=activity, scope=scope, item_id=item_id, **told)


@dataclass(frozen=True, slots=True)
class Access:
    """An authenticated request to one project; ``seen`` is the project as filters see it."""

    services: Services
    actor: Actor
    project: Project
    seen: destinations.Project

    @property
    def author(self) -> str:
        """Who is asking, as revisions and logs name them."""
        return self.actor.label

    def record(
        self,
        connection: Connection,
        activity: str,
        scope: str,
        item_id: object,
        *,
        name: str | None = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Write into the audit log of the project, inside the transaction of the change.

        Args:
            connection: that of the transaction.
            activity: ``created``, ``updated``, ``deleted`` or another word for what was done.
            scope: the kind of thing, such as ``HogFunction``.
            item_id: which one.
            name: how it is called.
            before: the thing as it was, as the API shows it; None when it was not there.
            after: the thing as it is; what differs is what is told.
            secrets: names of secret fields that changed.
        """
        audit.record(
            connection, self.actor, self.services.now(), activity=activity, scope=scope, item_id=item_id,
            item_name=name, project_id=self.project.id, before=before, after=after, secrets=secrets,
        )  # fmt: skip


def services_of(request: Request) -> Services:
    """What the application was made with."""
    services: Services = request.app.state.services
    return services


def needs(
    scope: str, role: Role | None = None, *, session_only: bool = False
) -> Callable[[Request, str], Awaitable[Access]]:
    """A dependency: whoever asks has this scope and role in the project of the path, which exists.

    Args:
        scope: ``<thing>:read`` or ``<thing>:write``.
        role: the least role; by the scope when None: viewers read, editors write.
        session_only: whether somebody's key will not do: see ``needs_account``.
    """
    guard = Guard(scope, role or least_role(scope), session_only=session_only)

    async def dependency(request: Request, project_id: str) -> Access:
        visit = await _admitted(request, guard)
        actor, services = visit.actor, visit.services

        def look(connection: Connection) -> tuple[Project, destinations.Project] | None:
            services.keyring.connections.refresh(connection, services.keyring)
            return _project(connection, project_id, actor)

        found = await services.state.read(look)
        if found is None:
            raise NotFound("Project not found.")
        project, seen = found
        least, own = guard.role, actor.role_in(project.id)
        if least is not None and (own is None or own < least):
            raise Forbidden(f"This needs the role of {least.word} in the project.")
        return Access(services, actor, project, seen)

    GUARDS[dependency] = guard
    return dependency


def needs_account(
    scope: str, *, instance_owner: bool = False, session_only: bool = False
) -> Callable[[Request], Awaitable[Visit]]:
    """A dependency: somebody known here asks, with this scope.

    Args:
        scope: ``<thing>:read`` or ``<thing>:write``.
        instance_owner: whether only owners of the instance may.
        session_only: whether somebody's key will not do: what makes or changes credentials needs the person, or the operator.
    """
    guard = Guard(scope, None, instance_owner, session_only)

    async def dependency(request: Request) -> Visit:
        return await _admitted(request, guard)

    GUARDS[dependency] = guard
    return dependency


async def _admitted(request: Request, guard: Guard) -> Visit:
    actor = await identify(request)
    if not actor.allows(guard.scope):
        raise Forbidden(f"API key missing required scope '{guard.scope}'.")
    if guard.session_only and not _in_person(actor):
        raise Forbidden("This needs a person who is logged in; a personal API key cannot do it.")
    limited = actor.key is not None and actor.key.projects is not None
    if guard.instance_owner and (limited or not actor.is_owner):
        raise Forbidden("This needs an owner of the instance.")
    return Visit(services_of(request), actor)


def _in_person(actor: Actor) -> bool:
    """Whether somebody is there themselves, or the operator with a key that may do everything."""
    operator = actor.user is None and actor.allows(EVERYTHING)
    return actor.session is not None or operator


async def identify(request: Request) -> Actor:
    """Who is asking: a key in the header, else in the JSON body, else in the query, else a session's cookie.

    Only the first one found is tried. With a cookie, what changes something must come from our own pages.

    Raises:
        NotAuthenticated: there is none.
        BadKey: it is not known here.
        Forbidden: another site made the browser ask.
    """
    services, address = services_of(request), client_address(request)
    text = _header(request) or await _from_body(request) or request.query_params.get(KEY_FIELD, "")
    if text:
        found = await actors.by_key(services.state, text, now=services.now(), address=address)
        if found is None:
            raise BadKey("Personal API key is not known to this server.")
        return found
    token = cookies.session_token(request, services.settings)
    if not token:
        raise NotAuthenticated("Authentication credentials were not provided.")
    found = await actors.by_session(services.state, token, now=services.now(), address=address)
    if found is None:
        raise NotAuthenticated("The session is over. Log in again.")
    cookies.check_forgery(request, services.settings, token)
    return found


def source_of(request: Request) -> Source:
    """Where a request comes from, as sessions remember it."""
    token = cookies.session_token(request, services_of(request).settings)
    return Source(client_address(request), request.headers.get("user-agent", ""), token)


def client_address(request: Request) -> str:
    """Where a request comes from, as far as that can be believed."""
    forwarded = request.headers.get("x-forwarded-for")
    peer = request.client.host if request.client else ""
    return _addresses(services_of(request).settings).of(peer, forwarded.encode() if forwarded else None)


@lru_cache(1)
def _proxies(networks: tuple[str, ...]) -> ClientAddress:
    return ClientAddress(networks)


def _addresses(settings: Settings) -> ClientAddress:
    return _proxies(tuple(map(str, settings.trusted_proxies)))


def _header(request: Request) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


async def _from_body(request: Request) -> str:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return ""
    value = body.get(KEY_FIELD) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""


def _project(connection: Connection, text: str, actor: Actor) -> tuple[Project, destinations.Project] | None:
    """The project of a path; one that is none of theirs does not exist for them."""
    if text == CURRENT:
        identity = actors.current_project(connection, actor)
    else:
        identity = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if identity is None or actor.role_in(identity) is None:
        return None
    found = get_project(connection, identity)
    return None if found is None else (found, _seen(connection, found))


def _seen(connection: Connection, found: Project) -> destinations.Project:
    bare = destinations.Project.from_row(found.id, found.name, orjson.dumps(found.settings).decode())
    return with_definitions(connection, bare)


async def json_body(request: Request) -> Any:
    """The body as JSON, without the key that may stand in it.

    Raises:
        Invalid: it is none.
        WrongType: nor does it say that it is. What is JSON is read whatever it says: curl calls everything a form.
    """
    body = await request.body()
    try:
        value = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media and not media.endswith("json"):
            raise WrongType(
                f"Send JSON, with the header Content-Type: application/json; this is {media}."
            ) from None
        raise Invalid(f"The body is not valid JSON: {error}.", code="parse_error") from error
    if isinstance(value, dict):
        value.pop(KEY_FIELD, None)
    return value


async def json_fields(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Invalid: it is none.
    """
    body = await json_body(request)
    if not isinstance(body, dict):
        raise Invalid("Invalid data. Expected a dictionary.")
    return body


def id_bytes(text: str) -> bytes:
    """The bytes of an id in the path; a text that is no UUID names nothing.

    Raises:
        NotFound: it is none.
    """
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise NotFound from None
