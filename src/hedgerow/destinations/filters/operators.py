"""What each filter operator means, as a Hog expression over an operand.

The operators and their names are PostHog's. Every one is total: whatever the operand holds, the answer is true or false. A
negative operator is exactly the opposite of its positive twin, so it holds for a property that is missing; only
``not_between`` asks for a value outside, and a missing one is not outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import re2

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.dates import compare_date
from hedgerow.destinations.filters.equality import equals_any, is_blank
from hedgerow.destinations.filters.semver import SEMVER
from hedgerow.destinations.filters.trees import (
    between,
    binary,
    call,
    every,
    is_null,
    is_set,
    literal,
    negate,
    some,
)
from hedgerow.hog.ast import Expr
from hedgerow.hog.ops import text_number

Test = Callable[[Expr, Any], Expr]
LONGEST_LIST: Final = 1000
_WITHOUT_VALUE: Final = frozenset({"is_set", "is_not_set"})


def condition(operand: Expr, operator: str | None, value: Any, *, text_only: bool = False) -> Expr:
    """One condition of a filter.

    Args:
        operand: what is looked at.
        operator: PostHog's name of it; ``exact`` when there is none.
        value: a scalar, or a list of them meaning "any of" (for negative operators "none of").
        text_only: the operand is always a text.

    Raises:
        ValidationError: there is no such operator, or it cannot use this value.
    """
    operator = operator or "exact"
    if operator in _WITHOUT_VALUE:
        return is_set(operand) if operator == "is_set" else is_null(operand)
    if operator in NEGATIVE:
        return negate(condition(operand, NEGATIVE[operator], value, text_only=text_only))
    if value is None or value == []:
        raise ValidationError("The filter is incomplete: choose a value.", attr="value", code="required")
    if operator in WHOLE:
        return WHOLE[operator](operand, value)
    values = _values(value)
    if operator in ("exact", "in"):
        return equals_any(operand, values, text_only=text_only)
    test = SINGLE.get(operator)
    if test is None:
        raise ValidationError(_unknown(operator), attr="operator", code="invalid_choice")
    return some([test(operand, item) for item in values])


def _values(value: Any) -> Sequence[Any]:
    values = value if isinstance(value, list) else [value]
    if len(values) > LONGEST_LIST:
        raise ValidationError(f"A filter takes at most {LONGEST_LIST} values.", attr="value")
    return values


def _unknown(operator: str) -> str:
    near = get_close_matches(str(operator), OPERATORS, n=1)
    return f"There is no operator {operator!r}." + (f" Did you mean {near[0]!r}?" if near else "")


def _text(value: Any) -> str:
    """The text that a scalar is searched for as."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else str(value)
    raise ValidationError("Text is searched for with texts, numbers and booleans only.", attr="value")


def _contains(operand: Expr, value: Any) -> Expr:
    """The operand's text holds the value, in any case; ``%`` and ``_`` mean themselves."""
    text = _text(value)
    if not text:
        raise ValidationError(
            "Every text contains the empty text: choose a value.", attr="value", code="required"
        )
    if "%" not in text and "_" not in text:
        return binary("ilike", operand, literal(f"%{text}%"))
    place = call("positionCaseInsensitive", call("toString", operand), literal(text))
    return every([is_set(operand), binary(">", place, literal(0))])


def _matches(operand: Expr, value: Any) -> Expr:
    pattern = _text(value)
    check_pattern(pattern)
    return binary("=~", operand, literal(pattern))


def check_pattern(pattern: str) -> None:
    """Refuse a regular expression that RE2 does not take.

    Raises:
        ValidationError: with RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ValidationError(
            f"{pattern!r} is no valid regular expression: {reason}.", attr="value"
        ) from error


def _ordered(op: str) -> Test:
    """An order. A value that reads as a number is one, so that numbers kept as texts compare by value."""

    def test(operand: Expr, value: Any) -> Expr:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValidationError("Choose a number or a text to compare with.", attr="value")
        if isinstance(value, str) and value.strip() and (number := text_number(value)) == number:
            value = number
        compared = binary(op, operand, literal(value))
        if isinstance(value, str):
            return compared
        return every([compared, negate(is_blank(operand))])

    return test


def _within(operand: Expr, value: Any) -> Expr:
    low, high = _bounds(value)
    return between(operand, low, high)


def _outside(operand: Expr, value: Any) -> Expr:
    low, high = _bounds(value)
    return some([binary("<", operand, literal(low)), binary(">", operand, literal(high))])


def _bounds(value: Any) -> tuple[int | float, int | float]:
    numbers = [text_number(item) if isinstance(item, str) and item.strip() else item for item in _list(value)]
    if len(numbers) != 2 or not all(_is_number(item) for item in numbers):
        raise ValidationError("Choose two numbers, the least and the greatest.", attr="value")
    low, high = numbers
    if low > high:
        raise ValidationError("The first number must not be greater than the second.", attr="value")
    return low, high


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - NaN


def _dated(op: str) -> Test:
    return lambda operand, value: compare_date(operand, op, value)


SINGLE: Final[Mapping[str, Test]] = {
    "icontains": _contains,
    "icontains_multi": _contains,
    "regex": _matches,
    "gt": _ordered(">"),
    "gte": _ordered(">="),
    "min": _ordered(">="),
    "lt": _ordered("<"),
    "lte": _ordered("<="),
    "max": _ordered("<="),
    "is_date_exact": _dated("=="),
    "is_date_before": _dated("<"),
    "is_date_after": _dated(">"),
    **SEMVER,
}
"""Operators of one value; with several, one must hold."""

WHOLE: Final[Mapping[str, Test]] = {"between": _within, "not_between": _outside}
"""Operators that take their value as a whole."""

NEGATIVE: Final[Mapping[str, str]] = {
    "is_not": "exact",
    "not_in": "in",
    "not_icontains": "icontains",
    "not_icontains_multi": "icontains_multi",
    "not_regex": "regex",
    "semver_neq": "semver_eq",
}
"""Operators that are the opposite of another."""

OPERATORS: Final = frozenset(
    {"exact", "in", "is_cleaned_path_exact", *_WITHOUT_VALUE, *SINGLE, *WHOLE, *NEGATIVE}
)
