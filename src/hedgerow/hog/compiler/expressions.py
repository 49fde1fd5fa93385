"""Emission of expressions: every Hog expression becomes one Python expression."""

from __future__ import annotations

import ast as python
from collections.abc import Sequence
from typing import Any, Final

from hedgerow.hog import ast
from hedgerow.hog.compiler.build import Builder, PyExpr
from hedgerow.hog.compiler.flow import Flow
from hedgerow.hog.compiler.forms import Forms, Operand
from hedgerow.hog.compiler.intrinsics import SHORT, SMALL_TEXTS, TYPES
from hedgerow.hog.compiler.kinds import ANY, BOOL, FLOAT, INT, TEXT, Kind, Kinds
from hedgerow.hog.compiler.places import Places
from hedgerow.hog.compiler.roots import Path
from hedgerow.hog.compiler.scope import ASYNC_NAMES, Analysis, Unit, Variable
from hedgerow.hog.errors import HogCompileError
from hedgerow.hog.meter import cost_of

SPILL: Final = 20
"""Links of a chain in one Python expression; longer ones go through temporaries, since Python bounds depth."""
MANY_PARTS: Final = 8
"""A concatenation of more parts adds up their lengths before it builds anything."""


class Expressions(Forms):
    """Emits expressions; calls and functions are in the classes built on this one."""

    def __init__(
        self, analysis: Analysis, kinds: Kinds, flow: Flow, places: Places, *, fast: bool, metered: bool
    ) -> None:
        super().__init__(Builder(), fast=fast)
        self.analysis = analysis
        self.kinds = kinds
        self.flow = flow
        self.places = places
        self.metered = metered
        self.unit: Unit = analysis.order[0]
        self.below: frozenset[str] = (
            frozenset()
        )  # generated names of numbers that have their texts in the table
        self.volatile: set[str] = set()  # generated names that a call in mid-expression could rebind
        self.cost = 0  # bytes that the code emitted since the last step of the meter allocates
        self.given: dict[Variable, PyExpr] = {}  # parameters of functions that are inlined where we are
        self.roots: dict[Path, str] = {}  # globals and parts of them that are looked up beforehand
        self.rendered: dict[str, PyExpr] | None = None  # in a set of templates: the inputs rendered so far

    def ctx(self) -> PyExpr:
        """The run: at hand in metered code, made on demand in code too small to need a meter."""
        return self.p.load("M") if self.metered else self.p.call("run_of", self.p.load("H"))

    def holder(self) -> PyExpr:
        """The run, or what it can be made from."""
        return self.p.load("M" if self.metered else "H")

    def at(self, node: ast.Node) -> int:
        """Make ``node`` the current place; gives the one before, to be put back."""
        before = self.p.line
        self.p.line = self.places.number(node.span)
        return before

    def expr(self, node: ast.Expr) -> PyExpr:
        """Emit an expression."""
        p = self.p
        before, p.line = p.line, self.places.number(node.span)
        result: PyExpr = getattr(self, "_" + type(node).__name__)(node)
        p.line = before
        return result

    def expr_as(self, node: ast.Expr, kind: Kind) -> PyExpr:
        """Emit an expression for a place of a kind: an int that goes where floats go is converted."""
        if kind != FLOAT or self.kinds.of(node) != INT:
            return self.expr(node)
        if isinstance(node, ast.Literal) and isinstance(node.value, int):
            return self.p.const(float(node.value))
        return self.p.arithmetic(self.expr(node), "*", self.p.const(1.0))

    def operand(self, node: ast.Expr) -> Operand:
        """Emit an expression that a form may mention more than once."""
        return self.bind(self.expr(node), self.kinds.of(node))

    def bind(self, value: PyExpr, kind: Kind = ANY) -> Operand:
        """Make an expression mentionable more than once, through a temporary if need be."""
        if isinstance(value, python.Constant) or (
            isinstance(value, python.Name) and value.id not in self.volatile
        ):
            return Operand(value, value, kind)
        name = self.fresh()
        return Operand(self.p.keep(name, value), self.p.load(name), kind)

    def cond(self, node: ast.Expr) -> PyExpr:
        """Emit an expression as a Python truth value."""
        if self.kinds.of(node) == BOOL:
            return self.expr(node)
        return self.truth(self.operand(node))

    # ----------------------------------------------------------------- leaves

    def _Literal(self, node: ast.Literal) -> PyExpr:  # noqa: N802
        return self.p.const(node.value)

    def _Name(self, node: ast.Name) -> PyExpr:  # noqa: N802
        variable = self.analysis.variable(node)
        if variable is not None:
            return self.read(variable)
        value = self.builtin_value(node)
        if value is not None:
            return value
        return self._copied(node, self._root(node))

    def read(self, variable: Variable) -> PyExpr:
        """The value of a local."""
        if variable in self.given:
            return self.given[variable]
        place = self.p.load(variable.py)
        if variable.boxed:
            return self.p.subscript(place, self.p.const(0))
        if variable.volatile:
            self.volatile.add(variable.py)
        return place

    def builtin_value(self, node: ast.Name) -> PyExpr | None:
        """A library function used as a value; None when the name is none."""
        raise NotImplementedError

    def _root(self, node: ast.Name) -> PyExpr:
        """A global by subscript, so that a lazy mapping may make it; what is missing raises KeyError here."""
        p = self.p
        if node.name == "inputs" and self.rendered is not None:
            keys = [p.const(key) for key in self.rendered]
            return p.call("inputs_so_far", p.load("G"), p.dict_of(keys, list(self.rendered.values())))
        return p.subscript(p.load("G"), p.const(node.name))

    def _copied(self, node: ast.Expr, value: PyExpr) -> PyExpr:
        """A value from outside, copied if the program might write to it."""
        helper = self.flow.copies(node)
        return value if helper is None else self.p.call(helper, self.ctx(), value)

    # ------------------------------------------------------------------ chains

    def _Property(self, node: ast.Property | ast.Index) -> PyExpr:  # noqa: N802
        links: list[ast.Property | ast.Index] = []
        base: ast.Expr = node
        while isinstance(base, ast.Property | ast.Index):
            links.append(base)
            base = base.object
        if not isinstance(base, ast.Name) or self.analysis.variable(base) is not None:
            return self._walk(self.operand(base), links[::-1])
        if base.name == "inputs" and (value := self._input(links[-1])) is not None:
            return self._walk(self.bind(value), links[-2::-1])
        before = self.at(base)
        root, covered = self._looked_up(base, links[::-1])
        self.p.line = before
        return self._copied(node, self._walk(root, links[::-1][covered:]))

    _Index = _Property

    def _looked_up(self, base: ast.Name, links: list[ast.Property | ast.Index]) -> tuple[Operand, int]:
        """Where a chain at a global starts, and how many of its links that covers: some were looked up beforehand."""
        path: Path = (base.name,)
        for link in links[:-1]:
            if not isinstance(link, ast.Property) or (*path, link.name) not in self.roots:
                break
            path = (*path, link.name)
        link = links[len(path) - 1]
        if path not in self.roots or not isinstance(link, ast.Property):
            return self.bind(self._root(base)), 0
        root = self.p.load(self.roots[path])
        return self.bind(self.p.method(root, "get", self.p.const(link.name))), len(path)

    def _input(self, link: ast.Property | ast.Index) -> PyExpr | None:
        """An input of the set that is already rendered."""
        key = link.name if isinstance(link, ast.Property) else getattr(link.key, "value", None)
        return self.rendered.get(key) if self.rendered and isinstance(key, str) else None

    def _walk(self, value: Operand, links: Sequence[ast.Property | ast.Index]) -> PyExpr:
        steps: list[PyExpr] = []
        result = value.value
        for count, link in enumerate(links, 1):
            before = self.at(link)
            if count % SPILL == 0:
                name = self.fresh()
                steps.append(self.p.keep(name, result))
                value = Operand(self.p.load(name), self.p.load(name), ANY)
            elif count > 1:
                value = self.bind(result)
            if isinstance(link, ast.Property):
                result = self.get_named(value, link.name)
            else:
                self._check_index(link.key)
                result = self.get_index(value, self.operand(link.key))
            self.p.line = before
        return self.p.last_of([*steps, result])

    def _check_index(self, key: ast.Expr) -> None:
        if isinstance(key, ast.Literal) and type(key.value) is int and key.value == 0:
            raise HogCompileError("Array access starts from 1", span=key.span)

    def _Binary(self, node: ast.Binary) -> PyExpr:  # noqa: N802
        chain: list[ast.Binary] = []
        left: ast.Expr = node
        while isinstance(left, ast.Binary):
            chain.append(left)
            left = left.left
        steps: list[PyExpr] = []
        typed = self._type_test(chain[-1])
        value = self.operand(left) if typed is None else self.bind(typed, BOOL)
        result = value.value
        for count, link in enumerate(reversed(chain), 1):
            if count == 1 and typed is not None:
                continue
            before = self.at(link)
            if count > 1:
                kind = self.kinds.of(link.left)
                if count % SPILL == 0:
                    name = self.fresh()
                    steps.append(self.p.keep(name, result))
                    value = Operand(self.p.load(name), self.p.load(name), kind)
                else:
                    value = self.bind(result, kind)
            result = self._link(link, value)
            self.p.line = before
        return self.p.last_of([*steps, result])

    def _type_test(self, node: ast.Binary) -> PyExpr | None:
        """``typeof(x) = 'string'`` and the like without the name in between; None for what is no such test."""
        call = node.left
        if not (self.fast and isinstance(call, ast.Call) and isinstance(call.callee, ast.Name)):
            return None
        if call.callee.name != "typeof" or len(call.args) != 1 or self.analysis.variable(call.callee):
            return None
        several = node.op in {"in", "not in"} and isinstance(node.right, ast.Array)
        words = node.right.items if several and isinstance(node.right, ast.Array) else [node.right]
        names = [TYPES.get(word.value) if isinstance(word, ast.Literal) else None for word in words]
        types = [name for name in names if name is not None]
        if not types or len(types) < len(names) or (not several and node.op not in {"==", "!="}):
            return None
        before = self.at(node)
        test = self.p.has_type(self.operand(call.args[0]).first, *types)
        result = self.p.invert(test) if node.op in {"!=", "not in"} else test
        self.p.line = before
        return result

    def _link(self, node: ast.Binary, left: Operand) -> PyExpr:
        if node.op in {"in", "not in"} and isinstance(node.right, ast.Array) and node.right.items:
            words = [item.value for item in node.right.items if isinstance(item, ast.Literal)]
            if len(words) == len(node.right.items) and all(isinstance(word, str) for word in words):
                return self._among(node.op, left, words)
        return self.binary(node.op, left, self.operand(node.right))

    def _among(self, op: str, left: Operand, words: list[Any]) -> PyExpr:
        """Membership in a list of constant texts: only a text can be a member."""
        p = self.p
        if not self.fast:
            return self.helper(op, left.value, p.const(tuple(words)))
        if left.kind == TEXT:
            return p.compare(left.value, op, p.const(frozenset(words)))
        slow = self.helper(op, left.again, p.const(tuple(words)))
        fast = p.compare(left.again, op, p.const(frozenset(words)))
        return p.choose(p.has_type(left.first, "str"), fast, slow)

    def _Coalesce(self, node: ast.Coalesce) -> PyExpr:  # noqa: N802
        parts = [node.right]
        left = node.left
        while isinstance(left, ast.Coalesce):
            parts.append(left.right)
            left = left.left
        return self.first_of([left, *reversed(parts)], self.kinds.of(node))

    def first_of(self, parts: list[ast.Expr], kind: Kind) -> PyExpr:
        """The first value that is not null, as a balanced tree so that long chains stay shallow."""
        if len(parts) == 1:
            return self.expr_as(parts[0], kind)
        middle = len(parts) // 2
        value = self.bind(self.first_of(parts[:middle], kind))
        test = self.p.is_null(value.first, negated=True)
        return self.p.choose(test, value.again, self.first_of(parts[middle:], kind))

    # --------------------------------------------------------------- operators

    def _Unary(self, node: ast.Unary) -> PyExpr:  # noqa: N802
        if node.op == "not":
            return self.p.invert(self.cond(node.operand))
        return self.binary("-", self.bind(self.p.const(0), INT), self.operand(node.operand))

    def _Logical(self, node: ast.Logical) -> PyExpr:  # noqa: N802
        return self.logical(node.op, node.operands)

    def logical(self, op: str, operands: list[ast.Expr]) -> PyExpr:
        """``and`` / ``or`` of several operands; a boolean."""
        tests = [self.cond(operand) for operand in operands]
        if len(tests) == 1:
            return tests[0]
        return self.p.all_of(tests) if op == "and" else self.p.any_of(tests)

    def _Conditional(self, node: ast.Conditional) -> PyExpr:  # noqa: N802
        kind = self.kinds.of(node)
        self.learn(node.test, node.then)
        return self.p.choose(
            self.cond(node.test), self.expr_as(node.then, kind), self.expr_as(node.otherwise, kind)
        )

    def learn(self, test: ast.Expr, then: ast.Node) -> None:
        """What ``typeof(x) = 'string'`` tells of ``x`` where it holds, as long as nobody assigns to it."""
        if not (isinstance(test, ast.Binary) and test.op == "==" and isinstance(test.left, ast.Call)):
            return
        callee, args, word = test.left.callee, test.left.args, test.right
        if not isinstance(callee, ast.Name) or callee.name != "typeof" or len(args) != 1:
            return
        asked = args[0] if self.analysis.variable(callee) is None else None
        variable = self.analysis.variable(asked) if isinstance(asked, ast.Name) else None
        if variable is not None and not variable.assigned and getattr(word, "value", None) == "string":
            self.kinds.learn(then, variable, TEXT)

    def _IsNull(self, node: ast.IsNull) -> PyExpr:  # noqa: N802
        return self.p.is_null(self.expr(node.operand), negated=node.negated)

    def _Between(self, node: ast.Between) -> PyExpr:  # noqa: N802
        helper = "not_between" if node.negated else "between"
        return self.p.call(helper, self.expr(node.operand), self.expr(node.low), self.expr(node.high))

    # -------------------------------------------------------------------- text

    def _Concat(self, node: ast.Concat) -> PyExpr:  # noqa: N802
        return self.concat(
            [self.expr(part) for part in node.parts], [self.kinds.of(part) for part in node.parts]
        )

    def _Template(self, node: ast.Template) -> PyExpr:  # noqa: N802
        parts = node.parts
        if not parts:
            return self.p.const("")
        if len(parts) == 1:
            only = parts[0]
            return self.p.const(only) if isinstance(only, str) else self.expr_as(only, self.kinds.of(node))
        values = [self.p.const(part) if isinstance(part, str) else self.expr(part) for part in parts]
        return self.concat(values, [TEXT if isinstance(part, str) else self.kinds.of(part) for part in parts])

    def concat(self, parts: list[PyExpr], kinds: list[Kind]) -> PyExpr:
        """Join parts as texts; null vanishes."""
        p = self.p
        self.cost += cost_of("text")
        if not self.fast or len(parts) > MANY_PARTS:
            return p.call("concat", self.ctx(), *parts)
        texts = [self._text(part, kind) for part, kind in zip(parts, kinds, strict=True)]
        joined = p.arithmetic(texts[0], "+", texts[1]) if len(texts) == 2 else p.joined(texts)
        if _is_short(texts, kinds):
            return joined
        name = self.fresh()
        length = p.call("len", p.keep(name, joined))
        short = p.compare(length, "<", p.const(SHORT))
        return p.choose(short, p.load(name), p.call("charged", self.ctx(), p.load(name)))

    def _text(self, part: PyExpr, kind: Kind) -> PyExpr:
        """The text form of one part; that of a whole number is Python's."""
        p = self.p
        if isinstance(part, python.Constant) and (part.value is None or kind == INT):
            return p.const("" if part.value is None else str(part.value))
        if kind == TEXT:
            return part
        value = self.bind(part)
        if kind == INT:
            if isinstance(part, python.Name) and part.id in self.below:
                return p.subscript(p.load("TEXTS"), part)
            small = p.chain(p.const(-1), "<", value.first, "<", p.const(SMALL_TEXTS))
            if isinstance(part, python.Name) and part.id in self.kinds.naturals:
                small = p.compare(part, "<", p.const(SMALL_TEXTS))
            return p.choose(small, p.subscript(p.load("TEXTS"), value.again), p.call("str", value.again))
        return p.choose(
            p.has_type(value.first, "str"), value.again, p.call("part_text", self.ctx(), value.again)
        )

    # -------------------------------------------------------------- containers

    def _Array(self, node: ast.Array) -> PyExpr:  # noqa: N802
        self.cost += cost_of("list") + cost_of("item") * len(node.items)
        return self.p.list_of([self.expr(item) for item in node.items])

    def _Tuple(self, node: ast.Tuple) -> PyExpr:  # noqa: N802
        self.cost += cost_of("list") + cost_of("item") * len(node.items)
        return self.p.tuple_of([self.expr(item) for item in node.items])

    def _Dict(self, node: ast.Dict) -> PyExpr:  # noqa: N802
        self.cost += cost_of("dict") + cost_of("entry") * len(node.items)
        keys: list[PyExpr] = []
        values: list[PyExpr] = []
        for key, value in node.items:
            constant = isinstance(key, ast.Literal) and isinstance(key.value, str)
            keys.append(self.expr(key) if constant else self.p.call("dict_key", self.expr(key)))
            values.append(self.expr(value))
        return self.p.dict_of(keys, values)

    def _Cohort(self, node: ast.Cohort) -> PyExpr:  # noqa: N802
        raise AssertionError(f"the resolver refuses cohorts: {node.span}")

    def is_async(self, node: ast.Call) -> str | None:
        """The canonical name of the async function a call names; None when it is another call."""
        callee = node.callee
        if not isinstance(callee, ast.Name) or self.analysis.variable(callee) is not None:
            return None
        return ASYNC_NAMES.get(callee.name)


def _is_short(texts: list[PyExpr], kinds: list[Kind]) -> bool:
    """Whether a concatenation can only be short: constants and small whole numbers."""
    length = 0
    for text, kind in zip(texts, kinds, strict=True):
        if isinstance(text, python.Constant) and isinstance(text.value, str):
            length += len(text.value)
        elif kind == INT:
            length += 20
        else:
            return False
    return length < SHORT
