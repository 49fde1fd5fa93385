"""One helper process as its parent sees it: started, spoken to, and killed when it stays away too long."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from hedgerow.delivery.sandbox_wire import HEADER, WireError, length_of, pack, unpack
from hedgerow.hog import HogMemoryLimit, HogRuntimeError, HogTimeLimit

log = logging.getLogger(__name__)

MODULE: Final = "hedgerow.delivery.sandbox_child"
START_S: Final = 20.0
PREPARE_S: Final = 2.0
"""For reading a job and compiling what it needs, before the program's own time begins."""
GRACE_S: Final = 0.05
"""A program is told to end at its limit; a process that used so much more does not listen."""
LOOK_EVERY_S: Final = 0.02
STARVED_S: Final = 1.0
"""A process that gets no processor (or is stopped) is given its limit twice over and this, by the wall clock."""
REAP_EVERY_S: Final = 0.02

_INSIDE: Final = frozenset({"begun", "rendered", "printed"})
_CRASHES: Final = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


class Lost(Exception):
    """The process is gone before it had finished.

    Attributes:
        verdict: what the program did to it; None when it may have been no fault of the program.
    """

    def __init__(self, message: str, verdict: HogRuntimeError | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict


class HelperProcess:
    """A running helper.

    Attributes:
        pid: its process id.
        holds: the number of the run that waits in it, 0 for none.
        alive: whether it can be given work.
    """

    def __init__(self, process: subprocess.Popen[bytes], link: socket.socket) -> None:
        self.pid = process.pid
        self.holds = 0
        self.alive = True
        self._process = process
        self._link = link
        self._clock: int | None = (~process.pid << 3) | 2 if sys.platform == "linux" else None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._burial: asyncio.Task[int] | None = None

    @classmethod
    async def start(cls, memory: int) -> HelperProcess:
        """Start one and wait until it is ready.

        Args:
            memory: bytes it may have beyond what it starts with.

        Raises:
            Lost: it did not start.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            # From this thread on purpose: on Linux a child is told of the end of the thread that started it.
            process = subprocess.Popen(  # noqa: S603, ASYNC220 (our own module; a few milliseconds)
                [sys.executable, "-P", "-m", MODULE, str(theirs.fileno()), str(os.getpid()), str(memory)],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW_")},
            )
        helper = cls(process, ours)
        helper._reader, helper._writer = await asyncio.open_unix_connection(sock=ours)
        try:
            await helper._hear(_Patience(None, START_S))
        except BaseException:
            helper.kill()
            raise
        return helper

    async def ask(
        self, message: Mapping[str, Any], limit_ms: float, note: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Give it work and hear what comes of it.

        Args:
            message: what to do.
            limit_ms: CPU time that the program may still use.
            note: is told of each message on the way.

        Returns:
            The message that ends this part.

        Raises:
            Lost: the process had to be killed, or died.
        """
        data = pack(message)
        answer: dict[str, Any] = {"last": True}
        try:
            self._writer.write(data)
            async with asyncio.timeout(PREPARE_S):
                await self._writer.drain()
            answer = await self._listen(limit_ms / 1000, note)
        except (TimeoutError, WireError, OSError) as error:
            raise Lost(f"The helper process broke off: {error}") from error
        finally:
            if answer.get(
                "last"
            ):  # it says so, or is in the middle of something that nobody waits for any more
                self.kill()
        return answer

    async def _listen(self, limit: float, note: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        patience = _Patience(self._clock, PREPARE_S)
        while (answer := await self._hear(patience))["is"] in _INSIDE:
            if answer["is"] == "begun":
                patience = _Patience(self._clock, limit)
            note(answer)
        return answer

    async def _hear(self, patience: _Patience) -> dict[str, Any]:
        reading = asyncio.ensure_future(self._receive())
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=patience.pause())
                if not reading.done() and patience.is_over():
                    raise self._overdue(patience)
            return reading.result()
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._died() from None
        finally:
            reading.cancel()

    async def _receive(self) -> dict[str, Any]:
        length = length_of(await self._reader.readexactly(HEADER.size))
        return unpack(await self._reader.readexactly(length))

    def _overdue(self, patience: _Patience) -> Lost:
        self.kill()
        log.warning("helper_killed pid=%d used_s=%.3f", self.pid, patience.used())
        if patience.starved():
            return Lost("The helper process did not get on")
        text = f"Execution did not end within {patience.limit * 1000:g} ms of CPU time"
        return Lost(text, HogTimeLimit(text))

    async def _died(self) -> Lost:
        self.kill()
        code = await self._buried()
        log.warning("helper_died pid=%d code=%d", self.pid, code)
        if -code in _CRASHES:
            name = signal.Signals(-code).name
            return Lost(name, HogMemoryLimit(f"The program brought its helper process down ({name})"))
        return Lost(f"The helper process ended with status {code}")

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._burial is None:
            self.alive = False
            self._process.kill()
            self._writer.close()
            self._burial = asyncio.ensure_future(self._bury())

    async def close(self) -> None:
        """End it and wait until it is gone."""
        self.kill()
        await self._buried()

    async def _buried(self) -> int:
        assert self._burial is not None
        return await asyncio.shield(self._burial)

    async def _bury(self) -> int:
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 (no event tells of a process that is not asyncio's)
            await asyncio.sleep(REAP_EVERY_S)
        return code


class _Patience:
    """How long to wait for a process: by its own CPU time where that can be read, else by the wall clock."""

    def __init__(self, clock: int | None, limit: float) -> None:
        self.limit = limit
        self._clock = clock
        self._began = time.monotonic()
        self._cpu = self._read()

    def _read(self) -> float | None:
        try:
            return None if self._clock is None else time.clock_gettime(self._clock)
        except OSError:
            return None

    def used(self) -> float:
        """Seconds of CPU it used; of the wall clock's where no more is known."""
        now = self._read()
        return self._wall() if now is None or self._cpu is None else now - self._cpu

    def _wall(self) -> float:
        return time.monotonic() - self._began

    def pause(self) -> float:
        """How long to wait before the next look."""
        return max(LOOK_EVERY_S, self.limit + GRACE_S - self._wall())

    def is_over(self) -> bool:
        """Whether it had its time."""
        return self.used() >= self.limit + GRACE_S or self._wall() >= 2 * self.limit + STARVED_S

    def starved(self) -> bool:
        """Whether it is late without having used its time."""
        return self.used() < self.limit
