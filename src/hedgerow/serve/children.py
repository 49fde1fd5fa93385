"""One supervised process: started, watched, started again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hedgerow.serve.inherit import HOPELESS, Inheritance

logger = logging.getLogger(__name__)

# A child that lived this long had a good start: its next end begins a new count.
GOOD_LIFE_S = 30.0
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0


def restart_delay(failures: int) -> float:
    """Seconds to wait before a child is started again, after so many ends in a row."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(max(failures - 1, 0), 30))


def describe_end(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


@dataclass(slots=True)
class Child:
    """A process that ought to run.

    Attributes:
        module: what it runs, as ``python -m``.
        inheritance: what it gets.
        environment: its variables.
        on_change: called whenever it came up or went down.
        pid: its process id while it runs, else 0.
        starts: how often it was started.
    """

    module: str
    inheritance: Inheritance
    environment: Mapping[str, str]
    on_change: Callable[[], None]
    pid: int = 0
    starts: int = 0
    _process: asyncio.subprocess.Process | None = None
    _stopping: bool = False

    @property
    def name(self) -> str:
        """How log lines call it."""
        return self.inheritance.name

    async def keep_running(self) -> int:
        """Run it until it is told to stop, starting it again whenever it ends.

        Returns:
            Its last exit status: 0 when it was asked to stop, ``HOPELESS`` when a restart cannot help.
        """
        failures = 0
        while not self._asked_to_stop():
            began = time.monotonic()
            code = await self._run_once()
            if self._asked_to_stop():
                break
            if code == HOPELESS:
                return code
            failures = 1 if time.monotonic() - began >= GOOD_LIFE_S else failures + 1
            delay = restart_delay(failures)
            logger.error("%s %s; starting it again in %.1f s", self.name, describe_end(code), delay)
            await asyncio.sleep(delay)
        return 0

    def _asked_to_stop(self) -> bool:
        return self._stopping

    async def _run_once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.module,
            self.inheritance.encode(),
            pass_fds=self.inheritance.descriptors(),
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,  # Ctrl-C in the terminal reaches the supervisor alone
        )
        self.pid, self.starts = self._process.pid, self.starts + 1
        if self._stopping:
            self.signal(signal.SIGTERM)
        self.on_change()
        code = await self._process.wait()
        self.pid = 0
        self.on_change()
        return code

    def stop(self) -> None:
        """Ask it to end, and do not start it again."""
        self._stopping = True
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
