"""What outcomes say about health."""

from __future__ import annotations

import pytest

from hedgerow.delivery.invocation import Attempt, Invocation, Outcome
from hedgerow.delivery.signals import answered, tally
from hedgerow.delivery.watcher import Tally


def outcome(verdict, kind=None, status=None, took=10):
    i = Invocation(b"i" * 16, 1, b"d" * 16, 1, "", "", 0, 1, b"e" * 16, "x", "ann", 0, 0, {})
    attempt = Attempt(1, 0, 0, took, "POST", "https://sink.test/", status, None, None, None, str)
    return Outcome(i, verdict, 0, kind=kind, status=status, attempts=[attempt])


@pytest.mark.parametrize(
    ("made", "counts", "well"),
    [
        (outcome("delivered", status=200), Tally(1), True),
        (outcome("delivered", status=200, took=9000), Tally(1, slow=1), True),
        (outcome("failed", "http_4xx", 400), Tally(1), True),
        (outcome("failed", "http_4xx", 404), Tally(1), True),
        (outcome("failed", "http_3xx", 302), Tally(1), True),
        (outcome("failed", "http_4xx", 429), None, False),
        (outcome("retrying", "http_4xx", 429), None, False),
        (outcome("retrying", "http_5xx", 503), Tally(1, failed=1), False),
        (outcome("failed", "http_5xx", 500), Tally(1, failed=1), False),
        (outcome("retrying", "timeout", took=10_000), Tally(1, failed=1, slow=1), False),
        *[
            (outcome("failed", kind), Tally(1, failed=1), False)
            for kind in ("connect_timeout", "dns", "refused", "reset", "tls", "protocol")
        ],
        *[
            (outcome("failed", kind), Tally(1, uncaught=1), False)
            for kind in ("hog", "thrown", "inputs", "limit_time", "limit_memory")
        ],
        *[
            (outcome("failed", kind), None, None)
            for kind in ("egress", "invalid_url", "secrets", "internal", "crash", "filter", "diverged")
        ],
        *[(outcome(verdict), None, None) for verdict in ("running", "scheduled", "held", "superseded")],
    ],
)
def test_the_table_of_signals(made, counts, well):
    """4xx never hurts, 429 counts for nothing, configuration and Hedgerow's own faults say nothing about the tool."""
    assert tally(made, 8000) == counts
    assert answered(made) is well
