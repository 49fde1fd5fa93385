"""Who is asking, what they may do, and which project they mean."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request

from hedgerow import accounts, destinations
from hedgerow.accounts import ApiKey, Project, get_project, list_projects
from hedgerow.api.errors import BadKey, Forbidden, Invalid, NotAuthenticated, NotFound
from hedgerow.api.services import Services
from hedgerow.destinations.definitions import with_definitions
from hedgerow.store import Connection

CURRENT = "@current"
KEY_FIELD = "personal_api_key"


@dataclass(frozen=True, slots=True)
class Access:
    """An authenticated request to one project; ``seen`` is the project as filters see it."""

    services: Services
    key: ApiKey
    project: Project
    seen: destinations.Project


def services_of(request: Request) -> Services:
    """What the application was made with."""
    services: Services = request.app.state.services
    return services


def needs(scope: str) -> Callable[[Request, str], Awaitable[Access]]:
    """A dependency: the request has a key with this scope, and the project of its path exists.

    Args:
        scope: ``<thing>:read`` or ``<thing>:write``.
    """

    async def dependency(request: Request, project_id: str) -> Access:
        key = await authenticate(request)
        if not key.allows(scope):
            raise Forbidden(f"API key missing required scope '{scope}'.")
        services = services_of(request)
        found = await services.state.read(lambda connection: _project(connection, project_id))
        if found is None:
            raise NotFound("Project not found.")
        return Access(services, key, *found)

    return dependency


async def authenticate(request: Request) -> ApiKey:
    """The key of a request: in the header, else in the JSON body, else in the query; only the first one found is tried.

    Raises:
        NotAuthenticated: there is none.
        BadKey: it is not known here.
    """
    text = _header(request) or await _from_body(request) or request.query_params.get(KEY_FIELD, "")
    if not text:
        raise NotAuthenticated("Authentication credentials were not provided.")
    services = services_of(request)
    key = await accounts.authenticate(services.state, text, services.now())
    if key is None:
        raise BadKey("Personal API key is not known to this server.")
    return key


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


def _project(connection: Connection, text: str) -> tuple[Project, destinations.Project] | None:
    if text == CURRENT:
        found = next(iter(list_projects(connection)), None)
    else:
        known = text.isascii() and text.isdigit() and len(text) < 10
        found = get_project(connection, int(text)) if known else None
    return None if found is None else (found, _seen(connection, found))


def _seen(connection: Connection, found: Project) -> destinations.Project:
    bare = destinations.Project.from_row(found.id, found.name, orjson.dumps(found.settings).decode())
    return with_definitions(connection, bare)


async def json_body(request: Request) -> Any:
    """The body as JSON, without the key that may stand in it.

    Raises:
        Invalid: it is none.
    """
    body = await request.body()
    try:
        value = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not valid JSON: {error}.", code="parse_error") from error
    if isinstance(value, dict):
        value.pop(KEY_FIELD, None)
    return value


def id_bytes(text: str) -> bytes:
    """The bytes of an id in the path; a text that is no UUID names nothing.

    Raises:
        NotFound: it is none.
    """
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise NotFound from None
