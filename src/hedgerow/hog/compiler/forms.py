"""The fast form of every operator, beside the helper that it must agree with.

A form is a Python expression which decides by exact types whether Python's own operator means what Hog means, and calls
the helper of ``hedgerow.hog.ops`` where it does not. Operands are evaluated once, from left to right, whichever way it goes:
the first mention of an operand is ``Operand.first``, and it always stands where it is evaluated unconditionally. Python's
OverflowError, for integers past all doubles that only a host could bring in, becomes a Hog error like any other.

``OPERATORS`` is the table of helpers; with ``fast`` off nothing else is emitted.
"""

from __future__ import annotations

import ast as python
from typing import Any, Final

from hedgerow.hog.compiler.build import Builder, PyExpr
from hedgerow.hog.compiler.kinds import ANY, BOOL, FLOAT, INT, NUM, NUMBERS, SAFE, TEXT, Kind, of_constant

OPERATORS: Final = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "modulo",
    "==": "equals",
    "!=": "not_equals",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "in": "in_",
    "not in": "not_in",
    "like": "like",
    "not like": "not_like",
    "ilike": "ilike",
    "not ilike": "not_ilike",
    "=~": "matches",
    "!~": "not_matches",
    "=~*": "imatches",
    "!~*": "not_imatches",
}
"""The helper of each operator."""

WITH_CONTEXT: Final = frozenset({"like", "not like", "ilike", "not ilike", "=~", "!~", "=~*", "!~*"})
"""Operators whose helper takes the run first."""

GUARDED: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in"})
"""Operators whose helper takes whatever may give the run: they need it for large containers only."""

_UNKNOWN: Final = object()


class Operand:
    """An operand of a form: its first mention, how to mention it again, and what is known of it.

    ``value`` is for forms that mention it only once: it needs no temporary.
    """

    __slots__ = ("again", "constant", "first", "kind", "value")

    def __init__(self, first: PyExpr, again: PyExpr, kind: Kind) -> None:
        self.first = first
        self.again = again
        self.value: PyExpr = first.value if isinstance(first, python.NamedExpr) else first
        self.kind = kind
        self.constant: Any = first.value if isinstance(first, python.Constant) else _UNKNOWN

    @property
    def stable(self) -> bool:
        """Whether mentioning it costs nothing and changes nothing."""
        return self.first is self.again

    @property
    def known(self) -> bool:
        """Whether it is a constant."""
        return self.constant is not _UNKNOWN


class Forms:
    """Emits operators. ``ctx`` gives the expression of the run where a helper needs it."""

    def __init__(self, builder: Builder, *, fast: bool) -> None:
        self.p = builder
        self.fast = fast
        self._temps = 0

    def ctx(self) -> PyExpr:
        """The run, for helpers that take it."""
        raise NotImplementedError

    def holder(self) -> PyExpr:
        """The run, or what it can be made from."""
        raise NotImplementedError

    def fresh(self) -> str:
        """A new temporary name."""
        self._temps += 1
        return f"t{self._temps}"

    def binary(self, op: str, left: Operand, right: Operand) -> PyExpr:
        """``left op right``."""
        if not self.fast:
            return self.helper(op, left.value, right.value)
        if op in "+-*/%":
            return self._arithmetic(op, left, right)
        if op in {"==", "!="}:
            return self._equality(op, left, right)
        if op in {"<", "<=", ">", ">="}:
            return self._ordering(op, left, right)
        if op in {"like", "not like", "ilike", "not ilike"}:
            return self._like(op, left, right)
        return self.helper(op, left.value, right.value)

    def helper(self, op: str, left: PyExpr, right: PyExpr) -> PyExpr:
        """The helper call for an operator."""
        if op in WITH_CONTEXT:
            return self.p.call(OPERATORS[op], self.ctx(), left, right)
        if op in GUARDED:
            return self.p.call(OPERATORS[op], self.holder(), left, right)
        return self.p.call(OPERATORS[op], left, right)

    def _again(self, op: str, left: Operand, right: Operand) -> PyExpr:
        return self.helper(op, left.again, right.again)

    # ------------------------------------------------------------- arithmetic

    def _arithmetic(self, op: str, left: Operand, right: Operand) -> PyExpr:
        if {left.kind, right.kind} & {BOOL, TEXT}:
            return self.helper(op, left.value, right.value)
        if left.kind in NUMBERS and right.kind in NUMBERS:
            return self._numeric(op, left, right)
        if op == "/":
            return self._division(left, right)
        if op == "%":
            return self._remainder(left, right)
        if left.kind == ANY and right.kind != ANY:
            return self._half(op, left, right, other=right)
        if right.kind == ANY and left.kind != ANY:
            return self._half(op, left, right, other=left)
        return self._general(op, left, right)

    def _numeric(self, op: str, left: Operand, right: Operand) -> PyExpr:
        """Both are numbers for certain."""
        p = self.p
        if op == "/":
            return self._numeric_division(left, right)
        if op == "%":
            if left.kind == INT and _nonzero(right):
                return p.call("fmod", left.value, right.value)
            return self.helper(op, left.value, right.value)
        kinds = {left.kind, right.kind}
        if kinds == {INT}:
            if op != "*" and (_small(left) or _small(right)):
                return p.arithmetic(left.value, op, right.value)
            if left.known or right.known:
                return p.arithmetic(self._double(left), op, self._double(right))
            neutral = p.const(1.0 if op == "*" else 0.0)
            return p.arithmetic(p.arithmetic(left.value, op, neutral), op, right.value)
        if FLOAT in kinds:
            return p.arithmetic(self._double(left), op, self._double(right))
        name = self.fresh()
        test = p.any_of(
            [
                p.has_type(p.keep(name, p.arithmetic(left.value, op, right.value)), "float"),
                self._safe(p.load(name)),
            ]
        )
        return p.choose(test, p.load(name), p.call("settle", p.load(name)))

    def _double(self, operand: Operand) -> PyExpr:
        """A constant that meets a float is best a float too: Python is quicker with two of a kind."""
        if operand.kind == INT and operand.known:
            return self.p.const(float(operand.constant))
        return operand.value

    def _pair(self, left: Operand, op: str, right: Operand) -> PyExpr:
        """A comparison of two known numbers."""
        if FLOAT in {left.kind, right.kind}:
            return self.p.compare(self._double(left), op, self._double(right))
        return self.p.compare(left.value, op, right.value)

    def _numeric_division(self, left: Operand, right: Operand) -> PyExpr:
        p = self.p
        if _nonzero(right):
            return p.arithmetic(left.value, "/", right.value)
        test = right.first
        if not left.stable:
            test = p.all_of([p.is_null(left.first, negated=True), right.first])
        return p.choose(test, p.arithmetic(left.again, "/", right.again), self._again("/", left, right))

    def _division(self, left: Operand, right: Operand) -> PyExpr:
        p = self.p
        native = p.arithmetic(left.again, "/", right.again)
        if _nonzero(right):
            return p.choose(p.has_type(left.first, "float", "int"), native, self._again("/", left, right))
        test = p.all_of([self._same_types(left, right, "float"), right.again])
        return p.choose(test, native, self._again("/", left, right))

    def _remainder(self, left: Operand, right: Operand) -> PyExpr:
        p = self.p
        if not (_small(right) and right.constant > 0):
            return self.helper("%", left.value, right.value)
        test = p.all_of([p.has_type(left.first, "int"), p.compare(p.const(0), "<=", left.again)])
        return p.choose(test, p.arithmetic(left.again, "%", right.again), self._again("%", left, right))

    def _half(self, op: str, left: Operand, right: Operand, *, other: Operand) -> PyExpr:
        """One side is a number for certain."""
        p = self.p
        asked = right if other is left else left
        native = p.arithmetic(left.again, op, right.again)
        if other.kind == FLOAT and other.stable:
            return p.choose(p.has_type(asked.first, "float", "int"), native, self._again(op, left, right))
        if other.kind != INT or not other.stable:
            return self._general(op, left, right)
        name = self.fresh()
        whole = p.all_of([p.has_type(asked.again, "int"), self._safe(p.keep(name, native))])
        rest = p.choose(whole, p.load(name), self._again(op, left, right))
        return p.choose(p.has_type(asked.first, "float"), native, rest)

    def _general(self, op: str, left: Operand, right: Operand) -> PyExpr:
        """Nothing is known of either."""
        p = self.p
        native = p.arithmetic(left.again, op, right.again)
        name = self.fresh()
        numbers = [p.has_type(left.again, "int", "float"), p.has_type(right.again, "int", "float")]
        exact = p.any_of([p.has_type(p.keep(name, native), "float"), self._safe(p.load(name))])
        rest = p.choose(p.all_of([*numbers, exact]), p.load(name), self._again(op, left, right))
        return p.choose(self._same_types(left, right, "float"), native, rest)

    def _same_types(self, left: Operand, right: Operand, name: str) -> PyExpr:
        p = self.p
        return p.chain(p.type_of(left.first), "is", p.type_of(right.first), "is", p.load(name))

    def _safe(self, value: PyExpr) -> PyExpr:
        p = self.p
        return p.chain(p.const(-SAFE), "<=", value, "<=", p.const(SAFE))

    # ------------------------------------------------------------- comparison

    def _equality(self, op: str, left: Operand, right: Operand) -> PyExpr:
        p = self.p
        for asked, other in ((left, right), (right, left)):
            if other.constant is None:
                return p.is_null(asked.value, negated=op == "!=")
        native = p.compare(left.again, op, right.again)
        if left.kind == right.kind != ANY or (left.kind in NUMBERS and right.kind in NUMBERS):
            return self._pair(left, op, right)
        for asked, other in ((left, right), (right, left)):
            if asked.kind == ANY and other.stable and other.kind != ANY:
                test = p.has_type(asked.first, *_PYTHON_TYPES[other.kind])
                return p.choose(test, native, self._again(op, left, right))
        name = self.fresh()
        same = p.compare(p.keep(name, p.type_of(left.first)), "is", p.type_of(right.first))
        test = p.all_of([same, p.compare(p.load(name), "in", p.load("SIMPLE"))])
        return p.choose(test, native, self._again(op, left, right))

    def _ordering(self, op: str, left: Operand, right: Operand) -> PyExpr:
        p = self.p
        if left.kind in NUMBERS and right.kind in NUMBERS:
            return self._pair(left, op, right)
        if {left.kind, right.kind} & {BOOL, TEXT} or None in (left.constant, right.constant):
            return self.helper(op, left.value, right.value)
        native = p.compare(left.again, op, right.again)
        for asked, other in ((left, right), (right, left)):
            if asked.kind == ANY and other.stable and other.kind in NUMBERS:
                types = _PYTHON_TYPES[other.kind]
                return p.choose(p.has_type(asked.first, *types), native, self._again(op, left, right))
        same = p.compare(p.type_of(left.first), "is", p.type_of(right.first))
        test = p.all_of([same, p.has_type(left.again, "float", "int")])
        return p.choose(test, native, self._again(op, left, right))

    def _like(self, op: str, left: Operand, right: Operand) -> PyExpr:
        p = self.p
        core = right.constant.strip("%") if isinstance(right.constant, str) else ""
        if not core or not core.isascii() or any(sign in core for sign in "%_\\"):
            return self.helper(op, left.value, right.value)
        word = "not in" if op.startswith("not") else "in"
        p.heavy = True
        if op.endswith("ilike"):
            test: PyExpr = p.all_of([p.has_type(left.first, "str"), p.method(left.again, "isascii")])
            native = p.compare(p.const(core.lower()), word, p.method(left.again, "lower"))
        else:
            test = p.has_type(left.first, "str")
            native = p.compare(p.const(core), word, left.again)
        return p.choose(test, native, self._again(op, left, right))

    # ------------------------------------------------------------ small forms

    def truth(self, value: Operand) -> PyExpr:
        """Whether a value counts as true."""
        p = self.p
        if not self.fast:
            return p.call("truthy", value.value)
        if value.kind == BOOL:
            return value.value
        if value.kind == INT:
            return p.compare(value.value, "!=", p.const(0))
        if value.kind == TEXT:
            return p.compare(value.value, "!=", p.const(""))
        return p.choose(p.has_type(value.first, "bool"), value.again, p.call("truthy", value.again))

    def get_named(self, value: Operand, name: str) -> PyExpr:
        """``value.name``."""
        p = self.p
        if not self.fast or value.known:
            return p.call("get_property", value.value, p.const(name))
        slow = p.call("get_property", value.again, p.const(name))
        return p.choose(p.has_type(value.first, "dict"), p.method(value.again, "get", p.const(name)), slow)

    def get_index(self, value: Operand, key: Operand) -> PyExpr:
        """``value[key]``."""
        p = self.p
        if not self.fast or value.known:
            return p.call("get_property", value.value, key.value)
        slow = p.call("get_property", value.again, key.again)
        if isinstance(key.constant, str):
            return self.get_named(value, key.constant)
        if key.kind == INT and key.stable:
            return self._get_item(value, key, slow)
        if key.kind == TEXT and key.stable:
            return p.choose(p.has_type(value.first, "dict"), p.method(value.again, "get", key.again), slow)
        if key.kind != ANY:
            return p.call("get_property", value.value, key.value)
        differ = p.chain(p.type_of(value.first), "is not", p.type_of(key.first), "is", p.load("str"))
        test = p.all_of([differ, p.has_type(value.again, "dict")])
        return p.choose(test, p.method(value.again, "get", key.again), slow)

    def _get_item(self, value: Operand, key: Operand, slow: PyExpr) -> PyExpr:
        p = self.p
        if key.known and key.constant > 0:
            position: PyExpr = p.const(key.constant - 1)
            inside = p.compare(p.const(key.constant), "<=", p.call("len", value.again))
        else:
            position = p.arithmetic(key.again, "-", p.const(1))
            inside = p.chain(p.const(0), "<", key.again, "<=", p.call("len", value.again))
        test = p.all_of([p.has_type(value.first, "list"), inside])
        return p.choose(test, p.subscript(value.again, position), slow)


_PYTHON_TYPES: Final[dict[Kind, tuple[str, ...]]] = {
    INT: ("int", "float"),
    FLOAT: ("float", "int"),
    NUM: ("float", "int"),
    TEXT: ("str",),
    BOOL: ("bool",),
}


def _small(operand: Operand) -> bool:
    return operand.known and of_constant(operand.constant) == INT


def _nonzero(operand: Operand) -> bool:
    return operand.known and operand.kind in NUMBERS and bool(operand.constant)
