"""Thresholds: of events that belong together, only the last of so many within a time is sent.

What counts is when an event was captured, not when a worker comes to it: a worker that catches up after an outage must not take
the events of an hour for those of a minute. The time slides with the newest event. When the number is reached the delivery
is sent and the count begins anew; each event before it has the verdict ``counted``.
"""

from __future__ import annotations

import array
from bisect import insort
from dataclasses import dataclass
from typing import Any, Final

from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.destinations.windows import span
from hedgerow.store import Connection

FIND: Final = "SELECT times FROM delivery_windows WHERE destination_id = ? AND hash = ?"
KEEP: Final = """
INSERT INTO delivery_windows (destination_id, hash, expires_at, times) VALUES (?, ?, ?, ?)
ON CONFLICT (destination_id, hash) DO UPDATE SET expires_at = excluded.expires_at, times = excluded.times
"""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a threshold asks.

    Attributes:
        hash: what events that count together have in common, 16 bytes.
        count: how many it takes.
        window: within so many seconds.
    """

    hash: bytes
    count: int
    window: int


class Counts:
    """The counts that one transaction looks at."""

    def __init__(self, connection: Connection, kept_to: int | None = None) -> None:
        """``kept_to``: until when they are remembered; None as long as they matter."""
        self._connection = connection
        self._kept_to = kept_to
        self._times: dict[tuple[bytes, bytes], list[int]] = {}
        self._expire: dict[tuple[bytes, bytes], int] = {}

    def ask(self, invocation: Invocation, threshold: Threshold, now_ms: int) -> Outcome | None:
        """``counted`` for what does not reach the threshold, None for what does."""
        name = invocation.destination_id, threshold.hash
        if name not in self._times:
            self._times[name] = times_of(self._connection.execute(FIND, name).get)
        times, late = counted(self._times[name], invocation.captured_at, threshold, now_ms)
        fires = not late and len(times) >= threshold.count
        self._times[name] = [] if fires else times
        latest = max(now_ms, invocation.captured_at)
        self._expire[name] = self._kept_to or latest + threshold.window * 1000
        if fires:
            return None
        within = f"{threshold.count} within {span(threshold.window)}"
        reason = f"Counted: {len(times)} of {within}."
        if late:
            reason = f"It came too late to count towards {within}: newer ones had been counted before."
        return Outcome(invocation, "counted", now_ms, error=reason)

    def write(self) -> None:
        """Keep what was counted."""
        rows = [
            (*name, self._expire[name], array.array("q", times).tobytes())
            for name, times in self._times.items()
        ]
        self._connection.executemany(KEEP, rows)


def times_of(packed: Any) -> list[int]:
    """When the events of a kept count were captured, milliseconds in order."""
    times = array.array("q")
    times.frombytes(packed or b"")
    return times.tolist()


def counted(times: list[int], captured_at: int, threshold: Threshold, now_ms: int) -> tuple[list[int], bool]:
    """A count with one more event.

    Args:
        times: when the others were captured, in order.
        captured_at: when this one was.
        threshold: how many within what time.
        now_ms: what lies behind it was captured by a clock that has been set back since, and counts as captured now.

    Returns:
        The events that are young enough to count, and whether this one is not among them.
    """
    latest = max(now_ms, captured_at)
    known = [min(time, latest) for time in times]
    insort(known, captured_at)
    oldest = known[-1] - threshold.window * 1000
    return [time for time in known if time > oldest], captured_at <= oldest
