"""Compiling and rendering Liquid: python-liquid's grammar under our own output, context and bounds."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final, NoReturn, TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.token import Token
from liquid.undefined import Undefined

from hedgerow.hog.ast import Span
from hedgerow.hog.errors import HogDepthLimit, HogError, HogRuntimeError, HogSizeLimit, HogSyntaxError
from hedgerow.hog.host import Limits
from hedgerow.hog.liquid import conditions
from hedgerow.hog.liquid.filters import FILTERS
from hedgerow.hog.liquid.markup import decode_tags, refuse_deep, refuse_unclosed
from hedgerow.hog.liquid.room import Raw, Room, escape, text_of

_LONGEST: Final = 100_000
_FILES: Final = ("include", "render")


class LiquidTemplate:
    """A compiled value: a text, or arrays and objects with texts in them, each of them a template."""

    __slots__ = ("_limits", "_tree")

    def __init__(self, tree: Any, limits: Limits) -> None:
        self._tree = tree
        self._limits = limits

    def render(
        self,
        globals: Mapping[str, Any],  # noqa: A002
        *,
        now: float | None = None,
        patience_ms: float = math.inf,
    ) -> Any:
        """Fill the templates in.

        Args:
            globals: the values templates can name; ``now`` is added.
            now: seconds since the epoch, by default the present.
            patience_ms: CPU time after which ``OverBudget`` comes out (see ``Host``).

        Returns:
            A value of the same shape with the texts rendered, always as strings.

        Raises:
            HogRuntimeError: a template failed.
            HogLimitError: a limit was met.
        """
        moment = time.time() if now is None else now
        room = Room(self._limits, moment, patience_ms)
        names = {"now": datetime.fromtimestamp(moment, UTC), **globals}
        return _rendered(self._tree, room, names)


def _rendered(tree: Any, room: Room, names: dict[str, Any]) -> Any:
    if isinstance(tree, dict):
        return {key: _rendered(item, room, names) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_rendered(item, room, names) for item in tree]
    return _render_text(tree, room, names) if isinstance(tree, _Template) else tree


def compile_liquid(tree: Any, *, limits: Limits | None = None) -> LiquidTemplate:
    """Compile a text, or every text inside arrays and objects, as Liquid.

    HTML entities inside ``{{ }}`` and ``{% %}`` are decoded first, since rich text editors write them there.

    Args:
        tree: the value of an input. Keys of objects are no templates.
        limits: the bounds of a render; ``cpu_ms``, ``memory``, ``string``, ``items`` and ``json_depth`` count.

    Returns:
        The template.

    Raises:
        HogSyntaxError: a text does not parse, or asks for a filter or a file that is not there.
    """
    return LiquidTemplate(_compiled(tree), limits or Limits())


def _compiled(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _compiled(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_compiled(item) for item in tree]
    return _parse(decode_tags(tree)) if isinstance(tree, str) and "{" in tree else tree


# ------------------------------------------------------------------- python-liquid, made ours


class _Context(RenderContext):
    """A render in progress: counts nodes, runs our filters, remembers where it is."""

    __slots__ = ("place", "room")

    room: Room
    place: Token | None

    @property
    def disabled_tags(self) -> list[str]:
        """No tag is disabled. Every node asks this before it renders, which makes it the place to count them."""
        room = getattr(self, "room", None)
        if room is not None:
            room.step()
        return []

    @disabled_tags.setter
    def disabled_tags(self, tags: list[str]) -> None:
        """Nothing to disable."""

    def stopindex(self, key: str, index: int | None = None) -> int:
        """Where a loop ends. Told before its items are laid out, so that a range is refused in time."""
        if index is not None:
            self.room.check_items(index)
        stop: int = super().stopindex(key, index)
        return stop

    def get_buffer(self, _buffer: Any = None) -> Any:
        """Where ``capture`` collects."""
        return _Buffer(self.room)

    def filter(self, name: str, token: Token | None) -> Any:
        """A filter bound to this render. Undefined values reach it as null, ranges as arrays."""
        impl = FILTERS.get(name)
        room = self.room
        self.place = token or self.place

        def run(value: Any, *args: Any, **options: Any) -> Any:
            room.step()
            if name in conditions.CONDITIONAL:
                return conditions.run(self, room, name, _plain(room, value), args)
            if impl is None:  # in an expression that is itself a text, where nobody looked
                raise HogRuntimeError(f"Liquid has no filter `{name[:80]}`")
            try:
                return impl(room, _plain(room, value), *(_plain(room, arg) for arg in args), **options)
            except TypeError:
                raise HogRuntimeError(f"Filter `{name}` was given the wrong number of arguments") from None

        return run


def _plain(room: Room, value: Any) -> Any:
    """A value as filters know them."""
    if isinstance(value, Undefined):
        return None
    if isinstance(value, range):
        room.check_items(max(0, value.stop - value.start))
        return list(value)
    return value


class _Template(BoundTemplate):
    """A parsed text that remembers its source."""

    context_class = _Context
    source: str


class _Buffer:
    """Collects output within the bounds of a render."""

    __slots__ = ("_parts", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        """Take a piece of output."""
        self._room.check_string(len(text))
        self._parts.append(text)
        return len(text)

    def getvalue(self) -> str:
        """All output so far."""
        self._room.check_string(sum(map(len, self._parts)))
        return "".join(self._parts)


def _shown(context: RenderContext, value: Any) -> str:
    """A value as output: escaped unless it is raw."""
    assert isinstance(context, _Context)
    plain = None if isinstance(value, Undefined) else value
    return plain if type(plain) is Raw else escape(context.room, text_of(context.room, plain))


class _OutputNode(OutputNode):
    """``{{ value }}``."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value."""
        return buffer.write(_shown(context, self.expression.evaluate(context)))


class _EchoNode(EchoNode):
    """``{% echo value %}``."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value."""
        return buffer.write(_shown(context, self.expression.evaluate(context)))


class _Output(Output):
    node_class = _OutputNode


class _Echo(EchoTag):
    node_class = _EchoNode


class _Environment(Environment):
    """LiquidJS as PostHog sets it up, without files."""

    template_class = _Template

    loop_iteration_limit = 1_000_000

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """The usual tags with our output, our filters, nothing that loads files."""
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(_Output)
        self.add_tag(_Echo)
        for name in _FILES:
            del self.tags[name]
        self.filters = {**FILTERS, **conditions.CONDITIONAL}


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    return _Environment()


@lru_cache(maxsize=512)
def _parse(text: str) -> Any:
    """One text parsed; texts recur among inputs, parsed ones are read only."""
    if len(text) > _LONGEST:
        raise HogSyntaxError(
            f"A Liquid template may have at most {_LONGEST} characters", source=text[:_LONGEST]
        )
    refuse_unclosed(text)
    refuse_deep(text)
    try:
        template = _environment().from_string(text)
        used = template.analyze(include_partials=False).filters
    except RecursionError:
        raise HogSyntaxError("This Liquid template nests too deep", source=text) from None
    except LiquidError as error:
        _fail(error, text)
    for name, places in used.items():
        if name not in FILTERS and name not in conditions.CONDITIONAL:
            _refuse_filter(name, text, places[0].index)
    assert isinstance(template, _Template)
    template.source = text
    return template


def _refuse_filter(name: str, text: str, place: int) -> NoReturn:
    close = get_close_matches(name, [*FILTERS, *conditions.CONDITIONAL], n=1)
    raise HogSyntaxError(
        f"Liquid has no filter `{name[:80]}`",
        source=text,
        span=Span(place, min(len(text), place + len(name))),
        hint=f"did you mean `{close[0]}`?" if close else None,
    )


def _fail(error: LiquidError, text: str) -> NoReturn:
    """Raise a syntax error as one of ours."""
    raise HogSyntaxError(_message(error), source=text, span=_span(error.token, text)) from None


def _message(error: LiquidError) -> str:
    message = str(error.message or type(error).__name__)
    return f"Liquid: {message[:300]}"


def _span(token: Token | None, text: str) -> Span | None:
    if token is None:
        return None
    if token.start_index < 0:  # the end of the text
        return Span(len(text), len(text))
    start = min(token.start_index, len(text))
    return Span(start, min(len(text), start + max(1, len(token.value))))


def _render_text(template: Any, room: Room, names: dict[str, Any]) -> str:
    context = _Context(template, globals=names)
    context.room = room
    context.place = None
    buffer = _Buffer(room)
    try:
        template.render_with_context(context, buffer)
        return buffer.getvalue()
    except HogError as error:
        error.source, error.span = template.source, error.span or _span(context.place, template.source)
        raise
    except RecursionError:
        raise HogDepthLimit("This Liquid template nests too deep", source=template.source) from None
    except LiquidError as error:
        kind = HogSizeLimit if isinstance(error, ResourceLimitError) else HogRuntimeError
        raise kind(
            _message(error), source=template.source, span=_span(error.token, template.source)
        ) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The library lets some of Python's own errors out for odd values; to us they are the template's.
        raise HogRuntimeError(
            f"Liquid: {error}", source=template.source, span=_span(context.place, template.source)
        ) from None
