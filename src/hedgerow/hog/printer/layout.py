"""What the printer knows of the source: its own words for literals, its comments, its blank lines."""

from __future__ import annotations

import re
from bisect import bisect_left

from hedgerow.hog.ast import Comment, Span
from hedgerow.hog.lexer import RESERVED

WIDTH = 100
INDENT = 4

_PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    "\b": "\\b",
    "\f": "\\f",
    "\r": "\\r",
    "\n": "\\n",
    "\t": "\\t",
    "\a": "\\a",
    "\v": "\\v",
}
_RESERVED = RESERVED | {"fn", "infinity"}


class Layout:
    """The source of a tree, or nothing for a tree that was made."""

    __slots__ = ("comments", "source", "starts", "used")

    def __init__(self, source: str = "", comments: list[Comment] | None = None) -> None:
        self.source = source
        self.comments = comments or []
        self.starts = [comment.span.start for comment in self.comments]
        self.used: set[int] = set()

    # ------------------------------------------------------------ comments

    def has_comment(self, start: int, end: int) -> bool:
        """Whether a comment begins in a range of the source."""
        index = bisect_left(self.starts, start)
        return index < len(self.starts) and self.starts[index] < end

    def take(self, start: int, end: int) -> list[Comment]:
        """The comments in a range that have not been printed; they count as printed then."""
        found: list[Comment] = []
        for index in range(bisect_left(self.starts, start), bisect_left(self.starts, end)):
            if index not in self.used:
                self.used.add(index)
                found.append(self.comments[index])
        return found

    def take_beside(self, start: int, end: int) -> list[Comment]:
        """The comments in a range that stand on the line where the range begins, before any code."""
        line_end = self.source.find("\n", start)
        return self.take(start, min(end, line_end if line_end >= 0 else end))

    # ------------------------------------------------------------ source

    def blank_line_between(self, end: int, start: int) -> bool:
        """Whether a line without anything stands between two places."""
        return bool(self.source) and re.search(r"\n[^\S\n]*\n", self.source[end:start]) is not None

    def opens_on_new_line(self, span: Span, first: int) -> bool:
        """Whether a line ends between the bracket at the begin of a span and its first item."""
        return "\n" in self.source[span.start : first]

    def written(self, span: Span, quote: str) -> str | None:
        """The source of a span if it is a text that begins with this quote."""
        text = self.source[span.start : span.end]
        return text if len(text) > len(quote) and text.startswith(quote) and text.endswith("'") else None


def quote_string(value: str) -> str:
    """A string literal."""
    return "'" + "".join(_ESCAPES.get(character, character) for character in value) + "'"


def quote_text(value: str) -> str:
    """A piece of text in an f-string."""
    return "".join("\\{" if character == "{" else _ESCAPES.get(character, character) for character in value)


def quote_name(name: str) -> str:
    """A name in backticks."""
    escaped = "".join("\\`" if c == "`" else c if c == "'" else _ESCAPES.get(c, c) for c in name)
    return f"`{escaped}`"


def plain_name(name: str) -> str:
    """A name as it is where that is possible, else in backticks."""
    return name if _PLAIN_NAME.fullmatch(name) and name.lower() not in _RESERVED else quote_name(name)
