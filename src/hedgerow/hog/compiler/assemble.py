"""Makes Python functions of programs, filters, templates and sets of templates."""

from __future__ import annotations

import ast as python
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Final

from hedgerow.hog import ast
from hedgerow.hog.compiler.build import Builder, PyStmt
from hedgerow.hog.compiler.flow import Flow
from hedgerow.hog.compiler.kinds import Kinds
from hedgerow.hog.compiler.namespace import namespace
from hedgerow.hog.compiler.places import Places
from hedgerow.hog.compiler.roots import read_often
from hedgerow.hog.compiler.scope import Analysis, Resolver
from hedgerow.hog.compiler.statements import Statements
from hedgerow.hog.errors import HogCompileError, HogError
from hedgerow.hog.meter import FILENAME, FIRST_CREDIT, FUEL

EXTEND = "$$_extend_object"
"""The key of an input's object whose value is an object to spread in before the other keys."""
RECURSION_LIMIT = 6000
"""Python frames a run may need: 1,000 Hog calls, library functions between them, and room for the caller."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A generated function with what its caller must know.

    Attributes:
        run: ``run(globals, meter)`` for programs, ``run(globals, holder)`` for filters and templates.
        places: where its instructions come from.
        suspends: it is a generator that yields ``(site, name, arguments)``.
        sites: name and span of each place of an asynchronous call.
    """

    run: Callable[[Any, Any], Any]
    places: Places
    suspends: bool = False
    sites: tuple[tuple[str, ast.Span], ...] = ()


class sourced:  # noqa: N801 (it reads as a word of ``with``)
    """Give errors of compilation their source; what Python finds too deep becomes such an error.

    A class, since a generator would cost more than what many filters need to be parsed.

    Raises:
        HogCompileError: in place of Python's own complaints.
    """

    __slots__ = ("_key", "_source")

    def __init__(self, source: str | None, key: str | None = None) -> None:
        self._source = source
        self._key = key

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Mend the error that came, if any."""
        if isinstance(error, HogError):
            if error.source is None:
                error.source = self._source
            if error.key is None:
                error.key = self._key
        elif isinstance(error, RecursionError | MemoryError | SyntaxError):
            fault = HogCompileError(
                "The program is nested too deeply", source=self._source, hint="split it into functions"
            )
            fault.key = self._key
            raise fault from error


def allow_recursion() -> None:
    """Let Python go as deep as Hog may."""
    if sys.getrecursionlimit() < RECURSION_LIMIT:
        sys.setrecursionlimit(RECURSION_LIMIT)


def assemble_program(
    tree: ast.Program, source: str, *, helpers_only: bool, tracing: bool = False
) -> Assembled:
    """Compile a program.

    Args:
        tree: the program.
        source: its text, for errors.
        helpers_only: emit no fast forms.
        tracing: tell the meter of each statement that ran.

    Returns:
        The generated function.

    Raises:
        HogCompileError: the program can mean nothing.
    """
    allow_recursion()
    with sourced(source):
        analysis = Resolver(tree).resolve()
        emitter = _emitter(
            analysis, tree, Places(source), helpers_only, metered=True, allow_async=True, tracing=tracing
        )
        roots = _roots(emitter, analysis)
        emitter.program(tree)
        main = analysis.order[0]
        p = emitter.p
        body = [*_meter_start(emitter), *emitter.tank(), *roots, *emitter.out]
        if main.suspends:
            body.insert(0, p.if_(p.const(value=False), [p.do(p.yield_(p.const(None)))]))
        run = _function(p, ["G", "M"], body)
    return Assembled(run, _finished(emitter, analysis), main.suspends, tuple(emitter.sites))


def assemble_expression(tree: ast.Expr, source: str | None, *, helpers_only: bool) -> Assembled:
    """Compile an expression or template that stands alone. Arguments and errors as ``assemble_program``."""
    allow_recursion()
    with sourced(source):
        analysis = Resolver(tree).resolve()
        metered = len(analysis.order) > 1
        emitter = _emitter(analysis, tree, Places(source), helpers_only, metered=metered)
        result = emitter.expr(tree)
        body = [*emitter.out, emitter.p.give(result)]
        if metered:
            body = [*_meter_on_demand(emitter), *body]
        run = _function(emitter.p, ["G", "H"], body)
    return Assembled(run, _finished(emitter, analysis))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A template inside the tree of an input."""

    tree: ast.Template
    text: str
    key: str


def assemble_set(
    inputs: Mapping[str, Any], leaves: Sequence[Leaf], order: Sequence[str], *, helpers_only: bool
) -> Assembled:
    """Compile a set of inputs into one function that gives an object with all of them.

    Args:
        inputs: for each key a tree of dicts and lists, whose leaves are ``Leaf`` or constants.
        leaves: all the leaves of these trees.
        order: the keys in the order of rendering.
        helpers_only: emit no fast forms.

    Returns:
        The generated function.

    Raises:
        HogCompileError: a template can mean nothing; its ``key`` is the input's.
    """
    allow_recursion()
    root = ast.Array(span=ast.Span(0, 0), items=[leaf.tree for leaf in leaves])
    resolver = Resolver(root)
    for leaf in leaves:
        with sourced(leaf.text, leaf.key):
            resolver.visit(leaf.tree)
    analysis = resolver.finish()
    metered = len(analysis.order) > 1
    emitter = _emitter(analysis, root, Places(None), helpers_only, metered=metered)
    p = emitter.p
    emitter.rendered = {}
    roots = _roots(emitter, analysis)
    for number, key in enumerate(order):
        value = _tree(emitter, inputs[key], key)
        emitter.out.append(p.assign(f"i{number}", value))
        emitter.rendered[key] = p.load(f"i{number}")
    result = p.dict_of([p.const(key) for key in inputs], [emitter.rendered[key] for key in inputs])
    start = _meter_on_demand(emitter) if metered else []
    with sourced(None):
        run = _function(p, ["G", "H"], [*start, *roots, *emitter.out, p.give(result)])
    return Assembled(run, _finished(emitter, analysis))


def _tree(emitter: Statements, tree: Any, key: str) -> python.expr:
    """The Python expression that renders the tree of an input."""
    p = emitter.p
    if isinstance(tree, Leaf):
        emitter.places.begin(tree.text, key)
        with sourced(tree.text, key):
            return emitter.expr(tree.tree)
    if isinstance(tree, list | tuple):
        return p.list_of([_tree(emitter, item, key) for item in tree])
    if not isinstance(tree, dict):
        return p.const(tree)
    own = [(name, _tree(emitter, item, key)) for name, item in tree.items() if name != EXTEND]
    result = p.dict_of([p.const(name) for name, _ in own], [value for _, value in own])
    if EXTEND not in tree:
        return result
    return p.call("extended", _tree(emitter, tree[EXTEND], key), result)


def _emitter(
    analysis: Analysis, root: ast.Node, places: Places, helpers_only: bool, *, metered: bool, **options: bool
) -> Statements:
    kinds = Kinds(analysis, enabled=not helpers_only)
    flow = Flow(analysis, root)
    return Statements(analysis, kinds, flow, places, fast=not helpers_only, metered=metered, **options)


_COUNTERS: Final = {"b": FUEL, "m": FIRST_CREDIT}
"""Counters of a run that generated code has as variables: fuel and memory credit."""
_FROM_METER: Final = {"d": "depth", "q": "most"}
"""What generated code keeps of the meter as variables: calls that may nest, entries that an object may have."""
_ASKED_WHEN_SPENT: Final = {"b": "refuel", "c": "refuel", "m": "reserve"}


def _meter_start(emitter: Statements) -> list[PyStmt]:
    """What the code needs of the run's meter, as variables of its outermost function."""
    p, used, meter = emitter.p, emitter.used, emitter.p.load("M")
    return [
        *(p.assign(name, p.const(start)) for name, start in _COUNTERS.items() if name in used),
        *(p.assign(name, p.attribute(meter, field)) for name, field in _FROM_METER.items() if name in used),
        *(
            p.assign(method, p.attribute(meter, method))
            for method in sorted({_ASKED_WHEN_SPENT[name] for name in used & _ASKED_WHEN_SPENT.keys()})
        ),
    ]


def _meter_on_demand(emitter: Statements) -> list[PyStmt]:
    p = emitter.p
    return [p.assign("M", p.call("run_of", p.load("H"))), *_meter_start(emitter)]


def _roots(emitter: Statements, analysis: Analysis) -> list[PyStmt]:
    """Look up beforehand what is read often. Inputs of a set are still being made while it runs."""
    p = emitter.p
    statements: list[PyStmt] = []
    for path in read_often(analysis) if emitter.fast else []:
        if path[0] == "inputs" and emitter.rendered is not None:
            continue
        name = emitter.roots[path] = f"r{len(emitter.roots) + 1}"
        helper, source = ("part_of", emitter.roots[path[:-1]]) if len(path) > 1 else ("root_of", "G")
        statements.append(p.assign(name, p.call(helper, p.load(source), p.const(path[-1]))))
    return statements


def _function(p: Builder, params: list[str], body: list[PyStmt]) -> Callable[[Any, Any], Any]:
    """The Python function of a body. Its globals are the shared namespace, which compiling never writes to."""
    definition = p.function("main", params, body, optional=False)
    module = python.Module([definition], [])
    code = compile(module, FILENAME, "exec", dont_inherit=True)
    inner = next(const for const in code.co_consts if isinstance(const, CodeType))
    return FunctionType(inner, namespace(), "main")


def _finished(emitter: Statements, analysis: Analysis) -> Places:
    return emitter.places.freeze({unit.py: unit.name for unit in analysis.order[1:]})
