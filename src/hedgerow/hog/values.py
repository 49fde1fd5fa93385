"""Hog values that Python has no type for, and the small questions asked of every value.

Null, booleans, integers, floats, strings, arrays (``list``), tuples (``tuple``) and objects (``dict``) are Python's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeGuard


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


@dataclass(slots=True, eq=False)
class HogCallable:
    """A function as a value: a closure, a lambda or a built-in. Compared by identity.

    Attributes:
        name: what it prints as, ``lambda`` for one without a name.
        arity: the number of parameters it prints (for a built-in the most it takes).
        impl: what is called; how is the compiler's affair.
    """

    name: str
    arity: int
    impl: Callable[..., Any]


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a Hog number. Booleans are none, though Python's ``bool`` is an ``int``."""
    kind = type(value)
    return kind is int or kind is float


def is_nan(value: object) -> bool:
    """Whether a value is NaN, the only one that does not equal itself."""
    return type(value) is float and math.isnan(value)


def is_finite(number: float) -> bool:
    """Whether a number is finite. An integer always is, even one too large for a double."""
    return type(number) is int or math.isfinite(number)


def type_name(value: Any) -> str:
    """The name ``typeof`` gives. A float without fraction is an ``integer``: Hog has one domain of numbers."""
    kind = type(value)
    if kind is float:
        return "integer" if value.is_integer() else "float"
    return TYPE_NAMES.get(kind, "unknown")


TYPE_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    str: "string",
    list: "array",
    tuple: "tuple",
    dict: "object",
    HogDate: "date",
    HogDateTime: "datetime",
    HogErrorValue: "error",
    HogCallable: "function",
}
"""The name of each type but ``float``, whose name depends on the value."""


def truthy(value: Any) -> bool:
    """Whether a condition holds: null, false, 0, NaN and '' do not; empty arrays and objects do."""
    kind = type(value)
    if kind is bool:
        return value is True
    if value is None or kind is str:
        return bool(value)
    if kind is int or kind is float:
        return bool(value) and not is_nan(value)
    return True
