"""Reading the ledger: what people ask of it. Nothing here changes a row.

Delivery ids are time-ordered, so newest first is a walk backwards along the primary key, and a page ends with an id from
which the next one goes on.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from hedgerow.delivery.state import unpack_globals
from hedgerow.store import Connection

COLUMNS = (
    "id", "destination_id", "revision", "mapping", "run", "partition", "position", "event_uuid", "event",
    "distinct_id", "verdict", "kind", "error", "attempts", "status", "duration_ms", "captured_at", "created_at",
    "updated_at", "next_at",
)  # fmt: skip
SELECT = f"SELECT {', '.join(COLUMNS)} FROM deliveries WHERE project_id = :project "  # noqa: S608 - our own names
PAGE = " ORDER BY id DESC LIMIT :limit"
ATTEMPTS = """
SELECT number, ordinal, at, duration_ms, method, url, status, error, request, response
FROM delivery_attempts WHERE delivery_id = ? ORDER BY number
"""
PAYLOAD = "SELECT globals FROM delivery_payloads WHERE partition = ? AND position = ?"

# How each condition of a search reads in SQL.
CONDITIONS = {
    "destination": "destination_id = :destination",
    "verdicts": "verdict IN (SELECT value FROM json_each(:verdicts))",
    "kind": "kind = :kind",
    "status": "status = :status",
    "event": "event = :event",
    "event_uuid": "event_uuid = :event_uuid",
    "distinct_ids": "distinct_id IN (SELECT value FROM json_each(:distinct_ids))",
    "after": "captured_at > :after",
    "before": "captured_at < :before",
    "text": "(instr(lower(coalesce(error, '')), :text) OR instr(lower(event), :text) OR instr(lower(distinct_id), :text))",
    "cursor": "id < :cursor",
}


@dataclass(frozen=True, slots=True)
class Search:
    """Which deliveries; None or empty means any.

    Attributes:
        destination: id bytes.
        verdicts: any of these.
        kind: of a failure.
        status: HTTP status of the last response.
        event: name of the event.
        event_uuid: id bytes of the event.
        distinct_ids: any of these (all those of one person).
        after: captured later than this, milliseconds.
        before: captured earlier than this.
        text: part of the error, the event's name or the distinct id, in any case.
        cursor: go on behind this delivery.
        limit: at most so many.
    """

    destination: bytes | None = None
    verdicts: Sequence[str] = ()
    kind: str | None = None
    status: int | None = None
    event: str | None = None
    event_uuid: bytes | None = None
    distinct_ids: Sequence[str] | None = None
    after: int | None = None
    before: int | None = None
    text: str | None = None
    cursor: bytes | None = None
    limit: int = 100

    def parameters(self) -> dict[str, Any]:
        """The conditions that are set, as values for the statement."""
        lowered = self.text.lower() if self.text else None
        raw = {
            "destination": self.destination,
            "verdicts": orjson.dumps(list(self.verdicts)).decode() if self.verdicts else None,
            "kind": self.kind,
            "status": self.status,
            "event": self.event,
            "event_uuid": self.event_uuid,
            "distinct_ids": None
            if self.distinct_ids is None
            else orjson.dumps(list(self.distinct_ids)).decode(),
            "after": self.after,
            "before": self.before,
            "text": lowered,
            "cursor": self.cursor,
        }
        return {name: value for name, value in raw.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the ledger as it is read: times in milliseconds, ids as canonical text."""

    id: str
    destination_id: str
    revision: int
    mapping: str
    run: str
    partition: int
    position: int
    event_uuid: str
    event: str
    distinct_id: str
    verdict: str
    kind: str | None
    error: str | None
    attempts: int
    status: int | None
    duration_ms: int | None
    captured_at: int
    created_at: int
    updated_at: int
    next_at: int | None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request that a delivery made, as the ledger kept it: redacted and capped."""

    number: int
    ordinal: int
    at: int
    duration_ms: int
    method: str
    url: str
    status: int | None
    error: str | None
    request: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class Details:
    """All that the ledger knows of one delivery; ``globals`` is empty when they were not kept."""

    delivery: Delivery
    requests: list[Request] = field(default_factory=list)
    globals: dict[str, Any] = field(default_factory=dict)


def search(connection: Connection, project_id: int, wanted: Search) -> list[Delivery]:
    """Deliveries of a project, newest first."""
    given = wanted.parameters()
    where = "".join(f" AND {CONDITIONS[name]}" for name in given)
    values = {**given, "project": project_id, "limit": wanted.limit}
    return [_delivery(row) for row in connection.execute(SELECT + where + PAGE, values)]


def details(connection: Connection, project_id: int, delivery_id: bytes) -> Details | None:
    """One delivery with its requests and the event's globals, or None."""
    row = connection.execute(SELECT + " AND id = :id", {"project": project_id, "id": delivery_id}).fetchone()
    if row is None:
        return None
    delivery = _delivery(row)
    requests = [_request(attempt) for attempt in connection.execute(ATTEMPTS, (delivery_id,))]
    kept = connection.execute(PAYLOAD, (delivery.partition, delivery.position)).fetchone()
    return Details(delivery, requests, unpack_globals(kept[0]) if kept else {})


def of_event(
    connection: Connection, project_id: int, event_uuid: bytes, partition: int, position: int
) -> list[Delivery]:
    """What became of one record: its deliveries in the order they were made."""
    where = " AND partition = :partition AND position = :position AND event_uuid = :uuid ORDER BY id"
    values = {"project": project_id, "partition": partition, "position": position, "uuid": event_uuid}
    return [_delivery(row) for row in connection.execute(SELECT + where, values)]


def _delivery(row: Sequence[Any]) -> Delivery:
    named = dict(zip(COLUMNS, row, strict=True))
    for name in ("id", "destination_id", "event_uuid"):
        named[name] = str(uuid.UUID(bytes=named[name]))
    return Delivery(**named)


def _request(row: Sequence[Any]) -> Request:
    *plain, request, response = row
    return Request(*plain, _text(request), _text(response))  # type: ignore[call-arg]


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
