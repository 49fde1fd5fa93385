"""Library functions that are so small that calling them costs more than what they do.

Each has its common case written out, with the library function itself behind it for everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hedgerow.hog.compiler.build import Builder, PyExpr
from hedgerow.hog.compiler.forms import Operand
from hedgerow.hog.compiler.kinds import TEXT

SHORT: Final = 128
"""Strings up to this length are not charged one by one."""
SMALL_TEXTS: Final = 1024
"""Whole numbers from 0 up to this one have their texts ready in a table, which is quicker than making them."""

TYPES: Final[dict[Any, str]] = {
    "array": "list",
    "boolean": "bool",
    "object": "dict",
    "string": "str",
    "tuple": "tuple",
}
"""What ``typeof`` calls a type, and what generated code does, for types that are exactly one of Python."""

Intrinsic = Callable[[Builder, Operand, PyExpr], PyExpr]


def _short_text(p: Builder, value: Operand, *tests: PyExpr) -> PyExpr:
    """Whether a value is a text that is not long; ``tests`` stand between the two questions."""
    short = p.compare(p.call("len", value.again), "<", p.const(SHORT))
    if value.kind == TEXT and value.stable:
        return p.all_of([*tests, short]) if tests else short
    return p.all_of([p.has_type(value.first, "str"), *tests, short])


def _cased(method: str) -> Intrinsic:
    def emit(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
        test = _short_text(p, value, p.method(value.again, "isascii"))
        return p.choose(test, p.method(value.again, method), slow)

    return emit


def _length(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    text = p.all_of([p.has_type(value.again, "str"), p.method(value.again, "isascii")])
    return p.choose(p.any_of([p.has_type(value.first, "list"), text]), p.call("len", value.again), slow)


def _empty(p: Builder, value: Operand, _slow: PyExpr) -> PyExpr:
    # What Python takes for false is empty, but for numbers and false itself.
    return p.all_of([p.invert(value.first), p.compare(p.type_of(value.again), "not in", p.load("NUMERIC"))])


def _not_empty(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.invert(_empty(p, value, slow))


def _trim(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.choose(_short_text(p, value), p.method(value.again, "strip", p.const(" ")), slow)


def _json(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.any_of([p.call("brief_json", value.first), slow])


def _to_string(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.choose(p.has_type(value.first, "str"), value.again, slow)


def _type_of(p: Builder, value: Operand, slow: PyExpr) -> PyExpr:
    return p.any_of([p.method(p.load("TYPE_NAMES"), "get", p.type_of(value.first)), slow])


def _is_null(p: Builder, value: Operand, _slow: PyExpr) -> PyExpr:
    return p.is_null(value.value)


def _is_not_null(p: Builder, value: Operand, _slow: PyExpr) -> PyExpr:
    return p.is_null(value.value, negated=True)


INTRINSICS: Final[dict[str, Intrinsic]] = {
    "empty": _empty,
    "isNotNull": _is_not_null,
    "isNull": _is_null,
    "jsonStringify": _json,
    "length": _length,
    "lower": _cased("lower"),
    "notEmpty": _not_empty,
    "toString": _to_string,
    "trim": _trim,
    "typeof": _type_of,
    "upper": _cased("upper"),
}
"""By name; all of them are called with one argument."""

MAKERS: Final = frozenset({"jsonStringify", "lower", "trim", "upper"})
"""Those that make a text."""
