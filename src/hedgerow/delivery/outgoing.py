"""Asynchronous calls on their way out of a program: measured, and brought into the form in which they leave.

A few hundred bytes of Hog can build a value that fills the memory once it is written out (an array that holds the same
array twice, sixty times over). So what a call hands out is measured before anything goes through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from hedgerow import hog
from hedgerow.delivery.fetch import ADJUSTABLE, SIGNATURES
from hedgerow.delivery.state import loads
from hedgerow.hog.jsontext import to_json

NODES: Final = 200_000
"""Values in what one call hands out; characters count by the hundred."""

_CHARACTERS: Final = 100
_CONTAINERS: Final = frozenset({list, tuple, dict, hog.HogErrorValue})


def measure(value: Any, most: int = NODES) -> bool:
    """Whether a value, written out, has at most so many parts; what it holds twice counts twice.

    Args:
        value: any Hog value. One that holds itself is as large as can be.
        most: how many.
    """
    room = (most + 1) * _CHARACTERS - 1
    todo: list[Any] = [(value,)]
    while todo:
        items = todo.pop()
        if type(items) is dict:
            try:
                room -= len("".join(items))
            except TypeError:  # keys that are no texts are rare
                todo.append([*items])
            items = items.values()
        elif type(items) is hog.HogErrorValue:
            items = (items.message, items.payload)
        room -= (len(items) + 1) * _CHARACTERS
        if room < 0:
            return False
        for item in items:
            kind = type(item)
            if kind is str:
                room -= len(item) + _CHARACTERS
            elif kind in _CONTAINERS:
                todo.append(item)
    return room >= 0


def plain(value: Any) -> Any:
    """A value as JSON knows it."""
    return loads(to_json(value).encode("utf-8", "backslashreplace"))


def shaped(call: hog.AsyncCall) -> hog.AsyncCall:
    """A call with arguments that are plain and quickly read: a request's headers and body are texts already.

    Raises:
        HogSizeLimit: it hands out too much.
    """
    if not measure(call.args):
        raise hog.HogSizeLimit(f"`{call.name}` is given too much to write out")
    if call.name == "fetch" and len(call.args) > 1 and type(call.args[1]) is dict:
        return replace(call, args=[_text(call.args[0]), _request(call.args[1])])
    return replace(call, args=[plain(argument) for argument in call.args])


def _text(value: Any) -> Any:
    return value if type(value) is str else plain(value)


def _request(extra: dict[Any, Any]) -> dict[str, Any]:
    """The parts of a request's second argument that count (see fetch.py)."""
    headers, body = extra.get("headers"), extra.get("body")
    return {
        "method": plain(extra.get("method")),
        "headers": {str(name): _written(value) for name, value in headers.items()}
        if type(headers) is dict
        else plain(headers),
        "body": _written(body),
        **{name: plain(extra[name]) for name in (*ADJUSTABLE, *SIGNATURES) if extra.get(name) is not None},
    }


def keys_of(call: hog.AsyncCall, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that a call names as keys for its signature, and nothing else of them.

    Args:
        call: a shaped one.
        inputs: the run's.
    """
    extra = call.args[1] if call.name == "fetch" and len(call.args) > 1 else None
    specs = [extra.get(name) for name in SIGNATURES] if isinstance(extra, dict) else []
    names = [name for spec in specs if isinstance(spec, dict) for name in spec.values()]
    return {
        name: inputs[name] for name in names if isinstance(name, str) and isinstance(inputs.get(name), str)
    }


def _written(value: Any) -> str | None:
    return value if value is None or type(value) is str else to_json(value)
