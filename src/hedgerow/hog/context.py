"""What library code asks of the run it works for: room, time, a clock, randomness, a place to print.

The meter of a run implements this. Helpers and library functions that may do much work take it as their first
argument, so that nothing a program does is free of its limits.
"""

from __future__ import annotations

import random
import time
import uuid
from typing import Final, NoReturn, Protocol

from hedgerow.hog.errors import HogRuntimeError

LARGE: Final = 4096
"""Sizes above this call for ``tick()`` before and after one long C call."""

STRIDE: Final = 1024
"""Nodes a walk in Python may visit between two calls of ``tick()``."""


class RuntimeContext(Protocol):
    """The run, as the library sees it. Every method may raise a ``HogLimitError``."""

    @property
    def json_depth(self) -> int:
        """How deep values may nest when they are parsed, printed or copied."""

    def charge(self, size: int, /) -> None:
        """Account for ``size`` bytes of new values."""

    def tick(self) -> None:
        """Look at the clock."""

    def look_through(self, count: int, /) -> None:
        """Look at the clock beside work on ``count`` values at one go; go on elsewhere if that is too much for here."""

    def check_string(self, length: int, /) -> None:
        """Refuse a string of ``length`` characters before it is built, and charge for it."""

    def check_items(self, count: int, /) -> None:
        """Refuse an array or object of ``count`` entries before it is built, and charge for it."""

    def cap_items(self, count: int, /) -> None:
        """Refuse an array or object that would grow to ``count`` entries, without a charge."""

    def now(self) -> float:
        """Seconds since the epoch, by the run's clock."""

    def random(self) -> float:
        """The next random number of the run, in ``[0, 1)``."""

    def uuid4(self) -> str:
        """The next random UUID of the run."""

    def print(self, text: str, /) -> None:
        """Hand out one printed line."""

    def host_fault(self, message: str, /) -> NoReturn:
        """Fail the run because its surroundings cannot do what was asked. Raises ``HogRuntimeError``."""


def watch(ctx: RuntimeContext, size: int) -> None:
    """Look at the clock beside a C call over ``size`` units, when that is enough to matter."""
    if size > LARGE:
        ctx.tick()


class Unmetered:
    """A context without limits other than depth, for values that are shown or sent after their run has ended."""

    json_depth: int = 200

    def charge(self, size: int, /) -> None:
        """Nobody pays."""

    def tick(self) -> None:
        """Nobody waits."""

    def look_through(self, count: int, /) -> None:  # noqa: ARG002 (whoever counts overrides this)
        """Any number will do."""
        self.tick()

    def check_string(self, length: int, /) -> None:
        """Any length will do."""

    def check_items(self, count: int, /) -> None:
        """Any number will do."""

    def cap_items(self, count: int, /) -> None:
        """Any number will do."""

    def now(self) -> float:
        """The real time."""
        return time.time()

    def random(self) -> float:
        """A number nobody can repeat."""
        return random.random()  # noqa: S311 (no secret is made of it)

    def uuid4(self) -> str:
        """A UUID nobody can repeat."""
        return str(uuid.uuid4())

    def print(self, text: str, /) -> None:
        """Nobody listens."""

    def host_fault(self, message: str, /) -> NoReturn:
        """Raise ``HogRuntimeError``."""
        raise HogRuntimeError(message)


UNMETERED: Final = Unmetered()
