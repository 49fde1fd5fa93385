"""Reading metrics of destinations, in the form in which PostHog's API answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import orjson

from hedgerow.store import Connection
from hedgerow.telemetry import histogram, offers
from hedgerow.telemetry.batch import HOUR

# When (milliseconds), kind, name, how many.
Count: TypeAlias = tuple[int, str, str, int]

DAY = 24 * HOUR
MOST_LABELS = 10_000
# 1970-01-01 was a Thursday, and weeks begin on Sunday in PostHog's charts.
INTERVALS = {"hour": (HOUR, 0), "day": (DAY, 0), "week": (7 * DAY, 3 * DAY)}
BREAKDOWNS = ("kind", "name")

_UNITS = {"h": HOUR, "d": DAY, "w": 7 * DAY, "m": 30 * DAY, "y": 365 * DAY}
_RELATIVE = re.compile(r"-(\d{1,5})([hdwmy])")

_READ = """
SELECT hour, kind, name, count FROM metrics_hourly
WHERE destination_id = :destination AND hour > 0 AND hour >= :first AND hour < :before
  AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))
  AND (:names IS NULL OR name IN (SELECT value FROM json_each(:names)))
"""
_LATENCY = """
SELECT bucket, sum(count) FROM latency_hourly
WHERE destination_id = ? AND hour > 0 AND hour >= ? AND hour < ? GROUP BY bucket
"""


class BadPeriod(ValueError):
    """The times of a question make no sense; the message says why, for whoever asked."""


def parse_when(text: str, now: int) -> int:
    """A moment as people write it: ``-7d``, ``-24h`` (also w, m of 30 days, y of 365) or ISO-8601.

    Args:
        text: what was written; without a zone it means UTC.
        now: milliseconds since the epoch.

    Returns:
        Milliseconds since the epoch.

    Raises:
        BadPeriod: it is neither.
    """
    relative = _RELATIVE.fullmatch(text.strip())
    if relative:
        return now - int(relative[1]) * _UNITS[relative[2]]
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadPeriod(f"{text!r} is no time: write one like -7d, -24h or 2026-01-31T12:00:00Z.") from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def metrics(
    conn: Connection,
    destination_id: bytes,
    *,
    after: int,
    before: int,
    interval: str = "day",
    breakdown_by: str = "kind",
    names: Sequence[str] = (),
    kinds: Sequence[str] = (),
) -> dict[str, Any]:
    """A destination's counts over time.

    Args:
        conn: on the telemetry file.
        destination_id: whose counts.
        after: from the hour of this time, milliseconds since the epoch.
        before: up to this time.
        interval: ``hour``, ``day`` or ``week``.
        breakdown_by: one series for each ``kind`` or each ``name``.
        names: only these; all when empty.
        kinds: only these; all when empty.

    Returns:
        ``labels`` for every interval and ``series`` of as many values, zero where nothing happened; no series at all when
        there is nothing to show.

    Raises:
        BadPeriod: an unknown interval or breakdown, or more intervals than anybody reads.
    """
    rows = _rows(conn, destination_id, after, before, names, kinds)
    return charted(rows, after=after, before=before, interval=interval, breakdown_by=breakdown_by)


def charted(
    rows: Iterable[Count], *, after: int, before: int, interval: str, breakdown_by: str
) -> dict[str, Any]:
    """Counts as ``metrics`` answers them; arguments and errors as there."""
    if interval not in INTERVALS or breakdown_by not in BREAKDOWNS:
        raise BadPeriod("interval is one of hour, day, week; breakdown_by is kind or name.")
    starts = _starts(after, before, interval)
    place = {start: index for index, start in enumerate(starts)}
    series: dict[str, list[int]] = {}
    for hour, kind, name, count in rows:
        values = series.setdefault(kind if breakdown_by == "kind" else name, [0] * len(starts))
        values[place[_start(hour, interval)]] += count
    form = "%Y-%m-%dT%H:%M" if interval == "hour" else "%Y-%m-%d"
    return {
        "labels": [datetime.fromtimestamp(start / 1000, UTC).strftime(form) for start in starts],
        "series": [{"name": name, "values": values} for name, values in sorted(series.items())],
    }


def totals(
    conn: Connection,
    destination_id: bytes,
    *,
    after: int,
    before: int,
    breakdown_by: str = "kind",
    names: Sequence[str] = (),
    kinds: Sequence[str] = (),
) -> dict[str, int]:
    """A destination's counts over a whole period; arguments and errors as for ``metrics``."""
    return summed(_rows(conn, destination_id, after, before, names, kinds), breakdown_by=breakdown_by)


def summed(rows: Iterable[Count], *, breakdown_by: str) -> dict[str, int]:
    """Counts as ``totals`` answers them."""
    if breakdown_by not in BREAKDOWNS:
        raise BadPeriod("breakdown_by is kind or name.")
    found: dict[str, int] = {}
    for _, kind, name, count in rows:
        key = kind if breakdown_by == "kind" else name
        found[key] = found.get(key, 0) + count
    return dict(sorted(found.items()))


def latency(
    conn: Connection,
    destination_id: bytes,
    *,
    after: int,
    before: int,
    shares: Sequence[float] = (0.5, 0.9, 0.99),
) -> dict[float, float] | None:
    """How long a destination took in a period: milliseconds by share of its calls, None without calls."""
    counts = dict(conn.execute(_LATENCY, (destination_id, after - after % HOUR, before)))
    found = {share: histogram.quantile(counts, share) for share in shares}
    return {share: ms for share, ms in found.items() if ms is not None} or None


def _rows(
    conn: Connection,
    destination_id: bytes,
    after: int,
    before: int,
    names: Sequence[str],
    kinds: Sequence[str],
) -> Iterable[Count]:
    binding = {
        "destination": destination_id,
        "first": after - after % HOUR,
        "before": before,
        "names": _listed(names),
        "kinds": _listed(kinds),
    }
    yield from conn.execute(_READ, binding)
    if (not names or offers.NAME in names) and (not kinds or offers.KIND in kinds):
        for hour, count in offers.offered(conn, destination_id, first=after - after % HOUR, before=before):
            yield hour, offers.KIND, offers.NAME, count


def _listed(values: Sequence[str]) -> str | None:
    return orjson.dumps(list(values)).decode() if values else None


def _start(at: int, interval: str) -> int:
    width, offset = INTERVALS[interval]
    return at - (at - offset) % width


def _starts(after: int, before: int, interval: str) -> list[int]:
    first, width = _start(after, interval), INTERVALS[interval][0]
    if (before - first) // width > MOST_LABELS:
        raise BadPeriod(
            f"From after to before are more than {MOST_LABELS} intervals: choose a longer interval."
        )
    return list(range(first, before, width))
