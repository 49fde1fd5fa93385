"""Instants, calendar dates and zones: the date grammar of Hog and the conversions every date function shares.

Python's own calendar ends at the years 1 and 9999. What lies beyond, or never was a date, is NaN: as in PostHog's VM
an unreadable date is a value that prints as such, not an error.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from hedgerow.hog.values import HogDate, HogDateTime

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NAN: Final = math.nan
INVALID_DATE: Final = HogDate(NAN, NAN, NAN)

_LONGEST: Final = 64
_LONGEST_ZONE: Final = 64
_SPACE: Final = " \t\n\r\v\f\u00a0\ufeff\u2028\u2029"
_TEXT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r"(?:([Zz])|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
_FIXED: Final = re.compile(r"(?:utc|gmt)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?", re.IGNORECASE)


class DateText(NamedTuple):
    """A text that names a moment: the wall clock it shows, and its offset if it has one."""

    wall: datetime
    zone: tzinfo | None
    has_time: bool


def parse_date_text(text: str) -> DateText | None:
    """Read a text by the date grammar of Hog.

    ``YYYY-MM-DD``, then maybe ``T`` or a space and ``HH:MM[:SS[.fraction]]``, then maybe ``Z`` or ``+HH[[:]MM]``.
    Fractions are cut to milliseconds. Weeks, ordinal days, compact forms and hour 24 are no dates.

    Args:
        text: any string.

    Returns:
        The moment it names, or None.
    """
    if len(text) > _LONGEST or not (match := _TEXT.fullmatch(text.strip(_SPACE))):
        return None
    year, month, day, hour, minute, second, fraction, zulu, sign, off_hours, off_minutes = match.groups()
    millis = int(fraction[:3].ljust(3, "0")) if fraction else 0
    try:
        wall = datetime(  # noqa: DTZ001 (the zone is told apart from the wall clock here)
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), millis * 1000
        )
        zone = UTC if zulu else _offset(sign, off_hours, off_minutes) if sign else None
    except ValueError:
        return None
    return DateText(wall, zone, hour is not None)


def _offset(sign: str, hours: str, minutes: str | None) -> timezone:
    """A fixed offset. Raises ``ValueError`` for one of a day or more."""
    if int(minutes or 0) > 59:
        raise ValueError("minutes of an offset end at 59")
    delta = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-delta if sign == "-" else delta)


@lru_cache(maxsize=1024)
def find_zone(name: str) -> tzinfo | None:
    """The zone of an IANA name (in any case) or of a fixed offset such as ``UTC+3``; None if there is none."""
    if len(name) > _LONGEST_ZONE or not name.isascii():
        return None
    if name.upper() in {"UTC", "GMT", "ETC/UTC", "Z"}:
        return UTC
    if fixed := _FIXED.fullmatch(name):
        try:
            return _offset(*fixed.groups())
        except ValueError:
            return None
    known = _zone_names().get(name.lower())
    return ZoneInfo(known) if known else None


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    """Every known zone by its lower-case name. A closed list keeps odd names away from the file system."""
    return {name.lower(): name for name in available_timezones()}


def from_seconds(seconds: float, zone: tzinfo = UTC) -> datetime | None:
    """The wall clock of an instant, or None outside the calendar."""
    if not math.isfinite(seconds):
        return None
    try:
        return (EPOCH + timedelta(milliseconds=math.floor(round(seconds * 1000, 3)))).astimezone(zone)
    except OverflowError:
        return None


def to_seconds(moment: datetime) -> int | float:
    """Seconds since the epoch, exact to the millisecond; a whole number where it is one."""
    millis = (moment - EPOCH) // timedelta(milliseconds=1)
    return millis // 1000 if millis % 1000 == 0 else millis / 1000


def local_seconds(wall: datetime, zone: tzinfo) -> int | float:
    """The instant at which the clock of a zone shows ``wall``.

    An hour that was skipped is read with the offset before the change, one that came twice is the first.
    """
    return to_seconds(wall.replace(tzinfo=zone))


def text_seconds(text: str, zone: tzinfo = UTC) -> int | float | None:
    """The instant a text names, read in ``zone`` if it tells none itself; None if it is no date."""
    parsed = parse_date_text(text)
    return None if parsed is None else local_seconds(parsed.wall, parsed.zone or zone)


def date_seconds(value: HogDate) -> int | float:
    """Midnight UTC of a date in seconds, NaN for none."""
    days = date_days(value)
    return NAN if days is None else days * 86400


def date_days(value: HogDate) -> int | None:
    """Days since the epoch, None for what is no real date."""
    parts = (value.year, value.month, value.day)
    if not all(part == part // 1 for part in parts):  # NaN equals nothing
        return None
    try:
        return date(*map(int, parts)).toordinal() - 719163
    except (ValueError, OverflowError):
        return None


def instant(value: Any) -> int | float | None:
    """Seconds of a date or datetime (NaN when invalid), or of a text by the date grammar; None for anything else."""
    kind = type(value)
    if kind is HogDateTime:
        seconds: int | float = value.dt
        return seconds
    if kind is HogDate:
        return date_seconds(value)
    return text_seconds(value) if kind is str else None


def wall_clock(value: HogDateTime) -> datetime | None:
    """A datetime as its zone's clock shows it; None when it is invalid or its zone unknown."""
    zone = find_zone(value.zone)
    return None if zone is None else from_seconds(value.dt, zone)


def iso(value: HogDateTime) -> str | None:
    """``2024-05-03T12:34:56.000Z``, with ``+02:00`` for other zones; None when it cannot be shown."""
    wall = wall_clock(value)
    if wall is None:
        return None
    text = wall.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text + offset_text(wall, ":") if wall.utcoffset() else text + "Z"


def offset_text(wall: datetime, separator: str) -> str:
    """The offset from UTC, ``+0200`` or ``+02:00``."""
    minutes = round((wall.utcoffset() or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{separator}{abs(minutes) % 60:02d}"


def date_of(moment: date) -> HogDate:
    """A Python date (or datetime) as a Hog date."""
    return HogDate(moment.year, moment.month, moment.day)
