"""Dates in filters: absolute ones, and those relative to the moment at which an event is matched."""

from __future__ import annotations

import re
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.trees import binary, call, every, is_set, literal
from hedgerow.hog.ast import Expr
from hedgerow.hog.times import instant

_RELATIVE: Final = re.compile(r"-?(\d{1,6})([hdwmqysM])")
_UNITS: Final = {
    "s": ("second", 1),
    "M": ("minute", 1),
    "h": ("hour", 1),
    "d": ("day", 1),
    "w": ("week", 1),
    "m": ("month", 1),
    "q": ("month", 3),
    "y": ("year", 1),
}


def compare_date(operand: Expr, op: str, value: Any) -> Expr:
    """Compare the operand with a date of the filter. Hog reads a text beside a date as a date, if it is one.

    Args:
        operand: a property; text that is no date is neither before, after nor equal.
        op: ``==``, ``<`` or ``>``.
        value: ``2026-01-31``, ``2026-01-31T10:00:00Z`` (UTC when it names no zone), or an age such as ``-7d``: a number and
            one of s, M (minutes), h, d, w, m (months), q, y, taken from the moment of matching.

    Raises:
        ValidationError: it is neither.
    """
    if not isinstance(value, str):
        raise ValidationError("A date is written as text, such as 2026-01-31 or -7d.", attr="value")
    relative = _RELATIVE.fullmatch(value.strip())
    if relative is None:
        return every([is_set(operand), binary(op, operand, _absolute(value))])
    reference = _ago(int(relative.group(1)), relative.group(2))
    if op == "==":
        return every([is_set(operand), *_same_day(operand, reference)])
    return every([is_set(operand), binary(op, operand, reference)])


def _absolute(value: str) -> Expr:
    if instant(value) is None:
        raise ValidationError(
            f"{value!r} is no date. Write 2026-01-31, 2026-01-31T10:00:00Z, or an age such as -7d.",
            attr="value",
        )
    return call("toDateTime", literal(value))


def _ago(count: int, unit: str) -> Expr:
    word, times = _UNITS[unit]
    return call("dateAdd", literal(word), literal(-count * times), call("now"))


def _same_day(operand: Expr, reference: Expr) -> list[Expr]:
    """Exactly seven days ago means that day, not that millisecond."""
    start = call("toStartOfDay", reference)
    return [
        binary(">=", operand, start),
        binary("<", operand, call("dateAdd", literal("day"), literal(1), start)),
    ]
