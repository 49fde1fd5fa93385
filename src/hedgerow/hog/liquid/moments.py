"""Dates in Liquid: what counts as a moment, and the format letters of LiquidJS."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any, Final

from hedgerow.hog.liquid.room import Room
from hedgerow.hog.times import find_zone, from_seconds, offset_text, parse_date_text
from hedgerow.hog.values import is_finite, is_number

_DIRECTIVE: Final = re.compile(r"%([-_0^#:]*)([0-9]{0,2})([A-Za-z%+])")
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_LONGEST: Final = 64
DEFAULT_FORMAT: Final = "%A, %B %-e, %Y at %-l:%M %P %z"


def moment_of(room: Room, value: Any, zone: tzinfo = UTC) -> datetime | None:
    """The moment a value names: seconds, ``now``, ``today``, an ISO date or an e-mail date; None for none.

    Args:
        room: the render, which knows what now is.
        value: any value.
        zone: where the moment is to be shown.

    Returns:
        The wall clock of that zone, or None.
    """
    if isinstance(value, datetime):
        return value.astimezone(zone)
    if isinstance(value, str):
        return _from_text(room, value.strip(), zone)
    return from_seconds(float(value), zone) if is_number(value) and is_finite(value) else None


def _from_text(room: Room, text: str, zone: tzinfo) -> datetime | None:
    if text in {"now", "today"}:
        return from_seconds(room.moment, zone)
    if text.isascii() and text.isdecimal() and len(text) < 16:
        return from_seconds(int(text), zone)
    parsed = parse_date_text(text)
    if parsed is not None:
        return parsed.wall.replace(tzinfo=parsed.zone or UTC).astimezone(zone)
    return _from_mail(text, zone)


def _from_mail(text: str, zone: tzinfo) -> datetime | None:
    """``Thu, 29 Feb 2024 18:39:06 +0000``."""
    if len(text) > _LONGEST:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def zone_of(value: Any) -> tzinfo:
    """The zone an argument names, by name or in minutes west of UTC; UTC when it names none."""
    if is_number(value) and is_finite(value) and abs(value) < 1440:
        minutes = -int(value)
        name = f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
        return find_zone(name) or UTC
    return (find_zone(value) if isinstance(value, str) else None) or UTC


def formatted(room: Room, moment: datetime, pattern: str) -> str:
    """A moment by a pattern of ``%`` letters, each with flags and width as in Ruby's ``strftime``.

    Args:
        room: the bounds of the render.
        moment: a wall clock with its zone.
        pattern: the pattern; unknown letters stay as they are.

    Returns:
        The text.
    """
    room.check_string(len(pattern) * 25)
    return _DIRECTIVE.sub(lambda match: _directive(moment, match), pattern)


def _directive(moment: datetime, match: re.Match[str]) -> str:
    flags, width, letter = match.groups()
    token = _TOKENS.get(letter)
    if token is None:
        return match[0]
    text, pad, size = token(moment)
    if letter == "N":
        return text[: int(width)].ljust(int(width), "0") if width else text
    if letter == "z" and ":" in flags:
        text = f"{text[:3]}:{text[3:]}"
    pad = " " if "_" in flags else "0" if "0" in flags else pad
    text = text if "-" in flags else text.rjust(int(width or size), pad)
    if "^" in flags:
        return text.upper()
    return text.swapcase() if "#" in flags else text


Shown = tuple[str, str, int]
"""A part of a date as text, what it is padded with, and to which width."""


def _number(value: int, width: int = 2, pad: str = "0") -> Shown:
    return str(value), pad, width


def _word(text: str) -> Shown:
    return text, " ", 0


def _hour12(moment: datetime) -> int:
    return (moment.hour + 11) % 12 + 1


def _week(moment: datetime, first: int) -> int:
    """The week of the year whose weeks start on Sunday (first 0) or Monday (first 1)."""
    return (moment.timetuple().tm_yday + 6 - (moment.isoweekday() - first) % 7) // 7


def _ordinal(day: int) -> str:
    return "th" if day in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


_TOKENS: Final[dict[str, Callable[[datetime], Shown]]] = {
    "a": lambda m: _word(_WEEKDAYS[m.weekday()][:3]),
    "A": lambda m: _word(_WEEKDAYS[m.weekday()]),
    "b": lambda m: _word(_MONTHS[m.month - 1][:3]),
    "h": lambda m: _word(_MONTHS[m.month - 1][:3]),
    "B": lambda m: _word(_MONTHS[m.month - 1]),
    "c": lambda m: _word(
        f"{m.month}/{m.day}/{m.year}, {_hour12(m)}:{m:%M:%S} {'AM' if m.hour < 12 else 'PM'}"
    ),
    "C": lambda m: _number(m.year // 100),
    "d": lambda m: _number(m.day),
    "D": lambda m: _word(f"{m.month:02d}/{m.day:02d}/{m.year % 100:02d}"),
    "e": lambda m: _number(m.day, 2, " "),
    "F": lambda m: _word(f"{m.year:04d}-{m.month:02d}-{m.day:02d}"),
    "G": lambda m: _number(m.isocalendar().year, 4),
    "H": lambda m: _number(m.hour),
    "I": lambda m: _number(_hour12(m)),
    "j": lambda m: _number(m.timetuple().tm_yday, 3),
    "k": lambda m: _number(m.hour, 2, " "),
    "l": lambda m: _number(_hour12(m), 2, " "),
    "L": lambda m: _number(m.microsecond // 1000, 3),
    "m": lambda m: _number(m.month),
    "M": lambda m: _number(m.minute),
    "n": lambda _m: _word("\n"),
    "N": lambda m: _word(f"{m.microsecond:06d}000"),
    "p": lambda m: _word("AM" if m.hour < 12 else "PM"),
    "P": lambda m: _word("am" if m.hour < 12 else "pm"),
    "q": lambda m: _word(_ordinal(m.day)),
    "R": lambda m: _word(f"{m.hour:02d}:{m.minute:02d}"),
    "s": lambda m: _word(str(int(m.timestamp()))),
    "S": lambda m: _number(m.second),
    "t": lambda _m: _word("\t"),
    "T": lambda m: _word(f"{m.hour:02d}:{m.minute:02d}:{m.second:02d}"),
    "u": lambda m: _word(str(m.isoweekday())),
    "U": lambda m: _number(_week(m, 0)),
    "V": lambda m: _number(m.isocalendar().week),
    "w": lambda m: _word(str(m.isoweekday() % 7)),
    "W": lambda m: _number(_week(m, 1)),
    "x": lambda m: _word(f"{m.month}/{m.day}/{m.year}"),
    "X": lambda m: _word(f"{_hour12(m)}:{m:%M:%S} {'AM' if m.hour < 12 else 'PM'}"),
    "y": lambda m: _number(m.year % 100),
    "Y": lambda m: _number(m.year, 4),
    "z": lambda m: _word(offset_text(m, "")),
    "%": lambda _m: _word("%"),
}
