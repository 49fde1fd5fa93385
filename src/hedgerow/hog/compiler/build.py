"""Short words for making Python syntax trees, every node with its place.

A generated node's line number is not a line: it is the number of a place in the compiler's table of Hog spans.
A traceback therefore leads from a failing instruction to the Hog expression it came from, at no cost while all goes well.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Final

_LOAD: Final = ast.Load()
_STORE: Final = ast.Store()
_AND: Final = ast.And()
_OR: Final = ast.Or()
_NOT: Final = ast.Not()
_IS: Final = ast.Is()
_IS_NOT: Final = ast.IsNot()

_COMPARE: Final[dict[str, ast.cmpop]] = {
    "==": ast.Eq(),
    "!=": ast.NotEq(),
    "<": ast.Lt(),
    "<=": ast.LtE(),
    ">": ast.Gt(),
    ">=": ast.GtE(),
    "is": _IS,
    "is not": _IS_NOT,
    "in": ast.In(),
    "not in": ast.NotIn(),
}
_ARITHMETIC: Final[dict[str, ast.operator]] = {
    "+": ast.Add(),
    "-": ast.Sub(),
    "*": ast.Mult(),
    "/": ast.Div(),
    "%": ast.Mod(),
}

_LIGHT: Final = frozenset(
    {
        "type",
        "len",
        "str",
        "fmod",
        "settle",
        "add",
        "subtract",
        "multiply",
        "divide",
        "modulo",
        "get_property",
        "truthy",
        "charged",
    }
)

PyExpr = ast.expr
PyStmt = ast.stmt


class Builder:
    """Makes Python nodes at the current place (``line``).

    ``heavy`` is set once something was made that may take more than about a microsecond, ``suspensions`` counts the places
    where the code may wait for an answer.
    """

    __slots__ = ("heavy", "line", "suspensions")

    def __init__(self) -> None:
        self.line = 1
        self.heavy = False
        self.suspensions = 0

    # ------------------------------------------------------------ expressions

    def load(self, name: str) -> ast.Name:
        """Read a generated name."""
        return ast.Name(name, _LOAD, lineno=self.line, col_offset=0)

    def const(self, value: Any) -> ast.Constant:
        """A constant of Python."""
        return ast.Constant(value, lineno=self.line, col_offset=0)

    def call(self, name: str, *args: PyExpr) -> ast.Call:
        """Call a generated name or a helper of the namespace."""
        if name not in _LIGHT:
            self.heavy = True
        return ast.Call(self.load(name), list(args), [], lineno=self.line, col_offset=0)

    def call_value(self, function: PyExpr, args: Sequence[PyExpr]) -> ast.Call:
        """Call the value of an expression."""
        self.heavy = True
        return ast.Call(function, list(args), [], lineno=self.line, col_offset=0)

    def attribute(self, value: PyExpr, name: str) -> ast.Attribute:
        """An attribute the compiler chose; never one that Hog source named."""
        return ast.Attribute(value, name, _LOAD, lineno=self.line, col_offset=0)

    def method(self, value: PyExpr, name: str, *args: PyExpr) -> ast.Call:
        """Call a method the compiler chose."""
        if name not in {"get", "isascii"}:
            self.heavy = True
        return ast.Call(self.attribute(value, name), list(args), [], lineno=self.line, col_offset=0)

    def subscript(self, value: PyExpr, key: PyExpr) -> ast.Subscript:
        """``value[key]``, as a value."""
        return ast.Subscript(value, key, _LOAD, lineno=self.line, col_offset=0)

    def choose(self, test: PyExpr, then: PyExpr, otherwise: PyExpr) -> ast.IfExp:
        """``then if test else otherwise``."""
        return ast.IfExp(test, then, otherwise, lineno=self.line, col_offset=0)

    def keep(self, name: str, value: PyExpr) -> ast.NamedExpr:
        """``(name := value)``."""
        target = ast.Name(name, _STORE, lineno=self.line, col_offset=0)
        return ast.NamedExpr(target, value, lineno=self.line, col_offset=0)

    def compare(self, left: PyExpr, *rest: str | PyExpr) -> ast.Compare:
        """A chain of comparisons: ``compare(a, "<", b, "<", c)``."""
        operators = [_COMPARE[word] for word in rest[::2] if isinstance(word, str)]
        operands = [operand for operand in rest[1::2] if not isinstance(operand, str)]
        return ast.Compare(left, operators, operands, lineno=self.line, col_offset=0)

    def is_null(self, value: PyExpr, *, negated: bool = False) -> PyExpr:
        """``value is None``, decided at once where it is known: Python warns of comparing identities of literals.

        Arithmetic counts among these, since Python computes it beforehand when its operands are constants.
        """
        if isinstance(value, ast.Constant):
            return self.const((value.value is None) is not negated)
        if isinstance(value, ast.Tuple | ast.BinOp | ast.UnaryOp):
            return self.last_of([value, self.const(negated)])
        return self.compare(value, "is not" if negated else "is", self.const(None))

    def type_of(self, value: PyExpr) -> ast.Call:
        """``type(value)``."""
        return self.call("type", value)

    def has_type(self, value: PyExpr, *names: str) -> PyExpr:
        """``type(value) is name``; for several names ``value`` must be cheap to repeat after its first use."""
        again = self.load(value.target.id) if isinstance(value, ast.NamedExpr) else value
        tests = [
            self.compare(self.type_of(again if position else value), "is", self.load(name))
            for position, name in enumerate(names)
        ]
        return tests[0] if len(tests) == 1 else self.any_of(tests)

    def all_of(self, tests: Sequence[PyExpr]) -> ast.BoolOp:
        """``a and b and ...``."""
        return ast.BoolOp(_AND, list(tests), lineno=self.line, col_offset=0)

    def any_of(self, tests: Sequence[PyExpr]) -> ast.BoolOp:
        """``a or b or ...``."""
        return ast.BoolOp(_OR, list(tests), lineno=self.line, col_offset=0)

    def invert(self, value: PyExpr) -> ast.UnaryOp:
        """``not value``."""
        return ast.UnaryOp(_NOT, value, lineno=self.line, col_offset=0)

    def arithmetic(self, left: PyExpr, operator: str, right: PyExpr) -> ast.BinOp:
        """``left + right`` and the like."""
        return ast.BinOp(left, _ARITHMETIC[operator], right, lineno=self.line, col_offset=0)

    def list_of(self, items: Sequence[PyExpr]) -> ast.List:
        """A list display."""
        return ast.List(list(items), _LOAD, lineno=self.line, col_offset=0)

    def tuple_of(self, items: Sequence[PyExpr]) -> ast.Tuple:
        """A tuple display."""
        return ast.Tuple(list(items), _LOAD, lineno=self.line, col_offset=0)

    def dict_of(self, keys: Sequence[PyExpr], values: Sequence[PyExpr]) -> ast.Dict:
        """A dict display."""
        return ast.Dict(list(keys), list(values), lineno=self.line, col_offset=0)

    def joined(self, parts: Sequence[PyExpr]) -> ast.JoinedStr:
        """An f-string; every part must be a ``str`` at run time."""
        values: list[PyExpr] = [
            part
            if isinstance(part, ast.Constant)
            else ast.FormattedValue(part, -1, None, lineno=self.line, col_offset=0)
            for part in parts
        ]
        return ast.JoinedStr(values, lineno=self.line, col_offset=0)

    def last_of(self, steps: Sequence[PyExpr]) -> PyExpr:
        """Evaluate several expressions, give the last one's value."""
        return steps[0] if len(steps) == 1 else self.subscript(self.tuple_of(steps), self.const(-1))

    def yield_(self, value: PyExpr) -> ast.Yield:
        """``(yield value)``."""
        self.suspensions += 1
        return ast.Yield(value, lineno=self.line, col_offset=0)

    def yield_from(self, value: PyExpr) -> ast.YieldFrom:
        """``(yield from value)``."""
        self.suspensions += 1
        return ast.YieldFrom(value, lineno=self.line, col_offset=0)

    # ------------------------------------------------------------- statements

    def assign(self, name: str, value: PyExpr) -> ast.Assign:
        """``name = value``."""
        target = ast.Name(name, _STORE, lineno=self.line, col_offset=0)
        return ast.Assign([target], value, lineno=self.line, col_offset=0)

    def assign_item(self, value: PyExpr, key: PyExpr, item: PyExpr) -> ast.Assign:
        """``value[key] = item``."""
        target = ast.Subscript(value, key, _STORE, lineno=self.line, col_offset=0)
        return ast.Assign([target], item, lineno=self.line, col_offset=0)

    def lower(self, name: str, amount: int) -> ast.AugAssign:
        """``name -= amount``."""
        target = ast.Name(name, _STORE, lineno=self.line, col_offset=0)
        return ast.AugAssign(target, _ARITHMETIC["-"], self.const(amount), lineno=self.line, col_offset=0)

    def do(self, value: PyExpr) -> ast.Expr:
        """An expression for its effect."""
        return ast.Expr(value, lineno=self.line, col_offset=0)

    def if_(self, test: PyExpr, then: list[PyStmt], otherwise: list[PyStmt] | None = None) -> ast.If:
        """``if``; an empty branch becomes ``pass``."""
        return ast.If(test, then or [self.nothing()], otherwise or [], lineno=self.line, col_offset=0)

    def forever(self, body: list[PyStmt]) -> ast.While:
        """``while True``."""
        return ast.While(self.const(value=True), body or [self.nothing()], [], lineno=self.line, col_offset=0)

    def for_each(self, names: Sequence[str], source: PyExpr, body: list[PyStmt]) -> ast.For:
        """``for names in source`` with one or two names."""
        stores = [ast.Name(name, _STORE, lineno=self.line, col_offset=0) for name in names]
        place: PyExpr = stores[0]
        if len(stores) > 1:
            place = ast.Tuple(list[ast.expr](stores), _STORE, lineno=self.line, col_offset=0)
        return ast.For(place, source, body or [self.nothing()], [], lineno=self.line, col_offset=0)

    def leave_loop(self) -> ast.Break:
        """``break``."""
        return ast.Break(lineno=self.line, col_offset=0)

    def give(self, value: PyExpr) -> ast.Return:
        """``return value``."""
        return ast.Return(value, lineno=self.line, col_offset=0)

    def raise_(self, value: PyExpr | None) -> ast.Raise:
        """``raise value``, or ``raise`` alone."""
        return ast.Raise(value, None, lineno=self.line, col_offset=0)

    def attempt(self, body: list[PyStmt], error: str, handler: list[PyStmt]) -> ast.Try:
        """``try: body except error: handler``."""
        catch = ast.ExceptHandler(self.load(error), None, handler, lineno=self.line, col_offset=0)
        return ast.Try(body or [self.nothing()], [catch], [], [], lineno=self.line, col_offset=0)

    def nothing(self) -> ast.Pass:
        """``pass``."""
        return ast.Pass(lineno=self.line, col_offset=0)

    def outer(self, names: Sequence[str]) -> ast.Nonlocal:
        """``nonlocal names``."""
        return ast.Nonlocal(list(names), lineno=self.line, col_offset=0)

    def function(
        self,
        name: str,
        params: Sequence[str],
        body: list[PyStmt],
        *,
        optional: bool = True,
        bound: Sequence[str] = (),
    ) -> ast.FunctionDef:
        """``def name(params)``; optional parameters default to None, ``bound`` names are captured by value."""
        arguments = ast.arguments(
            posonlyargs=[],
            args=[ast.arg(param, lineno=self.line, col_offset=0) for param in params],
            vararg=None,
            kwonlyargs=[ast.arg(param, lineno=self.line, col_offset=0) for param in bound],
            kw_defaults=[self.load(param) for param in bound],
            kwarg=None,
            defaults=[self.const(None) for _ in params] if optional else [],
        )
        return ast.FunctionDef(name, arguments, body or [self.nothing()], [], lineno=self.line, col_offset=0)
