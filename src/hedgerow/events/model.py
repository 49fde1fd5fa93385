"""An event as every room knows it, and the form in which the log keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

FORMAT = 1


@dataclass(slots=True)
class Event:
    """One accepted event, decoded and normalised by capture.

    Attributes:
        uuid: lower-case canonical UUID text, the sender's or ours.
        event: the name, at most 200 characters.
        distinct_id: at most 200 characters, never empty.
        properties: as sent, with a top-level ``$set``/``$set_once``/``$unset`` merged in, ``$ip`` added, ``token`` and
            ``distinct_id`` left as they were sent.
        timestamp: ISO-8601 UTC with milliseconds (``2026-01-02T03:04:05.678Z``), corrected for clock skew.
        captured_at: when the server accepted it, milliseconds since the epoch.
        internal: Hedgerow itself tells this about itself; capture never sets it, whatever was sent.
    """

    uuid: str
    event: str
    distinct_id: str
    properties: dict[str, Any] = field(default_factory=dict)
    timestamp: str = ""
    captured_at: int = 0
    internal: bool = False

    def encode(self) -> bytes:
        """The bytes the log keeps: JSON with a format version, readable without this program."""
        values = {
            "v": FORMAT,
            "uuid": self.uuid,
            "event": self.event,
            "distinct_id": self.distinct_id,
            "timestamp": self.timestamp,
            "properties": self.properties,
        }
        return orjson.dumps({**values, "internal": True} if self.internal else values)


# Drafts and records are made for every event, so that they are tuples: a frozen dataclass takes three times as long.


class Draft(NamedTuple):
    """What capture gives to the log: the log chooses partition and position."""

    project_id: int
    distinct_id: str
    captured_at: int
    payload: bytes


class Record(NamedTuple):
    """One event in the log. ``position`` grows within its partition but may leave gaps."""

    partition: int
    position: int
    project_id: int
    captured_at: int
    payload: bytes

    @property
    def erased(self) -> bool:
        """Whether the event was deleted; its place stays, so that positions keep their meaning."""
        return self.payload == TOMBSTONE

    def decode(self) -> Event:
        """The event in it."""
        raw = orjson.loads(self.payload)
        return Event(
            raw["uuid"],
            raw["event"],
            raw["distinct_id"],
            raw["properties"],
            raw["timestamp"],
            self.captured_at,
            raw.get("internal", False),
        )


# What stands in the place of an event that was deleted. It decodes like any other, for readers that look no closer.
TOMBSTONE = Event(
    "00000000-0000-0000-0000-000000000000", "$erased", "", {}, "1970-01-01T00:00:00.000Z"
).encode()


def written(distinct_id: str) -> bytes:
    """Bytes that every encoded event of a distinct id has in it; others may have them too."""
    return b'"distinct_id":' + orjson.dumps(distinct_id)


def partition_key(project_id: int, distinct_id: str) -> bytes:
    """Events with the same key keep their order."""
    return f"{project_id}:{distinct_id}".encode("utf-8", "surrogatepass")
