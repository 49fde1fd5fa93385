"""Times as the API reads and writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hedgerow.api.errors import Invalid
from hedgerow.telemetry import BadPeriod, parse_when


def iso(ms: int) -> str:
    """ISO-8601 in UTC with milliseconds: ``2026-01-02T03:04:05.678Z``."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str | None, now_ms: int, name: str) -> int | None:
    """Milliseconds since the epoch of a query parameter.

    Args:
        text: ISO-8601 (UTC unless it says otherwise), or relative to now as in ``-7d``; None or empty: no time.
        now_ms: the time now.
        name: the parameter, for the error.

    Raises:
        Invalid: it is neither.
    """
    if not text:
        return None
    try:
        # A "+" in a query that nobody encoded arrives as a space.
        return parse_when(re.sub(r" (?=\d\d:?\d\d$)", "+", text), now_ms)
    except (BadPeriod, OverflowError) as error:
        raise Invalid(str(error), attr=name) from None
