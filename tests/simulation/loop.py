"""An event loop in simulated time: one callback at a time, no clock, no sockets, a crash wherever you like."""

from __future__ import annotations

import asyncio
import heapq
from contextvars import copy_context


class Crash(BaseException):
    """The process dies here. Nothing may catch it."""


class Stuck(Exception):
    """Nothing can ever happen again, and yet somebody waits."""


class Callback:
    """What is to be called; asyncio's handles know more, and take four times as long."""

    __slots__ = ("args", "cancelled_", "context", "work")

    def __init__(self, work, args, context) -> None:
        self.work = work
        self.args = args
        self.context = context or copy_context()
        self.cancelled_ = False

    def cancel(self) -> None:
        self.cancelled_ = True

    def cancelled(self) -> bool:
        return self.cancelled_

    def run(self) -> None:
        try:  # noqa: SIM105 - quicker, sixty times in each millisecond
            self.context.run(self.work, *self.args)
        except Exception:
            pass


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs one ready callback after the other, counting; time jumps to the next timer when nothing is ready.

    It is the ground under thousands of runs, so it does without all that a loop needs for sockets and threads.
    """

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.now = start
        self.steps = 0
        self.crash_at: int | None = None
        self._timers: list[tuple[float, int, Callback]] = []
        self._ticket = 0
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        return self.now

    def call_soon(self, callback, *args, context=None):
        handle = Callback(callback, args, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(self, when, callback, *args, context=None):
        handle = Callback(callback, args, context)
        self._ticket += 1
        heapq.heappush(self._timers, (when, self._ticket, handle))
        return handle

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self.now + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        while not self._stopping:
            if not ready:
                self._jump()
            while timers and timers[0][0] <= self.now:
                ready.append(heapq.heappop(timers)[2])
            handle = ready.popleft()
            if not handle.cancelled_:
                handle.run()
            self.steps += 1
            if self.crash_at is not None and self.steps >= self.crash_at:
                raise Crash

    def _jump(self) -> None:
        """To the time of the next timer that is not cancelled."""
        while self._timers and self._timers[0][2].cancelled_:
            heapq.heappop(self._timers)
        if not self._timers:
            raise Stuck
        self.now = max(self.now, self._timers[0][0])

    def _write_to_self(self) -> None:
        pass


def bury(loop: asyncio.AbstractEventLoop) -> None:
    """Throw away what a dead process left in memory, without a word from its tasks."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False
        task.get_coro().close()
    loop.close()


def one_life(stage, crash_at: int | None, *parts) -> bool:
    """What one process does until it crashes or comes to its end; the time goes on from there.

    Args:
        stage: what outlives it: ``now``, ``store`` and ``chance``.
        crash_at: after so many steps; None: never.
        parts: what it does, one after the other; each makes a coroutine of the loop.

    Returns:
        Whether it crashed.
    """
    loop = SimulatedLoop(stage.now)
    asyncio.set_event_loop(loop)
    stage.store.reborn()
    loop.crash_at = crash_at
    try:
        for part in parts:
            loop.run_until_complete(part(loop))
    except Crash:
        return True
    finally:
        stage.now = loop.now + stage.chance.uniform(0, 0.5)
        bury(loop)
        asyncio.set_event_loop(None)
    return False
