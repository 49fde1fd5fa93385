"""Connections that wait for their next request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import chain

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
        self._idle: dict[Origin, list[Connection]] = {}  # the one that waited longest first
        self._waiting = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        return self._waiting

    def take(self, origin: Origin) -> Connection | None:
        """A connection that can be used, or None."""
        waiting = self._idle.get(origin)
        while waiting:
            connection = waiting.pop()
            self._waiting -= 1
            if connection.usable:
                return connection
        return None

    def give(self, connection: Connection) -> None:
        """Keep a connection after its exchange, or close it when it is of no more use."""
        if self._closed or not connection.usable:
            connection.abort()
            return
        loop = connection.loop
        connection.idle_since = loop.time()
        self._idle.setdefault(connection.origin, []).append(connection)
        self._waiting += 1
        if self._waiting > self._max_idle:
            self._drop_oldest()
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP, self._sweep, loop)

    def close(self) -> None:
        """Close what waits, and whatever is given back from now on."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._keep(lambda _: False)

    def _drop_oldest(self) -> None:
        waiting = min(filter(None, self._idle.values()), key=lambda some: some[0].idle_since)
        waiting.pop(0).abort()
        self._waiting -= 1

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._keep(lambda connection: not self._is_over(connection, now))
        self._sweeper = loop.call_later(_SWEEP, self._sweep, loop) if self._waiting else None

    def _keep(self, wanted: Callable[[Connection], bool]) -> None:
        """Close all but those wanted."""
        idle, self._idle, self._waiting = self._idle, {}, 0
        for connection in chain.from_iterable(idle.values()):
            if wanted(connection):
                self._idle.setdefault(connection.origin, []).append(connection)
                self._waiting += 1
            else:
                connection.abort()

    def _is_over(self, connection: Connection, now: float) -> bool:
        allowed = self._keep_alive
        if connection.idle_for is not None:
            allowed = min(allowed, connection.idle_for - _SWEEP)  # be gone before the server hangs up
        return not connection.usable or now - connection.idle_since >= allowed
