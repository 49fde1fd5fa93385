"""Short words for making Python syntax trees, every node with its place.

A generated node's line number is not a line: it is the number of a place in the compiler's table of Hog spans.
A traceback therefore leads from a failing instruction to the Hog expression it came from, at no cost while all goes well.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Final, TypeVar

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
_Placed = TypeVar("_Placed", bound=ast.stmt | ast.expr | ast.arg | ast.excepthandler)


def _kind(base: type[_Placed], **same: Any) -> type[_Placed]:
    """A kind of node whose instances need not be told what is the same for all: it takes half as long to make one."""
    return type(base.__name__, (base,), {"col_offset": 0, **same})


_NONE: Final[list[ast.keyword]] = []
"""What every call has of named arguments; nobody adds to it."""
_Name = _kind(ast.Name, ctx=_LOAD)
_Constant = _kind(ast.Constant)
_Call = _kind(ast.Call)
_Attribute = _kind(ast.Attribute, ctx=_LOAD)
_Subscript = _kind(ast.Subscript, ctx=_LOAD)
_IfExp = _kind(ast.IfExp)
_NamedExpr = _kind(ast.NamedExpr)
_Compare = _kind(ast.Compare)
_BoolOp = _kind(ast.BoolOp)
_UnaryOp = _kind(ast.UnaryOp)
_BinOp = _kind(ast.BinOp)
_List = _kind(ast.List, ctx=_LOAD)
_Tuple = _kind(ast.Tuple, ctx=_LOAD)
_Dict = _kind(ast.Dict)
_JoinedStr = _kind(ast.JoinedStr)
_FormattedValue = _kind(ast.FormattedValue)
_Yield = _kind(ast.Yield)
_YieldFrom = _kind(ast.YieldFrom)
_Assign = _kind(ast.Assign)
_AugAssign = _kind(ast.AugAssign)
_Expr = _kind(ast.Expr)
_If = _kind(ast.If)
_While = _kind(ast.While)
_For = _kind(ast.For)
_Break = _kind(ast.Break)
_Return = _kind(ast.Return)
_Raise = _kind(ast.Raise)
_ExceptHandler = _kind(ast.ExceptHandler)
_Try = _kind(ast.Try)
_Pass = _kind(ast.Pass)
_Nonlocal = _kind(ast.Nonlocal)
_arg = _kind(ast.arg)
_FunctionDef = _kind(ast.FunctionDef)


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

    def _here(self, node: _Placed) -> _Placed:
        node.lineno = self.line
        return node

    # ------------------------------------------------------------ expressions

    def _store(self, name: str) -> ast.Name:
        node = self.load(name)
        node.ctx = _STORE
        return node

    def load(self, name: str) -> ast.Name:
        """Read a generated name."""
        node = _Name(name)
        node.lineno = self.line
        return node

    def const(self, value: Any) -> ast.Constant:
        """A constant of Python."""
        node = _Constant(value)
        node.lineno = self.line
        return node

    def call(self, name: str, *args: PyExpr) -> ast.Call:
        """Call a generated name or a helper of the namespace."""
        if name not in _LIGHT:
            self.heavy = True
        node = _Call(self.load(name), list(args), _NONE)
        node.lineno = self.line
        return node

    def call_value(self, function: PyExpr, args: Sequence[PyExpr]) -> ast.Call:
        """Call the value of an expression."""
        self.heavy = True
        node = _Call(function, list(args), _NONE)
        node.lineno = self.line
        return node

    def attribute(self, value: PyExpr, name: str) -> ast.Attribute:
        """An attribute the compiler chose; never one that Hog source named."""
        node = _Attribute(value, name)
        node.lineno = self.line
        return node

    def method(self, value: PyExpr, name: str, *args: PyExpr) -> ast.Call:
        """Call a method the compiler chose."""
        if name not in {"get", "isascii"}:
            self.heavy = True
        node = _Call(self.attribute(value, name), list(args), _NONE)
        node.lineno = self.line
        return node

    def subscript(self, value: PyExpr, key: PyExpr) -> ast.Subscript:
        """``value[key]``, as a value."""
        node = _Subscript(value, key)
        node.lineno = self.line
        return node

    def choose(self, test: PyExpr, then: PyExpr, otherwise: PyExpr) -> ast.IfExp:
        """``then if test else otherwise``."""
        node = _IfExp(test, then, otherwise)
        node.lineno = self.line
        return node

    def keep(self, name: str, value: PyExpr) -> ast.NamedExpr:
        """``(name := value)``."""
        target = self._store(name)
        node = _NamedExpr(target, value)
        node.lineno = self.line
        return node

    def compare(self, left: PyExpr, word: str, right: PyExpr) -> ast.Compare:
        """``left < right`` and the like."""
        node = _Compare(left, [_COMPARE[word]], [right])
        node.lineno = self.line
        return node

    def chain(self, low: PyExpr, first: str, value: PyExpr, second: str, high: PyExpr) -> ast.Compare:
        """A chain of two comparisons: ``low < value < high``."""
        return self._here(_Compare(low, [_COMPARE[first], _COMPARE[second]], [value, high]))

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
        node = _Call(self.load("type"), [value], _NONE)
        node.lineno = self.line
        return node

    def has_type(self, value: PyExpr, *names: str) -> PyExpr:
        """``type(value) is name``; for several names ``value`` must be cheap to repeat after its first use."""
        test = self.compare(self.type_of(value), "is", self.load(names[0]))
        if len(names) == 1:
            return test
        again = self.load(value.target.id) if isinstance(value, ast.NamedExpr) else value
        rest = [self.compare(self.type_of(again), "is", self.load(name)) for name in names[1:]]
        return self.any_of([test, *rest])

    def all_of(self, tests: Sequence[PyExpr]) -> ast.BoolOp:
        """``a and b and ...``."""
        return self._here(_BoolOp(_AND, list(tests)))

    def any_of(self, tests: Sequence[PyExpr]) -> ast.BoolOp:
        """``a or b or ...``."""
        return self._here(_BoolOp(_OR, list(tests)))

    def invert(self, value: PyExpr) -> ast.UnaryOp:
        """``not value``."""
        return self._here(_UnaryOp(_NOT, value))

    def arithmetic(self, left: PyExpr, operator: str, right: PyExpr) -> ast.BinOp:
        """``left + right`` and the like."""
        return self._here(_BinOp(left, _ARITHMETIC[operator], right))

    def list_of(self, items: Sequence[PyExpr]) -> ast.List:
        """A list display."""
        return self._here(_List(list(items)))

    def tuple_of(self, items: Sequence[PyExpr]) -> ast.Tuple:
        """A tuple display."""
        return self._here(_Tuple(list(items)))

    def dict_of(self, keys: Sequence[PyExpr], values: Sequence[PyExpr]) -> ast.Dict:
        """A dict display."""
        return self._here(_Dict(list(keys), list(values)))

    def joined(self, parts: Sequence[PyExpr]) -> ast.JoinedStr:
        """An f-string; every part must be a ``str`` at run time."""
        values: list[PyExpr] = [
            part if isinstance(part, ast.Constant) else self._here(_FormattedValue(part, -1))
            for part in parts
        ]
        return self._here(_JoinedStr(values))

    def last_of(self, steps: Sequence[PyExpr]) -> PyExpr:
        """Evaluate several expressions, give the last one's value."""
        return steps[0] if len(steps) == 1 else self.subscript(self.tuple_of(steps), self.const(-1))

    def yield_(self, value: PyExpr) -> ast.Yield:
        """``(yield value)``."""
        self.suspensions += 1
        return self._here(_Yield(value))

    def yield_from(self, value: PyExpr) -> ast.YieldFrom:
        """``(yield from value)``."""
        self.suspensions += 1
        return self._here(_YieldFrom(value))

    # ------------------------------------------------------------- statements

    def assign(self, name: str, value: PyExpr) -> ast.Assign:
        """``name = value``."""
        target = self._store(name)
        return self._here(_Assign([target], value))

    def assign_item(self, value: PyExpr, key: PyExpr, item: PyExpr) -> ast.Assign:
        """``value[key] = item``."""
        target = self.subscript(value, key)
        target.ctx = _STORE
        return self._here(_Assign([target], item))

    def lower(self, name: str, amount: int) -> ast.AugAssign:
        """``name -= amount``."""
        target = self._store(name)
        return self._here(_AugAssign(target, _ARITHMETIC["-"], self.const(amount)))

    def do(self, value: PyExpr) -> ast.Expr:
        """An expression for its effect."""
        return self._here(_Expr(value))

    def if_(self, test: PyExpr, then: list[PyStmt], otherwise: list[PyStmt] | None = None) -> ast.If:
        """``if``; an empty branch becomes ``pass``."""
        return self._here(_If(test, then or [self.nothing()], otherwise or []))

    def forever(self, body: list[PyStmt]) -> ast.While:
        """``while True``."""
        return self._here(_While(self.const(value=True), body or [self.nothing()], []))

    def for_each(self, names: Sequence[str], source: PyExpr, body: list[PyStmt]) -> ast.For:
        """``for names in source`` with one or two names."""
        stores = [self._store(name) for name in names]
        place: PyExpr = stores[0]
        if len(stores) > 1:
            place = self.tuple_of(stores)
            place.ctx = _STORE
        return self._here(_For(place, source, body or [self.nothing()], []))

    def leave_loop(self) -> ast.Break:
        """``break``."""
        return self._here(_Break())

    def give(self, value: PyExpr) -> ast.Return:
        """``return value``."""
        return self._here(_Return(value))

    def raise_(self, value: PyExpr | None) -> ast.Raise:
        """``raise value``, or ``raise`` alone."""
        return self._here(_Raise(value))

    def attempt(self, body: list[PyStmt], error: str, handler: list[PyStmt]) -> ast.Try:
        """``try: body except error: handler``."""
        catch = self._here(_ExceptHandler(self.load(error), None, handler))
        return self._here(_Try(body or [self.nothing()], [catch], [], []))

    def nothing(self) -> ast.Pass:
        """``pass``."""
        return self._here(_Pass())

    def outer(self, names: Sequence[str]) -> ast.Nonlocal:
        """``nonlocal names``."""
        return self._here(_Nonlocal(list(names)))

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
            args=[self._here(_arg(param)) for param in params],
            vararg=None,
            kwonlyargs=[self._here(_arg(param)) for param in bound],
            kw_defaults=[self.load(param) for param in bound],
            kwarg=None,
            defaults=[self.const(None) for _ in params] if optional else [],
        )
        return self._here(_FunctionDef(name, arguments, body or [self.nothing()], []))
