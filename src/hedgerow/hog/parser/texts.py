"""From written to meant: escapes in strings, quoted names, f-strings and templates, and the digits of numbers."""

from __future__ import annotations

import math
import re

from hedgerow.hog.ast import Span
from hedgerow.hog.errors import HogSyntaxError

# \0 is accepted and stands for nothing; \xHH is accepted and stays as it is written.
_ESCAPES = {"b": "\b", "f": "\f", "r": "\r", "n": "\n", "t": "\t", "0": "", "a": "\a", "v": "\v", "\\": "\\"}
_SEQUENCE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.|\Z)|''|\"\"|``", re.DOTALL)


def unquote(source: str, start: int, end: int) -> str:
    """The value of a string or quoted name that stands at ``source[start:end]``, quotes included.

    Raises:
        HogSyntaxError: a backslash sequence that Hog does not have.
    """
    quote = source[start]
    body = source[start + 1 : end - 1]
    if "\\" not in body and quote not in body:
        return body

    def replace(match: re.Match[str]) -> str:
        written = match.group()
        if written[0] != "\\":
            return quote if written[0] == quote else written
        code = match.group(1)
        if code == quote:
            return quote
        if code in _ESCAPES:
            return _ESCAPES[code]
        if len(code) == 3:
            return written
        at = start + 1 + match.start()
        hint = (
            f"write `\\\\{code}` for a backslash followed by `{code}`"
            if code.isprintable()
            else "double the backslash"
        )
        raise HogSyntaxError(f"unknown escape `\\{code}`", source=source, span=Span(at, at + 2), hint=hint)

    return _SEQUENCE.sub(replace, body)


def fstring_text(written: str) -> str:
    """The value of a piece of text in an f-string; an unknown escape stands for nothing, as in PostHog."""
    if "\\" not in written and "'" not in written:
        return written

    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if code is None:
            return "'" if match.group() == "''" else match.group()
        if code in {"'", "{"}:
            return code
        return match.group() if len(code) == 3 else _ESCAPES.get(code, "")

    return _SEQUENCE.sub(replace, written)


def template_text(written: str) -> str:
    r"""The value of a piece of text in an input template: quotes and unknown escapes stay as typed, ``\{`` is a brace."""
    if "\\" not in written:
        return written

    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        return "{" if code == "{" else _ESCAPES.get(code, match.group())

    return _SEQUENCE.sub(replace, written)


def integer(text: str) -> int | float:
    """The value of an integer; outside 64 bits it becomes a float, as it does in PostHog's VMs."""
    if len(text) < 19:
        return int(text)
    # int() refuses more than 4,300 digits; no such number fits 64 bits.
    digits = text.lstrip("+-").lstrip("0")
    value = int(digits or "0") if len(digits) <= 19 else None
    if text[0] == "-" and value is not None:
        value = -value
    return value if value is not None and -(2**63) <= value < 2**63 else float(text)


def number(text: str, sign: str = "") -> int | float:
    """The value of a hexadecimal, binary or floating number, or of one with a dot or an exponent."""
    lower = text.lower()
    value: int | float
    if lower.startswith("0x"):
        value = _hexadecimal(lower)
    elif lower.startswith("0b"):
        value = int(lower, 2)
    elif lower in {"inf", "infinity"}:
        value = math.inf
    elif lower == "nan":
        value = math.nan
    else:
        value = float(lower)
    value = -value if sign == "-" else value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return _to_float(value)
    return value


def _hexadecimal(text: str) -> int | float:
    if "p" not in text:
        return int(text, 16)
    try:
        return float.fromhex(text)
    except OverflowError:
        return math.inf


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
