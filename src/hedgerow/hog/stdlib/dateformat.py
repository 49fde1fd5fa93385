"""``formatDateTime``: ClickHouse's format letters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.stdlib.arguments import need_text
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.times import offset_text, wall_clock
from hedgerow.hog.values import HogDateTime, type_name

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _hour12(wall: datetime) -> str:
    return f"{(wall.hour + 11) % 12 + 1:02d}"


def _half(wall: datetime) -> str:
    return "AM" if wall.hour < 12 else "PM"


_TOKENS: Final[dict[str, Callable[[datetime], str]]] = {
    "a": lambda wall: _WEEKDAYS[wall.weekday()][:3],
    "b": lambda wall: _MONTHS[wall.month - 1][:3],
    "c": lambda wall: f"{wall.month:02d}",
    "C": lambda wall: f"{wall.year % 100:02d}",
    "d": lambda wall: f"{wall.day:02d}",
    "D": lambda wall: f"{wall.month:02d}/{wall.day:02d}/{wall.year % 100:02d}",
    "e": lambda wall: str(wall.day),
    "f": lambda wall: f"{wall.microsecond // 1000:03d}",
    "F": lambda wall: f"{wall.year:04d}-{wall.month:02d}-{wall.day:02d}",
    "g": lambda wall: f"{wall.isocalendar().year % 100:02d}",
    "G": lambda wall: f"{wall.isocalendar().year:04d}",
    "h": _hour12,
    "H": lambda wall: f"{wall.hour:02d}",
    "i": lambda wall: f"{wall.minute:02d}",
    "I": _hour12,
    "j": lambda wall: f"{wall.timetuple().tm_yday:03d}",
    "k": lambda wall: f"{wall.hour:02d}",
    "l": _hour12,
    "m": lambda wall: f"{wall.month:02d}",
    "M": lambda wall: _MONTHS[wall.month - 1],
    "n": lambda _wall: "\n",
    "p": _half,
    "Q": lambda wall: str((wall.month + 2) // 3),
    "r": lambda wall: f"{_hour12(wall)}:{wall.minute:02d} {_half(wall)}",
    "R": lambda wall: f"{wall.hour:02d}:{wall.minute:02d}",
    "s": lambda wall: f"{wall.second:02d}",
    "S": lambda wall: f"{wall.second:02d}",
    "t": lambda _wall: "\t",
    "T": lambda wall: f"{wall.hour:02d}:{wall.minute:02d}:{wall.second:02d}",
    "u": lambda wall: str(wall.isoweekday()),
    "V": lambda wall: f"{wall.isocalendar().week:02d}",
    "w": lambda wall: str(wall.isoweekday()),
    "W": lambda wall: _WEEKDAYS[wall.weekday()],
    "y": lambda wall: f"{wall.year % 100:02d}",
    "Y": lambda wall: f"{wall.year:04d}",
    "z": lambda wall: offset_text(wall, ""),
    "%": lambda _wall: "%",
}


@function(
    "formatDateTime",
    2,
    3,
    context=True,
    examples=[
        ("formatDateTime(toDateTime('2024-05-03T12:34:56Z'), '%Y-%m-%d %H:%i:%S')", "'2024-05-03 12:34:56'"),
        (
            "formatDateTime(toDateTime('2024-05-03T12:34:56Z'), '%a %e %M, %R', 'Europe/Berlin')",
            "'Fri 3 May, 14:34'",
        ),
    ],
)
def format_date_time(ctx: RuntimeContext, value: Any, pattern: Any, zone: Any = None) -> str:
    """A datetime as text by a pattern of ``%`` letters, in its own zone or another.

    `%Y` year, `%y` its last two digits, `%m` month, `%b` `%M` its short and long name, `%d` `%e` day with and without
    zero, `%j` day of the year, `%Q` quarter, `%a` `%W` weekday, `%u` its number from Monday, `%G` `%g` `%V` year and
    number of the ISO week, `%H` hour, `%h` hour of twelve, `%p` AM or PM, `%i` minute, `%S` second, `%f` milliseconds,
    `%z` offset, `%F` date, `%T` time, `%R` hour and minute, `%r` the same of twelve, `%D` as 05/03/24, `%n` new line,
    `%t` tab, `%%` percent. Other letters give nothing.
    """
    if type(value) is not HogDateTime:
        raise HogRuntimeError(f"Expected a DateTime, not a value of type {type_name(value)}")
    text = need_text("formatDateTime", pattern)
    shown = value if type(zone) is not str else HogDateTime(value.dt, zone)
    wall = wall_clock(shown)
    return "Invalid DateTime" if wall is None else _formatted(ctx, wall, text)


def _formatted(ctx: RuntimeContext, wall: datetime, pattern: str) -> str:
    """Expand the letters. Each is worked out once, however often it occurs."""
    first, *rest = pattern.split("%")
    ctx.check_string(len(pattern) * _WIDEST)
    known: dict[str, str] = {}
    parts = [first]
    literal = False
    for index, piece in enumerate(rest):
        if not index & 1023:
            ctx.tick()
        if literal:
            parts.append(piece)
            literal = False
        elif piece:
            letter = piece[0]
            if letter not in known:
                known[letter] = _TOKENS[letter](wall) if letter in _TOKENS else ""
            parts += (known[letter], piece[1:])
        elif index + 1 < len(rest):
            parts.append("%")
            literal = True
    return "".join(parts)


_WIDEST: Final = 6
