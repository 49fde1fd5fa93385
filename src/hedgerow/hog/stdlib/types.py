"""Types and null: conversions, questions about a value, defaults."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.ops import JS_SPACE, decimal_number, parse_digits
from hedgerow.hog.stdlib.arguments import is_array, weigh
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import js_text, to_text
from hedgerow.hog.times import date_days
from hedgerow.hog.values import HogDate, HogDateTime, is_finite, is_nan, is_number, type_name

_LEADING_HEX: Final = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]+)")
_LEADING_INT: Final = re.compile(r"[+-]?[0-9]+")
_LEADING_FLOAT: Final = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")


@function(
    "toString",
    1,
    2,
    context=True,
    aliases=("toUUID",),
    examples=[
        ("toString(1.5)", "'1.5'"),
        ("toString([1, 'a'])", "'[1, \\'a\\']'"),
        ("toString(null)", "'null'"),
    ],
)
def to_string(ctx: RuntimeContext, value: Any, _zone: Any = None) -> str:
    """A value as text, the way templates show it. The second argument is accepted and ignored."""
    return to_text(ctx, value)


@function(
    "toInt",
    1,
    1,
    context=True,
    examples=[
        ("toInt('12.9')", "12"),
        ("toInt('0x10')", "16"),
        ("toInt('abc')", "null"),
        ("toInt(-2.7)", "-2"),
    ],
)
def to_int(ctx: RuntimeContext, value: Any) -> int | float | None:
    """The whole number a text starts with, or a number without its fraction; null when there is none.

    A date gives its days since 1970, a datetime its seconds.
    """
    if is_number(value):
        return int(value) if is_finite(value) else None
    weigh(ctx, value)
    if type(value) is HogDate:
        return date_days(value)
    if type(value) is HogDateTime:
        return math.floor(value.dt) if math.isfinite(value.dt) else None
    return leading_int(js_text(ctx, value))


@function(
    "toFloat",
    1,
    1,
    context=True,
    examples=[("toFloat('1.5kg')", "1.5"), ("toFloat('abc')", "null"), ("toFloat(2)", "2")],
)
def to_float(ctx: RuntimeContext, value: Any) -> int | float | None:
    """The number a text starts with; null when there is none. Dates as in ``toInt``."""
    weigh(ctx, value)
    if is_number(value):
        return None if is_nan(value) else value
    if type(value) is HogDate:
        return date_days(value)
    if type(value) is HogDateTime:
        return value.dt if math.isfinite(value.dt) else None
    return leading_float(js_text(ctx, value))


def leading_int(text: str) -> int | float | None:
    """JavaScript's ``parseInt``, with None for NaN."""
    text = text.lstrip(JS_SPACE)
    if match := _LEADING_HEX.match(text):
        number = parse_digits(match[2], 16)
        return -number if match[1] == "-" else number
    return decimal_number(match[0]) if (match := _LEADING_INT.match(text)) else None


def leading_float(text: str) -> int | float | None:
    """JavaScript's ``parseFloat``, with None for NaN."""
    match = _LEADING_FLOAT.match(text.lstrip(JS_SPACE))
    return decimal_number(match[0]) if match else None


@function(
    "typeof",
    1,
    1,
    examples=[
        ("typeof(1)", "'integer'"),
        ("typeof('a')", "'string'"),
        ("typeof({})", "'object'"),
        ("typeof(null)", "'null'"),
    ],
)
def type_of(value: Any) -> str:
    """The name of a value's type: null, boolean, integer, float, string, array, tuple, object, date, datetime, error or function."""
    return type_name(value)


@function("tuple", 0, None, examples=[("tuple(1, 2)", "(1, 2)"), ("tuple()", "tuple()")])
def tuple_(*values: Any) -> tuple[Any, ...]:
    """A tuple of the arguments."""
    return values


@function("ifNull", 2, 2, examples=[("ifNull(null, 'x')", "'x'"), ("ifNull(0, 'x')", "0")])
def if_null(value: Any, otherwise: Any) -> Any:
    """The first argument, or the second when the first is null."""
    return otherwise if value is None else value


@function("isNull", 1, 1, examples=[("isNull(null)", "true"), ("isNull('')", "false")])
def is_null(value: Any) -> bool:
    """Whether a value is null."""
    return value is None


@function("isNotNull", 1, 1, examples=[("isNotNull(null)", "false"), ("isNotNull('')", "true")])
def is_not_null(value: Any) -> bool:
    """Whether a value is anything but null."""
    return value is not None


@function("coalesce", 1, None, examples=[("coalesce(null, null, 3)", "3"), ("coalesce(null)", "null")])
def coalesce(*values: Any) -> Any:
    """The first argument that is not null; null when all are."""
    return next((value for value in values if value is not None), None)


@function("assumeNotNull", 1, 1, examples=[("assumeNotNull(1)", "1")])
def assume_not_null(value: Any) -> Any:
    """The value itself. Null fails the program."""
    if value is None:
        raise HogRuntimeError("Value is null in assumeNotNull")
    return value


@function(
    "empty",
    1,
    1,
    examples=[("empty('')", "true"), ("empty([])", "true"), ("empty(0)", "false"), ("empty(' ')", "false")],
)
def empty(value: Any) -> bool:
    """Whether a value is null, '', an empty array or an empty object. Numbers and booleans never are."""
    return value is None or ((type(value) is str or type(value) is dict or is_array(value)) and not value)


@function("notEmpty", 1, 1, examples=[("notEmpty('a')", "true"), ("notEmpty({})", "false")])
def not_empty(value: Any) -> bool:
    """The opposite of ``empty``."""
    return not empty(value)
