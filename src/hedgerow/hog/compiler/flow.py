"""Where values of the host end up, so that they are copied only when the program could write to them.

Globals belong to the host and are read-only, yet ``let e := event`` followed by ``e.x := 1`` must work: PostHog's VM copies
every global on reading. Here a copy is made only if the value may reach a variable through which something is written,
or leaves our sight. Reading, iterating, computing and sending never need one.

The analysis ignores the order of statements. ``y`` flows into ``v`` when ``v`` may then share ``y``'s containers; what is
written through ``v`` is written through all that flows into it.
"""

from __future__ import annotations

from typing import Any, Final

from hedgerow.hog import ast
from hedgerow.hog.compiler.scope import ASYNC_NAMES, HIGHER_ORDER, Analysis, Unit, Variable

KEPT: Final = "kept"
"""The sink of values that leave our sight: whoever has them may write to them."""

Sink = Variable | str | None

_ABSORBING: Final = frozenset(
    word
    for words in (
        "print length lower upper trim trimLeft trimRight reverse concat substring splitByString arrayStringConcat keys",
        "toString toInt toFloat toUUID typeof empty notEmpty isNull isNotNull floor round not and or",
        "replaceAll replaceOne like ilike notLike notILike match extractRegex startsWith position",
        "positionCaseInsensitive has indexOf in equals notEquals greater greaterOrEquals less lessOrEquals plus minus",
        "base64Encode base64Decode tryBase64Decode encodeURLComponent decodeURLComponent tryDecodeURLComponent",
        "md5Hex sha1Hex sha256Hex md5 sha1 sha256 sha1HmacChainHex sha256HmacChainHex sha1HmacChain sha256HmacChain",
        "toDate toDateTime toUnixTimestamp toUnixTimestampMilli formatDateTime dateAdd dateDiff dateTrunc",
        "jsonStringify isValidJSON JSONHas JSONLength isIPAddressInRange",
    )
    for word in words.split()
)
"""Library functions whose result shares nothing with their arguments."""


class Flow:
    """For every reading of a global, whether it needs a copy."""

    def __init__(self, analysis: Analysis, root: ast.Node) -> None:
        self._analysis = analysis
        self._reads: dict[int, list[Sink]] = {}
        self._edges: dict[Variable, set[Variable]] = {}
        self._dirty: set[Variable] = set()
        self._unit: Unit = analysis.order[0]
        self.writes = bool(analysis.writes)
        if self.writes:
            self._statement(root)
            self._spread()

    def needs_copy(self, node: ast.Expr) -> bool:
        """Whether the global read by this node must be copied."""
        if not self.writes:
            return False
        return any(
            sink == KEPT or sink in self._dirty
            for sink in self._reads.get(id(node), [KEPT])
            if sink is not None
        )

    def _spread(self) -> None:
        todo = list(self._dirty)
        while todo:
            for source in self._edges.get(todo.pop(), ()):
                if source not in self._dirty:
                    self._dirty.add(source)
                    todo.append(source)

    # ------------------------------------------------------------- statements

    def _statement(self, node: Any) -> None:
        method = getattr(self, "_" + type(node).__name__, None)
        if method is not None:
            method(node)
        else:
            self._flow(node, None)

    def _Program(self, node: ast.Program | ast.Block) -> None:  # noqa: N802
        for child in node.body:
            self._statement(child)

    _Block = _Program

    def _Let(self, node: ast.Let) -> None:  # noqa: N802
        if node.value is not None:
            self._flow(node.value, self._analysis.declared[id(node)][0])

    def _Assign(self, node: ast.Assign) -> None:  # noqa: N802
        target = node.target
        if isinstance(target, ast.Name):
            self._flow(node.value, self._analysis.variable(target))
            return
        base: ast.Expr = target
        while isinstance(base, ast.Property | ast.Index):
            if isinstance(base, ast.Index):
                self._flow(base.key, None)
            base = base.object
        variable = self._analysis.variable(base) if isinstance(base, ast.Name) else None
        self._flow(base, KEPT)
        self._flow(node.value, variable or KEPT)

    def _ExprStatement(self, node: ast.ExprStatement) -> None:  # noqa: N802
        self._flow(node.expr, None)

    def _Empty(self, node: ast.Empty) -> None:  # noqa: N802
        """Nothing flows."""

    def _If(self, node: ast.If) -> None:  # noqa: N802
        self._flow(node.test, None)
        self._statement(node.then)
        if node.otherwise is not None:
            self._statement(node.otherwise)

    def _While(self, node: ast.While) -> None:  # noqa: N802
        self._flow(node.test, None)
        self._statement(node.body)

    def _For(self, node: ast.For) -> None:  # noqa: N802
        for child in (node.init, node.step, node.body):
            if child is not None:
                self._statement(child)
        if node.test is not None:
            self._flow(node.test, None)

    def _ForIn(self, node: ast.ForIn) -> None:  # noqa: N802
        self._flow(node.iterable, self._analysis.declared[id(node)][-1])
        self._statement(node.body)

    def _Function(self, node: ast.Function) -> None:  # noqa: N802
        self._body(node)

    def _body(self, node: ast.Function | ast.Lambda) -> None:
        outer, self._unit = self._unit, self._analysis.units[id(node)]
        if isinstance(node.body, ast.Block):
            self._statement(node.body)
        else:
            self._flow(node.body, KEPT)
        self._unit = outer

    def _Return(self, node: ast.Return) -> None:  # noqa: N802
        if node.value is not None:
            self._flow(node.value, None if self._unit.parent is None else KEPT)

    def _Throw(self, node: ast.Throw) -> None:  # noqa: N802
        self._flow(node.value, KEPT)

    def _Try(self, node: ast.Try) -> None:  # noqa: N802
        self._statement(node.body)
        for catch in node.catches:
            self._statement(catch.body)

    # ------------------------------------------------------------ expressions

    def _flow(self, node: ast.Expr, sink: Sink) -> None:
        """Record that the value of a node flows into a sink."""
        if isinstance(node, ast.Property | ast.Index):
            self._access(node, sink)
        elif isinstance(node, ast.Name):
            self._name(node, node, sink)
        elif isinstance(node, ast.Call):
            self._call(node, sink)
        elif isinstance(node, ast.Lambda):
            self._body(node)
        else:
            self._parts(node, sink)

    def _parts(self, node: ast.Expr, sink: Sink) -> None:
        if isinstance(node, ast.Conditional):
            self._flow(node.test, None)
            self._all([node.then, node.otherwise], sink)
        elif isinstance(node, ast.Array | ast.Tuple):
            self._all(node.items, sink)
        elif isinstance(node, ast.Dict):
            self._all([part for item in node.items for part in item], sink)
        elif isinstance(node, ast.Coalesce | ast.Binary):
            self._chain(node, sink if isinstance(node, ast.Coalesce) else None)
        elif isinstance(node, ast.Template):
            self._all([part for part in node.parts if not isinstance(part, str)], sink)
        elif isinstance(node, ast.Concat):
            self._all(node.parts, None)
        elif isinstance(node, ast.Logical):
            self._all(node.operands, None)
        elif isinstance(node, ast.Unary | ast.IsNull):
            self._flow(node.operand, None)
        elif isinstance(node, ast.Between):
            self._all([node.operand, node.low, node.high], None)

    def _chain(self, node: ast.Coalesce | ast.Binary, sink: Sink) -> None:
        kind = type(node)
        left: ast.Expr = node
        while isinstance(left, kind):
            self._flow(left.right, sink)
            left = left.left
        self._flow(left, sink)

    def _all(self, nodes: list[ast.Expr], sink: Sink) -> None:
        for node in nodes:
            self._flow(node, sink)

    def _name(self, node: ast.Name, read: ast.Expr, sink: Sink) -> None:
        """A variable flows into the sink; a global is read by ``read``, the chain that starts at it."""
        variable = self._analysis.variable(node)
        if variable is None:
            self._reads.setdefault(id(read), []).append(sink)
        elif isinstance(sink, Variable):
            self._edges.setdefault(sink, set()).add(variable)
        elif sink == KEPT:
            self._dirty.add(variable)

    def _access(self, node: ast.Property | ast.Index, sink: Sink) -> None:
        base: ast.Expr = node
        while isinstance(base, ast.Property | ast.Index):
            if isinstance(base, ast.Index):
                self._flow(base.key, None)
            base = base.object
        if isinstance(base, ast.Name):
            self._name(base, node, sink)
        else:
            self._flow(base, sink)

    def _call(self, node: ast.Call, sink: Sink) -> None:
        callee = node.callee
        unit = self._analysis.inlined.get(id(node))
        if unit is not None and isinstance(callee, ast.Name):
            self._loop(callee.name, node, unit, sink)
            return
        if not isinstance(callee, ast.Name):
            self._flow(callee, KEPT)
            self._all(node.args, KEPT)
            return
        variable = self._analysis.variable(callee)
        if variable is not None:
            self._call_variable(variable, node)
        elif callee.name in ASYNC_NAMES or callee.name in _ABSORBING:
            self._all(node.args, None)
        else:
            self._all(node.args, KEPT if callee.name in HIGHER_ORDER else sink)

    def _call_variable(self, variable: Variable, node: ast.Call) -> None:
        unit = variable.known
        if unit is None or unit.escapes:
            self._dirty.add(variable)
            self._all(node.args, KEPT)
            return
        for param, arg in zip(unit.params, node.args, strict=False):
            self._flow(arg, param)

    def _loop(self, name: str, node: ast.Call, unit: Unit, sink: Sink) -> None:
        """A library loop over an inlined lambda: elements flow into its parameter, results into the sink."""
        lambda_ = node.args[0]
        assert isinstance(lambda_, ast.Lambda)
        assert not isinstance(lambda_.body, ast.Block)
        gives_body = name in {"arrayMap", "arrayReduce"}
        outer, self._unit = self._unit, unit
        self._flow(lambda_.body, sink if gives_body else None)
        if name == "arrayReduce":
            self._flow(lambda_.body, unit.params[0])
        self._unit = outer
        for arg in node.args[1:2]:
            self._flow(arg, unit.params[-1])
            if name == "arrayFilter":
                self._flow(arg, sink)
        for arg in node.args[2:]:
            self._flow(arg, unit.params[0])
            self._flow(arg, sink)
