"""What library functions ask of their arguments."""

from __future__ import annotations

import math
from typing import Any, Final, TypeGuard

from hedgerow.hog.context import LARGE, RuntimeContext, watch
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.ops import to_number
from hedgerow.hog.text import as_double
from hedgerow.hog.values import type_name

_CONTAINERS: Final = frozenset({list, tuple, dict})


def need_text(function: str, value: Any) -> str:
    """The argument as a string. Raises ``HogRuntimeError`` when it is none."""
    if type(value) is str:
        text: str = value
        return text
    raise HogRuntimeError(f"{function}() needs a string, not a value of type {type_name(value)}")


def is_array(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Whether a value is an array or a tuple."""
    return type(value) is list or type(value) is tuple


def whole(value: Any) -> int:
    """The argument as a whole number, cut towards zero; 0 when it is none, bounded by what a double counts."""
    number = as_double(to_number(value))
    if math.isnan(number):
        return 0
    return int(max(-(2.0**53), min(2.0**53, number)))


def settle(number: float) -> int | float:
    """A double without fraction as the integer it is."""
    return int(number) if number.is_integer() and abs(number) <= 2.0**53 else number


def weigh(ctx: RuntimeContext, *values: Any) -> None:
    """Look at the clock when any of the arguments is large enough to take time."""
    for value in values:
        if type(value) is str:
            watch(ctx, len(value))
        elif type(value) in _CONTAINERS and len(value) > LARGE:
            ctx.look_through(len(value))
