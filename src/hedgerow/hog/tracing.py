"""Running a program line by line: what ran, in order, and which values each line changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hedgerow.hog.ast import Span
from hedgerow.hog.compiler.assemble import assemble_program, sourced
from hedgerow.hog.compiler.places import Places
from hedgerow.hog.errors import HogLimitError, HogRuntimeError, line_and_column
from hedgerow.hog.execution import Execution, Finished, Replay
from hedgerow.hog.host import AsyncCall, Host, Limits
from hedgerow.hog.meter import Meter
from hedgerow.hog.parser import parse_program
from hedgerow.hog.text import nested_text

MOST_STEPS: Final = 10_000
"""Steps that are kept; the run goes on without them."""
_SHOWN: Final = Limits(cpu_ms=20, string=2_000, json_depth=20)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, or condition, that ran.

    Attributes:
        line: its line, from 1.
        span: its place in the source.
        changed: the variables it set or wrote into, each with its new value in its print form.
    """

    line: int
    span: Span
    changed: Mapping[str, str]


@dataclass(slots=True)
class Trace:
    """A traced run.

    Attributes:
        steps: what ran, in order.
        value: what the program gave; None when it failed.
        error: how it failed, or None.
        calls: the asynchronous calls it made.
        complete: whether all steps were kept.
    """

    steps: list[Step] = field(default_factory=list)
    value: Any = None
    error: HogRuntimeError | None = None
    calls: list[AsyncCall] = field(default_factory=list)
    complete: bool = True


class _Tracer(Replay):
    """A meter that listens to the statements."""

    __slots__ = ("_on_step", "_places", "_source", "trace")

    def __init__(self, host: Host, source: str, places: Places, on_step: Callable[[Step], None]) -> None:
        super().__init__(host)
        self.trace = Trace()
        self._source = source
        self._places = places
        self._on_step = on_step

    def traced(self, place: int, *changes: Any) -> None:
        """Note a statement."""
        found = self._places.place(place)
        if found is None or len(self.trace.steps) >= MOST_STEPS:
            self.trace.complete = False
            return
        changed = {name: _shown(value) for name, value in zip(changes[::2], changes[1::2], strict=True)}
        line, _ = line_and_column(self._source, found.span.start)
        step = Step(line, found.span, changed)
        self.trace.steps.append(step)
        self._on_step(step)


def _shown(value: Any) -> str:
    """A value in its print form, cut short when that is long."""
    try:
        return nested_text(Meter(Host(limits=_SHOWN)), value)
    except HogLimitError:
        return f"... (a large {type(value).__name__})"


def trace_program(
    source: str,
    globals: Mapping[str, Any],  # noqa: A002 (what Hog calls them)
    host: Host | None = None,
    answer: Callable[[AsyncCall], Any] = lambda _call: None,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> Trace:
    """Run a program and note every statement.

    Args:
        source: Hog source.
        globals: the global variables.
        host: clock, seed, log and limits.
        answer: gives the results of asynchronous calls.
        on_step: told of each step at once, so that it can be shown among the printed lines.

    Returns:
        The trace, whether the program ended well or not.

    Raises:
        HogSyntaxError, HogCompileError: it never ran.
    """
    with sourced(source):
        tree = parse_program(source)
    assembled = assemble_program(tree, source, helpers_only=False, tracing=True)
    tracer = _Tracer(host or Host(), source, assembled.places, on_step)
    trace = tracer.trace
    execution = Execution(
        assembled.run, assembled.places, globals, tracer.host, suspends=assembled.suspends, meter=tracer
    )
    try:
        step = execution.advance()
        while not isinstance(step, Finished):
            trace.calls.append(step)
            execution.answer(answer(step))
            step = execution.advance()
        trace.value = step.value
    except HogRuntimeError as error:
        trace.error = error
    return trace
