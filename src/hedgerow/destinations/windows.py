"""Checking what a destination makes of many events together: a threshold (so many within a time) and a digest (summaries).

Both have a ``key``, a template as masking's ``hash``: events with the same one belong together. Without one all events that
the destination wants do; an empty key is a key like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.masking import bounded
from hedgerow.destinations.templating import check

MOST_COUNTED: Final = 1000
LONGEST_WINDOW: Final = 7 * 86_400
SHORTEST_INTERVAL: Final = 1
LONGEST_INTERVAL: Final = 7 * 86_400
MOST_LISTED: Final = 1000
LISTED: Final = 100

_UNITS: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def validate_threshold(raw: Any) -> dict[str, Any] | None:
    """Check ``{"key": template or null, "count": events, "window": seconds}``; null means no threshold.

    Raises:
        ValidationError: with an attribute such as ``threshold__count``.
    """
    if raw is None:
        return None
    found = _fields("threshold", raw, ("key", "count", "window"), required=("count", "window"))
    bounded(found["count"], "threshold__count", 2, MOST_COUNTED)
    bounded(found["window"], "threshold__window", 1, LONGEST_WINDOW)
    return {"key": _key("threshold", found), "count": found["count"], "window": found["window"]}


def validate_digest(raw: Any) -> dict[str, Any] | None:
    """Check ``{"key": template or null, "interval": seconds, "limit": listed events}``; null means no digest.

    Raises:
        ValidationError: with an attribute such as ``digest__interval``.
    """
    if raw is None:
        return None
    found = _fields("digest", raw, ("key", "interval", "limit"), required=("interval",))
    bounded(found["interval"], "digest__interval", SHORTEST_INTERVAL, LONGEST_INTERVAL)
    limit = LISTED if found.get("limit") is None else found["limit"]
    bounded(limit, "digest__limit", 1, MOST_LISTED)
    return {"key": _key("digest", found), "interval": found["interval"], "limit": limit}


def _fields(name: str, raw: Any, known: tuple[str, ...], *, required: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise ValidationError("Expected a dictionary.", attr=name, code="invalid")
    for field in raw:
        if field not in known:
            near = get_close_matches(str(field), known, 1)
            meant = f"Did you mean {near[0]}?" if near else f"It has {', '.join(known)}."
            raise ValidationError(
                f"A {name} has no field {field!r}. {meant}", attr=f"{name}__{field}", code="unknown_field"
            )
    for field in required:
        if raw.get(field) is None:
            raise ValidationError("This field is required.", attr=f"{name}__{field}", code="required")
    return raw


def _key(name: str, raw: Mapping[str, Any]) -> str | None:
    key = raw.get("key")
    if key is None or key == "":
        return None
    if not isinstance(key, str):
        raise ValidationError("Not a valid string.", attr=f"{name}__key", code="invalid")
    try:
        check(key, "hog")
    except ValidationError as error:
        raise error.under(name, "key") from None
    return key


def window_hash(kind: str, mapping: str, text: str) -> str:
    """What events that belong together have in common, as hexadecimal digits.

    Args:
        kind: ``threshold`` or ``digest``.
        mapping: whose deliveries it is about: each mapping counts and gathers for itself.
        text: the key.
    """
    whole = f"{kind}\0{mapping}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.md5(whole, usedforsecurity=False).hexdigest()


def span(seconds: int) -> str:
    """A length of time in words: ``10 minutes``, ``90 seconds``."""
    size, name = next((size, name) for size, name in _UNITS if seconds % size == 0)
    return f"{seconds // size} {name}{'' if seconds == size else 's'}"
