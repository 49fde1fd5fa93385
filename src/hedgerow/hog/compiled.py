"""What compiling gives: programs, filters and templates, each a Python function with its places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hedgerow.hog import ast
from hedgerow.hog.ast import Span
from hedgerow.hog.compiler.assemble import assemble_expression, assemble_program, sourced
from hedgerow.hog.compiler.blame import reraise
from hedgerow.hog.compiler.places import Places
from hedgerow.hog.execution import Execution
from hedgerow.hog.host import Host
from hedgerow.hog.parser import parse_expression, parse_program, parse_template

CACHED_PROGRAMS = 512
"""Compiled programs that are kept by their source."""


@dataclass(frozen=True, slots=True)
class AsyncSite:
    """A place of an asynchronous call in a program; ``site`` is the number that calls and journals use."""

    site: int
    name: str
    span: Span


class Program:
    """A compiled program.

    Attributes:
        source: its text.
        async_sites: its asynchronous calls, in order of the source.
    """

    __slots__ = ("_places", "_run", "_suspends", "async_sites", "source")

    def __init__(self, source: str, *, helpers_only: bool = False) -> None:
        with sourced(source):
            tree = parse_program(source)
        assembled = assemble_program(tree, source, helpers_only=helpers_only)
        self.source = source
        self._run = assembled.run
        self._places = assembled.places
        self._suspends = assembled.suspends
        self.async_sites = tuple(
            AsyncSite(number, name, span) for number, (name, span) in enumerate(assembled.sites)
        )

    def start(self, globals: Mapping[str, Any], host: Host) -> Execution:  # noqa: A002 (what Hog calls them)
        """Begin a run; nothing happens before its first ``advance``.

        Args:
            globals: the global variables. The program never changes them.
            host: clock, seed, log, limits, and the journal of earlier parts.

        Returns:
            The run.
        """
        return Execution(self._run, self._places, globals, host, self._suspends)


class Filter:
    """A compiled filter expression: call it with the globals."""

    __slots__ = ("_places", "_run")

    def __init__(self, run: Callable[[Any, Any], Any], places: Places) -> None:
        self._run = run
        self._places = places

    def __call__(self, globals: Mapping[str, Any], host: Host | None = None) -> Any:  # noqa: A002
        """Evaluate.

        Args:
            globals: the global variables; only the roots that are needed are read, by subscript.
            host: limits, clock and seed where they matter.

        Returns:
            The value, whatever it is; the caller decides what counts as a match.

        Raises:
            HogRuntimeError: it failed.
        """
        try:
            return self._run(globals, [host])
        except Exception as error:  # noqa: BLE001 (whatever comes out of generated code becomes a Hog error)
            reraise(error, self._places, globals)


class Template(Filter):
    """A compiled input template."""

    __slots__ = ()

    def render(self, globals: Mapping[str, Any], host: Host | None = None) -> Any:  # noqa: A002
        """Render: text, or the value of the one expression that makes up the whole. Arguments and errors as a filter's."""
        return self(globals, host)


@lru_cache(maxsize=CACHED_PROGRAMS)
def _program(source: str, helpers_only: bool) -> Program:
    return Program(source, helpers_only=helpers_only)


def compile_program(source: str, *, helpers_only: bool = False) -> Program:
    """Compile a program, or give the one compiled before from the same text.

    Args:
        source: Hog source.
        helpers_only: emit no fast forms; slower, and the same in every result.

    Returns:
        The program.

    Raises:
        HogSyntaxError: it does not parse.
        HogCompileError: it can mean nothing.
    """
    return _program(source, helpers_only)


def compile_filter(source: str | ast.Expr, *, helpers_only: bool = False) -> Filter:
    """Compile a filter expression.

    Args:
        source: the expression as text or as a tree.
        helpers_only: emit no fast forms.

    Returns:
        The filter.

    Raises:
        HogSyntaxError: it does not parse.
        HogCompileError: it can mean nothing, or would have to wait for an answer.
    """
    text = source if isinstance(source, str) else None
    with sourced(text):
        tree = parse_expression(source) if isinstance(source, str) else source
    assembled = assemble_expression(tree, text, helpers_only=helpers_only)
    return Filter(assembled.run, assembled.places)


def compile_template(text: str, *, helpers_only: bool = False) -> Template:
    """Compile an input template. Arguments and errors as ``compile_filter``."""
    with sourced(text):
        tree = parse_template(text)
    assembled = assemble_expression(tree, text, helpers_only=helpers_only)
    return Template(assembled.run, assembled.places)
