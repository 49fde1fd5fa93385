"""An event loop in simulated time: one callback at a time, no clock, no sockets, a crash wherever you like."""

from __future__ import annotations

import asyncio
import heapq


class Crash(BaseException):
    """The process dies here. Nothing may catch it."""


class Stuck(Exception):
    """Nothing can ever happen again, and yet somebody waits."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs exactly one ready callback per turn; time jumps to the next timer when nothing is ready."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.now = start
        self.steps = 0
        self.crash_at: int | None = None
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        if not self._ready:
            if not self._scheduled:
                raise Stuck
            self.now = max(self.now, self._scheduled[0]._when)
        while self._scheduled and self._scheduled[0]._when <= self.now:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)
        handle = self._ready.popleft()
        if not handle._cancelled:
            handle._run()
        self.steps += 1
        if self.crash_at is not None and self.steps >= self.crash_at:
            raise Crash

    def _write_to_self(self) -> None:
        pass

    def call_soon_threadsafe(self, callback, *args, context=None):
        return self.call_soon(callback, *args, context=context)


def bury(loop: asyncio.AbstractEventLoop) -> None:
    """Throw away what a dead process left in memory, without a word from its tasks."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False
        task.get_coro().close()
    loop.close()
