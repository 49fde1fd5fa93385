"""One thread that does what it is given, in order, while coroutines wait for it.

An executor of the standard library does the same through two futures with their locks and callbacks, which takes about three
times as long as the thread needs to wake up; and a worker goes to its threads several hundred times a second.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Job: TypeAlias = Callable[[], None]


class OneThread:
    """A thread that begins with its first job and ends with ``close``, or when nobody can give it jobs any more."""

    def __init__(self, name: str) -> None:
        """``name``: of the thread, as the system shows it."""
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Let the thread do something and wait for what comes of it; what is given up before its turn is never begun."""
        return await self._promise(work)

    def _promise(self, work: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(partial(_fulfil, loop, future, work))
        return future

    def run_now(self, work: Callable[[], T]) -> T:
        """Like ``run`` for callers without an event loop; blocks."""
        future: Future[T] = Future()
        self._put(partial(_fulfil_now, future, work))
        try:
            return future.result()
        finally:
            del future  # see ``_fulfil_now``

    def close(self) -> None:
        """Finish what was given, then end the thread: whoever gives it more gets a RuntimeError."""
        with self._lock:
            self._closed = True
            self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()

    def _put(self, job: Job) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError(f"The thread {self._name} has ended.")
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_work, args=(self._jobs,), name=self._name, daemon=True
                )
                self._thread.start()
                weakref.finalize(self, self._jobs.put, None)
            self._jobs.put(job)


def _work(jobs: SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # and what it holds, before the next one comes


def _fulfil_now(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
        future.set_exception(error)
    finally:
        del future  # an error has this frame in its traceback: only the collector could free both


def _fulfil(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], work: Callable[[], Any]) -> None:
    """Do the work, unless nobody waits for it any more, and say in the event loop what came of it."""
    try:
        if future.cancelled():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
            loop.call_soon_threadsafe(_settle, future, None, error)
        else:
            loop.call_soon_threadsafe(_settle, future, result, None)
    except RuntimeError:  # the loop is closed: nobody is there to hear it
        pass
    finally:
        del future


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
