"""Which variable each name means, and what the compiler must know of variables and functions before it emits code.

Names resolve as PostHog's compiler resolves them: the innermost local, then a local of an enclosing function, then a global.
Nothing is hoisted: a name means what is declared above it. The initial value of ``let x := ...`` still sees the outer
``x``, but functions inside it see the new one, so that they can call themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from hedgerow.hog import ast
from hedgerow.hog.errors import HogCompileError

ASYNC_NAMES: Final = {
    "fetch": "fetch",
    "sleep": "sleep",
    "postHogCapture": "postHogCapture",
    "posthogCapture": "postHogCapture",
    "posthogcapture": "postHogCapture",
}
"""Calls that suspend, by every name they go by."""

HIGHER_ORDER: Final = {"arrayMap": 1, "arrayFilter": 1, "arrayExists": 1, "arrayCount": 1, "arrayReduce": 2}
"""Library functions that call a function given to them, with the number of arguments they pass."""


class Variable:
    """One local variable of the source, and its name in the generated code."""

    __slots__ = ("assigned", "capturers", "function", "in_loop", "name", "py", "unit", "value_used")

    def __init__(self, name: str, py: str, unit: Unit, *, in_loop: bool) -> None:
        self.name = name
        self.py = py
        self.unit = unit
        self.in_loop = in_loop
        self.function: Unit | None = None  # set while it is only ever one function
        self.assigned: set[Unit] = set()  # the functions that assign to it after its declaration
        self.capturers: set[Unit] = set()
        self.value_used = False  # used other than as what is called

    @property
    def boxed(self) -> bool:
        """Whether each round of a loop needs a variable of its own because a closure may outlive the round."""
        return self.in_loop and any(not unit.inline for unit in self.capturers)

    @property
    def known(self) -> Unit | None:
        """The function this always holds, when calls may go to it directly."""
        return None if self.function is None or self.assigned or self.boxed else self.function

    @property
    def volatile(self) -> bool:
        """Whether a call in the middle of an expression could change it."""
        return any(unit is not self.unit for unit in self.assigned)


class Unit:
    """A body of code with its own Python function: the program, a Hog function or a lambda."""

    __slots__ = (
        "async_calls",
        "boxes",
        "calls",
        "depth",
        "dynamic",
        "escapes",
        "inline",
        "inner",
        "name",
        "node",
        "params",
        "parent",
        "py",
        "rebinds",
        "recursive",
        "returns",
        "suspends",
    )

    def __init__(self, name: str, py: str, node: ast.Node, parent: Unit | None) -> None:
        self.name = name
        self.py = py
        self.node = node
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.params: list[Variable] = []
        self.calls: list[tuple[Variable, ast.Call]] = []
        self.dynamic = False  # calls a function it does not know
        self.escapes = False  # is used as a value
        self.inline = False  # a lambda that becomes a loop
        self.inner: list[Unit] = []  # its inline lambdas
        self.async_calls = False
        self.suspends = False
        self.recursive = False
        self.returns: list[ast.Expr | None] = []
        self.rebinds: set[str] = set()  # generated names of outer functions that it assigns to
        self.boxes: set[str] = set()  # generated names of loop variables that it takes along by value

    @property
    def closure_parent(self) -> Unit | None:
        """The nearest enclosing unit that is not an inlined loop."""
        parent = self.parent
        while parent is not None and parent.inline:
            parent = parent.parent
        return parent

    def ancestry(self) -> Iterator[Unit]:
        """This unit, its parent, and so on."""
        unit: Unit | None = self
        while unit is not None:
            yield unit
            unit = unit.parent


class Analysis:
    """The result: variables by node, units by node, the globals used."""

    def __init__(self) -> None:
        self.names: dict[int, Variable] = {}
        self.declared: dict[int, list[Variable]] = {}
        self.units: dict[int, Unit] = {}
        self.order: list[Unit] = []
        self.roots: dict[str, ast.Span] = {}
        self.sources: list[
            tuple[Variable, ast.Expr | None]
        ] = []  # what flows into each variable; None: anything
        self.writes: list[Variable | None] = []  # variables through which something is written to a container
        self.async_values = False  # an async function is used as a value
        self.keys: set[Variable] = set()  # the variables of loops that take the keys of objects
        self.chains: list[ast.Property] = []  # properties of properties, the longest of each
        self.inlined: dict[int, Unit] = {}  # calls of higher-order functions whose lambda becomes a loop

    def variable(self, node: ast.Name) -> Variable | None:
        """The local a name means; None for a global or library function."""
        return self.names.get(id(node))


class _Scope:
    __slots__ = ("names", "parent", "unit")

    def __init__(self, parent: _Scope | None, unit: Unit) -> None:
        self.parent = parent
        self.unit = unit
        self.names: dict[str, Variable] = {}


class Resolver:
    """Walks a tree once and fills an ``Analysis``."""

    def __init__(self, root: ast.Node) -> None:
        self.result = Analysis()
        self._unit = Unit("program", "main", root, None)
        self.result.units[id(root)] = self._unit
        self.result.order.append(self._unit)
        self._scope = _Scope(None, self._unit)
        self._loops = 0
        self._count = 0
        self._root = root
        self._pending: list[Variable] = []  # declared by a ``let`` whose value is being read
        self._cohort_error = "Cohorts can not be used here. Write out the conditions of the cohort instead."

    def resolve(self) -> Analysis:
        """Do it.

        Raises:
            HogCompileError: a name is declared twice or assigned without being declared.
        """
        self.visit(self._root)
        return self.finish()

    def finish(self) -> Analysis:
        """Settle what can only be known when all was visited."""
        _settle(self.result)
        return self.result

    def visit(self, node: Any) -> None:
        """Dispatch on the kind of node."""
        getattr(self, "_" + type(node).__name__)(node)

    def _each(self, nodes: list[Any]) -> None:
        for node in nodes:
            self.visit(node)

    # ----------------------------------------------------------------- scopes

    def _declare(self, name: str, span: ast.Span) -> Variable:
        if name in self._scope.names:
            raise HogCompileError(f"Variable `{name}` already declared in this scope", span=span)
        self._count += 1
        variable = Variable(name, f"v{self._count}", self._unit, in_loop=self._loops > 0)
        self._scope.names[name] = variable
        return variable

    def _lookup(self, name: str) -> Variable | None:
        scope: _Scope | None = self._scope
        while scope is not None:
            variable = scope.names.get(name)
            if variable is not None and not (variable in self._pending and variable.unit is self._unit):
                for unit in self._unit.ancestry():
                    if unit is variable.unit:
                        break
                    variable.capturers.add(unit)
                return variable
            scope = scope.parent
        return None

    def _push(self) -> _Scope:
        outer = self._scope
        self._scope = _Scope(outer, self._unit)
        return outer

    def _enter(self, name: str, node: ast.Function | ast.Lambda) -> Unit:
        self._count += 1
        unit = Unit(name, f"f{self._count}", node, self._unit)
        self.result.units[id(node)] = unit
        self.result.order.append(unit)
        outer_unit, outer_scope, loops = self._unit, self._scope, self._loops
        self._unit, self._loops = unit, 0
        self._scope = _Scope(outer_scope, unit)
        unit.params = [self._declare(param, node.span) for param in node.params]
        self._push()
        if isinstance(node.body, ast.Block):
            self._each(node.body.body)
        else:
            unit.returns.append(node.body)
            self.visit(node.body)
        self._unit, self._scope, self._loops = outer_unit, outer_scope, loops
        return unit

    # ------------------------------------------------------------- statements

    def _Program(self, node: ast.Program) -> None:  # noqa: N802
        self._each(node.body)

    def _Block(self, node: ast.Block) -> None:  # noqa: N802
        outer = self._push()
        self._each(node.body)
        self._scope = outer

    def _Let(self, node: ast.Let) -> None:  # noqa: N802
        variable = self._declare(node.name, node.name_span or node.span)
        self.result.declared[id(node)] = [variable]
        if isinstance(node.value, ast.Lambda):
            variable.function = self._enter("lambda", node.value)
        elif node.value is not None:
            self._pending.append(variable)
            self.visit(node.value)
            self._pending.pop()
        self.result.sources.append((variable, node.value))

    def _Function(self, node: ast.Function) -> None:  # noqa: N802
        variable = self._declare(node.name, node.name_span or node.span)
        self.result.declared[id(node)] = [variable]
        variable.function = self._enter(node.name, node)
        self.result.sources.append((variable, None))

    def _Assign(self, node: ast.Assign) -> None:  # noqa: N802
        self.visit(node.value)
        target = node.target
        if isinstance(target, ast.Name):
            variable = self._lookup(target.name)
            if variable is None:
                raise self._not_declared(target)
            self.result.names[id(target)] = variable
            variable.assigned.add(self._unit)
            self.result.sources.append((variable, node.value))
            return
        if not isinstance(target, ast.Property | ast.Index):
            raise HogCompileError("Can not assign to this type of expression", span=target.span)
        self.visit(target)
        self.result.writes.append(self._written(target))

    def _written(self, target: ast.Property | ast.Index) -> Variable | None:
        base: ast.Expr = target
        while isinstance(base, ast.Property | ast.Index):
            base = base.object
        if not isinstance(base, ast.Name):
            return None
        variable = self.result.variable(base)
        if variable is None:
            raise self._not_declared(base)
        return variable

    def _not_declared(self, target: ast.Name) -> HogCompileError:
        return HogCompileError(
            f'Variable "{target.name}" not declared in this scope. Can not assign to globals.',
            span=target.span,
            hint=f"declare it first: let {target.name} := ...",
        )

    def _ExprStatement(self, node: ast.ExprStatement) -> None:  # noqa: N802
        self.visit(node.expr)

    def _Empty(self, node: ast.Empty) -> None:  # noqa: N802
        """Nothing to resolve."""

    def _If(self, node: ast.If) -> None:  # noqa: N802
        self.visit(node.test)
        self._branch(node.then)
        if node.otherwise is not None:
            self._branch(node.otherwise)

    def _branch(self, node: ast.Statement) -> None:
        """A branch or body without braces still has a scope of its own."""
        outer = self._push()
        self.visit(node)
        self._scope = outer

    def _While(self, node: ast.While) -> None:  # noqa: N802
        self._loops += 1
        self.visit(node.test)
        self._branch(node.body)
        self._loops -= 1

    def _For(self, node: ast.For) -> None:  # noqa: N802
        outer = self._push()
        if node.init is not None:
            self.visit(node.init)
        self._loops += 1
        if node.test is not None:
            self.visit(node.test)
        if node.step is not None:
            self.visit(node.step)
        self._branch(node.body)
        self._loops -= 1
        self._scope = outer

    def _ForIn(self, node: ast.ForIn) -> None:  # noqa: N802
        self.visit(node.iterable)
        outer = self._push()
        names = [node.value] if node.key is None else [node.key, node.value]
        variables = [self._declare(name, node.span) for name in names]
        self.result.declared[id(node)] = variables
        self.result.keys.update(variables[:-1])
        for variable in variables:
            variable.assigned.add(self._unit)
            self.result.sources.append((variable, None))
        self._loops += 1
        self._branch(node.body)
        self._loops -= 1
        self._scope = outer

    def _Return(self, node: ast.Return) -> None:  # noqa: N802
        self._unit.returns.append(node.value)
        if node.value is not None:
            self.visit(node.value)

    def _Throw(self, node: ast.Throw) -> None:  # noqa: N802
        self.visit(node.value)

    def _Try(self, node: ast.Try) -> None:  # noqa: N802
        self.visit(node.body)
        for catch in node.catches:
            outer = self._push()
            variable = self._declare(catch.name, catch.span)
            self.result.declared[id(catch)] = [variable]
            self.result.sources.append((variable, None))
            self.visit(catch.body)
            self._scope = outer

    # ------------------------------------------------------------ expressions

    def _Literal(self, node: ast.Literal) -> None:  # noqa: N802
        """Nothing to resolve."""

    def _Name(self, node: ast.Name) -> None:  # noqa: N802
        variable = self._read(node)
        if variable is not None:
            variable.value_used = True
        elif node.name in ASYNC_NAMES:
            self.result.async_values = True

    def _read(self, node: ast.Name) -> Variable | None:
        variable = self._lookup(node.name)
        if variable is None:
            self.result.roots.setdefault(node.name, node.span)
        else:
            self.result.names[id(node)] = variable
        return variable

    def _Property(self, node: ast.Property) -> None:  # noqa: N802
        self.result.chains.append(node)
        while isinstance(node.object, ast.Property):
            node = node.object
        self.visit(node.object)

    def _Index(self, node: ast.Index) -> None:  # noqa: N802
        self.visit(node.object)
        self.visit(node.key)

    def _Call(self, node: ast.Call) -> None:  # noqa: N802
        callee = node.callee
        if not isinstance(callee, ast.Name):
            self.visit(callee)
            self._unit.dynamic = True
        else:
            variable = None if node.sugar else self._lookup(callee.name)  # sugar always means the library
            if variable is not None:
                self.result.names[id(callee)] = variable
                self._unit.calls.append((variable, node))
            elif callee.name in ASYNC_NAMES:
                self._unit.async_calls = True
            elif callee.name in HIGHER_ORDER and self._higher(node, HIGHER_ORDER[callee.name]):
                return
        self._each(node.args)

    def _higher(self, node: ast.Call, count: int) -> bool:
        """Visit the arguments of a higher-order call; true when its lambda may become a loop."""
        function = node.args[0] if node.args else None
        if (
            not isinstance(function, ast.Lambda)
            or len(function.params) != count
            or isinstance(function.body, ast.Block)
        ):
            self._unit.dynamic = True
            return False
        unit = self._enter("lambda", function)
        unit.inline = True
        self._unit.inner.append(unit)
        self.result.inlined[id(node)] = unit
        self._each(node.args[1:])
        return True

    def _Unary(self, node: ast.Unary) -> None:  # noqa: N802
        self.visit(node.operand)

    def _Binary(self, node: ast.Binary) -> None:  # noqa: N802
        chain: list[ast.Expr] = []
        left: ast.Expr = node
        while isinstance(left, ast.Binary):
            chain.append(left.right)
            left = left.left
        self.visit(left)
        self._each(chain[::-1])

    def _Concat(self, node: ast.Concat) -> None:  # noqa: N802
        self._each(node.parts)

    def _Logical(self, node: ast.Logical) -> None:  # noqa: N802
        self._each(node.operands)

    def _Coalesce(self, node: ast.Coalesce) -> None:  # noqa: N802
        chain: list[ast.Expr] = []
        left: ast.Expr = node
        while isinstance(left, ast.Coalesce):
            chain.append(left.right)
            left = left.left
        self.visit(left)
        self._each(chain[::-1])

    def _Conditional(self, node: ast.Conditional) -> None:  # noqa: N802
        self._each([node.test, node.then, node.otherwise])

    def _IsNull(self, node: ast.IsNull) -> None:  # noqa: N802
        self.visit(node.operand)

    def _Between(self, node: ast.Between) -> None:  # noqa: N802
        self._each([node.operand, node.low, node.high])

    def _Cohort(self, node: ast.Cohort) -> None:  # noqa: N802
        raise HogCompileError(self._cohort_error, span=node.span)

    def _Array(self, node: ast.Array) -> None:  # noqa: N802
        self._each(node.items)

    def _Tuple(self, node: ast.Tuple) -> None:  # noqa: N802
        self._each(node.items)

    def _Dict(self, node: ast.Dict) -> None:  # noqa: N802
        for key, value in node.items:
            self.visit(key)
            self.visit(value)

    def _Template(self, node: ast.Template) -> None:  # noqa: N802
        self._each([part for part in node.parts if not isinstance(part, str)])

    def _Lambda(self, node: ast.Lambda) -> None:  # noqa: N802
        self._enter("lambda", node).escapes = True


def _settle(result: Analysis) -> None:
    """What can only be known after the whole tree was seen."""
    for call, unit in reversed(list(result.inlined.items())):
        if any(not capturer.inline for param in unit.params for capturer in param.capturers):
            _make_closure(result, call, unit)
    for variables in [*result.declared.values(), *(unit.params for unit in result.order)]:
        for variable in variables:
            if variable.function is not None and (variable.value_used or variable.known is None):
                variable.function.escapes = True
    for unit in result.order:
        if any(variable.known is None for variable, _ in unit.calls):
            unit.dynamic = True
    for variable in {variable for variable, _ in result.sources}:
        _share(variable)
    _mark_suspending(result)
    _mark_recursive(result)


def _share(variable: Variable) -> None:
    """Tell the functions that use a variable of another function how they share it."""
    if variable.boxed:
        for unit in variable.capturers:
            if unit.closure_parent is variable.unit and not unit.inline:
                unit.boxes.add(variable.py)
        return
    for unit in variable.assigned:
        if unit is not variable.unit:
            unit.rebinds.add(variable.py)


def _make_closure(result: Analysis, call: int, unit: Unit) -> None:
    """A lambda that cannot become a loop after all: a closure may keep one round's parameter."""
    unit.inline = False
    unit.escapes = True
    del result.inlined[call]
    if unit.parent is not None:
        unit.parent.inner.remove(unit)
        unit.parent.dynamic = True


def _mark_suspending(result: Analysis) -> None:
    """Find the units that may reach an async call; they become generators."""
    changed = True
    while changed:
        changed = False
        loose = result.async_values or any(unit.suspends and unit.escapes for unit in result.order)
        for unit in result.order:
            if not unit.suspends and (
                unit.async_calls
                or (loose and unit.dynamic)
                or any(inner.suspends for inner in unit.inner)
                or any(variable.known is not None and variable.known.suspends for variable, _ in unit.calls)
            ):
                unit.suspends = changed = True


def _mark_recursive(result: Analysis) -> None:
    """Find the units whose calls must be counted so that every cycle of calls has one that is.

    Nothing is hoisted, so a cycle of direct calls has a call that stands inside the function it calls.
    Any other cycle passes through a function that is used as a value.
    """
    for unit in result.order:
        ancestry = set(unit.ancestry())
        for variable, _ in unit.calls:
            if variable.known in ancestry and variable.known is not None:
                variable.known.recursive = True
    if any(unit.dynamic for unit in result.order):
        for unit in result.order:
            if unit.escapes:
                unit.recursive = True
