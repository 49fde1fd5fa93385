"""Error values, made to be thrown."""

from __future__ import annotations

from typing import Any

from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import js_text, to_text
from hedgerow.hog.values import HogErrorValue, truthy


def _made(ctx: RuntimeContext, kind: Any, message: Any, payload: Any) -> HogErrorValue:
    """An error; type and message have defaults and are texts whatever they are given as."""
    return HogErrorValue(
        js_text(ctx, kind) if truthy(kind) else "Error",
        to_text(ctx, message) if truthy(message) else "An error occurred",
        payload,
    )


@function(
    "Error",
    0,
    2,
    context=True,
    pure=False,
    examples=[("Error('broken', 1)", "Error('broken', 1)"), ("Error().message", "'An error occurred'")],
)
def error(ctx: RuntimeContext, message: Any = None, payload: Any = None) -> HogErrorValue:
    """An error of type ``Error`` with a message and a payload, to be thrown."""
    return _made(ctx, "Error", message, payload)


@function(
    "RetryError", 0, 2, context=True, pure=False, examples=[("RetryError('later')", "RetryError('later')")]
)
def retry_error(ctx: RuntimeContext, message: Any = None, payload: Any = None) -> HogErrorValue:
    """An error of type ``RetryError``."""
    return _made(ctx, "RetryError", message, payload)


@function(
    "NotImplementedError",
    0,
    2,
    context=True,
    pure=False,
    examples=[("NotImplementedError().type", "'NotImplementedError'")],
)
def not_implemented_error(ctx: RuntimeContext, message: Any = None, payload: Any = None) -> HogErrorValue:
    """An error of type ``NotImplementedError``."""
    return _made(ctx, "NotImplementedError", message, payload)


@function(
    "HogError", 1, 3, context=True, pure=False, examples=[("HogError('Mine', 'broken')", "Mine('broken')")]
)
def hog_error(ctx: RuntimeContext, kind: Any, message: Any = None, payload: Any = None) -> HogErrorValue:
    """An error of any type, which ``catch (e: Type)`` can tell apart."""
    return _made(ctx, kind, message, payload)
