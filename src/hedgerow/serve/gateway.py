"""One ASGI application in front of the three rooms that answer HTTP: capture, health, the API."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


logger = logging.getLogger(__name__)


class Handler(Protocol):
    """An application that knows which paths are its own."""

    def handles(self, path: str) -> bool:
        """Whether a request for this path is for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> None:
        """Answer."""


class Gateway:
    """Sends each request to the first handler that wants its path, else to the API. Capture comes first: it is the busiest."""

    def __init__(self, handlers: list[Handler], api: AsgiApp) -> None:
        self._handlers = handlers
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by whoever it is for; other kinds of connection are not spoken here."""
        if scope["type"] != "http":
            return
        try:
            await self._chosen(scope["path"])(scope, receive, send)
        except Exception:
            # The server would answer 500 without a word about why.
            logger.exception("%s %s failed", scope["method"], scope["path"])
            raise

    def _chosen(self, path: str) -> AsgiApp:
        for handler in self._handlers:
            if handler.handles(path):
                return handler
        return self._api


async def answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    """Send a complete response."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
