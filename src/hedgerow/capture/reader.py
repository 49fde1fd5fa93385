"""Reading request bodies within bounds: of one body, of all together, and of time.

A timer per request would cost more than reading a small body, so one sweep a second looks for those that take too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hedgerow.events.errors import BadRequest, too_large

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
# Smaller bodies are not worth counting: the server's limit on open requests bounds them.
_SMALL = 65_536


class ClientGone(Exception):
    """The client went away in the middle of its request; there is nobody to answer."""


class TooSlow(Exception):
    """The body did not arrive in time."""


class Overloaded(Exception):
    """So many large bodies are being read that another one has to wait outside."""


def declared_length(headers: Mapping[bytes, bytes]) -> int | None:
    """The length that the client announced, None if it did not.

    Raises:
        BadRequest: it announced something else than a number.
    """
    stated = headers.get(b"content-length")
    if stated is None:
        return None
    if not stated.isdigit() or len(stated) > 15:
        raise BadRequest("bad_length", "failed to decode request: the content-length is no number")
    return int(stated)


def _complete(message: Message, declared: int | None) -> bool:
    """Whether the first message of a body is the only one."""
    if message["type"] != "http.request" or "body" not in message:
        return False
    return len(message["body"]) == declared or not message.get("more_body", False)


class BodyReader:
    """Reads bodies for one server process.

    Args:
        seconds: how long a whole body may take.
        total: bytes of all large bodies being read at the same time.
    """

    def __init__(self, *, seconds: float = 30.0, total: int = 256 * 1024 * 1024) -> None:
        self._seconds = seconds
        self._total = total
        self._held = 0
        self._since: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._sweeping = False

    async def read(self, receive: Receive, declared: int | None, *, limit: int) -> bytes:
        """The whole body.

        Args:
            receive: ASGI's.
            declared: see ``declared_length``.
            limit: more bytes than that are refused; they are read away first, so that the client reads our answer
                instead of a broken connection.

        Raises:
            TooLarge: more than ``limit`` bytes.
            ClientGone, TooSlow, Overloaded: see there.
        """
        task = self._begin()
        try:
            first = await receive()
            if _complete(first, declared) and len(first["body"]) <= limit:
                body: bytes = first["body"]  # nearly always: it came in one piece
                return body
            return await self._collect(first, receive, declared, limit, keep=True)
        except asyncio.CancelledError:
            self._judge(task)
            raise
        finally:
            self._end(task)

    async def discard(self, receive: Receive, *, limit: int) -> None:
        """Read a body away without keeping it; raises as ``read`` does."""
        task = self._begin()
        try:
            await self._collect(await receive(), receive, None, limit, keep=False)
        except asyncio.CancelledError:
            self._judge(task)
            raise
        finally:
            self._end(task)

    def _begin(self) -> asyncio.Task[Any]:
        task = asyncio.current_task()
        assert task is not None
        self._since[task] = asyncio.get_running_loop().time()
        if not self._sweeping:
            self._sweep_later()
        return task

    def _judge(self, task: asyncio.Task[Any]) -> None:
        """Raise TooSlow if it was us who cancelled the task."""
        if task in self._late:
            task.uncancel()
            raise TooSlow from None

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._since.pop(task, None)
        if self._late:
            self._late.discard(task)

    def _sweep_later(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(min(1.0, self._seconds / 2), self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        deadline = asyncio.get_running_loop().time() - self._seconds
        for task in [task for task, since in self._since.items() if since < deadline]:
            del self._since[task]
            self._late.add(task)
            task.cancel()
        if self._since:
            self._sweep_later()

    async def _collect(
        self, message: Message, receive: Receive, declared: int | None, limit: int, *, keep: bool
    ) -> bytes:
        """Chunks to one body; past the limit they are dropped, and after eight times the limit we stop listening."""
        parts: list[bytes] = []
        size = held = 0
        try:
            while True:
                if message["type"] != "http.request":
                    raise ClientGone
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if keep and size <= limit:
                    parts.append(chunk)
                    held += self._hold(size, len(chunk))
                # The last chunk of a body with a length needs no further message to say that it was the last.
                if size == declared or size > 8 * limit or not message.get("more_body", False):
                    break
                message = await receive()
        finally:
            self._held -= held
        if size > limit:
            raise too_large(f"the request has more than {limit} bytes")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _hold(self, size: int, chunk: int) -> int:
        """Count a chunk of a large body."""
        if size <= _SMALL:
            return 0
        if self._held + chunk > self._total:
            raise Overloaded
        self._held += chunk
        return chunk
