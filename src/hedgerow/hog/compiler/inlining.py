"""Small functions that need no function: each of their calls becomes the expression that they compute.

A call costs more than what a helper of a few lines does, above all inside a loop. A function qualifies when it is a
decision among expressions (``if``, ``return``, nothing else) over its parameters, globals and the library.
"""

from __future__ import annotations

from typing import Final

from hedgerow.hog import ast
from hedgerow.hog.compiler.kinds import ends
from hedgerow.hog.compiler.scope import ASYNC_NAMES, HIGHER_ORDER, Analysis, Unit

MOST_NODES: Final = 60
"""Nodes of the syntax tree that an inlined body may have."""
MOST_COPIES: Final = 300
"""Nodes that all copies of one function may have together."""

_PLAIN: Final = (
    *(
        ast.Literal,
        ast.Name,
        ast.Property,
        ast.Index,
        ast.Call,
        ast.Unary,
        ast.Binary,
        ast.Concat,
        ast.Logical,
    ),
    *(ast.Coalesce, ast.Conditional, ast.IsNull, ast.Between, ast.Array, ast.Tuple, ast.Dict, ast.Template),
)


def expressions(analysis: Analysis) -> dict[Unit, ast.Expr]:
    """The functions of a program whose calls are better replaced, with the expression that each computes."""
    calls: dict[Unit, int] = {}
    for unit in analysis.order:
        for variable, _ in unit.calls:
            if variable.known is not None:
                calls[variable.known] = calls.get(variable.known, 0) + 1
    return {unit: body for unit, count in calls.items() if (body := _body(analysis, unit, count)) is not None}


def _body(analysis: Analysis, unit: Unit, count: int) -> ast.Expr | None:
    node = unit.node
    if unit.escapes or unit.suspends or unit.calls or unit.dynamic:
        return None
    assert isinstance(node, ast.Function | ast.Lambda)
    body = _decision([node.body], node.span) if isinstance(node.body, ast.Block) else node.body
    if body is None:
        return None
    nodes = _count(analysis, unit, body)
    return body if nodes is not None and nodes * count <= MOST_COPIES else None


def _decision(statements: list[ast.Statement], span: ast.Span) -> ast.Expr | None:
    """Statements as one expression; None when they do more than to decide what to return."""
    if not statements:
        return ast.Literal(span=span, value=None)
    first, rest = statements[0], statements[1:]
    if isinstance(first, ast.Block):
        return _decision([*first.body, *rest], span)
    if isinstance(first, ast.Return):
        return first.value or ast.Literal(span=first.span, value=None)
    if not isinstance(first, ast.If) or not ends(first.then):
        return None
    then = _decision([first.then], span)
    otherwise = _decision([*([] if first.otherwise is None else [first.otherwise]), *rest], span)
    if then is None or otherwise is None:
        return None
    return ast.Conditional(span=first.test.span, test=first.test, then=then, otherwise=otherwise)


def _count(analysis: Analysis, unit: Unit, body: ast.Expr) -> int | None:
    """The number of nodes of an expression; None when there are too many, or one that keeps it a function."""
    count = 0
    for node in ast.walk(body):
        count += 1
        if count > MOST_NODES or not _is_plain(analysis, unit, node):
            return None
    return count


def _is_plain(analysis: Analysis, unit: Unit, node: ast.Node) -> bool:
    if isinstance(node, ast.Name):
        variable = analysis.variable(node)
        return variable in unit.params if variable is not None else node.name not in ASYNC_NAMES
    if isinstance(node, ast.Call):
        return isinstance(node.callee, ast.Name) and node.callee.name not in HIGHER_ORDER
    return isinstance(node, _PLAIN)
