"""Dates in filters: absolute ones, and those relative to the moment at which an event is matched."""

from __future__ import annotations

import re
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.trees import binary, call, every, literal
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
    """Compare the operand, read as a date, with a date of the filter.

    Args:
        operand: a property; text that is no date is neither before, after nor equal.
        op: ``==``, ``<`` or ``>``.
        value: ``2026-01-31``, ``2026-01-31T10:00:00Z`` (UTC when it names no zone), or an age such as ``-7d``: a number and
            one of s, M (minutes), h, d, w, m (months), q, y, taken from the moment of matching.

    Raises:
        ValidationError: it is neither.
    """
    moment = call("toDateTime", call("toString", operand))
    if not isinstance(value, str):
        raise ValidationError("A date is written as text, such as 2026-01-31 or -7d.", attr="value")
    relative = _RELATIVE.fullmatch(value.strip())
    if relative is None:
        return binary(op, moment, _absolute(value))
    reference = _ago(int(relative.group(1)), relative.group(2))
    if op == "==":
        return _same_day(moment, reference)
    return binary(op, moment, reference)


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


def _same_day(moment: Expr, reference: Expr) -> Expr:
    """Exactly seven days ago means that day, not that millisecond."""
    return every(
        [
            binary(">=", moment, call("toStartOfDay", reference)),
            binary("<", moment, call("dateAdd", literal("day"), literal(1), call("toStartOfDay", reference))),
        ]
    )
