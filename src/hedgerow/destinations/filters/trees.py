"""Short names for the pieces of Hog trees that filters are made of.

Filters are built as trees and never as text, so nothing in a filter's values can be mistaken for code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hedgerow.hog import ast
from hedgerow.hog.ast import Expr

NOWHERE: Final = ast.Span(0, 0)


def literal(value: bool | float | str | None) -> Expr:
    """A constant."""
    return ast.Literal(span=NOWHERE, value=value)


def name(text: str) -> Expr:
    """A filter global."""
    return ast.Name(span=NOWHERE, name=text)


def prop(owner: Expr, *keys: str) -> Expr:
    """``owner.key.key``; keys may hold any characters."""
    for key in keys:
        owner = ast.Property(span=NOWHERE, object=owner, name=key)
    return owner


def call(function: str, *args: Expr) -> Expr:
    """A call of a library function."""
    return ast.Call(span=NOWHERE, callee=name(function), args=list(args))


def binary(op: str, left: Expr, right: Expr) -> Expr:
    """``left op right``."""
    return ast.Binary(span=NOWHERE, op=op, left=left, right=right)


def array(values: Sequence[bool | int | float | str | None]) -> Expr:
    """A list of constants."""
    return ast.Array(span=NOWHERE, items=[literal(value) for value in values])


def concat(*parts: Expr) -> Expr:
    """The texts of the parts joined."""
    return ast.Concat(span=NOWHERE, parts=list(parts))


def every(conditions: Sequence[Expr]) -> Expr:
    """All of them hold; true without any."""
    return _chain("and", conditions, empty=True)


def some(conditions: Sequence[Expr]) -> Expr:
    """At least one holds; false without any."""
    return _chain("or", conditions, empty=False)


def _chain(op: str, conditions: Sequence[Expr], *, empty: bool) -> Expr:
    kept = [item for item in conditions if not is_constant(item, empty)]
    if not kept:
        return literal(empty)
    return kept[0] if len(kept) == 1 else ast.Logical(span=NOWHERE, op=op, operands=kept)


def negate(condition: Expr) -> Expr:
    """It does not hold."""
    return ast.Unary(span=NOWHERE, op="not", operand=condition)


def is_null(operand: Expr) -> Expr:
    """``operand is null``."""
    return ast.IsNull(span=NOWHERE, operand=operand)


def is_set(operand: Expr) -> Expr:
    """``operand is not null``."""
    return ast.IsNull(span=NOWHERE, operand=operand, negated=True)


def between(operand: Expr, low: float, high: float) -> Expr:
    """``operand between low and high``."""
    return ast.Between(span=NOWHERE, operand=operand, low=literal(low), high=literal(high))


def any_of(items: Expr, variable: str, condition: Expr) -> Expr:
    """The condition holds for at least one of the items, which it knows as ``variable``."""
    return call("arrayExists", ast.Lambda(span=NOWHERE, params=[variable], body=condition), items)


def is_constant(expr: Expr, value: bool) -> bool:
    """Whether a tree is just this boolean."""
    return isinstance(expr, ast.Literal) and expr.value is value
