"""How many deliveries of a destination run at a time, and how fast: what its answers allow, and what its owner allows.

The number of places follows the answers: one more for good ones, half for a timeout or a 429, a little less when answers
come ever later. A lane that was told to wait (429, or 503 with ``Retry-After``) starts nothing until then. A destination that
does not answer at all is soon down to one place, and takes next to nothing from the others; one that obviously fails is held back
altogether for a while (breaker.py).

Pure values with the time as an argument; in lanes.py and runner.py they meet the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from hedgerow.delivery.breaker import LONGEST_WAIT_S, Breaker
from hedgerow.delivery.invocation import Attempt, Outcome
from hedgerow.delivery.retry import parse_retry_after

FIRST_PLACES: Final = 16
LESS: Final = 0.5
SLIGHTLY_LESS: Final = 0.9
TOLERANCE: Final = 2.0
"""How many times longer than usual answers may take before places are given up."""
SHORT_MEMORY: Final = 0.1
LONG_MEMORY: Final = 0.01
NEGLIGIBLE_S: Final = 0.05
"""Answers within this time are quick, whatever is usual."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Pauses after a 429 that does not say how long: doubling from the first to the longest."""
OUR_OWN: Final = frozenset({"egress", "invalid_url"})
"""Failures that say nothing about the other side."""


class Rate:
    """A token bucket that holds a second's worth, at least one token; debts are allowed."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._most = max(1.0, per_second)
        self._tokens = self._most
        self._at: float | None = None

    def ready_at(self, now: float) -> float:
        """When the next token is there: now or later."""
        self._refill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) / self.per_second

    def take(self, now: float, tokens: float = 1) -> None:
        """Take tokens, there or not."""
        self._refill(now)
        self._tokens -= tokens

    def _refill(self, now: float) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._tokens = min(self._most, self._tokens + passed * self.per_second)
        self._at = now


class Pace:
    """The places of one lane.

    Attributes:
        rate: what its owner allows; None for as fast as it goes.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = min(self._most, float(FIRST_PLACES))
        self._climbing = True
        self._fell_at = float("-inf")
        self._pauses = 0
        self._short: float | None = None
        self._long = 0.0
        self._told_to = float("-inf")
        self._breaker = Breaker()
        self.rate: Rate | None = None

    @property
    def places(self) -> int:
        """How many may run at a time."""
        return 1 if self._breaker.open else int(self._limit)

    @property
    def paused_to(self) -> float:
        """Nothing starts before this time."""
        return max(self._told_to, self._breaker.wait_to)

    def allow(self, per_second: float | None) -> None:
        """Take over what the owner allows."""
        if per_second is None:
            self.rate = None
        elif self.rate is None or self.rate.per_second != per_second:
            self.rate = Rate(per_second)

    def ready_at(self, now: float) -> float:
        """When the next may start: now or later."""
        allowed = now if self.rate is None else self.rate.ready_at(now)
        return max(allowed, self.paused_to)

    def wait(self, queued: int, oldest: float, now: float) -> float:
        """Seconds until the last of a queue may start, as far as can be told.

        Args:
            queued: how many wait.
            oldest: seconds since the oldest of those that run started.
            now: the time.
        """
        took = max(self._short or 0.0, oldest, LONGEST_WAIT_S if self._breaker.open else 0.0)
        wait = queued * took / self.places
        if self.rate is not None:
            wait = max(wait, queued / self.rate.per_second)
        return max(wait, self.paused_to - now)

    def start(self, now: float) -> None:
        """One starts."""
        if self.rate is not None:
            self.rate.take(now)

    def learn(self, outcome: Outcome, *, began: float, now: float, wall: float) -> None:
        """Take in what came of one that ran.

        Args:
            outcome: with the attempts that this run made.
            began: when it started.
            now: the time.
            wall: seconds since the epoch, for a ``Retry-After`` that is a date.
        """
        if self.rate is not None and len(outcome.attempts) > 1:
            self.rate.take(now, len(outcome.attempts) - 1)
        for attempt in outcome.attempts:
            asked = _asked(attempt, wall)
            if attempt.status == 429 or asked is not None:
                self._breaker.answered()
                self._throttled(asked, began, now)
            elif attempt.status is None:
                if outcome.kind not in OUR_OWN:
                    self._breaker.failed(began=began, now=now)
                    self._fall(LESS, began, now)
            elif attempt.status < 500:
                self._breaker.answered()
                self._answered(attempt.duration_ms / 1000, began, now)
            else:
                self._breaker.failed(began=began, now=now)

    def _answered(self, took: float, began: float, now: float) -> None:
        self._pauses = 0
        if self._short is None:
            self._short = self._long = took
        self._short += SHORT_MEMORY * (took - self._short)
        self._long += LONG_MEMORY * (took - self._long)
        if self._short < self._long:  # it became quicker: believe that sooner
            self._long += SHORT_MEMORY * (self._short - self._long)
        if self._short > max(NEGLIGIBLE_S, TOLERANCE * self._long):
            self._fall(SLIGHTLY_LESS, began, now)
        else:
            self._limit = min(self._most, self._limit + (1.0 if self._climbing else 1 / self._limit))

    def _throttled(self, asked: float | None, began: float, now: float) -> None:
        """One pause for all that were under way together; an answer that says how long is always heard."""
        if asked is not None:
            self._told_to = max(self._told_to, now + asked)
        elif began >= self._fell_at:
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._pauses)
            self._pauses = min(self._pauses + 1, 10)
            self._told_to = max(self._told_to, now + pause)
        self._fall(LESS, began, now)

    def _fall(self, share: float, began: float, now: float) -> None:
        """Give up places, once for all that were under way together."""
        if began >= self._fell_at:
            self._limit = max(1.0, self._limit * share)
            self._climbing = False
            self._fell_at = now


def _asked(attempt: Attempt, wall: float) -> float | None:
    """How long a 429 or 503 asks to wait, in seconds; None when it does not say."""
    if attempt.status not in (429, 503) or attempt.response is None:
        return None
    return parse_retry_after(attempt.response.headers.get("retry-after"), wall)


class HostRates:
    """Rates of vendors by host name: many destinations may share one vendor's allowance."""

    def __init__(self, per_second: Mapping[str, float]) -> None:
        self._rates = {host: Rate(rate) for host, rate in per_second.items()}

    def __bool__(self) -> bool:
        """Whether any host has one."""
        return bool(self._rates)

    def wait(self, url: str, now: float) -> float:
        """Seconds until a request may leave. Its token is taken: it must leave then.

        Args:
            url: of the request; one that is none is never held back.
            now: the time.
        """
        rate = self._rates.get(_host(url))
        if rate is None:
            return 0.0
        ready = rate.ready_at(now)
        rate.take(now)
        return ready - now


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def parse_host_rates(items: Iterable[str]) -> dict[str, float]:
    """Rates per host from texts like ``api.example.com=10``, which the settings have checked."""
    pairs = (item.partition("=") for item in items)
    return {host.strip().lower(): float(rate) for host, _, rate in pairs}
