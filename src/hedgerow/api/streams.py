"""Answers that go on: bodies made piece by piece, until they end or the client is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Stream(Response):
    """A response whose pieces come from a generator.

    The generator is closed as soon as the client is gone, which for one that waits for news nobody would notice otherwise.

    Args:
        pieces: the body.
        media_type: what it is.
        headers: others.
    """

    def __init__(
        self, pieces: AsyncIterator[bytes], media_type: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(None, 200, {"cache-control": "no-store", **(headers or {})}, media_type)
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Answer."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            with suppress(asyncio.CancelledError, OSError):
                await sending

    async def _send(self, send: Send) -> None:
        try:
            async for piece in self._pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            close: Any = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
