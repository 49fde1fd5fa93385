"""When is a property equal to one of the values of a filter? One rule, for a single value and for a list.

A text equals the same text. A value that reads as a number also equals that number; ``true`` and ``false`` as texts equal the
booleans, and the other way round. Nothing else is converted. PostHog's rule differs between one value and several,
and lets ``false`` equal any text; see ``differences``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.trees import array, binary, call, every, literal, negate, some
from hedgerow.hog.ast import Expr
from hedgerow.hog.ops import text_number


def equals_any(operand: Expr, values: Sequence[Any], *, text_only: bool = False) -> Expr:
    """The operand equals at least one of the values.

    Args:
        operand: what is looked at.
        values: JSON scalars of the filter.
        text_only: the operand is always a text, such as the event's name.

    Raises:
        ValidationError: a value is no text, number or boolean.
    """
    members: list[Any] = []
    tests: list[Expr] = []
    for value in values:
        if is_plain(value):
            members.append(value)
        elif isinstance(value, bool) or value in ("true", "false"):
            members += _boolean_forms(value)
        elif isinstance(value, int | float | str):
            tests.append(_numeric(operand, value))
        else:
            raise ValidationError(
                "A property can be compared with texts, numbers and booleans only.", attr="value"
            )
    return some([*_member(operand, members, text_only), *tests])


def is_plain(value: Any) -> bool:
    """Whether only the very same text equals this value."""
    if not isinstance(value, str):
        return False
    return value not in ("true", "false") and (not value.strip() or math.isnan(text_number(value)))


def _boolean_forms(value: bool | str) -> list[Any]:
    """The values that count as this boolean; a filter that holds a real one also takes 1 and 0."""
    truth = value in (True, "true")
    text = "true" if truth else "false"
    return [truth, text] if isinstance(value, str) else [truth, text, int(truth)]


def _member(operand: Expr, members: list[Any], text_only: bool) -> list[Expr]:
    if not members:
        return []
    if text_only and len(members) == 1:
        return [binary("==", operand, literal(members[0]))]
    return [binary("in", operand, array(list(dict.fromkeys(members)) if _all_text(members) else members))]


def _all_text(members: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in members)


def _numeric(operand: Expr, value: float | str) -> Expr:
    """Equal as numbers, or as the very same texts. Booleans and blank texts are no numbers."""
    test = binary("==", operand, literal(value))
    if isinstance(value, str):
        return every([test, binary("!=", call("typeof", operand), literal("boolean"))])
    if value == 0:
        return every([test, negate(is_blank(operand))])
    return test


def is_blank(operand: Expr) -> Expr:
    """The operand is a text without anything to read; JavaScript would take it for zero."""
    return every(
        [
            binary("==", call("typeof", operand), literal("string")),
            call("empty", call("trim", operand)),
        ]
    )
