"""Deliveries that wait for their run's turn: rows of the ledger, ``scheduled`` without a time.

They become ``running`` when the owner of their partition takes them, and are from then on like all others: what a crash leaves of
them, the next owner finds due. All functions are parts of a transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hedgerow.delivery import gathering, ledger
from hedgerow.delivery.claims import Claim
from hedgerow.delivery.identity import delivery_id
from hedgerow.delivery.invocation import FINAL, Invocation
from hedgerow.delivery.settler import METRICS, UNTRIGGERED
from hedgerow.delivery.state import Sealer
from hedgerow.replay.runs import Run
from hedgerow.store import Connection
from hedgerow.telemetry import Batch, put

ADD = """
INSERT INTO deliveries (
    id, project_id, destination_id, revision, mapping, run, partition, position, event_uuid, event, distinct_id,
    verdict, kind, error, captured_at, created_at, updated_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING RETURNING 1
"""
# For all that begins together one statement each: between two steps of a statement the event loop may have the interpreter, and whoever
# wants to write waits until it gives it back.
FREE = """
SELECT json_group_array(j.key) FROM json_each(:rows) AS j CROSS JOIN event_index AS e
ON e.partition = j.value ->> 'partition' AND e.position = j.value ->> 'position'
WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE id = unhex(j.value ->> 'id'))
"""
BEGIN = """
INSERT INTO deliveries (
    id, project_id, destination_id, revision, mapping, run, partition, position, event_uuid, event, distinct_id,
    verdict, captured_at, created_at, updated_at, next_at
)
SELECT unhex(j.value ->> 'id'), :project, :owner, :revision, :mapping, :run, e.partition, e.position, e.uuid, e.event, e.distinct_id,
    'running', e.captured_at, :now, :now, :now
FROM json_each(:rows) AS j CROSS JOIN event_index AS e
ON e.partition = j.value ->> 'partition' AND e.position = j.value ->> 'position'
"""
KEEP = """
INSERT INTO delivery_payloads (partition, position, globals)
SELECT value ->> 'partition', value ->> 'position', unhex(value ->> 'payload') FROM json_each(:rows)
WHERE value ->> 'payload' IS NOT NULL ON CONFLICT DO NOTHING
"""
HAS_PAYLOAD = "SELECT 1 FROM delivery_payloads WHERE partition = ? AND position = ?"
# One seek per destination, however much waits.
OWNERS = """
WITH RECURSIVE one (id) AS (
    SELECT min(destination_id) FROM deliveries WHERE run = :run AND run <> '' AND verdict = :verdict
    UNION ALL
    SELECT (SELECT min(destination_id) FROM deliveries
            WHERE run = :run AND run <> '' AND verdict = :verdict AND destination_id > one.id)
    FROM one WHERE one.id IS NOT NULL
)
SELECT id FROM one WHERE id IS NOT NULL
"""
# A summary waits until everything that belongs into it is selected: until the run has come as far in the log.
MINE = "run = ? AND run <> '' AND verdict = 'scheduled' AND destination_id = ? AND partition = ? AND next_at IS NULL"
MINE += (
    " AND NOT EXISTS (SELECT 1 FROM delivery_windows w WHERE w.carrier_id = deliveries.id AND w.until > ?)"
)
COUNT = f"SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE {MINE} LIMIT ?)"  # noqa: S608 - our own names
FIRST = f"SELECT id FROM deliveries WHERE {MINE} ORDER BY id LIMIT ?"  # noqa: S608
# Those of the same millisecond: ids begin with it, and have no order within it.
BESIDE = f"SELECT id FROM deliveries WHERE {MINE} AND id > ? AND id < ?"  # noqa: S608
ROWS = f"""
SELECT {ledger.OPEN_COLUMNS}
FROM deliveries d LEFT JOIN delivery_payloads p ON p.partition = d.partition AND p.position = d.position
WHERE d.id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY d.captured_at, d.partition, d.position
"""  # noqa: S608
TAKE = """
UPDATE deliveries SET verdict = 'running', next_at = ?, revision = ?, mapping = ?
WHERE id = ? AND verdict = 'scheduled' AND next_at IS NULL RETURNING 1
"""
RELEASE = """
UPDATE deliveries SET next_at = ?, revision = ?, mapping = ?, sequence = ?
WHERE id = ? AND verdict = 'scheduled' AND next_at IS NULL RETURNING 1
"""
END = """
UPDATE deliveries SET verdict = ?, kind = ?, error = ?, updated_at = ?, next_at = NULL, journal = NULL
WHERE id = ? AND verdict IN ('scheduled', 'retrying') RETURNING destination_id
"""
CANCELLABLE = """
SELECT id FROM deliveries WHERE run = ? AND run <> '' AND verdict IN ('scheduled', 'retrying')
AND destination_id = ? AND partition = ? LIMIT ?
"""
FORGET_PAYLOADS = """
DELETE FROM delivery_payloads WHERE rowid IN (
    SELECT p.rowid FROM json_each(?) AS j CROSS JOIN delivery_payloads AS p
    ON p.partition = j.value ->> 0 AND p.position = j.value ->> 1
    WHERE NOT EXISTS (
        SELECT 1 FROM deliveries d WHERE d.partition = p.partition AND d.position = p.position
        AND d.verdict NOT IN ('delivered', 'duplicate', 'masked', 'counted')
    )
)
"""
NEVER: Final = 0
"""The revision of a delivery for which no filter has been asked yet."""


@dataclass(frozen=True, slots=True)
class Item:
    """One event that a run wants to bring to a destination.

    Attributes:
        destination_id: whose.
        revision: that wanted it; ``NEVER`` where that is to be found out.
        mapping: which mapping.
        partition: where the event's record is.
        position: likewise.
        event_uuid: 16 bytes.
        event: its name.
        distinct_id: under which it was sent.
        captured_at: milliseconds.
        payload: what the program is to see, packed; None where the ledger has it already.
        globals: the same, unpacked, where that is known.
        carrier: the delivery that carried the events of others, where this runs that one again.
        claim: what a replay has to ask about it before it may wait for its turn.
        verdict: what that said, when it is not to be sent; ``error`` has the reason.
        kind: why it fails at once, None when it does not.
        error: the same for people.
    """

    destination_id: bytes
    revision: int
    mapping: str
    partition: int
    position: int
    event_uuid: bytes
    event: str
    distinct_id: str
    captured_at: int
    payload: bytes | None = None
    kind: str | None = None
    error: str | None = None
    carrier: bytes | None = None
    claim: Claim | None = None
    verdict: str | None = None
    globals: Mapping[str, Any] | None = None

    @property
    def cursor(self) -> tuple[int, int, int]:
        """Where its event stands in the order of capture."""
        return self.captured_at, self.partition, self.position

    def id(self, run: str) -> bytes:
        """Of its delivery in a run of that name."""
        return delivery_id(self.captured_at, self.event_uuid, self.destination_id, self.mapping, run)

    def invocation(self, project_id: int, run: str, identity: bytes, now: int) -> Invocation:
        """What runs for it, made at some time; only where ``globals`` are known."""
        assert self.globals is not None
        return Invocation(
            id=identity, project_id=project_id, destination_id=self.destination_id, revision=self.revision,
            mapping=self.mapping, run=run, partition=self.partition, position=self.position,
            event_uuid=self.event_uuid, event=self.event, distinct_id=self.distinct_id, captured_at=self.captured_at,
            created_at=now, globals=self.globals, fresh=False,
        )  # fmt: skip


def add(connection: Connection, run: Run, items: Iterable[Item], now: int) -> int:
    """Let items wait for their turn, or fail at once; what the run has already is left alone.

    Returns:
        How many were new.
    """
    telemetry, new, name = Batch(), 0, run.name
    for item in items:
        verdict = "failed" if item.kind else item.verdict or "scheduled"
        identity = item.id(name)
        row = (
            identity, run.project_id, item.destination_id, item.revision, item.mapping, name, item.partition,
            item.position, item.event_uuid, item.event, item.distinct_id, verdict, item.kind, item.error,
            item.captured_at, now, now,
        )  # fmt: skip
        if connection.execute(ADD, row).fetchone() is None:
            continue
        new += 1
        if verdict not in UNTRIGGERED:
            telemetry.count(run.project_id, item.destination_id, now, "other", "triggered")
        if item.verdict:
            telemetry.count(run.project_id, item.destination_id, now, *METRICS[item.verdict])
        if item.kind:
            telemetry.count(run.project_id, item.destination_id, now, *METRICS["failed"])
            telemetry.line(run.project_id, item.destination_id, identity, now, "error", item.error or "")
        if item.carrier is not None:
            connection.execute(gathering.CARRY_AGAIN, (identity, item.carrier))
        if item.payload is not None:
            connection.execute(ledger.PAYLOAD, (item.partition, item.position, item.payload))
    if telemetry:
        put(connection, telemetry)
    return new


def begin(connection: Connection, run: Run, items: Sequence[Item], now: int) -> list[Invocation]:
    """Take events of the index at once, without waiting: they are running from now on. What the run has already is left alone.

    Args:
        connection: inside a writing transaction.
        run: a replay.
        items: of one destination and revision.
        now: milliseconds.

    Returns:
        What is to run.
    """
    begun = [
        invocation
        for mapping in dict.fromkeys(item.mapping for item in items)
        for invocation in _begin(connection, run, [item for item in items if item.mapping == mapping], now)
    ]
    if begun:
        telemetry = Batch()
        telemetry.count(run.project_id, begun[0].destination_id, now, "other", "triggered", len(begun))
        put(connection, telemetry)
    return begun


def _begin(connection: Connection, run: Run, items: Sequence[Item], now: int) -> list[Invocation]:
    """The same for one mapping."""
    name = run.name
    ids = [item.id(name) for item in items]
    rows = [_to_begin(item, identity) for item, identity in zip(items, ids, strict=True)]
    free: list[int] = orjson.loads(str(connection.execute(FREE, {"rows": _json(rows)}).get))
    first = items[0]
    given = {
        "rows": _json([rows[number] for number in free]), "project": run.project_id, "owner": first.destination_id,
        "revision": first.revision, "mapping": first.mapping, "run": name, "now": now,
    }  # fmt: skip
    connection.execute(BEGIN, given)
    connection.execute(KEEP, {"rows": given["rows"]})
    return [items[number].invocation(run.project_id, name, ids[number], now) for number in free]


def _to_begin(item: Item, identity: bytes) -> dict[str, Any]:
    return {
        "id": identity.hex(),
        "partition": item.partition,
        "position": item.position,
        "payload": item.payload and item.payload.hex(),
    }


def _json(rows: Sequence[Any]) -> str:
    return orjson.dumps(rows).decode()


def has_payload(connection: Connection, partition: int, position: int) -> bool:
    """Whether the ledger has kept what programs saw of an event."""
    return connection.execute(HAS_PAYLOAD, (partition, position)).fetchone() is not None


def owners(connection: Connection, run: Run, verdict: str = "scheduled") -> list[bytes]:
    """Destinations for which something of a run waits, for its turn or (``retrying``) for another attempt."""
    return [row[0] for row in connection.execute(OWNERS, {"run": run.name, "verdict": verdict})]


def count(
    connection: Connection, run: Run, owner: bytes, partitions: Iterable[int], most: int, reached: int
) -> int:
    """How many wait in some partitions and may go; counting ends at ``most`` in each."""
    return sum(
        int(connection.execute(COUNT, (run.name, owner, partition, reached, most)).get or 0)
        for partition in partitions
    )


def first(
    connection: Connection,
    run: Run,
    owner: bytes,
    *,
    partitions: Sequence[int],
    limit: int,
    sealer: Sealer,
    reached: int,
) -> tuple[list[Invocation], list[bytes]]:
    """The oldest that wait, of each partition about as many, in the order of capture; they still wait afterwards.

    Args:
        connection: inside a transaction.
        run: which.
        owner: the destination.
        partitions: those that we own.
        limit: about how many.
        sealer: opens the journals.
        reached: up to which capture the run has selected; summaries that end later may still grow.

    Returns:
        Those that can run, and the ids of those whose event is nowhere any more.
    """
    each = -(-limit // max(1, len(partitions)))
    ids = [
        identity.hex()
        for partition in partitions
        for identity in _first_of(connection, (run.name, owner, partition, reached), each)
    ]
    chosen = orjson.dumps(ids).decode()
    rows: list[Any] = connection.execute(ROWS, (chosen,)).fetchall()
    lost = [row[0] for row in rows if _is_lost(row)]
    return [ledger.invocation_of(row, sealer) for row in rows if not _is_lost(row)], lost


def _first_of(connection: Connection, mine: tuple[str, bytes, int, int], limit: int) -> list[bytes]:
    ids: list[bytes] = [row[0] for row in connection.execute(FIRST, (*mine, limit))]
    if len(ids) == limit:
        end = (int.from_bytes(ids[-1][:6], "big") + 1).to_bytes(6, "big") + bytes(10)
        ids += [row[0] for row in connection.execute(BESIDE, (*mine, ids[-1], end))]
    return ids


def _is_lost(row: Sequence[Any]) -> bool:
    """Whether the event of a row is nowhere any more. What carries others may still have theirs."""
    *_, carrier, globals_ = row
    return globals_ is None and carrier is None


def take(connection: Connection, invocation: Invocation, now: int) -> bool:
    """Take one that waits: it is running from now on. False when somebody cancelled it meanwhile."""
    given = (now, invocation.revision, invocation.mapping, invocation.id)
    return connection.execute(TAKE, given).fetchone() is not None


def release(connection: Connection, invocation: Invocation, now: int) -> bool:
    """Let the lane take one when it is its turn in its sequence. False when somebody cancelled it meanwhile."""
    i = invocation
    return connection.execute(RELEASE, (now, i.revision, i.mapping, i.sequence, i.id)).fetchone() is not None


def end(
    connection: Connection,
    run: Run,
    ids: Iterable[bytes],
    verdict: str,
    *,
    now: int,
    error: str,
    kind: str | None = None,
) -> int:
    """Give some of what waits its verdict; answers how many there were."""
    assert verdict in FINAL
    telemetry, ended = Batch(), 0
    for identity in ids:
        row = connection.execute(END, (verdict, kind, error, now, identity)).fetchone()
        if row is not None:
            ended += 1
            telemetry.count(run.project_id, row[0], now, *METRICS[verdict])
            level = "error" if verdict == "failed" else "info"
            telemetry.line(run.project_id, row[0], identity, now, level, error)
    if telemetry:
        put(connection, telemetry)
    return ended


def take_back(
    connection: Connection,
    run: Run,
    owner: bytes,
    *,
    partitions: Iterable[int],
    limit: int,
    reason: str,
    now: int,
) -> int:
    """Discard what waits of a run in some partitions, a step further; answers how many there were."""
    ids = [
        row[0]
        for partition in partitions
        for row in connection.execute(CANCELLABLE, (run.name, owner, partition, limit))
    ]
    return end(connection, run, ids[:limit], "discarded", now=now, error=reason)


def forget_payloads(connection: Connection, places: Collection[tuple[int, int]]) -> None:
    """Delete what was kept of events all of whose deliveries arrived."""
    connection.execute(FORGET_PAYLOADS, (_json([*places]),))
