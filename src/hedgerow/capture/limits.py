"""How many events a project may send, and whether anybody may.

Project settings:
    events_per_second: sustained rate; absent or 0: no limit.
    events_burst: how many may come at once after a quiet time; at least one second's worth.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class RateLimited(Exception):
    """A project is over its rate; the sender should come back after ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"rate limited, try again in {seconds} s")
        self.seconds = seconds


class Closed(Exception):
    """Capture takes nothing at the moment; the message says why."""


class RateLimits:
    """One bucket of tokens per project. A request is admitted while its bucket is not empty, whatever its size.

    Admitting the last request in full lets batches larger than the burst pass at all; the debt is paid before the next.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}

    def admit(self, project_id: int, settings: Mapping[str, Any], events: int) -> None:
        """Count events against the rate of a project.

        Raises:
            RateLimited: it is used up.
        """
        rate = settings.get("events_per_second")
        if not isinstance(rate, int | float) or rate <= 0:
            return
        now = self._clock()
        burst = max(float(settings.get("events_burst") or 0), float(rate), 1.0)
        tokens, since = self._buckets.get(project_id, (burst, now))
        tokens = min(burst, tokens + (now - since) * rate)
        if tokens < 1:
            self._buckets[project_id] = (tokens, now)
            raise RateLimited(math.ceil((1 - tokens) / rate))
        self._buckets[project_id] = (tokens - events, now)


class DiskGate:
    """Closes capture while the disk is nearly full: better to refuse an event than to acknowledge what cannot be kept.

    Args:
        folder: a folder on the disk that matters.
        reserve: bytes that must stay free.
        clock: monotonic seconds; the disk is asked once a second.
    """

    def __init__(self, folder: Path, reserve: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._reserve = reserve
        self._clock = clock
        self._next = 0.0
        self._reason: str | None = None

    def __call__(self) -> str | None:
        """Why capture is closed, None if it is open."""
        now = self._clock()
        if now >= self._next:
            self._next = now + 1.0
            free = shutil.disk_usage(self._folder).free
            self._reason = (
                f"the disk is nearly full: {free >> 20} MiB are free, {self._reserve >> 20} MiB are kept in reserve"
                if free < self._reserve
                else None
            )
        return self._reason
