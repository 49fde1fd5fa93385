"""Random trees and texts of Hog, for property tests; and a form of trees that forgets where they came from."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from hypothesis import strategies as st

from hedgerow.hog import ast

NOWHERE = ast.Span(0, 0)
FORGOTTEN = {"span", "name_span", "raw", "comments"}


def plain(node):
    """A tree as tuples, without spans, comments and the spelling of numbers."""
    if isinstance(node, ast.Span):
        return None
    if is_dataclass(node):
        parts = (plain(getattr(node, f.name)) for f in fields(node) if f.name not in FORGOTTEN)
        return (type(node).__name__, *parts)
    if isinstance(node, list | tuple):
        return tuple(plain(item) for item in node)
    return (type(node).__name__, repr(node))


def make(kind, **parts):
    """A node without a place."""
    return kind(span=NOWHERE, **parts)


NAMES = st.sampled_from(["a", "b", "event", "$x", "_y1", "total", "order_by", "A"])
ODD_NAMES = st.one_of(NAMES, st.sampled_from(["let", "two words", "null", "é", "b`q", "1st", "back\\slash"]))
TEXTS = st.text(st.sampled_from("ab {}'\"`\\\n\t$é%/*-#"), max_size=6)
NUMBERS = st.one_of(
    st.integers(0, 2**63 - 1),
    st.integers(-(2**63), -1),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),
)

literals = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS).map(
    lambda value: make(ast.Literal, value=value)
)
names = st.one_of(
    NAMES.map(lambda name: make(ast.Name, name=name)),
    ODD_NAMES.map(lambda name: make(ast.Name, name=name, quoted=True)),
)
BINARY = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "not in",
    "like",
    "not ilike",
    "=~",
    "!~*",
]


def operands_of(op, items):
    """Operands of a chain that is flattened: none is the same chain in front."""
    first, *rest = items
    kind = ast.Concat if op == "||" else ast.Logical
    if isinstance(first, kind) and getattr(first, "op", "||") == op:
        first = make(ast.Array, items=[first])
    return [first, *rest]


def logical(op, items):
    return make(ast.Logical, op=op, operands=operands_of(op, items))


def concat(items):
    return make(ast.Concat, parts=operands_of("||", items))


def unary(op, operand):
    """A sign before a number is part of the number, so no tree has it outside; before a parenthesis it is."""
    return make(ast.Unary, op=op, operand=operand)


def template(parts):
    """Texts next to each other are one text, and no text is empty."""
    joined = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return make(ast.Template, parts=joined)


def index(target, key):
    if isinstance(key, ast.Literal) and type(key.value) is int and key.value == 0:
        key = make(ast.Literal, value=1)
    return make(ast.Index, object=target, key=key)


def larger(inner):
    """Expressions made of smaller ones."""
    few = st.lists(inner, max_size=3)
    two = st.lists(inner, min_size=2, max_size=3)
    params = st.lists(NAMES, max_size=2, unique=True)
    return st.one_of(
        st.builds(
            lambda o, n, q: make(ast.Property, object=o, name=n, nullish=q), inner, NAMES, st.booleans()
        ),
        st.builds(lambda o, n: make(ast.Property, object=o, name=n, quoted=True), inner, ODD_NAMES),
        st.builds(index, inner, inner),
        st.builds(
            lambda o, n: make(ast.Index, object=o, key=make(ast.Literal, value=n), dotted=True),
            inner,
            st.integers(1, 9),
        ),
        st.builds(lambda c, a: make(ast.Call, callee=c, args=a), inner, few),
        st.builds(unary, st.sampled_from(["-", "not"]), inner),
        st.builds(
            lambda o, a, b: make(ast.Binary, op=o, left=a, right=b), st.sampled_from(BINARY), inner, inner
        ),
        two.map(concat),
        st.builds(logical, st.sampled_from(["and", "or"]), two),
        st.builds(lambda a, b: make(ast.Coalesce, left=a, right=b), inner, inner),
        st.builds(lambda a, b, c: make(ast.Conditional, test=a, then=b, otherwise=c), inner, inner, inner),
        st.builds(lambda a, n: make(ast.IsNull, operand=a, negated=n), inner, st.booleans()),
        st.builds(
            lambda a, b, c, n: make(ast.Between, operand=a, low=b, high=c, negated=n),
            inner,
            inner,
            inner,
            st.booleans(),
        ),
        few.map(lambda items: make(ast.Array, items=items)),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: make(ast.Tuple, items=items)),
        st.lists(st.tuples(inner, inner), max_size=3).map(lambda items: make(ast.Dict, items=items)),
        st.lists(st.one_of(inner, TEXTS), max_size=3).map(template),
        st.builds(lambda p, b: make(ast.Lambda, params=p, body=b), params, inner),
    )


expressions = st.recursive(st.one_of(literals, names), larger, max_leaves=8)


def blocks(body):
    return st.lists(body, max_size=3).map(lambda items: make(ast.Block, body=items))


def targets(expr):
    return st.one_of(
        NAMES.map(lambda n: make(ast.Name, name=n)),
        st.builds(lambda o, n: make(ast.Property, object=o, name=n), expr, NAMES),
        st.builds(index, expr, expr),
    )


simple_statements = st.one_of(
    st.builds(lambda n, v: make(ast.Let, name=n, value=v), ODD_NAMES, st.none() | expressions),
    st.builds(lambda t, v: make(ast.Assign, target=t, value=v), targets(expressions), expressions),
    expressions.map(lambda e: make(ast.ExprStatement, expr=e)),
    (st.none() | expressions).map(lambda e: make(ast.Return, value=e)),
    expressions.map(lambda e: make(ast.Throw, value=e)),
)


def larger_statements(inner):
    block = blocks(inner)
    catch = st.builds(
        lambda n, t, b: make(ast.Catch, name=n, type=t, body=b), NAMES, st.none() | NAMES, block
    )
    lambdas = block.map(lambda b: make(ast.Lambda, params=["x"], body=b))
    return st.one_of(
        block,
        st.builds(
            lambda t, a, b: make(ast.If, test=t, then=a, otherwise=b), expressions, block, st.none() | inner
        ),
        st.builds(lambda t, a: make(ast.If, test=t, then=a), expressions, inner),
        st.builds(lambda t, b: make(ast.While, test=t, body=b), expressions, inner),
        st.builds(
            lambda i, t, s, b: make(ast.For, init=i, test=t, step=s, body=b),
            st.none() | expressions.map(lambda v: make(ast.Let, name="i", value=v)),
            st.none() | expressions,
            st.none() | expressions.map(lambda v: make(ast.Assign, target=make(ast.Name, name="i"), value=v)),
            block,
        ),
        st.builds(
            lambda k, v, e, b: make(ast.ForIn, key=k, value=v, iterable=e, body=b),
            st.none() | NAMES,
            NAMES,
            expressions,
            block,
        ),
        st.builds(
            lambda n, p, b: make(ast.Function, name=n, params=p, body=b),
            NAMES,
            st.lists(NAMES, max_size=2),
            block,
        ),
        st.builds(
            lambda b, c: make(ast.Try, body=b, catches=c), block, st.lists(catch, min_size=1, max_size=2)
        ),
        lambdas.map(lambda f: make(ast.Let, name="f", value=f)),
    )


statements = st.recursive(simple_statements, larger_statements, max_leaves=5)
programs = st.lists(statements, max_size=4).map(lambda body: make(ast.Program, body=body))
