"""Lengths and places of strings in UTF-16 code units, in which JavaScript and so Hog counts.

Python counts characters. The two differ only for texts with characters beyond the first 65,536, such as emoji.
"""

from __future__ import annotations

import re
from typing import Final

_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


def is_plain(text: str) -> bool:
    """Whether every character of a text is one code unit."""
    return text.isascii() or _ASTRAL.search(text) is None


def utf16_length(text: str) -> int:
    """The number of code units of a text."""
    return len(text) if is_plain(text) else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, start: int, stop: int | None) -> str:
    """The code units from ``start`` to ``stop``; half of a character is a lone surrogate.

    Args:
        text: any string.
        start: the first unit, from 0.
        stop: the unit after the last, or None for the rest.

    Returns:
        The part.
    """
    if is_plain(text):
        return text[start:stop]
    units = text.encode("utf-16-le", "surrogatepass")
    return units[2 * start : None if stop is None else 2 * stop].decode("utf-16-le", "surrogatepass")


def utf16_index(text: str, position: int) -> int:
    """The code unit at which a character of the text starts; -1 stays -1."""
    return position if position <= 0 or is_plain(text) else utf16_length(text[:position])


def utf16_key(text: str) -> str:
    """A key that orders strings by code unit, the order of JavaScript."""
    return text if is_plain(text) else _ASTRAL.sub(_surrogates, text)


def _surrogates(match: re.Match[str]) -> str:
    """One character beyond the first plane as its two code units."""
    code = ord(match[0]) - 0x10000
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


def well_formed(text: str) -> str:
    """The text with pairs of surrogates joined and lone ones replaced by U+FFFD, as JavaScript encodes it."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def utf8(text: str) -> bytes:
    """The UTF-8 bytes of a text, which half a character cannot break."""
    return well_formed(text).encode()
