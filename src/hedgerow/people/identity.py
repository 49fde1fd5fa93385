"""Distinct ids: how they are written as text, which may never be merged, and the uuid of the person they make."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

NAMESPACE = uuid.UUID("932979b4-65c3-4424-8467-0b66ec27bc22")
LONGEST = 200

_ANY_CASE = (
    "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined", "true", "false",
)  # fmt: skip
_EXACT = ("[object Object]", "NaN", "None", "none", "null", "0", "undefined")


def _and_quoted(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(form for word in words for form in (word, f"'{word}'", f'"{word}"'))


_ILLEGAL_ANY_CASE = _and_quoted(_ANY_CASE)
_ILLEGAL_EXACT = _and_quoted(_EXACT)


def person_uuid(project_id: int, distinct_id: str) -> bytes:
    """The uuid of a person first seen under a distinct id, in 16 bytes.

    UUID version 5 of ``<project>:<distinct id>`` in PostHog's own namespace, so that both derive the same id, and an
    event without a person profile can name the person it would make.
    """
    digest = bytearray(
        hashlib.sha1(
            NAMESPACE.bytes + f"{project_id}:{distinct_id}".encode(), usedforsecurity=False
        ).digest()[:16]
    )
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def uuid_text(raw: bytes) -> str:
    """Canonical text of 16 bytes."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_illegal(distinct_id: str) -> bool:
    """Whether an id is so likely a bug of the sender that nothing may be merged by it.

    The list is PostHog's: blank ids and what programs print for a value that is not there.
    """
    return (
        not distinct_id.strip() or distinct_id in _ILLEGAL_EXACT or distinct_id.lower() in _ILLEGAL_ANY_CASE
    )


def as_distinct_id(value: Any) -> str:
    """A JSON value as the distinct id that capture would have made of it: text without NUL, at most 200 characters."""
    return as_text(value).replace("\0", "\ufffd")[:LONGEST]


def as_text(value: Any) -> str:
    """A JSON value as JavaScript's ``String`` writes it, which is what PostHog files ids and group keys under."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, list):
        return ",".join("" if item is None else as_text(item) for item in value)
    return "[object Object]" if isinstance(value, dict) else str(value)
