"""Emission of statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.compiler.build import PyExpr, PyStmt
from hedgerow.hog.compiler.functions import Functions
from hedgerow.hog.compiler.inlining import expressions
from hedgerow.hog.compiler.intrinsics import SMALL_TEXTS
from hedgerow.hog.compiler.kinds import TEXT
from hedgerow.hog.compiler.scope import Variable
from hedgerow.hog.meter import cost_of


class Statements(Functions):
    """Emits statements into ``out``, the list of Python statements of the current block."""

    def __init__(self, *args: Any, allow_async: bool = False, tracing: bool = False, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.out: list[PyStmt] = []
        self.own_tank = False
        self.shared: set[str] = set()  # counters of the run that the function being emitted changes
        self.used: set[str] = set()  # what any function needs of the run: the meter sets up no more
        self.seen: dict[Variable | None, str] = {}  # where it is noted whether a variable holds an object
        self._written = Counter(self.analysis.writes)
        self.sites: list[tuple[str, ast.Span]] = []
        self.allow_async = allow_async
        self.tracing = tracing
        # A traced run shows the lines of every function.
        self.expressions = expressions(self.analysis) if self.fast and not tracing else {}
        self._counts_depth = any(unit.recursive for unit in self.analysis.order)

    def block(self, statements: list[ast.Statement]) -> None:
        """Emit statements in order."""
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.Statement) -> None:
        """Emit one statement."""
        before = self.at(node)
        getattr(self, "_" + type(node).__name__)(node)
        self.p.line = before

    def program(self, node: ast.Program) -> None:
        """Emit a whole program; its value is that of a last statement which is an expression."""
        *rest, last = node.body or [ast.Empty(span=node.span)]
        self.block(rest)
        if isinstance(last, ast.ExprStatement):
            before = self.at(last)
            self.trace_line(last)
            self.out.append(self.p.give(self.expr(last.expr)))
            self.p.line = before
        else:
            self.statement(last)

    def _nested(self, *statements: ast.Statement) -> list[PyStmt]:
        """Emit into a block of its own."""
        outer, self.out = self.out, []
        self.block(list(statements))
        inner, self.out = self.out, outer
        return inner

    def trace_line(self, node: ast.Node, *variables: Variable) -> None:
        """When tracing, tell that a statement ran and what it changed."""
        if not self.tracing:
            return
        p = self.p
        changes = [part for each in variables for part in (p.const(each.name), self.read(each))]
        self.out.append(p.do(p.call("traced", p.load("M"), p.const(self.places.number(node.span)), *changes)))

    # --------------------------------------------------------------- variables

    def _Let(self, node: ast.Let) -> None:  # noqa: N802
        variable = self.analysis.declared[id(node)][0]
        if isinstance(node.value, ast.Lambda):
            self._declare_function(variable, node.value)
        else:
            kind = self.kinds.of_variable(variable)
            value = self.p.const(None) if node.value is None else self.expr_as(node.value, kind)
            self._create(variable, value)
            self._look_at(variable)
        self.trace_line(node, *([variable] if variable.known is None or variable.value_used else []))

    def _Function(self, node: ast.Function) -> None:  # noqa: N802
        self._declare_function(self.analysis.declared[id(node)][0], node)
        self.trace_line(node)

    def _declare_function(self, variable: Variable, node: ast.Function | ast.Lambda) -> None:
        unit = self.analysis.units[id(node)]
        if unit in self.expressions:
            return
        if variable.boxed:
            self._create(variable, self.p.const(None))
            self.define(unit)
            self._store(variable, self.closure(unit))
            return
        self.define(unit)
        if unit.escapes:
            self._create(variable, self.closure(unit))

    def _create(self, variable: Variable, value: PyExpr) -> None:
        if variable.boxed:
            value = self.p.list_of([value])
        self.out.append(self.p.assign(variable.py, value))

    def _store(self, variable: Variable, value: PyExpr) -> None:
        p = self.p
        if variable.boxed:
            self.out.append(p.assign_item(p.load(variable.py), p.const(0), value))
        else:
            self.out.append(p.assign(variable.py, value))

    def _Assign(self, node: ast.Assign) -> None:  # noqa: N802
        target = node.target
        if isinstance(target, ast.Property | ast.Index):
            self._assign_item(target, node.value)
            base = self._base(target)
            self.trace_line(node, *([] if base is None else [base]))
            return
        assert isinstance(target, ast.Name)
        variable = self.analysis.names[id(target)]
        self._store(variable, self.expr_as(node.value, self.kinds.of_variable(variable)))
        self.trace_line(node, variable)

    def _base(self, target: ast.Expr) -> Variable | None:
        while isinstance(target, ast.Property | ast.Index):
            target = target.object
        return self.analysis.variable(target) if isinstance(target, ast.Name) else None

    def _assign_item(self, target: ast.Property | ast.Index, value: ast.Expr) -> None:
        """``object[key] := value``: straight into a dict with a text key, through the helper otherwise."""
        p = self.p
        self.cost += cost_of("entry")
        place = self._held(self.expr(target.object))
        if isinstance(target, ast.Property):
            key: PyExpr = p.const(target.name)
        else:
            self._check_index(target.key)
            key = self._held(self.expr(target.key))
        item = self._held(self.expr(value))
        slow: PyStmt = p.do(p.call("set_property", self.ctx(), place, key, item))
        if not self.fast:
            self.out.append(slow)
            return
        self.used.add("q")
        tests = self._object_tests(target.object, place)
        if (
            isinstance(target, ast.Index)
            and self.kinds.of(target.key) != TEXT
            and not self.kinds.is_key(target.key)
        ):
            tests.append(p.has_type(key, "str"))
        tests.append(p.compare(p.call("len", place), "<", p.load("q")))
        test = tests[0] if len(tests) == 1 else p.all_of(tests)
        self.out.append(p.if_(test, [p.assign_item(place, key, item)], [slow]))

    def _object_tests(self, target: ast.Expr, place: PyExpr) -> list[PyExpr]:
        """What makes sure that a value is an object: nothing for one that is known, little for one that was looked at."""
        variable = self.analysis.variable(target) if isinstance(target, ast.Name) else None
        if self.kinds.is_object(variable):
            return []
        if variable in self.seen:
            return [self.p.load(self.seen[variable])]
        return [self.p.has_type(place, "dict")]

    def _look_at(self, variable: Variable) -> None:
        """Note whether a variable that is set once, and written into several times, holds an object."""
        if not self.fast or variable.assigned or variable.boxed or self.kinds.is_object(variable):
            return
        if self._written[variable] > 1:
            name = self.seen[variable] = f"is_{variable.py}"
            self.out.append(self.p.assign(name, self.p.has_type(self.p.load(variable.py), "dict")))

    def _held(self, value: PyExpr) -> PyExpr:
        """Evaluate now, into a temporary unless the value is stable anyway."""
        operand = self.bind(value)
        if operand.stable:
            return value
        name = self.fresh()
        self.out.append(self.p.assign(name, value))
        return self.p.load(name)

    # ------------------------------------------------------------------- flow

    def _ExprStatement(self, node: ast.ExprStatement) -> None:  # noqa: N802
        self.out.append(self.p.do(self.expr(node.expr)))
        self.trace_line(node)

    def _Empty(self, node: ast.Empty) -> None:  # noqa: N802
        """Nothing to emit."""

    def _Block(self, node: ast.Block) -> None:  # noqa: N802
        self.block(node.body)

    def _If(self, node: ast.If) -> None:  # noqa: N802
        self.trace_line(node.test)
        self.learn(node.test, node.then)
        test = self.cond(node.test)
        then = self._nested(node.then)
        otherwise = [] if node.otherwise is None else self._nested(node.otherwise)
        self.out.append(self.p.if_(test, then, otherwise))

    def _While(self, node: ast.While) -> None:  # noqa: N802
        self.trace_line(node.test)
        self._loop_while(node.test, node.body, None)

    def _For(self, node: ast.For) -> None:  # noqa: N802
        if node.init is not None:
            self.statement(node.init)
        elif node.test is not None:
            self.trace_line(node.test)
        below, self.below = self.below, self.below | self._bounded(node)
        self._loop_while(node.test, node.body, node.step)
        self.below = below

    def _bounded(self, node: ast.For) -> frozenset[str]:
        """The variable of a loop when it stays within the table of texts: the test bounds it, and only the step moves it."""
        test, step = node.test, node.step
        if not (
            isinstance(test, ast.Binary) and isinstance(test.left, ast.Name) and isinstance(step, ast.Assign)
        ):
            return frozenset()
        variable = self.analysis.variable(test.left)
        moved = isinstance(step.target, ast.Name) and self.analysis.variable(step.target) is variable
        if (
            variable is None
            or not moved
            or variable.unit is not self.unit
            or variable.py not in self.kinds.naturals
        ):
            return frozenset()
        most = test.right.value if isinstance(test.right, ast.Literal) else None
        fits = type(most) is int and test.op in {"<", "<="} and most < SMALL_TEXTS
        alone = (
            sum(source is variable for source, _ in self.analysis.sources) == 2
        )  # where it begins, and the step
        return frozenset({variable.py}) if fits and alone else frozenset()

    def _loop_while(self, test: ast.Expr | None, body: ast.Statement, step: ast.Statement | None) -> None:
        """A loop with a test. A trace shows its head once a round: what sets the variable stands for the test behind it."""
        p = self.p
        outer, self.out, cost, self.cost = self.out, [], self.cost, 0
        heavy, p.heavy = p.heavy, False
        if test is not None:
            before = self.at(test)
            self.out.append(p.if_(p.invert(self.cond(test)), [p.leave_loop()]))
            self.p.line = before
        self.statement(body)
        if step is not None:
            self.statement(step)
        elif test is not None:
            self.trace_line(test)
        fuel = "b" if p.heavy else "c"
        self.own_tank = self.own_tank or not p.heavy
        round_, self.out = [*self.out, *self.meter(self.cost, fuel)], outer
        self.cost = cost
        p.heavy = p.heavy or heavy
        self.out.append(p.forever(round_))

    def _ForIn(self, node: ast.ForIn) -> None:  # noqa: N802
        p = self.p
        variables = self.analysis.declared[id(node)]
        source = self.expr(node.iterable)
        for variable in variables:
            if variable.boxed:
                self._create(variable, p.const(None))
        names = [self.fresh() if variable.boxed else variable.py for variable in variables]
        outer, self.out, cost, self.cost = self.out, [], self.cost, 0
        suspensions = p.suspensions
        for name, variable in zip(names, variables, strict=True):
            if variable.boxed:
                self._store(variable, p.load(name))
        self.trace_line(node, *variables)
        self.statement(node.body)
        round_, self.out = [*self.out, *self.meter(self.cost)], outer
        self.cost = cost
        still = self.fast and suspensions == p.suspensions and self._is_left_alone(node.iterable)
        kind = "items" if len(names) > 1 else "values"
        entries = self._entries(kind, source) if still else p.call(f"iterate_{kind}", source)
        self.out.append(p.for_each(names, entries, round_))

    def _is_left_alone(self, node: ast.Expr) -> bool:
        """Whether nobody can write to a container while a loop goes through it, so that it needs no copy.

        Globals and their parts are such: what a program writes to is a copy of them.
        """
        while isinstance(node, ast.Property | ast.Index):
            node = node.object
        return isinstance(node, ast.Name) and (
            not self.analysis.writes or self.analysis.variable(node) is None
        )

    def _entries(self, kind: str, source: PyExpr) -> PyExpr:
        """What a loop goes through, as it stands: the values or the items of an object."""
        p = self.p
        value = self.bind(source)
        other: PyExpr = p.call(f"iterate_{kind}", value.again)
        if kind == "values":
            other = p.choose(p.has_type(value.again, "list"), value.again, other)
        return p.choose(p.has_type(value.first, "dict"), p.method(value.again, kind), other)

    def _Return(self, node: ast.Return) -> None:  # noqa: N802
        self.trace_line(node)
        self.leave(node.value)

    # ------------------------------------------------------------------ errors

    def _Throw(self, node: ast.Throw) -> None:  # noqa: N802
        self.trace_line(node)
        # Most runs never come here: helpers do, which are a third of the code to compile.
        fast, self.fast = self.fast, False
        self.out.append(self.p.raise_(self.p.call("raised", self.expr(node.value))))
        self.fast = fast

    def _Try(self, node: ast.Try) -> None:  # noqa: N802
        p = self.p
        handler: list[PyStmt] = []
        if self._counts_depth:
            depth = self.fresh()
            self.draw_on("d")
            self.out.append(p.assign(depth, p.load("d")))
            handler.append(p.assign("d", p.load(depth)))
        body = self._nested(*node.body.body)
        error = self.fresh()
        handler.append(p.assign(error, p.attribute(p.call("caught"), "value")))
        handler += self._catches(error, node.catches)
        self.out.append(p.attempt(body, "Raised", handler))

    def _catches(self, error: str, catches: Sequence[ast.Catch]) -> list[PyStmt]:
        """Catches in order; the first that fits takes the error, with none it goes on."""
        p = self.p
        if not catches:
            return [p.raise_(None)]
        catch, rest = catches[0], catches[1:]
        outer, self.out = self.out, []
        self._create(self.analysis.declared[id(catch)][0], p.load(error))
        self.block(catch.body.body)
        body, self.out = self.out, outer
        if catch.type is None or catch.type == "Error":
            return body
        test = p.compare(p.attribute(p.load(error), "type"), "==", p.const(catch.type))
        return [p.if_(test, body, self._catches(error, rest))]
