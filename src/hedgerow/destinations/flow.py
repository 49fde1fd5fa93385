"""Checking how fast, and in which order, a destination may be delivered to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError

SLOWEST: Final = 1 / 3600
FASTEST: Final = 10_000


ORDERINGS: Final = ("distinct_id", "person")


def validate_ordering(raw: Any) -> str | None:
    """Check ``distinct_id`` or ``person``; null means that order does not matter.

    Raises:
        ValidationError: it is neither.
    """
    if raw is None or (isinstance(raw, str) and raw in ORDERINGS):
        return raw
    raise ValidationError('Choose "distinct_id" or "person".', attr="ordering", code="invalid_choice")


def validate_rate_limit(raw: Any) -> dict[str, float] | None:
    """Check ``{"per_second": deliveries}``; null means as fast as the destination's answers allow.

    Raises:
        ValidationError: with an attribute such as ``rate_limit__per_second``.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise ValidationError("Expected a dictionary.", attr="rate_limit", code="invalid")
    for name in raw:
        if name != "per_second":
            raise ValidationError(
                f"A rate limit has no field {name!r}.", attr=f"rate_limit__{name}", code="unknown_field"
            )
    rate = raw.get("per_second")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not SLOWEST <= rate <= FASTEST:
        raise ValidationError(
            f"Give the deliveries per second, from one an hour ({SLOWEST:.5f}) up to {FASTEST}.",
            attr="rate_limit__per_second",
        )
    return {"per_second": rate}
