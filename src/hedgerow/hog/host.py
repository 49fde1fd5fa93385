"""What a Hog program needs from outside, and what it hands out: the seam between the language and its runner.

The language reaches for nothing: the clock, the seed of randomness, the place where printed lines go and the limits all
come in as a ``Host``. What only the outside can do (``fetch``, ``sleep``, ``postHogCapture``) comes out as an ``AsyncCall``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run. A limit that is met raises the error class named beside it.

    Attributes:
        cpu_ms: CPU time in milliseconds over all parts of the run (HogTimeLimit).
        memory: bytes charged where values grow (HogMemoryLimit).
        depth: nested Hog calls (HogDepthLimit).
        string: characters of one string (HogSizeLimit).
        items: entries of one array or object (HogSizeLimit).
        json_depth: nesting of parsed or printed values (HogDepthLimit).
        fetches: calls of ``fetch`` of one run (HogFetchLimit).
        async_steps: asynchronous calls of one run, whatever they call (HogFetchLimit).
        log_lines: printed lines kept; one more becomes a note that the rest was dropped.
        log_length: characters kept of one printed line.
    """

    cpu_ms: float = 500
    memory: int = 64 * 1024 * 1024
    depth: int = 1000
    string: int = 4_000_000
    items: int = 100_000
    json_depth: int = 200
    fetches: int = 2
    async_steps: int = 100
    log_lines: int = 24
    log_length: int = 10_000


DEFAULT_LIMITS: Final = Limits()
"""Immutable, so that one serves all runs that ask for nothing else."""


@dataclass(slots=True)  # not frozen: making a frozen one takes three times as long
class AsyncCall:
    """A call that the program waits for.

    Attributes:
        name: ``fetch``, ``sleep`` or ``postHogCapture``.
        args: the arguments, serialisable Hog values.
        site: number of the call's place in the source, stable for one compiled source.
        ordinal: how many asynchronous calls the run made before this one.
    """

    name: str
    args: list[Any]
    site: int
    ordinal: int


@dataclass(slots=True)  # as above
class JournalEntry:
    """One completed asynchronous call and the clock readings the program made before it (since the last call)."""

    site: int
    ordinal: int
    result: Any
    clock: tuple[float, ...] = ()


@dataclass(slots=True)
class Host:
    """The world of one run.

    Attributes:
        now: seconds since the epoch. Replayed from the journal up to the last completed call, real after it.
        seed: bytes from which random numbers and UUIDs of the run derive; the invocation id, so that a replay is exact.
        emit: receives each printed line that is not a replay of one printed before.
        limits: the bounds of the run.
        journal: completed asynchronous calls of earlier parts of the run.
        printed: lines that earlier parts handed out (``Execution.printed``), which are not handed out again. What was printed
            before the last call of the journal never is; this covers what came after it.
        patience_ms: CPU milliseconds that one part of the run, or one filter or template, may keep this thread. Past them, or once
            a value grows so large that one step in C may take long, ``OverBudget`` comes out, which is no verdict on the program.
    """

    now: Callable[[], float] = time.time
    seed: bytes = b""
    emit: Callable[[str], None] = lambda _line: None
    limits: Limits = DEFAULT_LIMITS
    journal: Sequence[JournalEntry] = ()
    printed: int = 0
    patience_ms: float = math.inf
