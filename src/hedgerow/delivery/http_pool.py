"""Connections that wait for their next request."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from hedgerow.delivery.http_connection import Connection

__all__ = ["Pool"]

Origin = tuple[str, str, int]

_SWEEP = 1.0
"""Seconds between looks for connections that have waited too long."""


class Pool:
    """Idle connections by origin; the one used last is taken first, so that those not needed age out.

    Args:
        keep_alive: seconds a connection may wait.
        max_idle: connections that may wait in all; beyond it those waiting longest are closed.
    """

    def __init__(self, *, keep_alive: float, max_idle: int) -> None:
        self._keep_alive = keep_alive
        self._max_idle = max_idle
        self._idle: dict[Origin, list[Connection]] = {}
        self._age: OrderedDict[Connection, None] = OrderedDict()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._age)

    def take(self, origin: Origin) -> Connection | None:
        """A connection that can be used, or None."""
        waiting = self._idle.get(origin)
        while waiting:
            connection = waiting.pop()
            del self._age[connection]
            if connection.usable:
                return connection
        return None

    def give(self, connection: Connection) -> None:
        """Keep a connection after its exchange, or close it when it is of no more use."""
        if self._closed or not connection.usable:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(connection.origin, []).append(connection)
        self._age[connection] = None
        if len(self._age) > self._max_idle:
            self._drop(next(iter(self._age)))
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP, self._sweep, loop)

    def close(self) -> None:
        """Close what waits, and whatever is given back from now on."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._age):
            self._drop(connection)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in [waiting for waiting in self._age if self._is_over(waiting, now)]:
            self._drop(connection)
        self._sweeper = loop.call_later(_SWEEP, self._sweep, loop) if self._age else None

    def _is_over(self, connection: Connection, now: float) -> bool:
        allowed = self._keep_alive
        if connection.idle_for is not None:
            allowed = min(allowed, connection.idle_for - _SWEEP)  # be gone before the server hangs up
        return not connection.usable or now - connection.idle_since >= allowed

    def _drop(self, connection: Connection) -> None:
        del self._age[connection]
        waiting = self._idle[connection.origin]
        waiting.remove(connection)
        if not waiting:
            del self._idle[connection.origin]
        connection.abort()
