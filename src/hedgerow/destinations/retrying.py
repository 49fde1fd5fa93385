"""How patiently a destination is tried again: the schedules people choose from, and checking their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError

PRESETS: Final[Mapping[str, tuple[float, ...]]] = {
    "quick": (1.0, 4.0, 16.0),
    "standard": (5.0, 30.0, 120.0, 600.0, 2700.0),
    "patient": (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0),
}
"""Seconds before each retry: about 20 seconds, one hour, and 28 hours in all."""

MOST: Final = 20
LONGEST_DELAY: Final = 24 * 3600


def validate_retry(raw: Any) -> str | list[float] | None:
    """Check the name of a preset, or a list of delays in seconds; null means the server's default.

    Raises:
        ValidationError: it is neither.
    """
    if raw is None or (isinstance(raw, str) and raw in PRESETS):
        return raw
    if isinstance(raw, list) and len(raw) <= MOST and all(map(_is_delay, raw)):
        return raw
    raise ValidationError(
        f"Choose {', '.join(PRESETS)}, or up to {MOST} delays in seconds, each at most {LONGEST_DELAY}.",
        attr="retry",
        code="invalid_choice",
    )


def _is_delay(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_DELAY


def delays(retry: str | list[float] | None) -> tuple[float, ...] | None:
    """The delays of a validated setting; None for the server's default."""
    if retry is None:
        return None
    return PRESETS[retry] if isinstance(retry, str) else tuple(map(float, retry))
