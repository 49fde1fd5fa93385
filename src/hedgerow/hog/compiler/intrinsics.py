"""Library functions that are so small that calling them costs more than what they do.

Each has its common case written out, with the library function itself behind it for everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hedgerow.hog.compiler.build import Builder, PyExpr
from hedgerow.hog.compiler.forms import Operand

SHORT: Final = 128
"""Strings up to this length are not charged one by one."""

Intrinsic = Callable[[Builder, Operand, PyExpr], PyExpr]


def _cased(method: str) -> Intrinsic:
    def emit(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
        short = p.compare(p.call("len", value.again), "<", p.const(SHORT))
        plain = [p.has_type(value.first, "str"), p.method(value.again, "isascii"), short]
        return p.choose(p.all_of(plain), p.method(value.again, method), slow)

    return emit


def _length(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    text = p.all_of([p.has_type(value.again, "str"), p.method(value.again, "isascii")])
    return p.choose(p.any_of([p.has_type(value.first, "list"), text]), p.call("len", value.again), slow)


def _empty(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.choose(p.has_type(value.first, "str", "dict"), p.invert(value.again), slow)


def _not_empty(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.choose(p.has_type(value.first, "str", "dict"), p.invert(p.invert(value.again)), slow)


def _to_string(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.choose(p.has_type(value.first, "str"), value.again, slow)


def _type_of(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.choose(p.has_type(value.first, "str"), p.const("string"), slow)


def _is_null(p: Builder, value: Operand, _slow: PyExpr) -> PyExpr:
    return p.is_null(value.value)


def _is_not_null(p: Builder, value: Operand, _slow: PyExpr) -> PyExpr:
    return p.is_null(value.value, negated=True)


INTRINSICS: Final[dict[str, Intrinsic]] = {
    "empty": _empty,
    "isNotNull": _is_not_null,
    "isNull": _is_null,
    "length": _length,
    "lower": _cased("lower"),
    "notEmpty": _not_empty,
    "toString": _to_string,
    "typeof": _type_of,
    "upper": _cased("upper"),
}
"""By name; all of them are called with one argument."""
