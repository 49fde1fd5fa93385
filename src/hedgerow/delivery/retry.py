"""Whether and when a failed call is tried again: a pure decision, apart from sending and sleeping."""

from __future__ import annotations

import email.utils
import random
from collections.abc import Sequence
from dataclasses import dataclass

from hedgerow.destinations.retrying import PRESETS

# 5xx, and the two 4xx that mean "later". Source: PostHog's documented retry behaviour, widened to all 5xx.
RETRIABLE_4XX = frozenset({408, 425, 429})
LONGEST_RETRY_AFTER = 24 * 3600.0


LONGEST_DELAY_S = 600.0


def growing(retries: int) -> tuple[float, ...]:
    """So many delays, each four times the last, from one second to ten minutes."""
    return tuple(min(4.0**number, LONGEST_DELAY_S) for number in range(retries))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a destination is.

    Attributes:
        delays: seconds before each retry; so many retries there are after the first attempt.
        jitter: share of a delay that is left to chance, to both sides.
    """

    delays: Sequence[float] = PRESETS["quick"]
    jitter: float = 0.25


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with one attempt: a status, or an error kind that may be retried or not."""

    status: int | None = None
    retriable: bool = False
    retry_after: str | None = None

    @property
    def may_retry(self) -> bool:
        """Whether the same request can succeed later."""
        if self.status is None:
            return self.retriable
        return self.status >= 500 or self.status in RETRIABLE_4XX


def next_delay(
    policy: RetryPolicy, tries: int, failure: Failure, *, now: float, chance: random.Random
) -> float | None:
    """Seconds until the next attempt, or None when this was the last.

    Args:
        policy: the destination's.
        tries: attempts of this call so far, this one included.
        failure: how it failed.
        now: seconds since the epoch, for a ``Retry-After`` that names a date.
        chance: source of the jitter.
    """
    if not failure.may_retry or tries > len(policy.delays):
        return None
    delay = policy.delays[tries - 1] * (1 + policy.jitter * chance.uniform(-1, 1))
    asked = parse_retry_after(failure.retry_after, now)
    return delay if asked is None else max(delay, asked)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (number or HTTP date), at most 24 h; None when absent or unreadable."""
    if not value:
        return None
    value = value.strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    if not seconds >= 0:
        return 0.0
    return min(seconds, LONGEST_RETRY_AFTER)
