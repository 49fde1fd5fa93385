"""How a destination's requests are made where its program does not say: time limits and redirects, and how many they may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError

LONGEST_S: Final = 60.0
"""Most seconds that one request may take, whoever asks for it: so long a place in a lane is taken."""

MOST_CALLS: Final = 20
"""Most fetches that the owner of a destination may allow one run."""
MOST_DECLARED: Final = 5
"""Most fetches that a template may say it needs."""

_SECONDS: Final = ("timeout", "connect_timeout")
_FIELDS: Final = (*_SECONDS, "follow_redirects", "calls")


def validate_fetch(raw: Any) -> dict[str, Any] | None:
    """Check ``{"timeout", "connect_timeout", "follow_redirects", "calls"}``; what is absent, and null, means the server's defaults.

    Raises:
        ValidationError: with an attribute such as ``fetch__timeout``.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise ValidationError("Expected a dictionary.", attr="fetch", code="invalid")
    for name, value in raw.items():
        if name not in _FIELDS:
            raise ValidationError(
                f"Known are {', '.join(_FIELDS)}.", attr=f"fetch__{name}", code="unknown_field"
            )
        if name in _SECONDS and not is_seconds(value):
            raise ValidationError(
                f"Give seconds, above 0 and up to {LONGEST_S:g}.", attr=f"fetch__{name}", code="invalid"
            )
        if name == "calls" and not is_count(value, MOST_CALLS):
            raise ValidationError(
                f"Give a whole number from 1 to {MOST_CALLS}.", attr="fetch__calls", code="invalid"
            )
        if name == "follow_redirects" and not isinstance(value, bool):
            raise ValidationError("Must be a valid boolean.", attr=f"fetch__{name}", code="invalid")
    return dict(raw) or None


def is_seconds(value: Any) -> bool:
    """Whether a value is a time limit that can be kept."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_S


def is_count(value: Any, most: int) -> bool:
    """Whether a value is a number of calls that may be allowed."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def allowed_calls(asked: Mapping[str, Any] | None, declared: int | None, usual: int) -> int:
    """How many fetches one run may make.

    Args:
        asked: the destination's ``fetch``, whose owner has the last word.
        declared: what its template says it needs.
        usual: what every destination may.
    """
    if asked and "calls" in asked:
        return int(asked["calls"])
    return max(usual, declared or 0)
