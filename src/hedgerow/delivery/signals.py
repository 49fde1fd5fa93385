"""What the outcome of a run says about its destination's health: the translation from verdicts to the watcher's tallies."""

from __future__ import annotations

from functools import cache
from typing import Final

from hedgerow.delivery.invocation import Outcome
from hedgerow.delivery.watcher import Tally

# The tool did not answer, or answered that it is ill.
UNWELL: Final = frozenset(
    {"http_5xx", "timeout", "connect_timeout", "dns", "refused", "reset", "tls", "protocol", "unreachable"}
)
# The destination's own program or templates failed.
UNCAUGHT: Final = frozenset({"hog", "thrown", "inputs"})
TOO_MANY: Final = 429


def failing(kind: str | None) -> bool:
    """Whether a failure of this kind is the tool's: it may pass by itself."""
    return kind in UNWELL


def uncaught(kind: str | None) -> bool:
    """Whether a failure of this kind is the program's."""
    return kind is not None and (kind in UNCAUGHT or kind.startswith("limit"))


def tally(outcome: Outcome, slow_ms: float) -> Tally | None:
    """What an outcome adds to the count.

    A 4xx is a result like any other: the tool is well, it did not like what it got. A 429 is none at all: it slows the lane.
    Failures of configuration (a refused address, a missing key) and of Hedgerow itself say nothing about the tool.

    Args:
        outcome: of a run, as far as it got.
        slow_ms: from which duration a call is slow.

    Returns:
        A tally of one result, or None when the outcome is none.
    """
    if outcome.verdict not in {"delivered", "failed", "retrying"} or outcome.status == TOO_MANY:
        return None
    slow = int(any(attempt.duration_ms > slow_ms for attempt in outcome.attempts))
    if outcome.verdict == "delivered":
        return _one(0, 0, slow)
    if failing(outcome.kind):
        return _one(1, 0, slow)
    if uncaught(outcome.kind):
        return _one(0, 1, slow)
    return _one(0, 0, slow) if outcome.status is not None else None


@cache
def _one(failed: int, uncaught: int, slow: int) -> Tally:
    """One result of a sort; made once, since thousands come in a second."""
    return Tally(1, failed, uncaught, slow)


def answered(outcome: Outcome) -> bool | None:
    """Whether a probe shows that the tool is well again; None when it shows nothing."""
    if outcome.status == TOO_MANY:
        return False
    found = tally(outcome, float("inf"))
    return None if found is None else not (found.failed or found.uncaught)
