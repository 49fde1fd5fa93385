"""The filters of LiquidJS that ask an expression about each item: ``{{ people | where_exp: "p", "p.age > 17" }}``."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from liquid import Environment, RenderContext, TokenStream
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, tokenize
from liquid.exceptions import LiquidError
from liquid.token import TOKEN_EXPRESSION, Token
from liquid.undefined import Undefined

from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.liquid.filters import grouped, items_of
from hedgerow.hog.liquid.room import Room

LONGEST: Final = 2_000
"""Characters of an expression."""

Ask = Callable[[Any], Any]
Conditional = Callable[[Room, list[Any], Ask], Any]


def _holds(value: Any) -> bool:
    return value is not None and value is not False


def _where(_room: Room, items: list[Any], ask: Ask) -> list[Any]:
    return [item for item in items if _holds(ask(item))]


def _reject(_room: Room, items: list[Any], ask: Ask) -> list[Any]:
    return [item for item in items if not _holds(ask(item))]


def _find(_room: Room, items: list[Any], ask: Ask) -> Any:
    return next((item for item in items if _holds(ask(item))), None)


def _find_index(_room: Room, items: list[Any], ask: Ask) -> int | None:
    return next((place for place, item in enumerate(items) if _holds(ask(item))), None)


def _has(_room: Room, items: list[Any], ask: Ask) -> bool:
    return any(_holds(ask(item)) for item in items)


CONDITIONAL: Final[dict[str, Conditional]] = {
    "find_exp": _find,
    "find_index_exp": _find_index,
    "group_by_exp": grouped,
    "has_exp": _has,
    "reject_exp": _reject,
    "where_exp": _where,
}
"""By name. Each takes the name of a variable, and an expression that is asked with every item in it."""


def run(context: RenderContext, room: Room, name: str, value: Any, args: tuple[Any, ...]) -> Any:
    """Apply one of these filters.

    Args:
        context: the render, in which the expression sees what the template sees.
        room: the bounds of the render.
        name: which filter.
        value: what it is applied to.
        args: the variable's name and the expression.

    Raises:
        HogRuntimeError: the expression does not parse.
    """
    if len(args) != 2 or not all(isinstance(arg, str) for arg in args):
        raise HogRuntimeError(
            f"Filter `{name}` needs the name of a variable and an expression, both as texts"
        )
    variable, text = args
    if len(text) > LONGEST:
        raise HogRuntimeError(f"The expression of `{name}` may have at most {LONGEST} characters")
    expression = _parsed(context.env, text)

    def ask(item: Any) -> Any:
        room.step()
        with context.extend({variable: item}):
            found = expression.evaluate(context)
        return None if isinstance(found, Undefined) else found

    return CONDITIONAL[name](room, items_of(room, value), ask)


@lru_cache(maxsize=512)
def _parsed(env: Environment, text: str) -> Any:
    """A value with filters, or else a condition."""
    for kind in (FilteredExpression, BooleanExpression):
        tokens = TokenStream(tokenize(text, Token(TOKEN_EXPRESSION, text, 0, text)))
        try:
            return kind.parse(env, tokens)
        except LiquidError as error:
            fault = error
    raise HogRuntimeError(f"Liquid: {str(fault.message)[:300]} in `{text[:100]}`")
