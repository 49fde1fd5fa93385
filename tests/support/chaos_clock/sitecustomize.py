"""A clock that can be set: put this folder on a process's ``PYTHONPATH`` and name a file in ``CHAOS_CLOCK``.

The file holds seconds that are added to the time of day; it is read again while the process runs. Only what asks for the time
of day is fooled, as when an operator sets the machine's clock: what measures how long something takes is not.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

READ_EVERY_S = 0.02


class Offset:
    """The seconds in the file, at most so old."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.read_at = float("-inf")
        self.found = 0.0

    def seconds(self) -> float:
        now = time.monotonic()
        if now - self.read_at > READ_EVERY_S:
            self.read_at = now
            with suppress(OSError, ValueError):
                self.found = float(self.file.read_text())
        return self.found


if name := os.environ.get("CHAOS_CLOCK"):
    offset = Offset(Path(name))
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + offset.seconds()
    time.time_ns = lambda: real_ns() + int(offset.seconds() * 1e9)
