"""How values look as text.

Two forms: the print form (``print``, and everything nested), which reads as Hog source, and the text form
(``toString``, ``concat``, templates), which differs at the top level only: null, dates and strings show bare.
Numbers look as JavaScript shows them, which is what PostHog's VM gives.
"""

from __future__ import annotations

import math
from typing import Any, Final

from hedgerow.hog.context import STRIDE, UNMETERED, RuntimeContext
from hedgerow.hog.errors import HogDepthLimit
from hedgerow.hog.times import iso
from hedgerow.hog.values import HogCallable, HogDate, HogDateTime, HogErrorValue, is_nan, truthy

_ESCAPES: Final = str.maketrans(
    {
        "\b": "\\b",
        "\f": "\\f",
        "\r": "\\r",
        "\n": "\\n",
        "\t": "\\t",
        "\0": "\\0",
        "\v": "\\v",
        "\\": "\\\\",
        "'": "\\'",
    }
)
_EXACT: Final = 2.0**53


def number_text(number: float) -> str:
    """A number as JavaScript prints it (``1``, ``1.5``, ``1e+21``, ``NaN``); integers keep all their digits.

    Args:
        number: an ``int`` or a ``float``.

    Returns:
        Its shortest text that reads back as the same double; for an integer below 1e21 its digits.
    """
    if type(number) is int:
        return str(number) if -(10**21) < number < 10**21 else number_text(as_double(number))
    if number.is_integer() and -_EXACT < number < _EXACT:
        return str(int(number))
    if not math.isfinite(number):
        return "NaN" if is_nan(number) else "Infinity" if number > 0 else "-Infinity"
    return _double_text(number)


def as_double(number: float) -> float:
    """The double nearest to a number; infinite when there is none."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _double_text(number: float) -> str:
    """``Number.prototype.toString`` for finite doubles: Python has the same digits but other exponents."""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        text = digits.ljust(point, "0")
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = f"{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{point - 1:+d}"
    return "-" + text if number < 0 else text


def quote(text: str) -> str:
    """A string as a Hog literal, in single quotes."""
    return f"'{text.translate(_ESCAPES)}'"


def print_text(ctx: RuntimeContext, value: Any) -> str:
    """The print form of a value: bare for a string at the top, else as Hog source.

    A container inside itself shows as ``null``.

    Args:
        ctx: the run, which bounds length, depth and time.
        value: any Hog value.

    Returns:
        The text.

    Raises:
        HogLimitError: the text grows too long, or the value nests too deep.
    """
    return value if type(value) is str else nested_text(ctx, value)


def print_form(value: Any) -> str:
    """A value as Hog source, outside of any run: strings in quotes, dates as calls.

    Args:
        value: any Hog value.

    Returns:
        The text.

    Raises:
        HogDepthLimit: the value nests deeper than 200 levels.
    """
    return nested_text(UNMETERED, value)


def to_text(ctx: RuntimeContext, value: Any) -> str:
    """The text form of a value, as ``toString`` gives it. Arguments and errors as ``print_text``."""
    kind = type(value)
    if kind is str:
        text: str = value
        return text
    if kind is HogDateTime:
        return iso(value) or "null"
    if kind is HogDate:
        return "-".join(_date_part(part) for part in (value.year, value.month, value.day))
    return nested_text(ctx, value)


def concat_text(ctx: RuntimeContext, value: Any) -> str:
    """The text form of a value as a part of a concatenation, where null vanishes."""
    return "" if value is None else to_text(ctx, value)


def _date_part(part: float) -> str:
    return number_text(part).rjust(2, "0")


def nested_text(ctx: RuntimeContext, value: Any) -> str:
    """The print form with strings quoted, as values look inside other values."""
    scalar = _scalar_text(value)
    if scalar is not None:
        return scalar
    printer = _Printer(ctx)
    printer.add_value(value)
    return printer.text()


def _scalar_text(value: Any) -> str | None:
    """The print form of what contains nothing; None for containers."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return number_text(value)
    if kind is HogDate:
        return f"Date({number_text(value.year)}, {number_text(value.month)}, {number_text(value.day)})"
    if kind is HogDateTime:
        return _datetime_source(value)
    return f"fn<{value.name}({value.arity})>" if kind is HogCallable else None


def _datetime_source(value: HogDateTime) -> str:
    """``DateTime(1714739696.0, 'UTC')``: seconds always with a point, even NaN."""
    seconds = number_text(value.dt)
    return f"DateTime({seconds if '.' in seconds else seconds + '.0'}, {quote(value.zone)})"


class Collector:
    """Collects pieces of text over a walk through one value, watching length, depth and time on the way."""

    __slots__ = ("_ctx", "_depth", "_length", "_nodes", "_parts", "_path")

    def __init__(self, ctx: RuntimeContext) -> None:
        self._ctx = ctx
        self._depth = ctx.json_depth
        self._parts: list[str] = []
        self._path: set[int] = set()
        self._length = 0
        self._nodes = 0

    def text(self) -> str:
        """All pieces as one text."""
        self._ctx.check_string(self._length)
        return "".join(self._parts)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        self._nodes += 1
        if not self._nodes % STRIDE:
            self._ctx.tick()
            self._ctx.check_string(self._length)

    def _enter(self, value: Any) -> bool:
        """Go into a container, unless we are in it already."""
        if id(value) in self._path:
            return False
        if len(self._path) >= self._depth:
            raise HogDepthLimit(f"Value nests deeper than {self._depth} levels")
        self._path.add(id(value))
        return True

    def _leave(self, value: Any) -> None:
        self._path.discard(id(value))


class _Printer(Collector):
    """Collects the print form of one value."""

    __slots__ = ()

    def add_value(self, value: Any) -> None:
        scalar = _scalar_text(value)
        if scalar is not None:
            self._add(scalar)
        elif self._enter(value):
            self._add_container(value)
            self._leave(value)
        else:
            self._add("null")

    def _add_container(self, value: Any) -> None:
        kind = type(value)
        if kind is dict:
            self._add_dict(value)
        elif kind is list:
            self._add_items("[", value, "]")
        elif kind is tuple:
            self._add_items("(" if len(value) > 1 else "tuple(", value, ")")
        elif kind is HogErrorValue:
            self._add_error(value)
        else:
            self._add("null")

    def _add_items(self, start: str, items: list[Any] | tuple[Any, ...], end: str) -> None:
        self._add(start)
        for position, item in enumerate(items):
            if position:
                self._add(", ")
            self.add_value(item)
        self._add(end)

    def _add_dict(self, items: dict[Any, Any]) -> None:
        self._add("{")
        for position, (key, item) in enumerate(items.items()):
            if position:
                self._add(", ")
            self.add_value(key)
            self._add(": ")
            self.add_value(item)
        self._add("}")

    def _add_error(self, error: HogErrorValue) -> None:
        self._add(f"{error.type}(")
        self.add_value(error.message)
        if truthy(error.payload):
            self._add(", ")
            self.add_value(error.payload)
        self._add(")")


def js_text(ctx: RuntimeContext, value: Any) -> str:
    """A value nearly as JavaScript's ``String`` shows it: arrays as items with commas between, objects not at all.

    Some library functions of PostHog's VM read any argument this way. Arguments and errors as ``print_text``.
    """
    if type(value) is str:
        return value
    if type(value) is list or type(value) is tuple:
        joiner = _Joiner(ctx)
        joiner.add_items(value)
        return joiner.text()
    return _js_scalar(ctx, value)


def _js_scalar(ctx: RuntimeContext, value: Any) -> str:
    """What contains nothing as text; dates in their text form, of which JavaScript knows nothing."""
    return "[object Object]" if type(value) in _OPAQUE else to_text(ctx, value)


_OPAQUE: Final = frozenset({dict, HogErrorValue, HogCallable})


class _Joiner(Collector):
    """Collects the items of nested arrays with commas between."""

    __slots__ = ()

    def add_items(self, items: list[Any] | tuple[Any, ...]) -> None:
        """Add an array; nothing for one inside itself."""
        if not self._enter(items):
            return
        for position, item in enumerate(items):
            if position:
                self._add(",")
            if type(item) is list or type(item) is tuple:
                self.add_items(item)
            else:
                self._add("" if item is None else _js_scalar(self._ctx, item))
        self._leave(items)
