"""When exchanges must be complete: one timer for all of them.

Nearly every exchange ends long before its time is up, and a timer that is set for each and taken back costs more than all
else that is noted of it. So there is one, set for the earliest deadline: when it rings it ends what is late, and is set anew
for the earliest of what is left. Nothing ends late by that.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

__all__ = ["Deadlines"]

_EARLY = 0.002
"""Seconds by which a loop's timer may ring too soon: they are counted in milliseconds."""


class Deadlines:
    """Ends with TimeoutError what is not done in time."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def __len__(self) -> int:
        return len(self._due)

    def add(self, answer: asyncio.Future[Any], deadline: float) -> None:
        """Watch over an answer.

        Args:
            answer: what must be done.
            deadline: until when, by the clock of its loop.
        """
        self._due[answer] = deadline
        if deadline < self._rings_at:
            self._set(answer.get_loop(), deadline)

    def remove(self, answer: asyncio.Future[Any]) -> None:
        """Watch over it no more; it may be gone already."""
        self._due.pop(answer, None)

    def _set(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at, self._ring, loop)
        self._rings_at = at

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._rings_at = None, math.inf
        now = loop.time() + _EARLY
        for answer in [answer for answer, deadline in self._due.items() if deadline <= now]:
            del self._due[answer]
            if not answer.done():
                answer.set_exception(TimeoutError())
        if self._due:
            self._set(loop, min(self._due.values()))
