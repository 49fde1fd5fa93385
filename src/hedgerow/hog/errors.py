"""The errors of Hog. The class says who must act.

    HogError                      base of everything this package raises
    |- HogSyntaxError             the author of the source: it does not parse
    |- HogCompileError            the author: it parses but cannot mean anything
    `- HogRuntimeError            the author, at run time
       |- HogThrown               ``throw`` reached the top without a catch
       |- HogDiverged             us, or the host: a replay took another path than its journal tells
       |- HogInternalError        us: generated code failed in a way it must not
       `- HogLimitError           a limit was met (time, memory, depth, ...); never catchable by Hog
          |- HogTimeLimit  HogMemoryLimit  HogDepthLimit  HogFetchLimit  HogSizeLimit

``OverBudget`` is none of them: it says nothing about a program but that it should go on elsewhere.

Each error knows its place in the source and can show it with an excerpt and a caret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hedgerow.hog.ast import Span


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a Hog stack trace: the function's name and where in it we were (1-based line and column)."""

    function: str
    line: int
    column: int


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Line and column, both 1-based, of a character offset."""
    offset = min(offset, len(source))
    line = source.count("\n", 0, offset) + 1
    return line, offset - (source.rfind("\n", 0, offset) + 1) + 1


def excerpt(source: str, span: Span, *, width: int = 100) -> str:
    """The source line of a span with a caret line under it, long lines cut around the place."""
    line, column = line_and_column(source, span.start)
    text = source.split("\n")[line - 1].replace("\t", " ")
    start = max(0, column - 1 - width // 2) if len(text) > width else 0
    shown = text[start : start + width]
    length = max(1, min(span.end - span.start, len(text) - column + 1, width - (column - 1 - start)))
    gutter = str(line)
    return f"{gutter} | {shown}\n{' ' * len(gutter)} | {' ' * (column - 1 - start)}{'^' * length}"


class HogError(Exception):
    """Base of the errors of Hog.

    Attributes:
        message: what went wrong, one line, without position.
        source: the source text, or None when it is not known (yet).
        span: the place in it, or None.
        hint: how to mend it, or None.
        trace: Hog functions on the way to the error, innermost first.
        key: the input it belongs to, when a set of templates was compiled or rendered.
    """

    kind = "hog_error"
    key: str | None = None

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        span: Span | None = None,
        hint: str | None = None,
        trace: tuple[Frame, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.span = span
        self.hint = hint
        self.trace = trace

    @property
    def line(self) -> int | None:
        """1-based line of the error, or None when unknown."""
        return (
            None
            if self.source is None or self.span is None
            else line_and_column(self.source, self.span.start)[0]
        )

    @property
    def column(self) -> int | None:
        """1-based column of the error, or None when unknown."""
        return (
            None
            if self.source is None or self.span is None
            else line_and_column(self.source, self.span.start)[1]
        )

    def __str__(self) -> str:
        """Message with ``line:column`` in front when they are known."""
        return (
            self.message if self.line is None else f"line {self.line}, column {self.column}: {self.message}"
        )

    def render(self) -> str:
        """Several lines for a person: message, excerpt with caret, hint, Hog stack."""
        lines = [str(self)]
        if self.source is not None and self.span is not None:
            lines.append(excerpt(self.source, self.span))
        if self.hint:
            lines.append(f"hint: {self.hint}")
        lines += [f"  in {frame.function} (line {frame.line}, column {frame.column})" for frame in self.trace]
        return "\n".join(lines)


class HogSyntaxError(HogError):
    """The source does not parse."""

    kind = "syntax"


class HogCompileError(HogError):
    """The source parses but cannot be compiled (undeclared variable, unsupported construct, ...)."""

    kind = "compile"


class HogRuntimeError(HogError):
    """A run-time failure that Hog code cannot catch: unknown global, wrong type for a function, bad JSON."""

    kind = "runtime"


class HogThrown(HogRuntimeError):
    """An error thrown by the program and not caught. ``type`` and ``payload`` are the Hog error's."""

    kind = "thrown"

    def __init__(self, message: str, *, type: str = "Error", payload: Any = None, **rest: Any) -> None:  # noqa: A002
        super().__init__(message, **rest)
        self.type = type
        self.payload = payload


class HogDiverged(HogRuntimeError):
    """A replay does not ask for what its journal answers."""

    kind = "diverged"


class HogInternalError(HogRuntimeError):
    """A fault of the language itself. The cause is the Python error."""

    kind = "internal"


class HogLimitError(HogRuntimeError):
    """A limit was met. Hog's ``catch`` never sees it."""

    kind = "limit"


class HogTimeLimit(HogLimitError):
    """CPU time or steps are used up."""

    kind = "limit_time"


class HogMemoryLimit(HogLimitError):
    """The memory charged to the program is used up."""

    kind = "limit_memory"


class HogDepthLimit(HogLimitError):
    """Calls, or nested values, go too deep."""

    kind = "limit_depth"


class HogSizeLimit(HogLimitError):
    """One string, list or dictionary would grow past its cap."""

    kind = "limit_size"


class HogFetchLimit(HogLimitError):
    """More asynchronous calls than allowed."""

    kind = "limit_fetch"


class OverBudget(BaseException):
    """A run was given up because its host has no more patience for it here. It may be run again from the top elsewhere.

    Like ``CancelledError`` no ``Exception``: nothing on its way out may take it for a failure of the program.
    """
