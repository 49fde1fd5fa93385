"""Reading the ledger: what people ask of it. Nothing here changes a row.

Delivery ids begin with the time of capture, so newest first is a walk backwards along the primary key, a stretch of time is a
stretch of it, and a page ends with an id from which the next one goes on. Everything else that can be asked for has an index in
which ids stand in the same order; only a search for text reads rows one by one.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from hedgerow.delivery.invocation import FINAL, OPEN
from hedgerow.delivery.state import unpack_globals
from hedgerow.store import Connection

COLUMNS = (
    "id", "destination_id", "revision", "mapping", "run", "partition", "position", "event_uuid", "event",
    "distinct_id", "verdict", "kind", "error", "attempts", "status", "duration_ms", "captured_at", "created_at",
    "updated_at", "next_at",
)  # fmt: skip
CARRIER = "(SELECT c.carrier_id FROM delivery_carriers c WHERE c.delivery_id = deliveries.id)"
SELECT = f"SELECT {', '.join(COLUMNS)}, {CARRIER} FROM deliveries WHERE project_id = :project "  # noqa: S608 - our own names
ALL = SELECT.replace("project_id = ", "+project_id = ")
PAGE = " ORDER BY id DESC LIMIT :limit"
UPWARDS = " ORDER BY id LIMIT :limit"
ATTEMPTS = """
SELECT number, ordinal, at, duration_ms, method, url, status, error, request, response
FROM delivery_attempts WHERE delivery_id = ? ORDER BY number
"""
PAYLOAD = "SELECT globals FROM delivery_payloads WHERE partition = ? AND position = ?"

# How each condition of a search reads in SQL.
CONDITIONS = {
    "destination": "destination_id = :destination",
    "kind": "kind = :kind",
    "status": "status = :status",
    "status_class": "status BETWEEN :status_class * 100 AND :status_class * 100 + 99",
    "event": "event = :event",
    "event_uuid": """(
        id IN (SELECT d.id FROM event_index e JOIN deliveries d USING (partition, position)
               WHERE e.uuid = :event_uuid AND d.event_uuid = :event_uuid)
        OR id IN (SELECT id FROM deliveries WHERE verdict = 'duplicate' AND event_uuid = :event_uuid)
    )""",
    "distinct_ids": "distinct_id IN (SELECT value FROM json_each(:distinct_ids))",
    "after": "id >= :after",
    "before": "id < :before",
    "text": """(
        instr(lower(coalesce(error, '')), :text) OR instr(lower(event), :text) OR instr(lower(distinct_id), :text)
        OR verdict <> 'delivered' AND EXISTS (
            SELECT 1 FROM delivery_attempts a
            WHERE a.delivery_id = deliveries.id AND instr(lower(CAST(a.response AS TEXT)), :text)
        )
    )""",
    # The second condition is for the planner: the index leaves out what belongs to no run.
    "run": "run IN (:run, :run || '/original') AND run <> ''",
    "carrier": "id IN (SELECT delivery_id FROM delivery_carriers WHERE carrier_id = :carrier)",
    "cursor": "id < :cursor",
    "behind": "id > :behind",
}
# What an index leaves out must be left out in so many words for SQLite to use it.
UNUSUAL_VERDICT = "verdict <> 'delivered'"
UNUSUAL_STATUS = "status >= 300"
USUAL = 3
# Ids of several statuses stand in no order together: sorting them alone is much less than sorting their rows.
UNUSUAL_CLASS = f"""id IN (
    SELECT id FROM deliveries WHERE project_id = :project AND {CONDITIONS["status_class"]} AND {UNUSUAL_STATUS}
)"""  # noqa: S608 - our own words
INDEXED = {CONDITIONS[name] for name in ("kind", "event", "distinct_ids")}
LATEST = 2**48 - 1


@dataclass(frozen=True, slots=True)
class Search:
    """Which deliveries; None or empty means any.

    Attributes:
        destination: id bytes.
        verdicts: any of these.
        kind: of a failure.
        status: HTTP status of the last response.
        status_class: its first digit.
        event: name of the event.
        event_uuid: id bytes of the event.
        distinct_ids: any of these (all those of one person).
        after: captured later than this, milliseconds.
        before: captured earlier than this.
        text: part of the error, the event's name, the distinct id or a response that was a failure, in any case.
        run: of this run: the id of a re-run or replay.
        carrier: in the summary of this delivery.
        cursor: go on behind this delivery.
        behind: oldest first, behind this delivery.
        limit: at most so many.
    """

    destination: bytes | None = None
    verdicts: Sequence[str] = ()
    kind: str | None = None
    status: int | None = None
    status_class: int | None = None
    event: str | None = None
    event_uuid: bytes | None = None
    distinct_ids: Sequence[str] | None = None
    after: int | None = None
    before: int | None = None
    text: str | None = None
    run: str | None = None
    carrier: bytes | None = None
    cursor: bytes | None = None
    behind: bytes | None = None
    limit: int = 100

    def parameters(self) -> dict[str, Any]:
        """The conditions that are set, as values for the statement."""
        ids = self.distinct_ids
        raw = {
            "destination": self.destination,
            "kind": self.kind,
            "status": self.status,
            "status_class": self.status_class,
            "event": self.event,
            "event_uuid": self.event_uuid,
            "distinct_ids": None if ids is None else orjson.dumps(list(ids)).decode(),
            "after": None if self.after is None else _first_at(self.after + 1),
            "before": None if self.before is None else _first_at(self.before),
            "text": self.text.lower() if self.text else None,
            "run": self.run,
            "carrier": self.carrier,
            "cursor": self.cursor,
            "behind": self.behind,
        }
        return {name: value for name, value in raw.items() if value is not None}

    def statement(self) -> str:
        """The SELECT that finds them."""
        where = [CONDITIONS[name] for name in self.parameters()]
        if (self.status_class or 0) >= USUAL:
            where[where.index(CONDITIONS["status_class"])] = UNUSUAL_CLASS
        if self.verdicts:
            where.append(f"verdict IN ({', '.join(map(_quoted, self.verdicts))})")
            where += [UNUSUAL_VERDICT] if "delivered" not in self.verdicts else []
        if (self.status or 0) // 100 >= USUAL:
            where.append(UNUSUAL_STATUS)
        if INDEXED.isdisjoint(where) and UNUSUAL_STATUS not in where and UNUSUAL_VERDICT not in where:
            # The plus keeps SQLite from going through all of a project along an index that begins with it, and sorting that.
            return ALL + "".join(f" AND {condition}" for condition in where) + self._order
        return SELECT + "".join(f" AND {condition}" for condition in where) + self._order

    @property
    def _order(self) -> str:
        return PAGE if self.behind is None else UPWARDS


def _first_at(ms: int) -> bytes:
    """What no id of a delivery that was captured at that moment or later is below."""
    return (max(0, min(ms, LATEST)) << 80).to_bytes(16, "big")


def _quoted(verdict: str) -> str:
    """A verdict as a literal: the choice of an index must not wait for a parameter.

    Raises:
        ValueError: there is no such verdict.
    """
    if verdict not in FINAL | OPEN:
        raise ValueError(verdict)
    return f"'{verdict}'"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the ledger as it is read: times in milliseconds, ids as canonical text.

    ``carrier`` is the delivery that carries its event in a summary: itself, where it is the one that is sent.
    """

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
    carrier: str | None


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
    values = {**wanted.parameters(), "project": project_id, "limit": wanted.limit}
    return [_delivery(row) for row in connection.execute(wanted.statement(), values)]


def find(connection: Connection, project_id: int, delivery_id: bytes) -> Delivery | None:
    """One delivery of a project, or None."""
    row = connection.execute(SELECT + " AND id = :id", {"project": project_id, "id": delivery_id}).fetchone()
    return _delivery(row) if row else None


def details(connection: Connection, project_id: int, delivery_id: bytes) -> Details | None:
    """One delivery with its requests and the event's globals, or None."""
    delivery = find(connection, project_id, delivery_id)
    if delivery is None:
        return None
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
    named = dict(zip((*COLUMNS, "carrier"), row, strict=True))
    for name in ("id", "destination_id", "event_uuid", "carrier"):
        named[name] = named[name] and str(uuid.UUID(bytes=named[name]))
    return Delivery(**named)


def _request(row: Sequence[Any]) -> Request:
    *plain, request, response = row
    return Request(*plain, _text(request), _text(response))  # type: ignore[call-arg]


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
