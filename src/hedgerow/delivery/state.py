"""How the state of an open invocation is kept: a version byte, then sealed JSON.

The journal holds answers of vendors, which may hold secrets, so it is encrypted; globals are the event and the person
as the people tables hold them, so they are only packed. One version back can always be read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from hedgerow.delivery.invocation import Invocation
from hedgerow.hog.host import JournalEntry

VERSION = b"\x01"


class Sealer(Protocol):
    """Encrypts and decrypts bytes at rest."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt; only ``open`` with the same context gives it back."""

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt."""


def dumps(value: Any) -> bytes:
    """JSON bytes; integers past 64 bits and lone surrogates, which Hog can hold, survive."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode("utf-8")


def loads(data: bytes) -> Any:
    """What ``dumps`` wrote."""
    try:
        return orjson.loads(data)
    except ValueError:
        return json.loads(data)


def pack_journal(invocation: Invocation, sealer: Sealer) -> bytes | None:
    """The resumable part of an invocation, or None when there is nothing to resume from."""
    if not invocation.journal and not invocation.tries and not invocation.printed:
        return None
    entries = [[e.site, e.ordinal, e.result, list(e.clock)] for e in invocation.journal]
    return VERSION + sealer.seal(
        dumps({"journal": entries, "tries": invocation.tries, "printed": invocation.printed}),
        context(invocation.id),
    )


def unpack_journal(data: bytes | None, owner: bytes, sealer: Sealer) -> tuple[list[JournalEntry], int, int]:
    """Completed calls, tries of the call that was under way, and how many printed lines are logged already."""
    if not data:
        return [], 0, 0
    if data[:1] != VERSION:
        raise ValueError(
            f"This row was written by a newer release (state format {data[0]}): upgrade to run it."
        )
    state = loads(sealer.open(data[1:], context(owner)))
    entries = [
        JournalEntry(site, ordinal, result, tuple(clock)) for site, ordinal, result, clock in state["journal"]
    ]
    return entries, state["tries"], state["printed"]


def pack_globals(values: Mapping[str, Any]) -> bytes:
    """The frozen globals of an event, shared by its rows."""
    return VERSION + zlib.compress(dumps(values), 1)


def unpack_globals(data: bytes) -> dict[str, Any]:
    """What ``pack_globals`` packed."""
    if data[:1] != VERSION:
        raise ValueError(
            f"This event was kept by a newer release (state format {data[0]}): upgrade to read it."
        )
    values: dict[str, Any] = loads(zlib.decompress(data[1:]))
    return values


def context(owner: bytes) -> str:
    """What a journal is bound to: it opens only as the journal of its own delivery."""
    return f"journal:{owner.hex()}"
