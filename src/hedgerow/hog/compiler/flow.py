"""Where values of the host end up, so that they are copied only when the program could write to them.

Globals belong to the host and are read-only, yet ``let e := event`` followed by ``e.x := 1`` must work: PostHog's VM copies
every global on reading. Here a copy is made only if the value may be written to, or leaves our sight. Reading, iterating,
computing and sending never need one.

Every variable has two nodes in a graph: the container it holds, and whatever is inside of that. A value flows into a pair of
sets of such nodes, its *sink*: where the value itself goes, and where its contents go. ``x.k := v`` writes to ``x`` itself
and makes ``v`` a part of its contents. What is written to through a node is written to through all that flows into it.
A reading whose contents may be written to is copied all the way down; one that is only written to at its top is copied there.
The order of statements does not matter.
"""

from __future__ import annotations

from typing import Any, Final

from hedgerow.hog import ast
from hedgerow.hog.compiler.scope import ASYNC_NAMES, HIGHER_ORDER, Analysis, Unit, Variable

_Node = tuple[Any, int]
_Nodes = frozenset[_Node]
Sink = tuple[_Nodes, _Nodes]

_NONE: Final[_Nodes] = frozenset()
NOWHERE: Final[Sink] = (_NONE, _NONE)
_UNKNOWN: Final[_Nodes] = frozenset({("unknown", 0)})
KEPT: Final[Sink] = (_UNKNOWN, _UNKNOWN)
"""The sink of values that leave our sight: whoever has them may write to them."""

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


def _into(owner: Variable | Unit) -> Sink:
    """The sink of what a variable is set to, or a function returns."""
    return frozenset({(owner, 0)}), frozenset({(owner, 1)})


def _inside(nodes: _Nodes) -> Sink:
    """The sink of what becomes a part of something."""
    return nodes, nodes


class Flow:
    """For every reading of a global, whether and how deep it needs a copy."""

    def __init__(self, analysis: Analysis, root: ast.Node) -> None:
        self._analysis = analysis
        self._reads: dict[int, list[Sink]] = {}
        self._sources: dict[_Node, set[_Node]] = {}
        self._dirty: set[_Node] = set(_UNKNOWN)
        self._unit: Unit = analysis.order[0]
        self._writes = bool(analysis.writes)
        if self._writes:
            self._statement(root)
            self._spread()

    def copies(self, node: ast.Expr) -> str | None:
        """How to copy the value that this node reads from outside: ``copy``, ``copy_top``, or None for not at all."""
        if not self._writes:
            return None
        sinks = self._reads.get(id(node), [KEPT])
        if any(not self._dirty.isdisjoint(contents) for _, contents in sinks):
            return "copy"
        return "copy_top" if any(not self._dirty.isdisjoint(itself) for itself, _ in sinks) else None

    def _spread(self) -> None:
        todo = list(self._dirty)
        while todo:
            for source in self._sources.get(todo.pop(), ()):
                if source not in self._dirty:
                    self._dirty.add(source)
                    todo.append(source)

    def _link(self, owner: Variable | Unit, sink: Sink) -> None:
        """What is in a variable flows on into a sink."""
        for level, targets in enumerate(sink):
            for target in targets:
                self._sources.setdefault(target, set()).add((owner, level))

    # ------------------------------------------------------------- statements

    def _statement(self, node: Any) -> None:
        method = getattr(self, "_" + type(node).__name__, None)
        if method is not None:
            method(node)
        else:
            self._flow(node, NOWHERE)

    def _Program(self, node: ast.Program | ast.Block) -> None:  # noqa: N802
        for child in node.body:
            self._statement(child)

    _Block = _Program

    def _Let(self, node: ast.Let) -> None:  # noqa: N802
        if node.value is not None:
            self._flow(node.value, _into(self._analysis.declared[id(node)][0]))

    def _Assign(self, node: ast.Assign) -> None:  # noqa: N802
        target = node.target
        if isinstance(target, ast.Name):
            self._flow(node.value, _into(self._analysis.names[id(target)]))
            return
        depth = 0
        base: ast.Expr = target
        while isinstance(base, ast.Property | ast.Index):
            if isinstance(base, ast.Index):
                self._flow(base.key, NOWHERE)
            base = base.object
            depth += 1
        variable = self._analysis.variable(base) if isinstance(base, ast.Name) else None
        if variable is None:
            self._flow(base, KEPT)
            self._flow(node.value, KEPT)
            return
        self._dirty.add((variable, 0 if depth == 1 else 1))
        self._flow(node.value, _inside(frozenset({(variable, 1)})))

    def _ExprStatement(self, node: ast.ExprStatement) -> None:  # noqa: N802
        self._flow(node.expr, NOWHERE)

    def _Empty(self, node: ast.Empty) -> None:  # noqa: N802
        """Nothing flows."""

    def _If(self, node: ast.If) -> None:  # noqa: N802
        self._flow(node.test, NOWHERE)
        self._statement(node.then)
        if node.otherwise is not None:
            self._statement(node.otherwise)

    def _While(self, node: ast.While) -> None:  # noqa: N802
        self._flow(node.test, NOWHERE)
        self._statement(node.body)

    def _For(self, node: ast.For) -> None:  # noqa: N802
        for child in (node.init, node.step, node.body):
            if child is not None:
                self._statement(child)
        if node.test is not None:
            self._flow(node.test, NOWHERE)

    def _ForIn(self, node: ast.ForIn) -> None:  # noqa: N802
        variable = self._analysis.declared[id(node)][-1]
        self._flow(node.iterable, self._elements(variable))
        self._statement(node.body)

    def _elements(self, variable: Variable) -> Sink:
        """The sink of a container whose elements a variable goes through."""
        itself, contents = _into(variable)
        return _NONE, itself | contents

    def _Function(self, node: ast.Function) -> None:  # noqa: N802
        self._body(node)

    def _body(self, node: ast.Function | ast.Lambda) -> None:
        outer, self._unit = self._unit, self._analysis.units[id(node)]
        if isinstance(node.body, ast.Block):
            self._statement(node.body)
        else:
            self._flow(node.body, self._result())
        self._unit = outer

    def _result(self) -> Sink:
        """The sink of what the current unit returns: the host for the program, its callers for a function."""
        unit = self._unit
        if unit.parent is None:
            return NOWHERE
        return KEPT if unit.escapes else _into(unit)

    def _Return(self, node: ast.Return) -> None:  # noqa: N802
        if node.value is not None:
            self._flow(node.value, self._result())

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
            self._name(node, node, sink, sink)
        elif isinstance(node, ast.Call):
            self._call(node, sink)
        elif isinstance(node, ast.Lambda):
            self._body(node)
        else:
            self._parts(node, sink)

    def _parts(self, node: ast.Expr, sink: Sink) -> None:
        if isinstance(node, ast.Conditional):
            self._flow(node.test, NOWHERE)
            self._all([node.then, node.otherwise], sink)
        elif isinstance(node, ast.Array | ast.Tuple):
            self._all(node.items, _inside(sink[1]))
        elif isinstance(node, ast.Dict):
            self._all([part for item in node.items for part in item], _inside(sink[1]))
        elif isinstance(node, ast.Coalesce | ast.Binary):
            self._chain(node, sink if isinstance(node, ast.Coalesce) else NOWHERE)
        elif isinstance(node, ast.Template):
            # Of several parts a new text is made; one alone is handed through.
            target = sink if len(node.parts) == 1 else NOWHERE
            self._all([part for part in node.parts if not isinstance(part, str)], target)
        elif isinstance(node, ast.Concat):
            self._all(node.parts, NOWHERE)
        elif isinstance(node, ast.Logical):
            self._all(node.operands, NOWHERE)
        elif isinstance(node, ast.Unary | ast.IsNull):
            self._flow(node.operand, NOWHERE)
        elif isinstance(node, ast.Between):
            self._all([node.operand, node.low, node.high], NOWHERE)

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

    def _name(self, node: ast.Name, read: ast.Expr, sink: Sink, read_sink: Sink) -> None:
        """A variable flows into the sink; a global is read by ``read``, the chain that starts at it."""
        variable = self._analysis.variable(node)
        if variable is None:
            self._reads.setdefault(id(read), []).append(read_sink)
        else:
            self._link(variable, sink)

    def _access(self, node: ast.Property | ast.Index, sink: Sink) -> None:
        base: ast.Expr = node
        while isinstance(base, ast.Property | ast.Index):
            if isinstance(base, ast.Index):
                self._flow(base.key, NOWHERE)
            base = base.object
        part: Sink = (_NONE, sink[0] | sink[1])
        if isinstance(base, ast.Name):
            self._name(base, node, part, sink)
        else:
            self._flow(base, part)

    def _call(self, node: ast.Call, sink: Sink) -> None:
        callee = node.callee
        unit = self._analysis.inlined.get(id(node))
        if not isinstance(callee, ast.Name):
            self._flow(callee, KEPT)
            self._all(node.args, KEPT)
        elif unit is not None:
            self._loop(callee.name, node, unit, sink)
        elif (variable := self._analysis.variable(callee)) is not None:
            self._call_variable(variable, node, sink)
        elif callee.name in ASYNC_NAMES:
            self._reads.setdefault(id(node), []).append(sink)
            self._all(node.args, NOWHERE)
        elif callee.name in _ABSORBING:
            self._all(node.args, NOWHERE)
        else:
            self._all(node.args, KEPT if callee.name in HIGHER_ORDER else _inside(sink[0] | sink[1]))

    def _call_variable(self, variable: Variable, node: ast.Call, sink: Sink) -> None:
        unit = variable.known
        if unit is None or unit.escapes:
            self._all(node.args, KEPT)
            return
        self._link(unit, sink)
        for param, arg in zip(unit.params, node.args, strict=False):
            self._flow(arg, _into(param))

    def _loop(self, name: str, node: ast.Call, unit: Unit, sink: Sink) -> None:
        """A library loop over an inlined lambda: elements flow into its parameter, results into the sink."""
        lambda_ = node.args[0]
        assert isinstance(lambda_, ast.Lambda)
        assert not isinstance(lambda_.body, ast.Block)
        outer, self._unit = self._unit, unit
        if name == "arrayReduce":
            total = unit.params[0]
            self._flow(lambda_.body, _into(total))
            self._link(total, sink)
        else:
            self._flow(lambda_.body, _inside(sink[1]) if name == "arrayMap" else NOWHERE)
        self._unit = outer
        for arg in node.args[1:2]:
            self._flow(arg, self._elements(unit.params[-1]))
            if name == "arrayFilter":
                self._flow(arg, (_NONE, sink[1]))
        for arg in node.args[2:]:
            self._flow(arg, _into(unit.params[0]))
