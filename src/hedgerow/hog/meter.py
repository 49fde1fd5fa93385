"""The meter of a run: time, memory, depth and sizes.

Time is looked at when fuel runs out: generated code burns one unit on every back-edge and every call, and asks
``refuel`` for more. Thread CPU time is dear to read, so it is read only once the wall clock says the limit could be met.

Memory is charged where values grow and never given back. When the budget is overdrawn, what is really alive is weighed
by walking the variables of the Hog functions that are running, and the budget starts again from there; so a program that
makes garbage runs on, and one that hoards is stopped.
"""

from __future__ import annotations

import math
import sys
from time import perf_counter, thread_time
from types import FrameType
from typing import Any, Final, NoReturn

from hedgerow.hog.errors import (
    HogDepthLimit,
    HogMemoryLimit,
    HogRuntimeError,
    HogSizeLimit,
    HogTimeLimit,
    OverBudget,
)
from hedgerow.hog.host import Host
from hedgerow.hog.randomness import Randomness
from hedgerow.hog.values import HogCallable, HogErrorValue

FUEL: Final = 250
"""Steps between two looks at the clock; small enough for Python's cache of small integers."""
FILENAME: Final = "<hog>"
"""The file name of generated code, by which its frames are told from others."""

_ITEM: Final = 16
_COSTS: Final = {"list": 72, "dict": 184, "entry": 110, "text": 120, "closure": 280, "item": _ITEM}
_CREDIT: Final = 65_536
FIRST_CREDIT: Final = 16_384
"""Bytes that generated code may allocate before it asks for more; charged when the run begins."""
STEP: Final = _CREDIT // FUEL + 1
"""A step that makes so many bytes needs no fuel: its credit runs out sooner."""
_TEXT: Final = 57
_MANY: Final = 500
_QUICK_STRING: Final = 262_144
_QUICK_ITEMS: Final = 20_000
_WALK: Final = 1024
_FULL: Final = 7 / 8
_FOREVER: Final = math.inf
_INSTANT: Final = 1.0
"""Milliseconds for which no look at the CPU time is worth its price."""


def cost_of(what: str) -> int:
    """What one ``list``, ``dict``, ``entry``, ``text``, ``closure`` or ``item`` is charged, in bytes."""
    return _COSTS[what]


class Meter:
    """Counts what one run uses, over all its parts, and stops it at its limits."""

    __slots__ = (
        "cpu_start",
        "host",
        "json_depth",
        "left",
        "limits",
        "longest",
        "most",
        "patience",
        "printed",
        "random_source",
        "used_ms",
        "wall_start",
    )

    def __init__(self, host: Host) -> None:
        limits = host.limits
        hurried = host.patience_ms < _FOREVER
        self.host = host
        self.limits = limits
        self.longest = _QUICK_STRING if hurried and limits.string > _QUICK_STRING else limits.string
        self.most = _QUICK_ITEMS if hurried and limits.items > _QUICK_ITEMS else limits.items
        self.patience = host.patience_ms
        self.json_depth = limits.json_depth
        self.left = limits.memory - FIRST_CREDIT
        self.used_ms = 0.0
        self.printed = 0
        self.random_source: Randomness | None = None
        self.cpu_start: float | None = None
        self.wall_start = perf_counter()

    @property
    def depth(self) -> int:
        """How many calls may nest."""
        return self.limits.depth

    # -------------------------------------------------------------------- time

    def pause(self) -> None:
        """A part of the run ends. It began at ``wall_start``, and with ``cpu_start`` if it had to look at the dearer clock."""
        self.used_ms += self._part_ms()
        self.cpu_start = None

    def _part_ms(self) -> float:
        wall = (perf_counter() - self.wall_start) * 1000
        if self.cpu_start is None:
            return wall
        return min(wall, (thread_time() - self.cpu_start) * 1000)

    def tick(self) -> None:
        """Look at the clock.

        Raises:
            HogTimeLimit: the CPU time is used up.
            OverBudget: the host's patience is.
        """
        wall = (perf_counter() - self.wall_start) * 1000
        limit = self.limits.cpu_ms
        if wall < _INSTANT and self.used_ms + wall <= limit and wall <= self.patience:
            return
        if self.cpu_start is None:
            # From here on time the thread spends waiting for a processor is not counted; what came before is little.
            self.cpu_start = thread_time() - min(wall, _INSTANT) / 1000
        if self.used_ms + wall > limit and self.used_ms + self._part_ms() > limit:
            raise HogTimeLimit(f"Execution timed out after {_number(limit)} ms of CPU time")
        if wall > self.patience and self._part_ms() > self.patience:
            raise OverBudget

    def refuel(self) -> int:
        """Look at the clock and give fuel for the next steps."""
        self.tick()
        return FUEL

    # ------------------------------------------------------------------ memory

    def charge(self, size: int, /) -> None:
        """Account for ``size`` bytes of new values.

        Raises:
            HogMemoryLimit: more is alive than the limit allows.
        """
        self.left -= size
        if self.left < 0:
            self._weigh(size)

    def reserve(self, overdrawn: int) -> int:
        """Look at the clock and give generated code credit for its next allocations, charged ahead."""
        self.tick()
        self.charge(_CREDIT - overdrawn)
        return _CREDIT

    def _weigh(self, wanted: int) -> None:
        limit = self.limits.memory
        alive = 0 if wanted > limit else _Scale(self).weigh(sys._getframe(1))  # noqa: SLF001
        if alive + wanted > limit * _FULL:
            raise HogMemoryLimit(f"Memory limit of {limit} bytes exceeded")
        self.left = limit - alive - wanted

    # ------------------------------------------------------------------- sizes

    def check_string(self, length: int, /) -> None:
        """Refuse a string of ``length`` characters before it is built, and charge for it.

        Raises:
            HogSizeLimit: it is too long.
            OverBudget: work on it would try the host's patience.
        """
        if length > self.longest:
            self._too_large(length, self.limits.string, "A string can have at most {} characters")
        self.left -= _TEXT + length
        if self.left < 0:
            self._weigh(_TEXT + length)

    def check_items(self, count: int, /) -> None:
        """Refuse an array or object of ``count`` entries before it is built, and charge for it.

        Raises:
            HogSizeLimit: it has too many.
            OverBudget: work on it would try the host's patience.
        """
        self.cap_items(count)
        self.charge(_COSTS["list"] + _ITEM * count)
        if count > _MANY:
            self.tick()

    def cap_items(self, count: int, /) -> None:
        """Refuse an array or object that would grow to ``count`` entries. Charges nothing.

        Raises:
            HogSizeLimit: it has too many.
            OverBudget: work on it would try the host's patience.
        """
        if count > self.most:
            self._too_large(count, self.limits.items, "An array or object can have at most {} entries")

    def look_through(self, count: int, /) -> None:
        """Something goes through so many values at one go.

        Raises:
            HogTimeLimit: the CPU time is used up.
            OverBudget: it would try the host's patience, or has.
        """
        if self.patience < _FOREVER and count > _QUICK_ITEMS:
            raise OverBudget
        self.tick()

    @staticmethod
    def _too_large(size: int, limit: int, message: str) -> None:
        if size > limit:
            raise HogSizeLimit(message.format(limit))
        raise OverBudget  # one call in C over it may take longer than the host's patience

    def too_deep(self) -> NoReturn:
        """Refuse another nested call."""
        raise HogDepthLimit(f"Call stack exceeded maximum length of {self.limits.depth}")

    # ------------------------------------------------------------------ outside

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.host.now()

    def random(self) -> float:
        """The next random number of the run."""
        return self._randomness().number()

    def uuid4(self) -> str:
        """The next random UUID of the run."""
        return self._randomness().uuid4()

    def _randomness(self) -> Randomness:
        if self.random_source is None:
            self.random_source = Randomness(self.host.seed)
        return self.random_source

    def print(self, text: str, /) -> None:
        """Hand out one printed line; after the last one that is kept, a note that the rest was dropped."""
        self.printed += 1
        line = self._cut(text)
        if line is not None:
            self.host.emit(line)

    def _cut(self, text: str) -> str | None:
        limits = self.limits
        if self.printed > limits.log_lines:
            note = f"More than {limits.log_lines} lines were printed; the rest is dropped"
            return note if self.printed == limits.log_lines + 1 else None
        if len(text) <= limits.log_length:
            return text
        return f"{text[: limits.log_length]}... ({len(text) - limits.log_length} more characters)"

    def host_fault(self, message: str, /) -> NoReturn:
        """Fail the run because its surroundings cannot do what was asked."""
        raise HogRuntimeError(message)

    def traced(self, place: int, *changes: Any) -> None:
        """A statement ran; only runs that are traced listen."""


class _Scale:
    """Weighs what is alive: everything reachable from the variables of running generated code."""

    __slots__ = ("_meter", "_seen")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._seen: set[int] = set()

    def weigh(self, frame: FrameType | None) -> int:
        """The size of all that the frames of the run hold, library frames between them included."""
        frames: list[FrameType] = []
        ours = 0
        while frame is not None:
            frames.append(frame)
            if frame.f_code.co_filename == FILENAME:
                ours = len(frames)
            frame = frame.f_back
        return sum(self._values(list(each.f_locals.values())) for each in frames[:ours])

    def _values(self, todo: list[Any]) -> int:
        total = 0
        seen = self._seen
        count = 0
        while todo:
            value = todo.pop()
            kind = type(value)
            if kind is str:
                if id(value) not in seen:
                    seen.add(id(value))
                    total += _TEXT + len(value)
                continue
            if kind not in _CONTAINERS or id(value) in seen:
                total += 0 if kind in _CONTAINERS else 24
                continue
            seen.add(id(value))
            total += _own_size(value, kind)
            todo.extend(_parts(value, kind))
            count += 1
            if not count % _WALK:
                self._meter.tick()
        return total


_CONTAINERS: Final = frozenset({list, dict, tuple, HogErrorValue, HogCallable})


def _own_size(value: Any, kind: type) -> int:
    if kind is dict:
        return _COSTS["dict"] + _COSTS["entry"] * len(value)
    if kind is HogErrorValue or kind is HogCallable:
        return _COSTS["closure"]
    return _COSTS["list"] + _ITEM * len(value)


def _parts(value: Any, kind: type) -> list[Any]:
    if kind is dict:
        return [*value.keys(), *value.values()]
    if kind is HogErrorValue:
        return [value.message, value.payload]
    if kind is HogCallable:
        return _captured(value)
    return list(value)


def _captured(function: HogCallable) -> list[Any]:
    """What a closure keeps alive."""
    cells = getattr(function.impl, "__closure__", None) or ()
    bound = getattr(function.impl, "__kwdefaults__", None) or {}
    return [cell.cell_contents for cell in cells if _is_filled(cell)] + list(bound.values())


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 (reading an empty cell raises)
    except ValueError:
        return False
    return True


def _number(value: float) -> str:
    return f"{value:g}"
