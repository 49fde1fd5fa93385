"""Source text to tokens.

One regular expression reads a token and the blanks before it. The tokens are parallel lists rather than objects:
lexing is half of the time to parse, and a list append costs a fifth of an object. Three things are worked out here because
they need nothing but brackets: where each bracket closes (so that the parser can look past it in one step), which
brackets never close (for the error message), and where code stops and text goes on inside f-strings and templates.

Kinds of tokens: an operator or bracket is its own kind, a keyword its canonical lower-case form, and else ``name``,
``quoted``, ``int``, ``number``, ``string``, ``eof``. An f-string is ``f'``, then ``text`` and ``${`` ... ``}$`` in turn, then
``end'``. A template is the same without the first and last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from hedgerow.hog.ast import Comment, Span
from hedgerow.hog.errors import HogCompileError, HogSyntaxError
from hedgerow.hog.hints import bad_character

LONGEST_SOURCE: Final = 100 * 1024
"""Bytes that a program or expression may have, as in PostHog."""
LONGEST_TEMPLATE: Final = 1024 * 1024
"""Bytes that a template may have: most of them are text, such as that of an e-mail."""

# The Unicode property White_Space and the byte order mark; Python's \s takes control characters besides.
_BLANK = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]"

# Possessive quantifiers keep a failing match linear in the length of the text; so does matching the end of the source,
# without which blanks there would be searched again from each of them.
_TOKEN = re.compile(
    _BLANK
    + r"""*+(?:
      (f')                                                               # 1 f-string
    | ([A-Za-z_$][A-Za-z0-9_$]*+)                                        # 2 name
    | (\#[^\n\r]*+ | //[^\n\r]*+ | --[^\n\r]*+ | /\*(?s:.*?)\*/)         # 3 comment
    | (\?\? | \?\. | :: | := | -> | <=> | == | != | <> | <= | >= | =~\* | =~ | !~\* | !~ | ~\* | \|\|
       | [-+*%=<>~?:.,;()\[\]{}] | /(?!\*))                              # 4 operator
    | (0[xX][0-9A-Fa-f]++(?:\.[0-9A-Fa-f]*+)?[pP][+-]?[0-9]++ | 0[xX][0-9A-Fa-f]++ | 0[bB][01]++
       | (?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)[eE][+-]?[0-9]++)            # 5 number
    | ([0-9]++)(?!_)(?<!\b0(?=[xXbBoO]))                                 # 6 int
    | ('(?:[^'\\]++ | \\(?s:.) | '')*+')                                # 7 string
    | ("(?:[^"\\]++ | \\(?s:.) | "")*+" | `(?:[^`\\]++ | \\(?s:.) | ``)*+`)  # 8 quoted
    | ((?s:.))                                                           # 9 nothing known
    | \Z
    )""",
    re.VERBOSE,
)
_FSTRING_TEXT = re.compile(r"(?:[^\\'{]++|\\.|'')*+", re.DOTALL)
# In a template a brace behind any backslash is literal, even where that backslash is itself escaped.
_TEMPLATE_TEXT = re.compile(r"(?:[^\\{]++|\\\{?)*+")

KEYWORDS = {
    word: word
    for word in [
        "and",
        "as",
        "between",
        "case",
        "cast",
        "catch",
        "date",
        "false",
        "finally",
        "for",
        "fun",
        "if",
        "ilike",
        "in",
        "inf",
        "interval",
        "is",
        "lambda",
        "let",
        "like",
        "nan",
        "not",
        "null",
        "or",
        "return",
        "select",
        "substring",
        "throw",
        "timestamp",
        "trim",
        "true",
        "try",
        "try_cast",
        "while",
        "with",
    ]
} | {"fn": "fun", "infinity": "inf"}

RESERVED = frozenset({"let", "fun", "while", "try", "catch", "finally", "throw", "null", "inf", "nan"})
"""Keywords that can never be a name; all others are names where no keyword fits."""

NAMES = frozenset({"name", "quoted", *KEYWORDS.values()} - RESERVED)
"""Kinds of tokens that can be a name."""

_CLOSES = {")": ("(",), "]": ("[",), "}": ("{", "${")}


@dataclass(slots=True)
class Tokens:
    """The tokens of a source, as parallel lists that end with three ``eof``.

    Attributes:
        source: the text they came from.
        kinds: what each token is.
        texts: its text; decoded for ``text`` tokens, as written for all others.
        starts: offset of its first character.
        ends: offset behind its last character.
        closing: index of the bracket that closes the one at an index; open ones are missing.
        comments: comments in order, in no relation to the tokens.
        unclosed: indexes of brackets that nothing closes, outermost first.
    """

    source: str
    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    closing: dict[int, int] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    unclosed: list[int] = field(default_factory=list)


def tokenize(source: str, *, template: bool = False) -> Tokens:
    """Split a source into tokens.

    Args:
        source: program or expression; with ``template`` the text of an input template.
        template: whether the source starts as text rather than as code.

    Returns:
        The tokens.

    Raises:
        HogSyntaxError: a character, string, comment or number that Hog does not have.
        HogCompileError: the source is too long.
    """
    most = LONGEST_TEMPLATE if template else LONGEST_SOURCE
    size = len(source) if source.isascii() else len(source.encode("utf-8", "surrogatepass"))
    if size > most:
        end = min(most, len(source))
        raise HogCompileError(
            f"The source has {size} bytes, more than the {most} that are allowed",
            source=source,
            span=Span(end, end),
        )
    lexer = _Lexer(source)
    lexer.run(template=template)
    return lexer.tokens


class _Lexer:
    """The state of one pass: brackets that are open, and the texts that surround the code we are in."""

    __slots__ = ("open", "source", "texts", "tokens")

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = Tokens(source)
        self.open: list[int] = []
        self.texts: list[bool] = []  # one entry per text around us: is it the template itself?

    def run(self, *, template: bool) -> None:
        """Read all of the source: code and text in turn."""
        position: int | None = 0
        if template:
            self.texts.append(True)
            position = self.text(0)
        while position is not None:
            position = self.code(position)
            if position is not None:
                position = self.text(position)
        end = len(self.source)
        for _ in range(3):
            self.add("eof", "", end, end)
        self.tokens.unclosed.extend(self.open)

    def add(self, kind: str, text: str, start: int, end: int) -> None:
        """Append one token."""
        tokens = self.tokens
        tokens.kinds.append(kind)
        tokens.texts.append(text)
        tokens.starts.append(start)
        tokens.ends.append(end)

    def code(self, position: int) -> int | None:
        """Read code until a text begins or goes on; returns where, or None at the end of the source."""
        source, tokens, opened = self.source, self.tokens, self.open
        add_kind, add_text = tokens.kinds.append, tokens.texts.append
        add_start, add_end = tokens.starts.append, tokens.ends.append
        keyword = KEYWORDS.get
        for match in _TOKEN.finditer(source, position):
            group = match.lastindex
            if group is None:
                break
            start, end = match.span(group)
            text = source[start:end]
            if group == 2:
                add_kind(keyword(text.lower(), "name"))
            elif group == 4:
                if text in "([{":
                    opened.append(len(tokens.kinds))
                elif text in ")]}" and self.close(text):
                    self.add("}$", text, start, end)
                    return end
                add_kind(text)
            elif group == 3:
                self.comment(text, start, end)
                continue
            elif group == 1:
                self.add("f'", text, start, end)
                self.texts.append(False)
                return end
            elif group == 9:
                self.unknown(start)
            else:
                add_kind(_KIND_OF_GROUP[group])
            add_text(text)
            add_start(start)
            add_end(end)
        return None

    def close(self, bracket: str) -> bool:
        """Pair a closing bracket with the nearest fitting open one; true when that leads back into a text."""
        kinds, opened = self.tokens.kinds, self.open
        fitting = _CLOSES[bracket]
        depth = len(opened) - 1
        while depth >= 0 and kinds[opened[depth]] not in fitting:
            # A text around us can only be left by its own brace.
            if kinds[opened[depth]] == "${":
                return False
            depth -= 1
        if depth < 0:
            return False
        index = opened[depth]
        self.tokens.closing[index] = len(kinds)
        self.tokens.unclosed.extend(opened[depth + 1 :])
        del opened[depth:]
        return kinds[index] == "${"

    def text(self, position: int) -> int | None:
        """Read text up to an expression or its end; returns where code goes on, or None at the end of the source."""
        whole = self.texts[-1]
        match = (_TEMPLATE_TEXT if whole else _FSTRING_TEXT).match(self.source, position)
        assert match is not None
        end = match.end()
        if end > position:
            self.add("text", self.source[position:end], position, end)
        if self.source.startswith("{", end):
            self.open.append(len(self.tokens.kinds))
            self.add("${", "{", end, end + 1)
            return end + 1
        if whole:
            return None
        if not self.source.startswith("'", end):
            self.fail("this f-string is never closed", self.opening_quote(), "add a closing ' after its text")
        self.texts.pop()
        self.add("end'", "'", end, end + 1)
        return end + 1

    def opening_quote(self) -> int:
        """Offset of the f-string we are in."""
        depth = 0
        for index in range(len(self.tokens.kinds) - 1, -1, -1):
            kind = self.tokens.kinds[index]
            depth += (kind == "end'") - (kind == "f'")
            if depth < 0:
                return self.tokens.starts[index]
        raise AssertionError("a text that is no template starts with f'")

    def comment(self, text: str, start: int, end: int) -> None:
        """Keep a comment for the printer."""
        line = self.source.rfind("\n", 0, start) + 1
        own_line = not self.source[line:start].strip()
        self.tokens.comments.append(Comment(text=text.rstrip(), span=Span(start, end), own_line=own_line))

    def unknown(self, start: int) -> None:
        """Say what is wrong with a character that begins no token."""
        message, length, hint = bad_character(self.source, start)
        self.fail(message, start, hint, length)

    def fail(self, message: str, start: int, hint: str | None, length: int = 1) -> None:
        """Raise a syntax error."""
        raise HogSyntaxError(message, source=self.source, span=Span(start, start + length), hint=hint)


_KIND_OF_GROUP = {5: "number", 6: "int", 7: "string", 8: "quoted"}
