"""In front of the API: paths brought to one form, bodies bounded in size and time.

Nothing is ever redirected: a redirect turns a POST into a GET in many clients. So a missing or an extra slash at the end,
and ``environments`` for ``projects``, are mended here, before routing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from hedgerow.api.errors import envelope

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY_LIMIT = 4 * 1024 * 1024


class TooLarge(Exception):
    """The body is larger than any request of the API needs to be."""


class Bounds:
    """An ASGI application around the API's."""

    def __init__(self, app: App, *, timeout: float, limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._timeout = timeout
        self._limit = limit

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Read the body, then let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout):
                body = await read_body(receive, self._limit)
        except TooLarge:
            detail = f"The body is larger than {self._limit // 2**20} MiB."
            response = envelope(413, "invalid_request", "too_large", detail)
            await response(scope, receive, send)
            return
        except TimeoutError:
            detail = f"The body did not arrive within {self._timeout:g} seconds."
            await envelope(408, "invalid_request", "timeout", detail)(scope, receive, send)
            return
        path = canonical(scope["path"])
        await self._app({**scope, "path": path, "raw_path": path.encode()}, _replay(body, receive), send)


def canonical(path: str) -> str:
    """The one form of a path that is routed: no slash at the end, projects by their first name."""
    path = path.rstrip("/") or "/"
    if path.startswith("/api/environments/") or path == "/api/environments":
        return "/api/projects" + path.removeprefix("/api/environments")
    return path


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body of a request.

    Raises:
        TooLarge: it is longer than ``limit``.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, rest: Receive) -> Receive:
    """The body that was read, and then whatever the server says: that the client is gone, for an answer without end."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return pending.pop() if pending else await rest()

    return receive
