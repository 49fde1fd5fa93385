"""Masking: of deliveries that repeat each other within a window, only the first, or one in so many, is sent.

A repetition is told by a hash that the destination's owner chose.

Source of the rules: PostHog's masking. The window begins with the first occurrence and does not slide; with a threshold T
occurrences 1, T + 1, 2 T + 1 of a window are sent, without one only the first. Unlike there, a hash that cannot be worked out is
a failure that can be run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.store import Connection

FIND = "SELECT expires_at, count, winner FROM masks WHERE destination_id = ? AND hash = ?"
KEEP = """
INSERT INTO masks (destination_id, hash, expires_at, count, winner) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (destination_id, hash) DO UPDATE SET
    expires_at = excluded.expires_at, count = excluded.count, winner = excluded.winner
"""
# Windows of a replay stand beside what it counts and gathers; ``times`` has the winner.
FIND_PAST = "SELECT until, count, times FROM delivery_windows WHERE destination_id = ? AND hash = ?"
KEEP_PAST = """
INSERT INTO delivery_windows (destination_id, hash, expires_at, until, count, times) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (destination_id, hash) DO UPDATE SET
    expires_at = excluded.expires_at, until = excluded.until, count = excluded.count, times = excluded.times
"""


@dataclass(frozen=True, slots=True)
class Mask:
    """What masking asks.

    Attributes:
        hash: what repetitions have in common, 16 bytes.
        ttl_ms: length of the window.
        threshold: one in so many is sent; None: only the first.
    """

    hash: bytes
    ttl_ms: int
    threshold: int | None


@dataclass(slots=True)
class _Window:
    expires_at: int
    count: int
    winner: bytes


class Masks:
    """The windows that one transaction looks at."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._windows: dict[tuple[bytes, bytes], _Window] = {}

    def ask(self, invocation: Invocation, mask: Mask, now_ms: int) -> Outcome | None:
        """``masked`` for what repeats another delivery, None for what is sent."""
        name = invocation.destination_id, mask.hash
        window = self._windows.get(name) or self._find(name)
        if window is None or not self._is_open(window, mask, now_ms):
            window = _Window(now_ms + mask.ttl_ms, 0, invocation.id)
        self._windows[name] = window
        wins = window.count == 0 if mask.threshold is None else window.count % mask.threshold == 0
        window.count += 1
        if wins:
            window.winner = invocation.id
            return None
        return Outcome(invocation, "masked", now_ms, error=f"It repeats delivery {text(window.winner)}.")

    @staticmethod
    def _is_open(window: _Window, mask: Mask, now_ms: int) -> bool:
        del mask
        return window.expires_at > now_ms

    def _find(self, name: tuple[bytes, bytes]) -> _Window | None:
        row = self._connection.execute(FIND, name).fetchone()
        return None if row is None else _Window(*row)

    def write(self) -> None:
        """Keep what was decided."""
        rows = [(*name, one.expires_at, one.count, one.winner) for name, one in self._windows.items()]
        self._connection.executemany(KEEP, rows)


class PastMasks(Masks):
    """Those of a replay: windows of the past, which are remembered until it is over."""

    def __init__(self, connection: Connection, kept_to: int) -> None:
        """``kept_to``: until when they are remembered."""
        super().__init__(connection)
        self._kept_to = kept_to

    @staticmethod
    def _is_open(window: _Window, mask: Mask, now_ms: int) -> bool:
        """Workers are not in step: what was captured before the window is no repetition either."""
        return window.expires_at - mask.ttl_ms <= now_ms < window.expires_at

    def _find(self, name: tuple[bytes, bytes]) -> _Window | None:
        row: Any = self._connection.execute(FIND_PAST, name).fetchone()
        return None if row is None else _Window(*row)

    def write(self) -> None:
        """Keep what was decided."""
        rows = [
            (*name, self._kept_to, one.expires_at, one.count, one.winner)
            for name, one in self._windows.items()
        ]
        self._connection.executemany(KEEP_PAST, rows)
