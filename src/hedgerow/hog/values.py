"""Hog values that Python has no type for, and the small questions asked of every value.

Null, booleans, integers, floats, strings, arrays (``list``), tuples (``tuple``) and objects (``dict``) are Python's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HogDate:
    """A calendar date. ``year`` etc. may be NaN for an unparsable text, as in PostHog's VM."""

    year: int | float
    month: int | float
    day: int | float


@dataclass(frozen=True, slots=True)
class HogDateTime:
    """An instant: ``dt`` seconds since the epoch, shown in ``zone`` (IANA name)."""

    dt: float
    zone: str = "UTC"


@dataclass(slots=True, eq=False)
class HogErrorValue:
    """What ``Error(...)`` makes and ``throw`` throws. Compared by identity."""

    type: str
    message: str
    payload: Any = None
