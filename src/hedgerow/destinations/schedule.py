"""When a destination fires by itself: a cron expression in a time zone, or an interval.

A *tick* is a moment of the schedule, in milliseconds since the epoch. Which ticks there are follows from the schedule alone, so a tick
is the same one whoever computes it, whenever. An interval is counted from midnight UTC on 1 January 1970, and knows no
clock changes. A cron expression follows the clock on the wall of its time zone, as Debian's cron does:

* Fixed hours and minutes: what falls into the gap of a clock that is set forward comes at the end of the gap, and what a clock
  that is set back brings a second time comes once, the first time.
* A star (or a step of one) in the minutes or the hours: whatever the wall shows while time passes. Nothing comes in a gap, and
  what the wall shows twice comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.flow import FASTEST, SLOWEST

SOURCE: Final = "schedule"
FIELDS: Final = ("cron", "timezone", "every", "only_changed", "rate")
READ_ONLY: Final = frozenset({"next", "last", "waits"})
"""Told beside a schedule; clients send it back as they got it."""
SHORTEST_S: Final = 10
LONGEST_S: Final = 366 * 86_400
MOST_PASSED: Final = 100
"""Ticks that nobody took are counted up to here."""
NAMED: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
UNITS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_EVERY: Final = re.compile(r"([1-9]\d{0,8})([smhd])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_MS: Final = 3_600_000
# How far back the latest tick is looked for, a little at first: most schedules have one within the hour or the day.
_HORIZONS_MS: Final = tuple(_HOUR_MS * hours for hours in (1, 24, 24 * 32, 24 * 366, 24 * 366 * 9))


@dataclass(frozen=True, slots=True)
class Cadence:
    """The ticks of a schedule.

    Attributes:
        cron: an expression with five fields, or one of the names of ``NAMED``; None when ``every_ms`` is given.
        timezone: whose wall clock the expression means.
        every_ms: an interval.
    """

    cron: str | None = None
    timezone: str = "UTC"
    every_ms: int = 0

    @classmethod
    def of(cls, schedule: Mapping[str, Any]) -> Cadence:
        """The cadence of a validated schedule."""
        if schedule.get("cron"):
            return cls(schedule["cron"], schedule["timezone"])
        return cls(every_ms=_seconds(schedule["every"]) * 1000)

    @property
    def text(self) -> str:
        """The same for the same ticks."""
        return f"{self.cron} {self.timezone}" if self.cron else f"every {self.every_ms}"

    def after(self, moment: int) -> Iterator[int]:
        """Ticks later than a moment, the next first; they end where no calendar has any more of them."""
        if not self.cron:
            tick = (moment // self.every_ms + 1) * self.every_ms
            while True:
                yield tick
                tick += self.every_ms
        last = moment
        for found in _walk(self.cron, self.timezone, moment):
            tick = (found - _EPOCH) // timedelta(milliseconds=1)
            # On a clock that is set back, the first of two equal wall times may lie before the moment.
            if tick > last:
                yield tick
                last = tick

    def latest(self, after: int, now: int) -> int | None:
        """The last tick that is later than a moment and not later than now; None when there is none."""
        if not self.cron:
            tick = now // self.every_ms * self.every_ms
            return tick if tick > after else None
        for horizon in _HORIZONS_MS:
            since = max(after, now - horizon)
            found = None
            for tick in self.after(since):
                if tick > now:
                    break
                found = tick
            if found is not None or since == after:
                return found
        return None

    def count(self, after: int, until: int) -> int:
        """How many ticks are later than one moment and not later than another; counting ends at ``MOST_PASSED``."""
        if not self.cron:
            return min(MOST_PASSED, max(0, until // self.every_ms - after // self.every_ms))
        return sum(tick <= until for tick in islice(self.after(after), MOST_PASSED))


def _walk(cron: str, timezone: str, moment: int) -> Iterator[datetime]:
    begin = (_EPOCH + timedelta(milliseconds=moment)).astimezone(zone(timezone))
    yield from CronSim(NAMED.get(cron, cron), begin)


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """A time zone by its IANA name.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in available_timezones():
        raise ValueError(name)
    return UTC if name == "UTC" else ZoneInfo(name)  # three times as quick


def _seconds(text: str) -> int:
    found = _EVERY.fullmatch(text)
    return int(found[1]) * UNITS[found[2]] if found else 0


# --------------------------------------------------------------------- checking


def validate_schedule(raw: Any) -> dict[str, Any] | None:
    """Check ``{"cron", "timezone"}`` or ``{"every"}``, with ``only_changed`` and ``rate``; null means that events trigger it.

    Raises:
        ValidationError: with an attribute such as ``schedule__cron``.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise ValidationError("Expected a dictionary.", attr="schedule", code="invalid")
    given = {name: value for name, value in raw.items() if value is not None and name not in READ_ONLY}
    for name in given:
        if name not in FIELDS:
            near = get_close_matches(str(name), FIELDS, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise ValidationError(
                f"A schedule has no field {name!r}.{meant}", attr=f"schedule__{name}", code="unknown_field"
            )
    if ("cron" in given) == ("every" in given):
        raise ValidationError(
            'Say when it fires, in one of two ways: {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"} or {"every": "15m"}.',
            attr="schedule", code="required",
        )  # fmt: skip
    cadence = _cron(given) if "cron" in given else {"every": _every(given)}
    return {**cadence, "only_changed": _flag(given), "rate": _rate(given)}


def _cron(given: Mapping[str, Any]) -> dict[str, Any]:
    timezone = given.get("timezone", "UTC")
    if not isinstance(timezone, str) or timezone not in available_timezones():
        near = get_close_matches(str(timezone), available_timezones(), n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise ValidationError(
            f"{timezone!r} is no time zone. Give its IANA name, such as Europe/Berlin.{meant}",
            attr="schedule__timezone", code="invalid_choice",
        )  # fmt: skip
    cron = given["cron"]
    if not isinstance(cron, str):
        raise ValidationError("Not a valid string.", attr="schedule__cron", code="invalid")
    cron = " ".join(cron.split())
    _check_cron(cron, timezone)
    return {"cron": cron, "timezone": timezone}


def _check_cron(cron: str, timezone: str) -> None:
    expression = NAMED.get(cron, cron)
    if len(expression.split()) != 5:
        raise ValidationError(
            f"Write five fields, minute, hour, day of the month, month and day of the week, or one of {', '.join(NAMED)}.",
            attr="schedule__cron",
        )  # fmt: skip
    try:
        ticks = _walk(expression, timezone, 0)
        next(ticks)
    except CronSimError as error:
        raise ValidationError(
            f"{cron!r} is no cron expression: {str(error).lower()}.", attr="schedule__cron"
        ) from error
    except (StopIteration, RuntimeError) as error:
        raise ValidationError(f"{cron!r} names no day that ever comes.", attr="schedule__cron") from error


def _every(given: Mapping[str, Any]) -> str:
    every = given["every"]
    if "timezone" in given:
        raise ValidationError(
            "An interval knows no time zone: it is for a cron expression.", attr="schedule__timezone"
        )
    if not isinstance(every, str) or not SHORTEST_S <= _seconds(every) <= LONGEST_S:
        raise ValidationError(
            f"Write a number and its unit (s, m, h or d), from {SHORTEST_S}s to {LONGEST_S // 86_400}d, such as 15m.",
            attr="schedule__every",
        )  # fmt: skip
    return every


def _flag(given: Mapping[str, Any]) -> bool:
    value = given.get("only_changed", False)
    if not isinstance(value, bool):
        raise ValidationError("Must be a valid boolean.", attr="schedule__only_changed", code="invalid")
    return value


def _rate(given: Mapping[str, Any]) -> float | None:
    rate = given.get("rate")
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not SLOWEST <= rate <= FASTEST:
        raise ValidationError(
            f"Give the deliveries per second, from one an hour ({SLOWEST:.5f}) up to {FASTEST}.",
            attr="schedule__rate",
        )
    return rate


# ------------------------------------------------------------- beside other fields

_OF_PERSONS: Final = frozenset(
    {"person", "cohort", "static-cohort", "precalculated-cohort", "dynamic-cohort", "hogql"}
)


def check_filters(filters: Mapping[str, Any]) -> None:
    """See that the filters of a schedule ask for persons only: there is no event whose name or properties could fit.

    Raises:
        ValidationError: with an attribute such as ``properties__0__type``.
    """
    for kind in ("events", "actions"):
        if filters.get(kind):
            raise ValidationError(
                "A schedule waits for no events: choose persons by their properties.", attr=kind
            )
    _check_properties(filters.get("properties"), ("properties",))


def _check_properties(raw: Any, place: tuple[str | int, ...]) -> None:
    if isinstance(raw, Mapping):
        raw, place = raw.get("values"), (*place, "values")
    for position, item in enumerate(raw if isinstance(raw, list) else ()):
        here = (*place, position)
        if isinstance(item, Mapping) and "values" in item and "key" not in item:
            _check_properties(item, here)
        elif isinstance(item, Mapping) and (item.get("type") or "event") not in _OF_PERSONS:
            kind = item.get("type") or "event"
            raise ValidationError(
                f'On a schedule there is no {kind} to ask: choose persons, with "type": "person".',
                attr="__".join(map(str, (*here, "type"))),
            )
