"""The syntax tree of Hog. Every node carries the span of source it came from.

The parser makes these nodes, the compiler turns them into Python, the printer turns them back into Hog.
Nodes are plain data: they know nothing of evaluation. Sugar is resolved by the parser only where the language
itself defines it as sugar (``case`` becomes ``if``/``multiIf``, ``interval 1 day`` becomes ``toIntervalDay(1)``),
and then ``Call.sugar`` names the original form so that the printer can give it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, TypeAlias, get_args


class Span(NamedTuple):
    """Half-open character range ``[start, end)`` of the source text.

    A named tuple, because one is made for every node and a frozen dataclass takes three times as long.
    """

    start: int
    end: int


@dataclass(slots=True, kw_only=True)
class Node:
    """Base of all nodes."""

    span: Span


# ---------------------------------------------------------------- expressions


@dataclass(slots=True, kw_only=True)
class Literal(Node):
    """A constant: None, bool, int, float or str. ``raw`` is the source text of a number, for the printer."""

    value: bool | int | float | str | None
    raw: str | None = None


@dataclass(slots=True, kw_only=True)
class Name(Node):
    """A variable or global. ``quoted`` when it was written in backticks or double quotes."""

    name: str
    quoted: bool = False


@dataclass(slots=True, kw_only=True)
class Property(Node):
    """``object.name`` or ``object?.name``. ``quoted`` when the name was written quoted."""

    object: Expr
    name: str
    nullish: bool = False
    quoted: bool = False


@dataclass(slots=True, kw_only=True)
class Index(Node):
    """``object[key]``, ``object?.[key]``; ``object.1`` is an index with an int literal and ``dotted``."""

    object: Expr
    key: Expr
    nullish: bool = False
    dotted: bool = False


@dataclass(slots=True, kw_only=True)
class Call(Node):
    """``callee(args)``.

    ``sugar`` names the form this was written in when it was not a call: ``case``, ``interval``, ``trim``, ``cast``, ``::``.
    The callee of such a call is always the library function, even where a variable has its name.
    """

    callee: Expr
    args: list[Expr]
    sugar: str | None = None


@dataclass(slots=True, kw_only=True)
class Unary(Node):
    """``op`` is ``-`` or ``not``."""

    op: str
    operand: Expr


@dataclass(slots=True, kw_only=True)
class Binary(Node):
    """Arithmetic and comparison.

    ``op`` is canonical, one of ``+ - * / %``, ``== != < <= > >=``, ``in``, ``not in``, ``like``, ``not like``,
    ``ilike``, ``not ilike``, ``=~``, ``!~``, ``=~*``, ``!~*``. ``written`` keeps the spelling (``=``, ``<>``, ``~``).
    """

    op: str
    left: Expr
    right: Expr
    written: str | None = None


@dataclass(slots=True, kw_only=True)
class Concat(Node):
    """``a || b || c``, flattened: null parts vanish, the result is a string."""

    parts: list[Expr]


@dataclass(slots=True, kw_only=True)
class Logical(Node):
    """``and`` / ``or``, chains of the same operator flattened. Evaluation short-circuits; the value is a boolean."""

    op: str
    operands: list[Expr]


@dataclass(slots=True, kw_only=True)
class Coalesce(Node):
    """``left ?? right``."""

    left: Expr
    right: Expr


@dataclass(slots=True, kw_only=True)
class Conditional(Node):
    """``test ? then : otherwise``."""

    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(slots=True, kw_only=True)
class IsNull(Node):
    """``operand is null`` / ``is not null``."""

    operand: Expr
    negated: bool = False


@dataclass(slots=True, kw_only=True)
class Between(Node):
    """``operand [not] between low and high``. Each operand is evaluated once; any null makes it false."""

    operand: Expr
    low: Expr
    high: Expr
    negated: bool = False


@dataclass(slots=True, kw_only=True)
class Cohort(Node):
    """``operand [not] in cohort X``; ``cohort`` is the id or name expression."""

    operand: Expr
    cohort: Expr
    negated: bool = False


@dataclass(slots=True, kw_only=True)
class Array(Node):
    """``[1, 2]``."""

    items: list[Expr]


@dataclass(slots=True, kw_only=True)
class Tuple(Node):
    """``(1, 2)`` or ``(1,)``."""

    items: list[Expr]


@dataclass(slots=True, kw_only=True)
class Dict(Node):
    """``{'a': 1, key: 2}``; keys are expressions. Later duplicates win, first position stays."""

    items: list[tuple[Expr, Expr]]


@dataclass(slots=True, kw_only=True)
class Template(Node):
    """Text with expressions: an f-string, or a whole input template when ``whole`` is set.

    ``parts`` are strings (already unescaped) and expressions. One expression and no text keeps the
    expression's own value and type; anything else is the concatenation of the parts as a string.
    """

    parts: list[str | Expr]
    whole: bool = False


@dataclass(slots=True, kw_only=True)
class Lambda(Node):
    """``(a, b) -> body``. The body is an expression, or a block (then the value is what it returns)."""

    params: list[str]
    body: Expr | Block


# ----------------------------------------------------------------- statements


@dataclass(slots=True, kw_only=True)
class Let(Node):
    """``let name := value``; without a value the variable is null."""

    name: str
    value: Expr | None = None
    name_span: Span | None = None


@dataclass(slots=True, kw_only=True)
class Assign(Node):
    """``target := value``; the target is a Name, a Property or an Index."""

    target: Expr
    value: Expr


@dataclass(slots=True, kw_only=True)
class ExprStatement(Node):
    """An expression for its effect. The last one of a program is the program's value."""

    expr: Expr


@dataclass(slots=True, kw_only=True)
class Empty(Node):
    """A lone ``;``."""


@dataclass(slots=True, kw_only=True)
class Block(Node):
    """``{ ... }`` with a scope of its own."""

    body: list[Statement]


@dataclass(slots=True, kw_only=True)
class If(Node):
    """``if (test) then [else otherwise]``."""

    test: Expr
    then: Statement
    otherwise: Statement | None = None


@dataclass(slots=True, kw_only=True)
class While(Node):
    """``while (test) body``."""

    test: Expr
    body: Statement


@dataclass(slots=True, kw_only=True)
class For(Node):
    """``for (init; test; step) body``; each of the three may be missing (a missing test is true)."""

    init: Statement | None
    test: Expr | None
    step: Statement | None
    body: Statement


@dataclass(slots=True, kw_only=True)
class ForIn(Node):
    """``for (let value in iterable)`` or ``for (let key, value in iterable)``."""

    key: str | None
    value: str
    iterable: Expr
    body: Statement


@dataclass(slots=True, kw_only=True)
class Function(Node):
    """``fun name(a, b) { ... }``: a local variable that holds a closure; not hoisted."""

    name: str
    params: list[str]
    body: Block
    name_span: Span | None = None


@dataclass(slots=True, kw_only=True)
class Return(Node):
    """``return [value]``."""

    value: Expr | None = None


@dataclass(slots=True, kw_only=True)
class Throw(Node):
    """``throw value``."""

    value: Expr


@dataclass(slots=True, kw_only=True)
class Catch(Node):
    """``catch (name: type) { ... }``; no type or ``Error`` catches everything; the name defaults to ``e``."""

    name: str
    type: str | None
    body: Block


@dataclass(slots=True, kw_only=True)
class Try(Node):
    """``try { ... } catch ...``: at least one catch, tested in order."""

    body: Block
    catches: list[Catch]


@dataclass(slots=True, kw_only=True)
class Comment:
    """A comment, kept beside the tree for the printer. ``text`` includes its marker."""

    text: str
    span: Span
    own_line: bool


@dataclass(slots=True, kw_only=True)
class Program(Node):
    """A whole source file."""

    body: list[Statement]
    comments: list[Comment] = field(default_factory=list)


Expr: TypeAlias = (
    Literal
    | Name
    | Property
    | Index
    | Call
    | Unary
    | Binary
    | Concat
    | Logical
    | Coalesce
    | Conditional
    | IsNull
    | Between
    | Cohort
    | Array
    | Tuple
    | Dict
    | Template
    | Lambda
)
Statement: TypeAlias = (
    Let | Assign | ExprStatement | Empty | Block | If | While | For | ForIn | Function | Return | Throw | Try
)


_NODES: Final = ("Expr", "Statement", "Block", "Catch")
"""One of these words is in the type of every attribute that holds nodes."""
_BELOW: Final[dict[type[Node], tuple[str, ...]]] = {
    kind: tuple(field.name for field in fields(kind) if any(word in str(field.type) for word in _NODES))
    for kind in (*get_args(Expr), *get_args(Statement), Catch, Program)
}
"""The attributes of each kind of node that may hold other nodes."""


def walk(root: Node) -> Iterator[Node]:
    """A node and all nodes below it, in no particular order."""
    todo: list[Any] = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, Node):
            yield node
            todo += [getattr(node, name) for name in _BELOW[type(node)]]
        elif isinstance(node, list | tuple):
            todo.extend(node)
