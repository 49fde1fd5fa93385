"""What the compiler can prove of the kinds of values, so that it may leave out checks.

The lattice is small: nothing known yet < int, float < num < any, and bool, text < any.

- ``int``: a whole number that only ever moved by small constants. The limit on time bounds how far that goes, so it
  stays far below 2**53 and needs no check.
- ``float``: a double; arithmetic on doubles behaves in Python as in Hog, overflow included.
- ``num``: an int of at most 2**53 or a float.
- ``bool``, ``text``: exactly Python's ``bool`` and ``str``.
- ``any``: nothing is known.

A variable has the join of what flows into it. Where int meets float the variable is float and ints are converted on
the way in, which no program can see: Hog has one domain of numbers.
"""

from __future__ import annotations

from typing import Final

from hedgerow.hog import ast
from hedgerow.hog.compiler.scope import Analysis, Unit, Variable

INT: Final = "int"
FLOAT: Final = "float"
NUM: Final = "num"
BOOL: Final = "bool"
TEXT: Final = "text"
ANY: Final = "any"

ROUNDS: Final = 30
"""Rounds of inference after which nothing is taken as known; ordinary programs need three or four."""

Kind = str
NUMBERS: Final = frozenset({INT, FLOAT, NUM})
SMALL: Final = 2**20
"""Whole constants up to this size count as small."""
SAFE: Final = 2**53

_BOOL_CALLS: Final = frozenset(
    {"not", "and", "or", "isNull", "isNotNull", "empty", "notEmpty", "startsWith", "has"}
)
_TEXT_CALLS: Final = frozenset({"toString", "concat", "typeof", "generateUUIDv4"})
_CHOICES: Final = frozenset({"if", "multiIf", "ifNull"})


def join(left: Kind | None, right: Kind | None) -> Kind | None:
    """The kind of a value that is either."""
    if left == right or right is None:
        return left
    if left is None:
        return right
    if left in NUMBERS and right in NUMBERS:
        return NUM if NUM in (left, right) else FLOAT
    return ANY


def of_constant(value: object) -> Kind:
    """The kind of a constant."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT if -SMALL <= value <= SMALL else NUM if -SAFE <= value <= SAFE else ANY
    if isinstance(value, float):
        return FLOAT
    return TEXT if isinstance(value, str) else ANY


def of_arithmetic(op: str, left: Kind | None, right: Kind | None, *, step: bool) -> Kind | None:
    """The kind of ``left op right``; ``step`` when an operand is a small whole constant."""
    if left is None or right is None:
        return None
    if left == INT and right == INT:
        return INT if step and op in "+-" else FLOAT
    return FLOAT if left in (INT, FLOAT) and right in (INT, FLOAT) else NUM


def is_step(node: ast.Expr) -> bool:
    """Whether a node is a small whole constant."""
    return isinstance(node, ast.Literal) and of_constant(node.value) == INT


def is_natural(node: ast.Expr) -> bool:
    """Whether a node is a small whole constant that is not negative."""
    return isinstance(node, ast.Literal) and of_constant(node.value) == INT and node.value >= 0  # type: ignore[operator]


class Kinds:
    """Kinds of the variables and expressions of one tree."""

    def __init__(self, analysis: Analysis, *, enabled: bool = True) -> None:
        self._analysis = analysis
        self._enabled = enabled
        self._variables: dict[Variable, Kind | None] = {}
        self._returns: dict[Unit, Kind | None] = {}
        self._memo: dict[int, Kind | None] | None = None
        self._objects = self._never_else() if enabled else frozenset()
        self._keys = analysis.keys - self._set_twice()
        self.naturals = self._never_negative() if enabled else frozenset()
        if enabled:
            self._solve()
            self._memo = {}

    def of(self, node: ast.Expr) -> Kind:
        """The kind of an expression."""
        return (self._infer(node) or ANY) if self._enabled else ANY

    def of_variable(self, variable: Variable) -> Kind:
        """The kind of a variable."""
        return (self._variables.get(variable) or ANY) if self._enabled else ANY

    def is_object(self, variable: Variable | None) -> bool:
        """Whether a variable can only hold an object: it is only ever set to a new one."""
        return variable in self._objects

    def is_key(self, node: ast.Expr) -> bool:
        """Whether an expression is certainly fit to be the key of an object, since it comes from one."""
        return isinstance(node, ast.Name) and self._analysis.variable(node) in self._keys

    def learn(self, node: ast.Node, variable: Variable, kind: Kind) -> None:
        """Inside of a node a variable, which nobody assigns to, is known to be of a kind."""
        if self._memo is None:
            return
        for name in ast.walk(node):
            if isinstance(name, ast.Name) and self._analysis.variable(name) is variable:
                self._memo[id(name)] = kind

    def _never_negative(self) -> frozenset[str]:
        """Generated names of variables that count up: they start at a whole number and are only ever added to."""
        values: dict[Variable, list[ast.Expr | None]] = {}
        for variable, value in self._analysis.sources:
            values.setdefault(variable, []).append(value)
        for unit in self._analysis.order:
            for param in unit.params:
                values.pop(param, None)
        return frozenset(
            variable.py
            for variable, sources in values.items()
            if all(self._counts_up(variable, source) for source in sources)
        )

    def _counts_up(self, variable: Variable, value: ast.Expr | None) -> bool:
        if isinstance(value, ast.Binary) and value.op == "+" and isinstance(value.left, ast.Name):
            return self._analysis.variable(value.left) is variable and is_natural(value.right)
        return value is not None and is_natural(value)

    def _set_twice(self) -> set[Variable]:
        seen: set[Variable] = set()
        twice: set[Variable] = set()
        for variable, _ in self._analysis.sources:
            (twice if variable in seen else seen).add(variable)
        return twice

    def _never_else(self) -> frozenset[Variable | None]:
        objects = {variable for variable, value in self._analysis.sources if isinstance(value, ast.Dict)}
        others = {variable for variable, value in self._analysis.sources if not isinstance(value, ast.Dict)}
        return frozenset(objects - others)

    def of_result(self, unit: Unit) -> Kind:
        """The kind of what calls of a unit give."""
        return (self._returns.get(unit) or ANY) if self._enabled else ANY

    # ---------------------------------------------------------------- solving

    def _solve(self) -> None:
        flows = self._flows()
        for unit in self._analysis.order:
            self._returns[unit] = None if always_returns(unit) else ANY
        rounds = 0
        changed = True
        while changed:
            changed = False
            rounds += 1
            if rounds > ROUNDS:
                self._enabled = False
                return
            for variable, value in flows:
                before = self._variables.get(variable)
                after = join(before, ANY if value is None else self._infer(value))
                if after != before:
                    self._variables[variable] = after
                    changed = True
            for unit, before in self._returns.items():
                after = before
                for value in unit.returns:
                    after = join(after, ANY if value is None else self._infer(value))
                if after != before:
                    self._returns[unit] = after
                    changed = True

    def _flows(self) -> list[tuple[Variable, ast.Expr | None]]:
        flows = list(self._analysis.sources)
        for unit in self._analysis.order:
            if unit.escapes or unit.inline:
                flows += [(param, None) for param in unit.params]
            for variable, call in unit.calls:
                if variable.known is not None:
                    flows += _arguments(variable.known, call)
        return flows

    # --------------------------------------------------------------- inferring

    def _infer(self, node: ast.Expr) -> Kind | None:
        memo = self._memo
        if memo is not None and id(node) in memo:
            return memo[id(node)]
        method = getattr(self, "_" + type(node).__name__, None)
        kind: Kind | None = ANY if method is None else method(node)
        if memo is not None:
            memo[id(node)] = kind
        return kind

    def _Literal(self, node: ast.Literal) -> Kind | None:  # noqa: N802
        return of_constant(node.value)

    def _Name(self, node: ast.Name) -> Kind | None:  # noqa: N802
        variable = self._analysis.variable(node)
        return ANY if variable is None else self._variables.get(variable)

    def _Unary(self, node: ast.Unary) -> Kind | None:  # noqa: N802
        if node.op == "not":
            return BOOL
        return of_arithmetic("-", INT, self._infer(node.operand), step=False)

    def _Binary(self, node: ast.Binary) -> Kind | None:  # noqa: N802
        chain: list[ast.Binary] = []
        left: ast.Expr = node
        memo = self._memo or {}
        while isinstance(left, ast.Binary) and id(left) not in memo:
            chain.append(left)
            left = left.left
        kind = self._infer(left)
        for link in reversed(chain):
            if link.op in "+-*/%":
                step = is_step(link.right) or is_step(link.left)
                kind = of_arithmetic(link.op, kind, self._infer(link.right), step=step)
            else:
                kind = BOOL
            if self._memo is not None:
                self._memo[id(link)] = kind
        return kind

    def _Concat(self, _node: ast.Concat) -> Kind | None:  # noqa: N802
        return TEXT

    def _Template(self, node: ast.Template) -> Kind | None:  # noqa: N802
        if len(node.parts) == 1 and not isinstance(node.parts[0], str):
            return self._infer(node.parts[0])
        return TEXT

    def _Logical(self, _node: ast.Logical) -> Kind | None:  # noqa: N802
        return BOOL

    def _IsNull(self, _node: ast.IsNull) -> Kind | None:  # noqa: N802
        return BOOL

    def _Between(self, _node: ast.Between) -> Kind | None:  # noqa: N802
        return BOOL

    def _Coalesce(self, node: ast.Coalesce) -> Kind | None:  # noqa: N802
        chain = [node.right]
        left = node.left
        while isinstance(left, ast.Coalesce):
            chain.append(left.right)
            left = left.left
        kind = self._infer(left)
        for right in chain:
            kind = join(kind, self._infer(right))
        return kind

    def _Conditional(self, node: ast.Conditional) -> Kind | None:  # noqa: N802
        return join(self._infer(node.then), self._infer(node.otherwise))

    def _Call(self, node: ast.Call) -> Kind | None:  # noqa: N802
        if not isinstance(node.callee, ast.Name):
            return ANY
        variable = self._analysis.variable(node.callee)
        if variable is not None:
            return ANY if variable.known is None else self._returns.get(variable.known)
        name = node.callee.name
        if name in _CHOICES:
            return self._choice(name, node.args)
        if name in _BOOL_CALLS:
            return BOOL
        return TEXT if name in _TEXT_CALLS else ANY

    def _choice(self, name: str, args: list[ast.Expr]) -> Kind | None:
        if name == "ifNull":
            results = args
        elif len(args) % 2 == 0:
            return ANY
        else:
            results = [*args[1::2], args[-1]]
        kind: Kind | None = None
        for result in results:
            kind = join(kind, self._infer(result))
        return kind


def _arguments(unit: Unit, call: ast.Call) -> list[tuple[Variable, ast.Expr | None]]:
    """What one call makes flow into the parameters; missing arguments are null."""
    given: list[ast.Expr | None] = [*call.args]
    given += [None] * (len(unit.params) - len(given))
    return list(zip(unit.params, given, strict=False))


def always_returns(unit: Unit) -> bool:
    """Whether every way through a function ends in ``return`` or ``throw``."""
    node = unit.node
    if isinstance(node, ast.Lambda) and not isinstance(node.body, ast.Block):
        return True
    return isinstance(node, ast.Function | ast.Lambda) and ends(node.body)


def ends(node: object) -> bool:
    """Whether every way through a statement ends in ``return`` or ``throw``."""
    if isinstance(node, ast.Return | ast.Throw):
        return True
    if isinstance(node, ast.Block):
        return bool(node.body) and ends(node.body[-1])
    return (
        isinstance(node, ast.If) and node.otherwise is not None and ends(node.then) and ends(node.otherwise)
    )
