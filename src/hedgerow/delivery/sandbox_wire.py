"""What a worker and its helper processes say to each other: length-prefixed JSON, plain values only.

A helper has run what a stranger wrote, so nothing it says is trusted: no message of its is longer than a cap, none can name a
class or a function, and everything in it is looked at before it is used. Values that JSON does not know (dates, errors,
functions) leave a helper as ``jsonStringify`` shows them, which is how they would leave in a request.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from hedgerow import hog
from hedgerow.delivery.state import dumps, loads
from hedgerow.destinations import DestinationError, FilterError, InputError, SecretsError
from hedgerow.hog.ast import Span

HEADER: Final = struct.Struct("!I")
LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one message of a helper; the largest text of a program takes 24 MB at its worst."""

_LONGEST_MESSAGE: Final = 10_000
_LONGEST_SOURCE: Final = 200_000
_HOG_ERRORS: Final[dict[str, type[hog.HogError]]] = {
    kind.kind: kind
    for kind in (
        hog.HogSyntaxError,
        hog.HogCompileError,
        hog.HogRuntimeError,
        hog.HogThrown,
        hog.HogDiverged,
        hog.HogInternalError,
        hog.HogLimitError,
        hog.HogTimeLimit,
        hog.HogMemoryLimit,
        hog.HogDepthLimit,
        hog.HogFetchLimit,
        hog.HogSizeLimit,
    )
}


class WireError(Exception):
    """A message makes no sense."""


def pack(message: Mapping[str, Any]) -> bytes:
    """A message with its length in front."""
    body = dumps(message)
    return HEADER.pack(len(body)) + body


def unpack(body: bytes) -> dict[str, Any]:
    """The message in some bytes.

    Raises:
        WireError: there is none.
    """
    try:
        message = loads(body)
    except ValueError as error:
        raise WireError("not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("is"), str):
        raise WireError("no message")
    return message


def length_of(header: bytes) -> int:
    """How long the message is that a header announces.

    Raises:
        WireError: longer than allowed.
    """
    length: int = HEADER.unpack(header)[0]
    if length > LARGEST:
        raise WireError("too long")
    return length


# ------------------------------------------------------------------ errors


def error_out(error: hog.HogError | DestinationError) -> dict[str, Any]:
    """An error as plain data."""
    if isinstance(error, hog.HogError):
        return _hog_error_out(error)
    plain: dict[str, Any] = {"kind": getattr(error, "kind", "secrets"), "message": _cut(str(error))}
    return plain | {name: getattr(error, name, None) for name in ("line", "column", "key")}


def _hog_error_out(error: hog.HogError) -> dict[str, Any]:
    placed = error.span is not None and error.source is not None and len(error.source) <= _LONGEST_SOURCE
    return {
        "kind": "hog",
        "of": error.kind,
        "message": _cut(error.message),
        "source": error.source if placed else None,
        "span": list(error.span) if placed and error.span is not None else None,
        "hint": error.hint,
        "trace": [[frame.function, frame.line, frame.column] for frame in error.trace],
        "type": str(getattr(error, "type", ""))[:200],
    }


def error_in(raw: Mapping[str, Any]) -> hog.HogError | DestinationError:
    """The error that a helper tells of.

    Raises:
        WireError: it makes no sense.
    """
    try:
        return _hog_error_in(raw) if raw["kind"] == "hog" else _destination_error_in(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError("no error") from error


def _hog_error_in(raw: Mapping[str, Any]) -> hog.HogError:
    kind = _HOG_ERRORS[raw["of"]]
    rest: dict[str, Any] = {
        "source": None if raw["source"] is None else str(raw["source"]),
        "span": None if raw["span"] is None else Span(*map(int, raw["span"])),
        "hint": None if raw["hint"] is None else str(raw["hint"]),
        "trace": tuple(hog.Frame(str(name), int(line), int(column)) for name, line, column in raw["trace"]),
    }
    if kind is hog.HogThrown:
        rest["type"] = str(raw["type"])
    return kind(str(raw["message"]), **rest)


def _destination_error_in(raw: Mapping[str, Any]) -> DestinationError:
    kind, message = raw["kind"], str(raw["message"])
    place = {name: None if raw[name] is None else int(raw[name]) for name in ("line", "column")}
    if kind == "inputs":
        return InputError(str(raw["key"]), message, **place)
    return FilterError(message, **place) if kind == "filter" else SecretsError(message)


def _cut(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."
