"""Numbers."""

from __future__ import annotations

import math
from typing import Any

from hedgerow.hog.context import RuntimeContext, watch
from hedgerow.hog.ops import to_number
from hedgerow.hog.stdlib.arguments import settle, weigh
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import as_double
from hedgerow.hog.values import is_finite, is_nan


@function(
    "floor", 1, 2, context=True, examples=[("floor(1.9)", "1"), ("floor(-1.5)", "-2"), ("floor('2.5')", "2")]
)
def floor(ctx: RuntimeContext, value: Any, _digits: Any = None) -> int | float:
    """The greatest whole number not above the value. The second argument is accepted and ignored."""
    weigh(ctx, value)
    number = to_number(value)
    if type(number) is int or not is_finite(number):
        return number
    return settle(float(math.floor(number)))


@function(
    "round", 1, 2, context=True, examples=[("round(2.5)", "3"), ("round(-1.5)", "-1"), ("round(1.4)", "1")]
)
def round_(ctx: RuntimeContext, value: Any, _digits: Any = None) -> int | float:
    """The nearest whole number, halves upwards. The second argument is accepted and ignored."""
    weigh(ctx, value)
    number = to_number(value)
    if type(number) is int or not is_finite(number):
        return number
    down = math.floor(number)
    return settle(float(down + (number - down >= 0.5)))


@function(
    "range",
    1,
    2,
    context=True,
    examples=[("range(3)", "[0, 1, 2]"), ("range(2, 5)", "[2, 3, 4]"), ("range(5, 2)", "[]")],
)
def range_(ctx: RuntimeContext, first: Any, last: Any = None) -> list[int | float]:
    """The numbers from the first argument up to but not including the second; from 0 with one argument."""
    start, stop = (0, to_number(first)) if last is None else (to_number(first), to_number(last))
    count = as_double(stop) - as_double(start)
    size = int(min(max(count, 0.0), 2.0**53)) if not is_nan(count) else 0
    ctx.check_items(size)
    watch(ctx, size)
    if type(start) is int:
        return list(range(start, start + size))
    return [start + step for step in range(size)]


@function("randomFloat", 0, 0, context=True, pure=False, examples=[("randomFloat() < 1", "true")])
def random_float(ctx: RuntimeContext) -> float:
    """A random number from 0 up to but not including 1. A repeated run draws the same numbers."""
    return ctx.random()
