"""Dates and times: making them, taking them apart, computing with them.

What cannot be read as a moment becomes an invalid one, whose parts are NaN, as in PostHog's VM.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hedgerow.hog import times
from hedgerow.hog.context import RuntimeContext
from hedgerow.hog.errors import HogRuntimeError
from hedgerow.hog.ops import to_number
from hedgerow.hog.stdlib.arguments import settle
from hedgerow.hog.stdlib.registry import function
from hedgerow.hog.text import as_double, js_text
from hedgerow.hog.values import HogDate, HogDateTime, is_number, type_name

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_INVALID: Final = HogDateTime(math.nan, "UTC")


# ------------------------------------------------------------------- reading


def _zone_name(zone: Any) -> str:
    return zone if type(zone) is str and zone else "UTC"


def _seconds(value: Any, zone: Any = None) -> int | float:
    """The instant of a date, datetime or text (read in ``zone``); NaN for anything else."""
    if type(value) is str:
        place = times.find_zone(_zone_name(zone))
        found = None if place is None else times.text_seconds(value, place)
    else:
        found = times.instant(value)
    return math.nan if found is None else found


def _wall(value: Any) -> datetime | None:
    """The clock a date or datetime shows in its own zone, a text in its own offset; None for anything else."""
    if type(value) is HogDateTime:
        return times.wall_clock(value)
    if type(value) is str:
        parsed = times.parse_date_text(value)
        return parsed and parsed.wall.replace(tzinfo=parsed.zone or UTC)
    return times.from_seconds(times.date_seconds(value)) if type(value) is HogDate else None


def _moment(seconds: float, zone: str = "UTC") -> HogDateTime:
    return HogDateTime(as_double(seconds), zone)


@function("now", 0, 1, context=True, pure=False, examples=[("typeof(now())", "'datetime'")])
def now(ctx: RuntimeContext, _zone: Any = None) -> HogDateTime:
    """The current moment in UTC. The argument is accepted and ignored."""
    return _moment(ctx.now())


@function("today", 0, 0, context=True, pure=False, examples=[("typeof(today())", "'date'")])
def today(ctx: RuntimeContext) -> HogDate:
    """The current date in UTC."""
    return to_date(ctx.now())


@function(
    "toDate",
    1,
    1,
    examples=[("toDate('2024-05-03')", "Date(2024, 5, 3)"), ("toDate(86400)", "Date(1970, 1, 2)")],
)
def to_date(value: Any) -> HogDate:
    """The date of a text, of seconds since 1970, or of a datetime, in UTC."""
    seconds = value if is_number(value) else _seconds(value)
    moment = times.from_seconds(as_double(seconds))
    return times.INVALID_DATE if moment is None else times.date_of(moment)


@function(
    "toDateTime",
    1,
    2,
    examples=[
        ("toDateTime('2024-05-03T12:34:56Z')", "DateTime(1714739696.0, 'UTC')"),
        ("toDateTime('2024-05-03 12:00', 'Europe/Berlin')", "DateTime(1714730400.0, 'Europe/Berlin')"),
        ("toDateTime('soon')", "DateTime(NaN.0, 'UTC')"),
    ],
)
def to_date_time(value: Any, zone: Any = None) -> HogDateTime:
    """The moment of a text, of seconds since 1970, or of a date.

    The zone says where a text without one was written, and in which the moment is shown.
    """
    if type(value) is HogDateTime and zone is None:
        return value
    return _moment(value if is_number(value) else _seconds(value, zone), _zone_name(zone))


@function("toUnixTimestamp", 1, 2, examples=[("toUnixTimestamp('2024-05-03')", "1714694400")])
def to_unix_timestamp(value: Any, zone: Any = None) -> int | float:
    """Seconds since 1970 of a date, a datetime, or a text read in a zone; NaN for anything else."""
    return _settled(_seconds(value, zone))


@function("toUnixTimestampMilli", 1, 2, examples=[("toUnixTimestampMilli('2024-05-03')", "1714694400000")])
def to_unix_timestamp_milli(value: Any, zone: Any = None) -> int | float:
    """As ``toUnixTimestamp``, in milliseconds."""
    return _settled(round(as_double(_seconds(value, zone)) * 1000, 3))


def _settled(number: float) -> int | float:
    return settle(number) if math.isfinite(number := as_double(number)) else number


@function("fromUnixTimestamp", 1, 1, examples=[("fromUnixTimestamp(0)", "DateTime(0.0, 'UTC')")])
def from_unix_timestamp(value: Any) -> HogDateTime:
    """The moment so many seconds after the start of 1970, in UTC."""
    return _moment(_amount(value))


@function("fromUnixTimestampMilli", 1, 1, examples=[("fromUnixTimestampMilli(1500)", "DateTime(1.5, 'UTC')")])
def from_unix_timestamp_milli(value: Any) -> HogDateTime:
    """The moment so many milliseconds after the start of 1970, in UTC."""
    return _moment(_amount(value) / 1000)


def _amount(value: Any) -> float:
    return math.nan if value is None else as_double(to_number(value))


@function(
    "toTimeZone",
    2,
    2,
    context=True,
    examples=[
        (
            "toString(toTimeZone(toDateTime('2024-05-03T12:00Z'), 'Europe/Berlin'))",
            "'2024-05-03T14:00:00.000+02:00'",
        )
    ],
)
def to_time_zone(ctx: RuntimeContext, value: Any, zone: Any) -> HogDateTime:
    """The same moment, shown in another zone."""
    return HogDateTime(_need_datetime(value, "Expected a DateTime").dt, js_text(ctx, zone))


def _need_datetime(value: Any, message: str) -> HogDateTime:
    if type(value) is HogDateTime:
        return value
    raise HogRuntimeError(f"{message}, not a value of type {type_name(value)}")


# ------------------------------------------------------------------- computing


@function(
    "dateAdd",
    3,
    3,
    examples=[
        ("dateAdd('month', 1, toDate('2024-01-31'))", "Date(2024, 2, 29)"),
        ("dateAdd('hour', 2, toDateTime(0))", "DateTime(7200.0, 'UTC')"),
    ],
)
def date_add(unit: Any, amount: Any, value: Any) -> HogDate | HogDateTime:
    """A date or datetime some seconds, minutes, hours, days, weeks, months or years later, of the same kind.

    Days and longer units keep the time of day in the value's zone; the 31st becomes the last day of a shorter month.
    """
    unit = _one_of(unit, (*_SECONDS, "month", "year"), "Unsupported interval unit")
    count = as_double(to_number(amount))
    if type(value) is str:
        value = _read(value)
    if type(value) is HogDate:
        later = _later(_wall(value), unit, count)
        return times.INVALID_DATE if later is None else times.date_of(later)
    moment = _need_datetime(value, "Expected a Date or DateTime")
    later = _later(_wall(moment), unit, count)
    return HogDateTime(math.nan if later is None else as_double(times.to_seconds(later)), moment.zone)


def _one_of(name: Any, known: tuple[str, ...], message: str) -> str:
    """The name of a unit, which must be a known one."""
    if type(name) is str and name in known:
        return name
    shown = name[:80] if type(name) is str else type_name(name)
    raise HogRuntimeError(f"{message}: {shown}")


def _read(text: str) -> HogDate | HogDateTime:
    """A text as a date, or as a datetime when it tells a time."""
    parsed = times.parse_date_text(text)
    return to_date(text) if parsed is not None and not parsed.has_time else to_date_time(text)


def _later(wall: datetime | None, unit: str, count: float) -> datetime | None:
    """A wall clock moved by whole months and days, then by exact seconds; None outside the calendar."""
    if wall is None or not math.isfinite(count):
        return None
    try:
        if unit in {"month", "year"}:
            return _months_later(wall, int(count) * (12 if unit == "year" else 1))
        days, seconds = _split(unit, count)
        moved = wall + timedelta(days=days)
        exact = moved.astimezone(UTC) + timedelta(milliseconds=round(seconds * 1000))
        return exact.astimezone(wall.tzinfo)
    except (OverflowError, ValueError):
        return None


def _split(unit: str, count: float) -> tuple[int, float]:
    """An amount of days or weeks as whole days and the seconds of the rest; shorter units as seconds alone."""
    if unit not in {"day", "week"}:
        return 0, count * _SECONDS[unit]
    days = count * 7 if unit == "week" else count
    return int(days), (days - int(days)) * 86_400


def _months_later(wall: datetime, months: int) -> datetime:
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    for day in range(wall.day, 27, -1):
        try:
            return wall.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return wall.replace(year=year, month=month + 1)


@function("addDays", 2, 2, examples=[("addDays(toDate('2024-02-28'), 2)", "Date(2024, 3, 1)")])
def add_days(value: Any, days: Any) -> HogDate | HogDateTime:
    """A date or datetime some days later."""
    return date_add("day", days, value)


@function(
    "dateDiff",
    3,
    3,
    examples=[
        ("dateDiff('day', '2024-01-01', '2024-03-01')", "60"),
        ("dateDiff('month', '2024-01-31', '2024-02-01')", "1"),
    ],
)
def date_diff(unit: Any, start: Any, end: Any) -> int | float:
    """How many whole units lie between two dates, datetimes or texts, rounded down.

    Months and years count calendar months and years begun. NaN when either is no moment.
    """
    unit = _one_of(unit, (*_SECONDS, "month", "year"), "Unsupported unit for dateDiff")
    if unit in _SECONDS:
        passed = as_double(_seconds(end)) - as_double(_seconds(start))
        return math.floor(round(passed, 3) / _SECONDS[unit]) if math.isfinite(passed) else math.nan
    first, last = _wall(start), _wall(end)
    if first is None or last is None:
        return math.nan
    years = last.year - first.year
    return years if unit == "year" else years * 12 + last.month - first.month


_TRUNCATED: Final = ("minute", "hour", "day", "month", "year")
_STARTS: Final[dict[str, Callable[[datetime], datetime]]] = {
    "minute": lambda wall: wall.replace(second=0, microsecond=0),
    "hour": lambda wall: wall.replace(minute=0, second=0, microsecond=0),
    "day": lambda wall: wall.replace(hour=0, minute=0, second=0, microsecond=0),
    "week": lambda wall: _STARTS["day"](wall - timedelta(days=wall.weekday())),
    "month": lambda wall: _STARTS["day"](wall.replace(day=1)),
    "year": lambda wall: _STARTS["day"](wall.replace(month=1, day=1)),
}


def _start(unit: str, value: Any) -> HogDateTime:
    """The start of the unit a moment lies in, in its own zone."""
    wall = _wall(value)
    if wall is None:
        return _INVALID
    return _moment(times.to_seconds(_STARTS[unit](wall)), value.zone if type(value) is HogDateTime else "UTC")


@function("dateTrunc", 2, 3, examples=[("dateTrunc('hour', toDateTime(5400))", "DateTime(3600.0, 'UTC')")])
def date_trunc(unit: Any, value: Any, _zone: Any = None) -> HogDateTime:
    """The start of the minute, hour, day, month or year of a datetime, in its zone."""
    moment = _need_datetime(value, "Expected a DateTime for dateTrunc")
    return _start(_one_of(unit, _TRUNCATED, "Unsupported unit for dateTrunc"), moment)


@function("toStartOfDay", 1, 2, examples=[("toStartOfDay(toDateTime(90000))", "DateTime(86400.0, 'UTC')")])
def to_start_of_day(value: Any, _zone: Any = None) -> HogDateTime:
    """Midnight of a date or datetime, in its zone."""
    return _start("day", value)


@function("toStartOfHour", 1, 1, examples=[("toStartOfHour(toDateTime(5400))", "DateTime(3600.0, 'UTC')")])
def to_start_of_hour(value: Any) -> HogDateTime:
    """The start of the hour of a date or datetime, in its zone."""
    return _start("hour", value)


@function(
    "toStartOfMonth", 1, 1, examples=[("toStartOfMonth(toDate('1970-02-10'))", "DateTime(2678400.0, 'UTC')")]
)
def to_start_of_month(value: Any) -> HogDateTime:
    """The start of the month of a date or datetime, in its zone."""
    return _start("month", value)


@function(
    "toStartOfWeek", 1, 2, examples=[("toStartOfWeek(toDate('1970-01-07'))", "DateTime(345600.0, 'UTC')")]
)
def to_start_of_week(value: Any, _mode: Any = None) -> HogDateTime:
    """Monday's midnight of the week of a date or datetime, in its zone. The second argument is ignored."""
    return _start("week", value)


# ------------------------------------------------------------------- parts


_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")


def _part(name: str, value: Any) -> int | float:
    wall = _wall(value)
    return math.nan if wall is None else int(getattr(wall, name))


@function("extract", 2, 2, examples=[("extract('month', toDate('2024-05-03'))", "5")])
def extract(part: Any, value: Any) -> int | float:
    """The year, month, day, hour, minute or second of a date or datetime, in its zone."""
    return _part(_one_of(part, _PARTS, "Unknown extract part"), value)


@function("toYear", 1, 1, examples=[("toYear(toDate('2024-05-03'))", "2024")])
def to_year(value: Any) -> int | float:
    """The year of a date, datetime or text."""
    return _part("year", value)


@function("toMonth", 1, 1, examples=[("toMonth('2024-05-03')", "5")])
def to_month(value: Any) -> int | float:
    """The month of a date, datetime or text, from 1."""
    return _part("month", value)


@function("toYYYYMM", 1, 1, examples=[("toYYYYMM(toDate('2024-05-03'))", "202405")])
def to_yyyymm(value: Any) -> int | float:
    """Year and month of a date, datetime or text as one number."""
    return _part("year", value) * 100 + _part("month", value)


# ------------------------------------------------------------------- intervals


def _interval(value: Any, unit: str) -> dict[str, Any]:
    return {"__hogInterval__": True, "value": value, "unit": unit}


@function("toIntervalMinute", 1, 1, examples=[("toIntervalMinute(5).unit", "'minute'")])
def to_interval_minute(value: Any) -> dict[str, Any]:
    """An object that stands for so many minutes."""
    return _interval(value, "minute")


@function("toIntervalHour", 1, 1, examples=[("toIntervalHour(5).unit", "'hour'")])
def to_interval_hour(value: Any) -> dict[str, Any]:
    """An object that stands for so many hours."""
    return _interval(value, "hour")


@function("toIntervalDay", 1, 1, examples=[("toIntervalDay(5).value", "5")])
def to_interval_day(value: Any) -> dict[str, Any]:
    """An object that stands for so many days."""
    return _interval(value, "day")


@function("toIntervalMonth", 1, 1, examples=[("toIntervalMonth(5).unit", "'month'")])
def to_interval_month(value: Any) -> dict[str, Any]:
    """An object that stands for so many months."""
    return _interval(value, "month")
