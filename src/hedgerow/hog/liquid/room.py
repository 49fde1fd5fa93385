"""What one render may use, and how values look as text in it."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Any, Final

from hedgerow.hog.context import Unmetered
from hedgerow.hog.errors import HogMemoryLimit, HogSizeLimit, HogTimeLimit, OverBudget
from hedgerow.hog.host import Limits
from hedgerow.hog.text import number_text
from hedgerow.hog.values import is_number

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
_STRIDE: Final = 64


class Raw(str):
    """Text that passed through the filter ``raw`` last: it is put out as it is."""

    __slots__ = ()


class Room(Unmetered):
    """The bounds of one render."""

    def __init__(self, limits: Limits, now: float, patience_ms: float = math.inf) -> None:
        self.json_depth = limits.json_depth
        self.moment = now
        self._limits = limits
        self._memory = limits.memory
        began = time.thread_time()
        self._deadline = began + limits.cpu_ms / 1000
        self._patience = began + patience_ms / 1000
        self._steps = 0

    def now(self) -> float:
        """The moment of the render."""
        return self.moment

    def step(self) -> None:
        """Count one node of the template; look at the clock now and then."""
        self._steps += 1
        if not self._steps % _STRIDE:
            self.tick()

    def tick(self) -> None:
        """Look at the clock. Raises ``HogTimeLimit``, or ``OverBudget`` when the host has no more patience."""
        now = time.thread_time()
        if now > self._deadline:
            raise HogTimeLimit(f"Template used up its {self._limits.cpu_ms:g} ms")
        if now > self._patience:
            raise OverBudget

    def charge(self, size: int, /) -> None:
        """Account for new values. Raises ``HogMemoryLimit``."""
        self._memory -= size
        if self._memory < 0:
            raise HogMemoryLimit(f"Template used up its {self._limits.memory} bytes")

    def check_string(self, length: int, /) -> None:
        """Refuse a text before it is built. Raises ``HogSizeLimit``."""
        if length > self._limits.string:
            raise HogSizeLimit(f"A text would grow past {self._limits.string} characters")
        self.charge(length)

    def check_items(self, count: int, /) -> None:
        """Refuse an array before it is built. Raises ``HogSizeLimit``."""
        if count > self._limits.items:
            raise HogSizeLimit(f"An array would grow past {self._limits.items} items")
        self.charge(16 * count)


def escape(room: Room, text: str) -> str:
    """A text made safe inside HTML."""
    room.check_string(len(text) + 4 * sum(map(text.count, "&<>\"'")))
    return text.translate(_ESCAPES)


def text_of(room: Room, value: Any, depth: int = 0) -> str:
    """A value as LiquidJS shows it: arrays as their items side by side, objects not at all.

    Args:
        room: the bounds of the render.
        value: any value of a template.
        depth: how deep in arrays it was found.

    Returns:
        The text.

    Raises:
        HogSizeLimit: it would be too long, or nests too deep.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if is_number(value):
        return number_text(value)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if isinstance(value, datetime):
        return javascript_date(value)
    if not isinstance(value, list | tuple):
        return "[object Object]" if isinstance(value, dict) else ""
    if depth >= room.json_depth:
        raise HogSizeLimit(f"Array nests deeper than {room.json_depth} levels")
    texts = [text_of(room, item, depth + 1) for item in value]
    room.check_string(sum(map(len, texts)))
    return "".join(texts)


def javascript_date(moment: datetime) -> str:
    """A moment as JavaScript's ``Date`` shows itself, in UTC."""
    return f"{moment.astimezone(UTC):%a %b %d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"
