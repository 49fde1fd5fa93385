"""What a Python exception out of generated code means in Hog: which error, where, and through which functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, NoReturn

from hedgerow.hog.compiler.functions import did_you_mean
from hedgerow.hog.compiler.namespace import Raised
from hedgerow.hog.compiler.places import Place, Places
from hedgerow.hog.compiler.roots import UnknownGlobal
from hedgerow.hog.errors import (
    Frame,
    HogDepthLimit,
    HogInternalError,
    HogMemoryLimit,
    HogRuntimeError,
    HogThrown,
    line_and_column,
)
from hedgerow.hog.meter import FILENAME

DEEPEST_TRACE = 20
"""Frames of a Hog stack that an error shows."""


def blame(error: Exception, places: Places, scope: Any = ()) -> HogRuntimeError:
    """The Hog error behind a Python exception.

    Args:
        error: what came out of generated code.
        places: the table of that code.
        scope: the names of the globals it was given, for suggestions.

    Returns:
        An error with source, span and stack. One that has them already keeps them. A fault of the language itself has the
        Python error as its cause.
    """
    steps = [step for step in _steps(error.__traceback__) if step is not None]
    result = _translate(error, generated=bool(steps) and _is_innermost(error.__traceback__), scope=scope)
    if result.span is not None:
        return result
    located = [frame for name, number in steps for frame in places.frames(name, number)]
    if located:
        innermost = located[-1][1]
        result.source, result.span, result.key = innermost.source, innermost.span, innermost.key
        result.trace = tuple(_frames(located[::-1][:DEEPEST_TRACE]))
    return result


def reraise(error: Exception, places: Places, scope: Any = ()) -> NoReturn:
    """Raise the Hog error behind a Python exception; arguments as for ``blame``.

    Raises:
        HogRuntimeError: always.
    """
    fault = blame(error, places, scope)
    try:
        raise fault from fault.__cause__
    finally:
        del fault, error  # their tracebacks have this frame: only the collector could free both


def _steps(trace: TracebackType | None) -> Iterator[tuple[str, int] | None]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield (code.co_name, trace.tb_lineno) if code.co_filename == FILENAME else None
        trace = trace.tb_next


def _is_innermost(trace: TracebackType | None) -> bool:
    """Whether the exception arose in generated code itself."""
    return list(_steps(trace))[-1:] != [None]


def _frames(located: list[tuple[str, Place]]) -> Iterator[Frame]:
    for name, place in located:
        line, column = (1, 1) if place.source is None else line_and_column(place.source, place.span.start)
        yield Frame(name, line, column)


def _translate(error: Exception, *, generated: bool, scope: Iterable[str]) -> HogRuntimeError:
    if isinstance(error, HogRuntimeError):
        return error
    if isinstance(error, Raised):
        value = error.value
        return HogThrown(str(value.message), type=str(value.type), payload=value.payload)
    if isinstance(error, UnknownGlobal) or (isinstance(error, KeyError) and generated):
        name = str(error.args[0])
        known = [key for key in scope if isinstance(key, str)]
        return HogRuntimeError(f"Global variable not found: {name}", hint=did_you_mean(name, known))
    if isinstance(error, RecursionError):
        return HogDepthLimit("Call stack exceeded its maximum length")
    if isinstance(error, MemoryError):
        return HogMemoryLimit("The process ran out of memory")
    if isinstance(error, OverflowError):
        return HogRuntimeError("A number is too large to compute with")
    fault = HogInternalError(f"Internal error: {type(error).__name__}")
    fault.__cause__ = error
    return fault
