"""Odd Hog values, and how to compare what two ways of running the same thing give."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hedgerow.hog import HogCallable, HogDate, HogDateTime, HogError, HogErrorValue

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    200,
    2**31,
    2**53,
    2**53 + 1,
    -(2**53),
    10**30,
    0.0,
    -0.0,
    0.5,
    -1.5,
    1.0,
    3.0,
    1e21,
    1e300,
    math.inf,
    -math.inf,
    math.nan,
    "",
    " ",
    "0",
    "1",
    "1.0",
    " 1 ",
    "-1.5",
    "0x10",
    "1e3",
    "true",
    "false",
    "null",
    "NaN",
    "abc",
    "ABC",
    "a%c",
    "ab\nc",
    "é",
    "\u212a",  # the Kelvin sign, which folds to k
    "\U0001f994",
    "\ud800",
    "2024-02-29",
    "2024-02-29T12:30:00Z",
    "x" * 300,
    [],
    [1],
    [1, 2],
    [1.0, 2],
    ["a", "abc"],
    [[1]],
    (),
    (1,),
    ("a", 1),
    {},
    {"a": 1},
    {"abc": None, "1": "x"},
    {1: "x", 2.5: "y"},
    HogDate(2024, 2, 29),
    HogDateTime(1709209800.0, "UTC"),
    HogErrorValue("Error", "abc", None),
    HogCallable("f", 1, len),
]
"""Values that every form has to get right, alone and in pairs."""


def canonical(value: Any, depth: int = 0) -> Any:
    """A value in a shape that compares as Hog sees it: one domain of numbers, NaN equal to itself."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if depth > 20:
        return "..."
    if isinstance(value, list | tuple):
        return type(value).__name__, [canonical(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return "dict", [(canonical(key), canonical(item, depth + 1)) for key, item in value.items()]
    if isinstance(value, HogErrorValue):
        return "error", value.type, value.message, canonical(value.payload, depth + 1)
    return "function" if isinstance(value, HogCallable) else repr(value)


def _number(value: float) -> Any:
    if math.isnan(value):
        return "NaN"
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return "number", int(value)
    return "number", float(value) if abs(value) > 2**53 and abs(value) < 1e308 else value


def outcome(run: Callable[[], Any]) -> Any:
    """What a run gives, or how it fails, comparable."""
    try:
        return canonical(run())
    except HogError as error:
        return type(error).__name__, error.message
