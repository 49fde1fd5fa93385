"""Checking how a destination holds back repetitions: masking (once per hash and window) and sampling."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.templating import check

SHORTEST_TTL: Final = 60
LONGEST_TTL: Final = 86_400
SAMPLE_BY: Final = ("event", "person")


def validate_masking(raw: Any) -> dict[str, Any] | None:
    """Check ``{"hash": template, "ttl": seconds, "threshold": count or null}``; null means no masking.

    Raises:
        ValidationError: with an attribute such as ``masking__ttl``.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise ValidationError("Expected a dictionary.", attr="masking", code="invalid")
    if not isinstance(raw.get("hash"), str) or not raw["hash"]:
        raise ValidationError("This field is required.", attr="masking__hash", code="required")
    if raw.get("ttl") is None:
        raise ValidationError("This field is required.", attr="masking__ttl", code="required")
    bounded(raw["ttl"], "masking__ttl", SHORTEST_TTL, LONGEST_TTL)
    if raw.get("threshold") is not None:
        bounded(raw["threshold"], "masking__threshold", 1, 2**31 - 1)
    try:
        check(raw["hash"], "hog")
    except ValidationError as error:
        raise error.under("masking", "hash") from None
    return {"hash": raw["hash"], "ttl": raw["ttl"], "threshold": raw.get("threshold")}


def bounded(value: Any, attr: str, low: int, high: int) -> None:
    """Check a whole number.

    Raises:
        ValidationError: it is none, or it is out of its bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError("A valid integer is required.", attr=attr, code="invalid")
    if value < low:
        raise ValidationError(
            f"Ensure this value is greater than or equal to {low}.", attr=attr, code="min_value"
        )
    if value > high:
        raise ValidationError(
            f"Ensure this value is less than or equal to {high}.", attr=attr, code="max_value"
        )


def validate_sampling(raw: Any) -> dict[str, Any] | None:
    """Check ``{"percentage": 0 < n <= 100, "by": "event" | "person"}``; null means every event.

    By person, the same people are always in the sample; by event (the default) each event has its own chance.

    Raises:
        ValidationError: with an attribute such as ``sampling__percentage``.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise ValidationError("Expected a dictionary.", attr="sampling", code="invalid")
    percentage = raw.get("percentage")
    if isinstance(percentage, bool) or not isinstance(percentage, int | float) or not 0 < percentage <= 100:
        raise ValidationError(
            "Give the percentage of events to deliver, above 0 and up to 100.", attr="sampling__percentage"
        )
    by = raw.get("by", "event")
    if by not in SAMPLE_BY:
        raise ValidationError('Choose "event" or "person".', attr="sampling__by", code="invalid_choice")
    return {"percentage": percentage, "by": by}


def in_sample(
    sampling: Mapping[str, Any], destination_id: str, event_uuid: str, person_id: str | None
) -> bool:
    """Whether an event belongs to a destination's sample. The answer for an event is always the same.

    Args:
        sampling: the validated setting.
        destination_id: so that destinations draw independently of each other.
        event_uuid: the event.
        person_id: whose it is; an event without a person is drawn by itself.
    """
    subject = person_id if sampling["by"] == "person" and person_id else event_uuid
    drawn = hashlib.sha256(f"{destination_id}:{subject}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") / 2**64 * 100 < float(sampling["percentage"])
