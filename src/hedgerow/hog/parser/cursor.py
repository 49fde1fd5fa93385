"""Where the parser stands in the tokens, and how it fails."""

from __future__ import annotations

import re

from hedgerow.hog import hints
from hedgerow.hog.ast import Span
from hedgerow.hog.errors import HogCompileError, HogSyntaxError
from hedgerow.hog.lexer import NAMES, RESERVED, Tokens

_INDENT = re.compile(r"[ \t]*")
MAX_DEPTH = 200
"""Nested expressions and statements; two to three Python frames each keep it well inside the interpreter's limit."""


class Cursor:
    """A place in the tokens; the base of the parser."""

    __slots__ = ("closing", "depth", "ends", "kinds", "pos", "source", "starts", "texts", "tokens")

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.source = tokens.source
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.closing = tokens.closing
        self.pos = 0
        self.depth = 0

    # ------------------------------------------------------------ reading

    def accept(self, kind: str) -> bool:
        """Step over a token of this kind if it is the next one."""
        if self.kinds[self.pos] == kind:
            self.pos += 1
            return True
        return False

    def expect(self, kind: str, purpose: str) -> None:
        """Step over a token of this kind; anything else is a syntax error that names the purpose."""
        if self.kinds[self.pos] != kind:
            raise self.missing(kind, purpose)
        self.pos += 1

    def word(self, index: int) -> str:
        """A name or keyword in lower case; empty for tokens of other kinds."""
        kind = self.kinds[index]
        return self.texts[index].lower() if kind != "quoted" and (kind in NAMES or kind in RESERVED) else ""

    def accept_word(self, word: str) -> bool:
        """Step over a contextual word if it is the next token."""
        if self.word(self.pos) == word:
            self.pos += 1
            return True
        return False

    def expect_word(self, word: str, purpose: str) -> None:
        """Step over a contextual word; anything else is a syntax error."""
        if not self.accept_word(word):
            raise self.missing(word, purpose)

    def span_from(self, start: int) -> Span:
        """The span from an offset to the end of the token just read."""
        return Span(start, self.ends[self.pos - 1])

    def token_span(self, index: int) -> Span:
        """The span of one token."""
        return Span(self.starts[index], self.ends[index])

    def on_new_line(self, index: int) -> bool:
        """Whether a line ends between this token and the one before."""
        return index == 0 or "\n" in self.source[self.ends[index - 1] : self.starts[index]]

    # ------------------------------------------------------------ failing

    def syntax_error(self, message: str, span: Span, hint: str | None = None) -> HogSyntaxError:
        """A syntax error at a span."""
        return HogSyntaxError(message, source=self.source, span=span, hint=hint)

    def unsupported(self, message: str, span: Span, hint: str | None = None) -> HogCompileError:
        """A compile error: it parses, but Hog gives it no meaning."""
        return HogCompileError(message, source=self.source, span=span, hint=hint)

    def describe(self, index: int) -> str:
        """How to name a token in a message."""
        kind = self.kinds[index]
        if kind == "eof":
            return "the end of the text"
        text = self.texts[index]
        return f"`{text if len(text) <= 30 else text[:27] + '...'}`"

    def missing(self, kind: str, purpose: str) -> HogSyntaxError:
        """The error when another token should stand here."""
        index = self.pos
        wanted = {"}$": "}"}.get(kind, kind)
        message = f"expected `{wanted}` {purpose}, found {self.describe(index)}"
        return self.syntax_error(message, self.token_span(index), self.hint_for(index, wanted, purpose))

    def hint_for(self, index: int, wanted: str, purpose: str) -> str | None:
        """The most likely cause of a missing token."""
        found = self.kinds[index]
        if found in {"eof", ")", "]", "}"} and (hint := self.open_bracket_hint()):
            return hint
        previous = self.kinds[index - 1]
        return hints.missing_token(wanted, found, after_name=previous in NAMES, listed="close the" in purpose)

    def after(self, index: int) -> str | None:
        """A hint from the two tokens that meet at an index."""
        touching = self.ends[index - 1] == self.starts[index]
        return hints.after_operator(self.kinds[index - 1], self.kinds[index], touching=touching)

    def open_bracket_hint(self) -> str | None:
        """Name the bracket that is probably the one left open."""
        if not self.tokens.unclosed:
            return None
        index = max([*self.tokens.unclosed, *self.misindented()])
        return f"the `{self.texts[index]}` on line {self.line_of(index)} is never closed"

    def misindented(self) -> list[int]:
        """Braces whose closing one begins a line of another indent: it was probably meant for a brace further out."""
        return [
            start
            for start, end in self.closing.items()
            if self.kinds[start] == "{"
            and self.on_new_line(end)
            and self.indent_of(start) > self.indent_of(end)
        ]

    def line_of(self, index: int) -> int:
        """The number of the line on which a token stands."""
        return self.source.count("\n", 0, self.starts[index]) + 1

    def indent_of(self, index: int) -> int:
        """How far the line on which a token stands is indented."""
        line = self.source.rfind("\n", 0, self.starts[index]) + 1
        blanks = _INDENT.match(self.source, line)
        return blanks.end() - line if blanks else 0

    def unexpected(self) -> HogSyntaxError:
        """The error when no expression can begin here."""
        index = self.pos
        kind = self.kinds[index]
        hint = self.after(index) if index > 0 else None
        if hint is None and kind == "eof":
            hint = self.open_bracket_hint()
        if hint is None and kind in RESERVED:
            hint = f"`{self.texts[index]}` belongs to a statement; here only an expression fits"
        return self.syntax_error(
            f"expected an expression, found {self.describe(index)}", self.token_span(index), hint
        )

    def too_deep(self) -> HogSyntaxError:
        """The error when the source nests too deeply."""
        return self.syntax_error(
            f"more than {MAX_DEPTH} levels of nesting",
            self.token_span(self.pos),
            "split the expression into variables or functions",
        )
