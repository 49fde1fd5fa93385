"""What people coming from other languages write, and what Hog wants instead.

The parser asks here when it cannot go on; nothing here decides whether a source is right.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_CHARACTERS = {
    "&": "write `and` for a logical and",
    "!": "write `not x` for a negation, or `!=` for a comparison",
    "|": "write `or` for a logical or, or `||` to join texts",
    "^": "Hog has no `^` operator",
    "@": "Hog has no decorators; a name may contain letters, digits, `_` and `$`",
    "\\": "a backslash only has a meaning inside quotes",
    "\u2018": "use a straight quote '",
    "\u2019": "use a straight quote '",
    "\u201c": "use a straight quote '",
    "\u201d": "use a straight quote '",
    "\u2013": "use a plain hyphen -",
    "\u2212": "use a plain hyphen -",
    "\u2026": "Hog has no spread operator",
}
_QUOTES = {
    "'": ("this string is never closed", "add a closing ' (a quote inside a string is written \\' or '')"),
    '"': (
        "this quoted name is never closed",
        'add a closing " (double quotes hold names, single quotes hold strings)',
    ),
    "`": ("this quoted name is never closed", "add a closing `"),
}
_NUMBER = re.compile(r"[0-9][0-9A-Za-z_]*")


def bad_character(source: str, start: int) -> tuple[str, int, str | None]:
    """Explain a character that begins no token.

    Returns:
        What is wrong, how many characters to point at, and how to mend it.
    """
    character = source[start]
    if character in _QUOTES:
        message, advice = _QUOTES[character]
        return message, 1, advice
    if source.startswith("/*", start):
        return "this comment is never closed", 2, "add a closing */"
    if number := _NUMBER.match(source, start):
        return _bad_number(number.group())
    length = 2 if source[start : start + 2] in {"&&", "||"} else 1
    hint: str | None = _CHARACTERS.get(character)
    if hint is None and character.isalpha():
        hint = "a name with other letters than A to Z is written in backticks"
    shown = character if character.isprintable() else ""
    return f"Unexpected character '{shown}' (U+{ord(character):04X})", length, hint


def _bad_number(text: str) -> tuple[str, int, str | None]:
    if text[:2] in {"0o", "0O"}:
        digits = text[2:].replace("_", "")
        hint = (
            f"write {int(digits, 8)}, or 0x{int(digits, 8):X}"
            if re.fullmatch("[0-7]{1,20}", digits)
            else None
        )
        return f"octal numbers such as {text} are not part of Hog", len(text), hint
    if re.fullmatch("[0-9][0-9_]*", text):
        return "a number has no underscores between its digits", len(text), f"write {text.replace('_', '')}"
    return f"{text} is not a number", len(text), None


def similar(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is most likely a slip of, or None."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)
    return close[0] if close and close[0] != word else None


_BEFORE_EQUALS = {
    "==": "Hog has no `===`; `=` and `==` compare with the same rules",
    "!=": "Hog has no `!==`; write `!=`",
    "=": "Hog compares with `=` or `==`",
}
_PAIRS = {
    ("+", "+"): "Hog has no `++`; write `x := x + 1`",
    ("*", "*"): "Hog has no `**`; multiply instead",
    ("|", "|"): "write `or` for a logical or",
    ("=", ">"): "a function is written `x -> ...`, a comparison `>=`",
    ("?", ":"): "a conditional is written `test ? a : b`",
}
_ARITHMETIC = frozenset("+-*/%")


def after_operator(previous: str, found: str, *, touching: bool) -> str | None:
    """Hint for a token where an operand should stand.

    Args:
        previous: the kind of token before.
        found: the kind of token found.
        touching: no blank between the two.
    """
    if touching:
        if found == "=" and previous in _BEFORE_EQUALS:
            return _BEFORE_EQUALS[previous]
        if found == "=" and (previous in _ARITHMETIC or previous == "||"):
            return f"Hog has no `{previous}=`; write `x := x {previous} ...`"
        if (previous, found) in _PAIRS:
            return _PAIRS[previous, found]
    if found == "=" and previous == ":":
        return "assignment is written `:=`, without a blank"
    if found == "<":
        return "HogQLX tags are not supported"
    if found == "%" and previous == "${":
        return "this looks like Liquid, which an input must choose as its templating"
    if found == "." and previous == ".":
        return "Hog has no spread operator"
    return None


def missing_token(wanted: str, found: str, *, after_name: bool, listed: bool) -> str | None:
    """Hint for a token that is not the one needed.

    Args:
        wanted: the kind needed.
        found: the kind found.
        after_name: whether a name stands before it.
        listed: whether the bracket wanted closes a list of items.
    """
    if wanted == ":" and found in {",", "}"}:
        return "an object is made of pairs, like {'key': value}"
    if found == ":" and listed:
        return "arguments and items have no names; only an object {'key': value} has"
    if found == "name" and wanted == "}" and after_name:
        return "a name with a blank in it goes in brackets: properties['first name']"
    if listed and found in {"name", "quoted", "int", "number", "string", "f'", "null", "true", "false"}:
        return "is a comma missing before it?"
    return None


_FOREIGN_STATEMENTS = {
    "const": "declare variables with `let name := value`",
    "var": "declare variables with `let name := value`",
    "function": "declare functions with `fun name(a, b) { ... }`",
    "func": "declare functions with `fun name(a, b) { ... }`",
    "def": "declare functions with `fun name(a, b) { ... }`",
    "elif": "write `else if (...) { ... }`",
    "elsif": "write `else if (...) { ... }`",
    "elseif": "write `else if (...) { ... }`",
    "import": "Hog has no modules",
    "class": "Hog has no classes; use objects like {'name': 1}",
    "switch": "Hog has no `switch`; use `if ... else if ...` or multiIf()",
    "await": "calls like fetch() wait by themselves; leave `await` out",
    "async": "functions need no `async`; calls like fetch() wait by themselves",
    "new": "write `Error('message')` without `new`",
}


_FOREIGN_CALLS = {
    "function": "write `(a, b) -> { ... }` for a function without a name",
    "elif": "write `else if (...) { ... }`",
    "elsif": "write `else if (...) { ... }`",
    "elseif": "write `else if (...) { ... }`",
    "switch": "Hog has no `switch`; use `if ... else if ...` or multiIf()",
    "foreach": "write `for (let value in list) { ... }`",
    "unless": "write `if (not ...) { ... }`",
}


def foreign_call(word: str) -> str | None:
    """Hint for what looks like a call of a word of another language and goes on with a block."""
    return _FOREIGN_CALLS.get(word)


def foreign_statement(word: str) -> str | None:
    """Hint for a statement that begins with a word of another language and goes on with a name."""
    return _FOREIGN_STATEMENTS.get(word)
