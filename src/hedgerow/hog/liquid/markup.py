"""What is done to the text of a template before it is parsed, in linear time."""

from __future__ import annotations

import html
import re
from typing import Final

from hedgerow.hog.ast import Span
from hedgerow.hog.errors import HogSyntaxError

_VERBATIM: Final = re.compile(r"\{%-?\s*(raw|doc)\s*-?%\}")
_ENDS: Final = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}


def decode_tags(text: str) -> str:
    """The text with HTML entities inside ``{{ }}`` and ``{% %}`` decoded, the rest untouched."""
    if "&" not in text:
        return text
    parts: list[str] = []
    place = 0
    while (found := _next_tag(text, place)) is not None:
        start, stop = found
        parts += (text[place:start], html.unescape(text[start:stop]))
        place = stop
    return "".join((*parts, text[place:]))


def _next_tag(text: str, place: int) -> tuple[int, int] | None:
    """Where the next complete tag starts and stops."""
    places = [(text.find(start, place), end) for start, end in (("{{", "}}"), ("{%", "%}"))]
    for start, end in sorted(pair for pair in places if pair[0] >= 0):
        stop = text.find(end, start)
        if stop >= 0:
            return start, stop + 2
    return None


def refuse_unclosed(text: str) -> None:
    """Refuse tags that never end: the parser behind would look for their ends again and again.

    Args:
        text: the template.

    Raises:
        HogSyntaxError: a ``{{`` without ``}}``, a ``{%`` without ``%}``, or verbatim text without its end.
    """
    place = text.find("{")
    while place >= 0:
        mark = text[place : place + 2]
        place = _after(text, place, mark) if mark in {"{{", "{%"} else place + 1
        place = text.find("{", place)


def _after(text: str, place: int, mark: str) -> int:
    """The place after a tag; after its end tag for verbatim text."""
    end = "}}" if mark == "{{" else "%}"
    stop = text.find(end, place + 2)
    if stop < 0:
        raise _unclosed(text, place, f"`{mark}` is never closed with `{end}`")
    verbatim = _VERBATIM.match(text, place)
    if verbatim is None:
        return stop + 2
    closing = _ENDS[verbatim[1]].search(text, stop)
    if closing is None:
        raise _unclosed(text, place, f"`{verbatim[1]}` is never closed with `end{verbatim[1]}`")
    return closing.end()


def _unclosed(text: str, place: int, message: str) -> HogSyntaxError:
    return HogSyntaxError(message, source=text, span=Span(place, place + 2))


DEEPEST = 100


def refuse_deep(text: str) -> None:
    """Refuse brackets nested past all sense: the parser behind takes minutes to give up on them.

    Raises:
        HogSyntaxError: with the place of the bracket that is one too many.
    """
    depth = 0
    for place, character in enumerate(text):
        if character in "[(":
            depth += 1
        elif character in "])":
            depth = max(0, depth - 1)
        elif character == "}":
            depth = 0
        if depth > DEEPEST:
            raise HogSyntaxError(
                f"This Liquid template nests more than {DEEPEST} brackets",
                source=text,
                span=Span(place, place + 1),
            )
