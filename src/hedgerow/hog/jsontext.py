"""JSON in and out, with the number forms and the markers of PostHog's VM.

Reading goes through orjson, which is fast and keeps 64-bit integers; what it is stricter about than JavaScript
(lone surrogates, numbers too large for a double) is read again by Python's own reader. Writing is a walk of our own,
since only ours writes numbers as JavaScript does, survives cycles and looks at the clock.
"""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring
from typing import Any, Final, NoReturn

import orjson

from hedgerow.hog.context import LARGE, STRIDE, UNMETERED, RuntimeContext, watch
from hedgerow.hog.errors import HogDepthLimit, HogRuntimeError
from hedgerow.hog.text import Collector, as_double, js_text, number_text
from hedgerow.hog.values import HogCallable, HogDate, HogDateTime, HogErrorValue, is_finite, is_number

_LONE: Final = re.compile("[\ud800-\udfff]")
_MARKER: Final = "__hog"
_LENIENT: Final = ("surrogate", "infinity", "UTF-8")
_BYTES_PER_NODE: Final = 48
_QUICK_DEPTH: Final = 8
_QUICK_NODES: Final = 256
_QUICK_TEXT: Final = 256


def parse(ctx: RuntimeContext, text: str) -> Any:
    """Read a JSON text. Objects that carry a Hog marker become the date, datetime or error they stand for.

    Args:
        ctx: the run.
        text: the JSON.

    Returns:
        The value.

    Raises:
        HogRuntimeError: it is not JSON.
        HogLimitError: it nests too deep or holds too much.
    """
    openings = text.count("[") + text.count("{")
    ctx.charge(len(text) + _BYTES_PER_NODE * (openings + text.count(",") + 1))
    watch(ctx, len(text))
    value = _read(text)
    watch(ctx, len(text))
    if openings > ctx.json_depth or _MARKER in text:
        return _Reviver(ctx).revive(value, 0)
    return value


def is_valid(ctx: RuntimeContext, text: str) -> bool:
    """Whether a text is JSON."""
    watch(ctx, len(text))
    try:
        _read(text)
    except HogDepthLimit:
        raise
    except HogRuntimeError:
        return False
    return True


def _read(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        reason = str(error)
    if "depth limit" in reason:
        raise HogDepthLimit("JSON nests too deep")
    if any(word in reason for word in _LENIENT):
        return _read_leniently(text)
    raise HogRuntimeError(f"Invalid JSON: {reason}")


def _read_leniently(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_integer, parse_constant=_no_constant)
    except RecursionError:
        raise HogDepthLimit("JSON nests too deep") from None
    except ValueError as error:
        raise HogRuntimeError(f"Invalid JSON: {error}") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _Reviver:
    """Checks the depth of a parsed value and puts Hog's own types where markers stand."""

    __slots__ = ("_ctx", "_nodes")

    def __init__(self, ctx: RuntimeContext) -> None:
        self._ctx = ctx
        self._nodes = 0

    def revive(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is not dict and kind is not list:
            return value
        if depth >= self._ctx.json_depth:
            raise HogDepthLimit(f"JSON nests deeper than {self._ctx.json_depth} levels")
        self._nodes += 1 + len(value) // 16
        if self._nodes >= STRIDE:
            self._nodes = 0
            self._ctx.tick()
        if kind is list:
            return [self.revive(item, depth + 1) for item in value]
        return revive_marker({key: self.revive(item, depth + 1) for key, item in value.items()})


def revive_marker(value: dict[Any, Any]) -> Any:
    """The Hog value an object with a marker stands for; any other object itself.

    Args:
        value: an object whose entries are Hog values.

    Returns:
        A date, datetime or error, or ``value``.
    """
    if value.get("__hogDate__"):
        return HogDate(*(_number_or_nan(value.get(part)) for part in ("year", "month", "day")))
    if value.get("__hogDateTime__"):
        zone = value.get("zone")
        return HogDateTime(as_double(_number_or_nan(value.get("dt"))), zone if type(zone) is str else "UTC")
    if value.get("__hogError__"):
        kind, message = value.get("type"), value.get("message")
        return HogErrorValue(
            kind if type(kind) is str else "Error",
            message if type(message) is str else "An error occurred",
            value.get("payload"),
        )
    return value


def _number_or_nan(value: Any) -> int | float:
    return value if is_number(value) else math.nan


def stringify(ctx: RuntimeContext, value: Any, indent: int = 0) -> str:
    """A value as JSON, compact or indented.

    NaN and infinities become null, and so does a container inside itself; dates and errors become marker objects,
    functions their print form.

    Args:
        ctx: the run.
        value: any Hog value.
        indent: spaces per level, 0 for the compact form.

    Returns:
        The JSON text.

    Raises:
        HogLimitError: the text grows too long, or the value nests too deep.
    """
    scalar = _scalar_json(value)
    if scalar is not None:
        return scalar
    quick = None if indent else _small_json(value)
    if quick is None:
        return _Writer(ctx, indent).write(value)
    ctx.check_string(len(quick))
    return quick


def _small_json(value: Any) -> str | None:
    """The JSON of a small tree of plain values, without the care that large ones need; None for any other."""
    try:
        return _quick(value, _QUICK_DEPTH, [_QUICK_NODES])
    except _NotSmallError:
        return None


class _NotSmallError(Exception):
    """The value is too large or too odd for the short way."""


def _quick(value: Any, depth: int, left: list[int]) -> str:
    kind = type(value)
    if kind is str:
        return _quick_string(value)
    if value is None:
        return "null"
    if kind is int:
        return number_text(value)
    if kind is not dict and kind is not list:
        return _quick_scalar(value)
    left[0] -= len(value)
    if not depth or left[0] < 0:
        raise _NotSmallError
    if kind is list:
        return f"[{','.join([_quick(item, depth - 1, left) for item in value])}]"
    return f"{{{','.join([f'{_quick_key(key)}:{_quick(item, depth - 1, left)}' for key, item in value.items()])}}}"


def _quick_string(text: str) -> str:
    if len(text) > _QUICK_TEXT:
        raise _NotSmallError
    return encode_basestring(text) if text.isascii() else json_string(text)


def _quick_key(key: Any) -> str:
    if type(key) is not str:
        raise _NotSmallError
    return _quick_string(key)


def _quick_scalar(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is not float:
        raise _NotSmallError
    return number_text(value) if is_finite(value) else "null"


def to_json(value: Any) -> str:
    """A value as compact JSON, outside of any run: what ``jsonStringify`` gives.

    Args:
        value: any Hog value.

    Returns:
        The JSON text: whole doubles as ``6``, integers exact, NaN and cycles as null.

    Raises:
        HogDepthLimit: the value nests deeper than 200 levels.
    """
    quick = _plain_json(value)
    return stringify(UNMETERED, value) if quick is None else quick


def brief_json(value: Any) -> str:
    """A container of a few texts, whole numbers, booleans and nulls as a short JSON text; '' for any other value."""
    kind = type(value)
    if (kind is not dict and kind is not list) or len(value) > _BRIEF:
        return ""
    if not _BRIEF_KINDS.issuperset(map(type, value if kind is list else value.values())):
        return ""
    try:
        text = orjson.dumps(value, None, _ONLY_PLAIN).decode()
    except TypeError:
        return ""
    return text if len(text) < _BRIEF_TEXT else ""


# Where a number stands that JavaScript writes otherwise: whole doubles (6.0, -0.0) and those with an exponent.
_OTHERWISE = re.compile(rb"[:,\[]-?[0-9]+(?:\.[0-9]+)?(?:[eE]|(?<=\.0)[,}\]])")
# How such a number ends. Searching for a fixed character is quick, and settles nearly every text.
_ENDS = (re.compile(rb"\.0[,}\]]"), re.compile(rb"e[+-]?[0-9]+[,}\]]"))
_CONTAINERS: Final = frozenset({dict, list, tuple})
_BRIEF: Final = 8
_BRIEF_TEXT: Final = 128
_BRIEF_KINDS: Final = frozenset({str, int, bool, type(None)})
_ONLY_PLAIN = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def _plain_json(value: Any) -> str | None:
    """A container of plain values as JSON, or None when it takes more care than a fast library has."""
    if type(value) is not dict and type(value) is not list:
        return None
    try:
        raw = orjson.dumps(value, None, _ONLY_PLAIN)
    except TypeError:
        return None
    return None if _has_other_numbers(raw) else raw.decode()


def _has_other_numbers(raw: bytes) -> bool:
    whole, exponent = _ENDS
    return bool(whole.search(raw) or exponent.search(raw)) and _OTHERWISE.search(raw) is not None


def json_string(text: str) -> str:
    """A JSON string; lone surrogates are escaped, as JavaScript does."""
    quoted = encode_basestring(text)
    if text.isascii():
        return quoted
    return _LONE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _scalar_json(value: Any) -> str | None:
    kind = type(value)
    if kind is str:
        return json_string(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return number_text(value) if is_finite(value) else "null"
    return json_string(f"fn<{value.name}({value.arity})>") if kind is HogCallable else None


def _as_container(value: Any) -> Any:
    """What stands for a value in JSON: markers for dates and errors."""
    kind = type(value)
    if kind is HogDate:
        return {"__hogDate__": True, "year": value.year, "month": value.month, "day": value.day}
    if kind is HogDateTime:
        return {"__hogDateTime__": True, "dt": value.dt, "zone": value.zone}
    if kind is HogErrorValue:
        return {"__hogError__": True, "type": value.type, "message": value.message, "payload": value.payload}
    return value


class _Writer(Collector):
    """Collects the JSON of one value."""

    __slots__ = ("_colon", "_indent")

    def __init__(self, ctx: RuntimeContext, indent: int) -> None:
        super().__init__(ctx)
        self._indent = indent
        self._colon = ": " if indent else ":"

    def write(self, value: Any) -> str:
        """The whole text."""
        self._add_value(value)
        return self.text()

    def _add_value(self, value: Any) -> None:
        scalar = _scalar_json(value)
        if scalar is not None:
            self._add(scalar)
        elif self._enter(value):
            self._add_container(_as_container(value))
            self._leave(value)
        else:
            self._add("null")

    def _add_container(self, value: Any) -> None:
        if type(value) in _CONTAINERS and len(value) > LARGE:
            self._ctx.look_through(len(value))
        if type(value) is dict:
            self._add_entries("{", [(self._key(key), item) for key, item in value.items()], "}")
        elif type(value) is list or type(value) is tuple:
            self._add_entries("[", [("", item) for item in value], "]")
        else:
            self._add("null")

    def _key(self, key: Any) -> str:
        return json_string(js_text(self._ctx, key)) + self._colon

    def _add_entries(self, start: str, entries: list[tuple[str, Any]], end: str) -> None:
        inner = "\n" + " " * (self._indent * len(self._path)) if self._indent and entries else ""
        self._add(start)
        for position, (key, item) in enumerate(entries):
            self._add(f"{',' if position else ''}{inner}{key}")
            self._add_value(item)
        self._add(inner[: len(inner) - self._indent] + end)
