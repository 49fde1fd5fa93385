"""Emission of calls, lambdas and functions."""

from __future__ import annotations

import ast as python
from collections.abc import Iterable

from hedgerow.hog import ast
from hedgerow.hog.compiler.build import PyExpr, PyStmt
from hedgerow.hog.compiler.expressions import Expressions
from hedgerow.hog.compiler.intrinsics import INTRINSICS, MAKERS
from hedgerow.hog.compiler.kinds import always_returns
from hedgerow.hog.compiler.scope import ASYNC_NAMES, HIGHER_ORDER, Unit, Variable
from hedgerow.hog.errors import HogCompileError
from hedgerow.hog.hints import similar
from hedgerow.hog.meter import FUEL, STEP, cost_of
from hedgerow.hog.stdlib.registry import REGISTRY, HogFunction

MOST_ARGUMENTS = 300
_ASYNC_ARITY = {"fetch": (1, 2), "sleep": (1, 1), "postHogCapture": (1, 1)}
_SPECIAL = frozenset({"if", "multiIf", "ifNull", "and", "or", "not"})


class Functions(Expressions):
    """Emits calls and function bodies; statements come from the class built on this one."""

    out: list[PyStmt]
    sites: list[tuple[str, ast.Span]]
    own_tank: bool
    shared: set[str]
    used: set[str]
    expressions: dict[Unit, ast.Expr]
    allow_async: bool

    # ------------------------------------------------------------------- calls

    def _Call(self, node: ast.Call) -> PyExpr:  # noqa: N802
        callee = node.callee
        if len(node.args) > MOST_ARGUMENTS:
            raise HogCompileError(
                "Too many arguments", span=node.span, hint=f"at most {MOST_ARGUMENTS} can be passed"
            )
        if not isinstance(callee, ast.Name):
            return self._call_value(self.expr(callee), node.args)
        variable = self.analysis.variable(callee)
        if variable is not None:
            return self._call_variable(variable, node)
        if callee.name in ASYNC_NAMES:
            return self._call_async(ASYNC_NAMES[callee.name], node)
        special = self._call_special(callee.name, node) if callee.name in _SPECIAL else None
        return special if special is not None else self._call_library(callee, node)

    def _call_variable(self, variable: Variable, node: ast.Call) -> PyExpr:
        unit = variable.known
        if unit is None:
            return self._call_value(self.read(variable), node.args)
        if len(node.args) > len(unit.params):
            raise HogCompileError(
                f"Too many arguments. Passed {len(node.args)}, expected {len(unit.params)}", span=node.span
            )
        args = [
            self.expr_as(arg, self.kinds.of_variable(param))
            for arg, param in zip(node.args, unit.params, strict=False)
        ]
        if unit in self.expressions:
            return self._inlined(unit, args)
        call = self.p.call(unit.py, *args)
        return self.p.yield_from(call) if unit.suspends else call

    def _inlined(self, unit: Unit, args: list[PyExpr]) -> PyExpr:
        """What a small function computes, in the place of a call of it."""
        p = self.p
        missing = [p.const(None) for _ in unit.params[len(args) :]]
        held: list[PyExpr] = []
        values: list[PyExpr] = []
        for arg in [*args, *missing]:
            stable = isinstance(arg, python.Name) and arg.id not in self.volatile
            name = "" if stable else self.fresh()
            held += [] if stable else [p.keep(name, arg)]
            values.append(arg if stable else p.load(name))
        outer = self.given
        self.given = {**outer, **dict(zip(unit.params, values, strict=True))}
        with self.places.within(unit.name, p.line):
            body = self.expr_as(self.expressions[unit], self.kinds.of_result(unit))
        self.given = outer
        return p.last_of([*held, body])

    def _call_value(self, function: PyExpr, args: list[ast.Expr]) -> PyExpr:
        """Call what may be any value."""
        p = self.p
        count = p.const(len(args))
        values = [self.expr(arg) for arg in args]
        if self.unit.suspends:
            return p.yield_from(p.call("invoke", function, *values))
        value = self.bind(function)
        if not self.fast:
            return p.call_value(p.call("impl_of", value.value, count), values)
        fits = p.compare(p.attribute(value.again, "arity"), "==", count)
        test = p.all_of([p.has_type(value.first, "HogCallable"), fits])
        impl = p.choose(test, p.attribute(value.again, "impl"), p.call("impl_of", value.again, count))
        return p.call_value(impl, values)

    def _call_async(self, name: str, node: ast.Call) -> PyExpr:
        if not self.allow_async:
            raise HogCompileError(
                f"`{name}` can not be called here: filters and templates have to finish at once",
                span=node.span,
            )
        least, most = _ASYNC_ARITY[name]
        self._check_count(name, len(node.args), least, most, node.span)
        args = self.p.list_of([self.expr(arg) for arg in node.args])
        call = self.p.tuple_of([self.p.const(self._site(name, node.span)), self.p.const(name), args])
        return self._copied(node, self.p.yield_(call))

    def _site(self, name: str, span: ast.Span) -> int:
        self.sites.append((name, span))
        return len(self.sites) - 1

    def _call_special(self, name: str, node: ast.Call) -> PyExpr | None:
        """The library functions that are evaluated lazily; None when the count of arguments is unusual."""
        args = node.args
        kind = self.kinds.of(node)
        if name in {"and", "or"} and args:
            return self.logical(name, args)
        if name == "not" and len(args) == 1:
            return self.p.invert(self.cond(args[0]))
        if name == "ifNull" and len(args) == 2:
            return self.first_of(args, kind)
        if (
            name in {"if", "multiIf"}
            and len(args) >= 3
            and len(args) % 2 == 1
            and (name != "if" or len(args) == 3)
        ):
            result = self.expr_as(args[-1], kind)
            for position in range(len(args) - 3, -1, -2):
                result = self.p.choose(
                    self.cond(args[position]), self.expr_as(args[position + 1], kind), result
                )
            return result
        return None

    def _call_library(self, callee: ast.Name, node: ast.Call) -> PyExpr:
        function = REGISTRY.get(callee.name)
        if function is None:
            raise HogCompileError(
                f"Hog function `{callee.name}` is not implemented",
                span=callee.span,
                hint=did_you_mean(callee.name, [*REGISTRY, *ASYNC_NAMES, *_SPECIAL]),
            )
        self._check_count(callee.name, len(node.args), function.min, function.max, node.span)
        unit = self.analysis.inlined.get(id(node))
        if unit is not None:
            return self._loop(callee.name, unit, node.args)
        intrinsic = INTRINSICS.get(callee.name) if self.fast and len(node.args) == 1 else None
        if intrinsic is not None:
            value = self.operand(node.args[0])
            self.cost += cost_of("text") if callee.name in MAKERS else 0
            return intrinsic(self.p, value, self._library(function, [value.again]))
        args = [self.expr(arg) for arg in node.args]
        if callee.name in HIGHER_ORDER and self.unit.suspends:
            return self.p.yield_from(self.p.call(f"{callee.name}_suspending", self.ctx(), *args))
        return self._library(function, args)

    def _library(self, function: HogFunction, args: list[PyExpr]) -> PyExpr:
        if function.context:
            args = [self.ctx(), *args]
        return self.p.call(f"fn_{function.name}", *args)

    def _check_count(self, name: str, count: int, least: int, most: int | None, span: ast.Span) -> None:
        if least <= count and (most is None or count <= most):
            return
        bound, word = (least, "least") if count < least else (most, "most")
        plural = "" if bound == 1 else "s"
        raise HogCompileError(f"Function {name} requires at {word} {bound} argument{plural}", span=span)

    def builtin_value(self, node: ast.Name) -> PyExpr | None:
        """A library function used as a value; None when the name is none."""
        name = node.name
        if name in ASYNC_NAMES:
            if not self.allow_async:
                raise HogCompileError(f"`{name}` can not be used here", span=node.span)
            site = self._site(ASYNC_NAMES[name], node.span)
            return self.p.call("async_value", self.p.const(ASYNC_NAMES[name]), self.p.const(site))
        if name not in REGISTRY:
            return None
        return self.p.call("builtin_value", self.ctx(), self.p.load("G"), self.p.const(name))

    # ----------------------------------------------------------------- lambdas

    def _Lambda(self, node: ast.Lambda) -> PyExpr:  # noqa: N802
        unit = self.analysis.units[id(node)]
        self.define(unit)
        return self.closure(unit)

    def closure(self, unit: Unit) -> PyExpr:
        """The function of a unit as a Hog value."""
        self.cost += cost_of("closure")
        return self.p.call(
            "HogCallable", self.p.const(unit.name), self.p.const(len(unit.params)), self.p.load(unit.py)
        )

    def define(self, unit: Unit) -> None:
        """Emit the Python function of a Hog function or lambda before the current statement."""
        node = unit.node
        assert isinstance(node, ast.Function | ast.Lambda)
        outer = (self.out, self.unit, self.cost, self.own_tank, self.shared, self.below)
        body: list[PyStmt] = []
        self.out, self.unit, self.cost, self.own_tank, self.shared = body, unit, 0, False, set()
        self.below = frozenset()  # it may be called when the loop around it is over
        if isinstance(node.body, ast.Block):
            self.block(node.body.body)
            if not always_returns(unit):
                self.leave(None)
        else:
            self.leave(node.body)
        start = [*self._entry(unit), *self.tank()]
        self.out, self.unit, self.cost, self.own_tank, self.shared, self.below = outer
        names = [param.py for param in unit.params]
        self.out.append(self.p.function(unit.py, names, [*start, *body], bound=sorted(unit.boxes)))

    def _entry(self, unit: Unit) -> list[PyStmt]:
        """What happens on entering a function: the meter runs, calls are counted."""
        p = self.p
        start = self.meter(self.cost)
        if unit.suspends:
            start.insert(0, p.if_(p.const(value=False), [p.do(p.yield_(p.const(None)))]))
        if unit.recursive:
            self.draw_on("d")
            start.append(p.lower("d", 1))
            start.append(
                p.if_(p.compare(p.load("d"), "<", p.const(0)), [p.do(p.call("too_deep", p.load("M")))])
            )
        return [*self.counters(unit.rebinds), *start]

    def tank(self) -> list[PyStmt]:
        """A tank of its own for the short loops of a function: a plain local, not shared with others, is quicker.

        A function that is called again starts with a full one, so there must be nothing slow in these loops: at worst
        ``FUEL * FUEL`` short rounds go by before the clock is looked at.
        """
        return [self.p.assign("c", self.p.const(FUEL))] if self.own_tank else []

    def meter(self, cost: int, fuel: str = "b") -> list[PyStmt]:
        """One step of the meter: fuel, and memory when ``cost`` bytes are made in this step.

        Where much is made, the credit of memory runs out before the fuel would, and the clock is looked at then.
        """
        p = self.p
        steps: list[PyStmt] = []
        if cost < STEP:
            self.draw_on(fuel)
            steps = [p.lower(fuel, 1), p.if_(p.invert(p.load(fuel)), [p.assign(fuel, p.call("refuel"))])]
        if cost:
            self.draw_on("m")
            short = p.compare(p.load("m"), "<", p.const(0))
            steps.append(p.lower("m", cost))
            steps.append(p.if_(short, [p.assign("m", p.call("reserve", p.load("m")))]))
        return steps

    def draw_on(self, counter: str) -> None:
        """The function that is emitted changes a counter of the run."""
        self.shared.add(counter)
        self.used.add(counter)

    def counters(self, rebinds: Iterable[str] = ()) -> list[PyStmt]:
        """The declaration of what the current function changes outside of itself: variables, counters of the run."""
        names = [*sorted(rebinds), *sorted(self.shared - {"c"})]
        return [self.p.outer(names)] if names else []

    def leave(self, value: ast.Expr | None) -> None:
        """Return from the current function."""
        p = self.p
        result: PyExpr = p.const(None)
        if value is not None:
            result = (
                self.expr_as(value, self.kinds.of_result(self.unit)) if self.unit.parent else self.expr(value)
            )
        if self.unit.recursive:
            if value is not None:
                name = self.fresh()
                self.out.append(p.assign(name, result))
                result = p.load(name)
            self.out.append(self._shallower())
        self.out.append(p.give(result))

    def _shallower(self) -> PyStmt:
        return self.p.lower("d", -1)

    # ------------------------------------------------------- inlined library loops

    def _loop(self, name: str, unit: Unit, args: list[ast.Expr]) -> PyExpr:
        """A higher-order function over a literal lambda becomes a loop with the lambda's body inside."""
        p = self.p
        lambda_ = unit.node
        assert isinstance(lambda_, ast.Lambda)
        assert not isinstance(lambda_.body, ast.Block)
        outer = (self.out, self.unit, self.cost, self.shared)
        round_: list[PyStmt] = []
        self.out, self.unit, self.cost, self.shared = round_, unit, 16, set()
        start, each, end = self._LOOPS[name](self, unit, lambda_.body)
        body = [*round_, *each, *self.meter(self.cost)]
        if name == "arrayExists":
            body = [*round_, *self.meter(self.cost), *each]
        counters = self.counters()
        self.out, self.unit, self.cost, self.shared = outer
        params = ["xs", unit.params[0].py] if name == "arrayReduce" else ["xs"]
        suspend = [p.if_(p.const(value=False), [p.do(p.yield_(p.const(None)))])] if unit.suspends else []
        loop = p.for_each([unit.params[-1].py], p.load("xs"), body)
        whole = [*counters, *suspend, *start, loop, *end]
        self.out.append(p.function(unit.py, params, whole, optional=False))
        values = [p.call("iterate_values", self.expr(args[1])), *(self.expr(arg) for arg in args[2:])]
        call = p.call(unit.py, *values)
        return p.yield_from(call) if unit.suspends else call

    def _map(self, _unit: Unit, body: ast.Expr) -> tuple[list[PyStmt], list[PyStmt], list[PyStmt]]:
        p = self.p
        each = [p.do(p.method(p.load("out"), "append", self.expr(body)))]
        return [p.assign("out", p.list_of([]))], list(each), [p.give(p.load("out"))]

    def _filter(self, unit: Unit, body: ast.Expr) -> tuple[list[PyStmt], list[PyStmt], list[PyStmt]]:
        p = self.p
        append: list[PyStmt] = [p.do(p.method(p.load("out"), "append", p.load(unit.params[0].py)))]
        return [p.assign("out", p.list_of([]))], [p.if_(self.cond(body), append)], [p.give(p.load("out"))]

    def _exists(self, _unit: Unit, body: ast.Expr) -> tuple[list[PyStmt], list[PyStmt], list[PyStmt]]:
        p = self.p
        return [], [p.if_(self.cond(body), [p.give(p.const(value=True))])], [p.give(p.const(value=False))]

    def _count(self, _unit: Unit, body: ast.Expr) -> tuple[list[PyStmt], list[PyStmt], list[PyStmt]]:
        p = self.p
        return (
            [p.assign("out", p.const(0))],
            [p.if_(self.cond(body), [p.lower("out", -1)])],
            [p.give(p.load("out"))],
        )

    def _reduce(self, unit: Unit, body: ast.Expr) -> tuple[list[PyStmt], list[PyStmt], list[PyStmt]]:
        name = unit.params[0].py
        return [], [self.p.assign(name, self.expr(body))], [self.p.give(self.p.load(name))]

    _LOOPS = {  # noqa: RUF012 (a table of methods)
        "arrayMap": _map,
        "arrayFilter": _filter,
        "arrayExists": _exists,
        "arrayCount": _count,
        "arrayReduce": _reduce,
    }

    def block(self, statements: list[ast.Statement]) -> None:
        """Emit statements in order."""
        raise NotImplementedError


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names what was probably meant; None when nothing is near."""
    near = similar(word, known)
    return None if near is None else f"did you mean `{near}`?"
