"""Event uuids: the sender's in canonical form, or a new one."""

from __future__ import annotations

from collections.abc import Callable

Random = Callable[[int], bytes]

# What a canonical UUID looks like when each of its digits is an x. A regular expression takes twice as long.
_SHAPE = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
_SHAPED = bytes.maketrans(b"0123456789abcdefx", b"xxxxxxxxxxxxxxxx?")


def canonical(text: str) -> str | None:
    """Lower-case text with hyphens of any usual way to write a UUID; None when it is none.

    Accepted are 32 hexadecimal digits with or without the four hyphens, in braces, or after ``urn:uuid:``.
    """
    if len(text) == 36 and text.isascii() and text.encode().translate(_SHAPED) == _SHAPE:
        return text
    if len(text) != 36:
        text = text.removeprefix("urn:uuid:")
        if text[:1] == "{" and text[-1:] == "}":
            text = text[1:-1]
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        digits = text.replace("-", "")
    else:
        digits = text
    try:
        if len(digits) != 32 or len(bytes.fromhex(digits)) != 16:
            return None
    except ValueError:
        return None
    return _hyphenate(digits) if digits is text else text.lower()


def uuid7(now: int, random: Random) -> str:
    """A new time-ordered UUID.

    Args:
        now: milliseconds since the epoch.
        random: gives so many random bytes.
    """
    tail = int.from_bytes(random(10), "big")
    high = now << 16 | 0x7000 | tail >> 68
    low = 0x8 << 60 | tail & ((1 << 62) - 1)
    return _hyphenate(f"{high:016x}{low:016x}")


def _hyphenate(digits: str) -> str:
    digits = digits.lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
