"""Holding: what waits in the ledger because its destination does not take it now, and how it gets out again.

Held invocations are rows of the ledger with the verdict ``held``. They leave in four ways: sent (the gate opened),
``discarded`` (a person said so), ``superseded`` (only the latest of each person was asked for) or ``expired`` (the hold was
full). All functions are parts of a transaction, and none of them walks through more rows than it is told to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hedgerow.delivery import gates, health, ledger
from hedgerow.delivery.invocation import Invocation
from hedgerow.delivery.settler import METRICS
from hedgerow.delivery.state import Sealer
from hedgerow.store import Connection
from hedgerow.telemetry import Batch, put

ORDERS: Final = ("all", "latest_per_person")

PAUSE = """
INSERT INTO destination_holds (destination_id, project_id, paused_at) VALUES (?, ?, ?)
ON CONFLICT (destination_id) DO UPDATE SET paused_at = coalesce(paused_at, excluded.paused_at)
"""
RESUME = """
INSERT INTO destination_holds (destination_id, project_id, rate, sift_to) VALUES (?, ?, ?, ?)
ON CONFLICT (destination_id) DO UPDATE SET paused_at = NULL, rate = excluded.rate,
    sift_to = excluded.sift_to, sifted_to = NULL
"""
DISCARD = """
INSERT INTO destination_holds (destination_id, project_id, discard_to) VALUES (?, ?, ?)
ON CONFLICT (destination_id) DO UPDATE SET discard_to = excluded.discard_to
"""
ORDER_OF = "SELECT sift_to, sifted_to, discard_to, warned FROM destination_holds WHERE destination_id = ?"
SIFTED = "UPDATE destination_holds SET sifted_to = ? WHERE destination_id = ?"
DONE = {
    "superseded": "UPDATE destination_holds SET sift_to = NULL, sifted_to = NULL WHERE destination_id = ?",
    "discarded": "UPDATE destination_holds SET discard_to = NULL WHERE destination_id = ?",
}
WARN = """
INSERT INTO destination_holds (destination_id, project_id, warned) VALUES (?, ?, ?)
ON CONFLICT (destination_id) DO UPDATE SET warned = excluded.warned
"""
FORGET_RATE = "UPDATE destination_holds SET rate = NULL, warned = 0 WHERE destination_id = ?"
FORGET = """
DELETE FROM destination_holds WHERE destination_id = ? AND paused_at IS NULL AND rate IS NULL AND sift_to IS NULL
    AND discard_to IS NULL AND warned = 0
"""
PAUSED = """
SELECT destination_id, paused_at FROM destination_holds
WHERE destination_id IN (SELECT unhex(value) FROM json_each(?)) AND paused_at IS NOT NULL
"""

# One seek per destination, however much it holds.
WAITING = """
WITH RECURSIVE one (id) AS (
    SELECT min(destination_id) FROM deliveries WHERE verdict = 'held'
    UNION ALL
    SELECT (SELECT min(destination_id) FROM deliveries WHERE verdict = 'held' AND destination_id > one.id)
    FROM one WHERE one.id IS NOT NULL
)
SELECT id FROM one WHERE id IS NOT NULL
"""
COUNT = "SELECT count(*), min(id) FROM deliveries WHERE verdict = 'held' AND destination_id = ?"
ANY = "SELECT 1 FROM deliveries WHERE verdict = 'held' AND destination_id = ? LIMIT 1"
FIRST = (
    "SELECT id, sequence FROM deliveries WHERE verdict = 'held' AND destination_id = ? ORDER BY id LIMIT 1"
)
FIRST_OF_SEQUENCE = """
SELECT id FROM deliveries WHERE verdict = 'held' AND destination_id = ? AND sequence = ?
ORDER BY captured_at, partition, position LIMIT 1
"""
RELEASE = "UPDATE deliveries SET verdict = 'scheduled', next_at = ? WHERE id = ?"
NEXT = """
SELECT id FROM deliveries
WHERE verdict = 'held' AND destination_id = ? AND partition IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?
"""
TAKE = f"""
SELECT {ledger.OPEN_COLUMNS}
FROM deliveries d LEFT JOIN delivery_payloads p ON p.partition = d.partition AND p.position = d.position
WHERE d.verdict = 'held' AND d.destination_id = ? AND d.partition IN (SELECT value FROM json_each(?))
ORDER BY d.id LIMIT ?
"""  # noqa: S608 - our own names
RUNNING = "UPDATE deliveries SET verdict = 'running', next_at = ? WHERE id = ?"

OLDEST = """
SELECT id, project_id, partition, position FROM deliveries
WHERE verdict = 'held' AND destination_id = ? AND id <= ? ORDER BY id LIMIT ?
"""
SIFT = """
SELECT id, project_id, partition, position, distinct_id, mapping FROM deliveries
WHERE verdict = 'held' AND destination_id = ? AND id > ? AND id <= ?
AND NOT EXISTS (SELECT 1 FROM delivery_carriers c WHERE c.delivery_id = deliveries.id) ORDER BY id LIMIT ?
"""
LATER = """
SELECT 1 FROM deliveries WHERE verdict = 'held' AND destination_id = :owner AND distinct_id IN (
    SELECT :distinct_id UNION
    SELECT other.distinct_id FROM person_distinct_ids mine
    JOIN person_distinct_ids other ON other.person_id = mine.person_id AND other.project_id = mine.project_id
    WHERE mine.project_id = :project AND mine.distinct_id = :distinct_id
) AND id > :id AND id <= :last AND mapping = :mapping LIMIT 1
"""
END = """
UPDATE deliveries SET verdict = ?, error = ?, updated_at = ?, next_at = NULL, journal = NULL
WHERE id = ? AND verdict = 'held'
"""
FORGET_PAYLOAD = """
DELETE FROM delivery_payloads WHERE partition = :partition AND position = :position AND NOT EXISTS (
    SELECT 1 FROM deliveries WHERE partition = :partition AND position = :position
    AND verdict NOT IN ('delivered', 'expired', 'duplicate', 'masked', 'counted')
)
"""
SAMPLE = """
SELECT avg(length(p.globals)) FROM (
    SELECT partition, position FROM deliveries WHERE verdict = 'held' AND destination_id = ? ORDER BY id DESC LIMIT 200
) d JOIN delivery_payloads p ON p.partition = d.partition AND p.position = d.position
"""
# What a row of the ledger takes with its indexes, beside its payload.
ROW_BYTES = 500


@dataclass(frozen=True, slots=True)
class Held:
    """How much a destination holds; ``oldest`` is when the first of it was captured, milliseconds."""

    count: int = 0
    oldest: int | None = None


# ---------------------------------------------------------------- for people


def captured_ms(delivery_id: bytes) -> int:
    """When a delivery's event was captured: its id begins with that."""
    return int.from_bytes(delivery_id[:6], "big")


def last_id(at: int) -> bytes:
    """The greatest id that a delivery of an event captured by then (milliseconds) can have."""
    return max(0, at).to_bytes(6, "big") + b"\xff" * 10


def held(connection: Connection, destination_ids: Iterable[bytes]) -> dict[bytes, Held]:
    """What some destinations hold."""
    found = {}
    for destination_id in destination_ids:
        count, first = connection.execute(COUNT, (destination_id,)).fetchone()  # type: ignore[misc]
        found[destination_id] = Held(count, None if first is None else captured_ms(first))
    return found


def paused(connection: Connection, destination_ids: Iterable[bytes]) -> dict[bytes, int]:
    """Which of some destinations are paused, and since when."""
    wanted = orjson.dumps([one.hex() for one in destination_ids]).decode()
    return {row[0]: int(row[1]) for row in connection.execute(PAUSED, (wanted,))}


def pause(connection: Connection, project_id: int, destination_id: bytes, now: int, *, by: str) -> None:
    """Hold what a destination wants from now on."""
    connection.execute(PAUSE, (destination_id, project_id, now))
    health.line(
        connection, project_id, destination_id, now, "info", f"Paused by {by}: what it wants is held."
    )
    gates.touch(connection)


def resume(
    connection: Connection,
    project_id: int,
    destination_id: bytes,
    now: int,
    *,
    by: str,
    rate: float | None = None,
    order: str = "all",
) -> None:
    """End a pause; what was held is sent behind what comes in.

    Args:
        connection: inside a writing transaction.
        project_id: whose.
        destination_id: which.
        now: milliseconds.
        by: who says so, for the log.
        rate: held deliveries a second, None for the default.
        order: ``all`` in the order of capture, or ``latest_per_person``: the earlier ones of each person and mapping become
            ``superseded``.
    """
    sift_to = last_id(now) if order == "latest_per_person" else None
    connection.execute(RESUME, (destination_id, project_id, rate, sift_to))
    speed = "" if rate is None else f" at {rate:g} a second"
    which = "all of it" if sift_to is None else "the latest of each person"
    message = f"Resumed by {by}: what was held is sent{speed}, {which}."
    health.line(connection, project_id, destination_id, now, "info", message)
    gates.touch(connection)


def discard(connection: Connection, project_id: int, destination_id: bytes, now: int, *, by: str) -> None:
    """Throw away what is held now. It happens in steps; nothing of it is sent meanwhile."""
    connection.execute(DISCARD, (destination_id, project_id, last_id(now)))
    message = f"What is held was thrown away by {by}."
    health.line(connection, project_id, destination_id, now, "warn", message)
    gates.touch(connection)


# --------------------------------------------------------------- for workers


def waiting(connection: Connection) -> list[bytes]:
    """Destinations that hold something."""
    return [row[0] for row in connection.execute(WAITING)]


def holds_anything(connection: Connection, destination_id: bytes) -> bool:
    """Whether a destination holds something."""
    return connection.execute(ANY, (destination_id,)).fetchone() is not None


def release_one(connection: Connection, destination_id: bytes, now: int) -> bytes | None:
    """Make the oldest of what is held due now; its id, or None when nothing is held."""
    row = connection.execute(FIRST, (destination_id,)).fetchone()
    if row is None:
        return None
    first, sequence = row
    if sequence is not None:
        first = connection.execute(FIRST_OF_SEQUENCE, (destination_id, sequence)).get
    connection.execute(RELEASE, (now, first))
    return bytes(first)


def release(connection: Connection, destination_id: bytes, *, now: int, partitions: str, limit: int) -> int:
    """Make the oldest of what is held due now, for a lane that takes them in their order.

    Args:
        connection: inside a writing transaction.
        destination_id: whose.
        now: milliseconds.
        partitions: JSON list of the partitions we own.
        limit: at most so many.

    Returns:
        How many there were.
    """
    rows = connection.execute(NEXT, (destination_id, partitions, limit)).fetchall()
    connection.executemany(RELEASE, [(now, row[0]) for row in rows])
    return len(rows)


def take(
    connection: Connection,
    destination_id: bytes,
    *,
    now: int,
    partitions: str,
    limit: int,
    in_hand: Collection[bytes],
    sealer: Sealer,
) -> list[Invocation]:
    """Take the oldest of what is held: they are ``running`` from now on.

    Args:
        connection: inside a writing transaction.
        destination_id: whose.
        now: milliseconds.
        partitions: JSON list of the partitions we own.
        limit: at most so many.
        in_hand: ids that this worker has already.
        sealer: opens the journals.
    """
    rows = connection.execute(TAKE, (destination_id, partitions, limit)).fetchall()
    found = [ledger.invocation_of(row, sealer) for row in rows if row[0] not in in_hand]
    connection.executemany(RUNNING, [(now, invocation.id) for invocation in found])
    return found


# -------------------------------------------------------------- clearing out


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be cleared out of a destination's hold, up to which id; None: nothing."""

    sift_to: bytes | None = None
    sifted_to: bytes | None = None
    discard_to: bytes | None = None
    warned: int = 0


def order_of(connection: Connection, destination_id: bytes) -> Order:
    """What people asked to have cleared out."""
    row = connection.execute(ORDER_OF, (destination_id,)).fetchone()
    return Order(*row) if row else Order()


def end_oldest(
    connection: Connection,
    destination_id: bytes,
    verdict: str,
    reason: str,
    *,
    last: bytes,
    limit: int,
    now: int,
    with_payloads: bool = False,
) -> int:
    """Give the oldest of what is held a final verdict.

    Args:
        connection: inside a writing transaction.
        destination_id: whose.
        verdict: ``discarded`` or ``expired``.
        reason: for people.
        last: ids behind this one stay.
        limit: at most so many.
        now: milliseconds.
        with_payloads: delete the events' kept variables as well (the log still has the events for a while).

    Returns:
        How many there were.
    """
    rows = connection.execute(OLDEST, (destination_id, last, limit)).fetchall()
    _end(connection, destination_id, rows, verdict, reason, now)
    if with_payloads:
        places = [{"partition": row[2], "position": row[3]} for row in rows]
        connection.executemany(FORGET_PAYLOAD, places)
    return len(rows)


def sift(connection: Connection, destination_id: bytes, order: Order, *, limit: int, now: int) -> bool:
    """Supersede what has a later one of the same person and mapping, a step further; True when all is looked at."""
    assert order.sift_to is not None
    rows = connection.execute(SIFT, (destination_id, order.sifted_to or b"", order.sift_to, limit)).fetchall()
    earlier = [row[:4] for row in rows if _has_later(connection, destination_id, order.sift_to, row)]
    _end(connection, destination_id, earlier, "superseded", "A later one of the same person was sent.", now)
    if len(rows) < limit:
        return True
    connection.execute(SIFTED, (rows[-1][0], destination_id))
    return False


def _has_later(connection: Connection, owner: bytes, last: bytes, row: Sequence[Any]) -> bool:
    identity, project_id, _, _, distinct_id, mapping = row
    values = {
        "owner": owner, "id": identity, "last": last, "project": project_id, "distinct_id": distinct_id,
        "mapping": mapping,
    }  # fmt: skip
    return connection.execute(LATER, values).fetchone() is not None


def _end(
    connection: Connection,
    destination_id: bytes,
    rows: Sequence[Sequence[Any]],
    verdict: str,
    reason: str,
    now: int,
) -> None:
    if not rows:
        return
    connection.executemany(END, [(verdict, reason, now, row[0]) for row in rows])
    batch = Batch()
    batch.count(rows[0][1], destination_id, now, *METRICS[verdict], len(rows))
    put(connection, batch)


def finished(connection: Connection, destination_id: bytes, verdict: str) -> None:
    """An order (``superseded`` or ``discarded``) is carried out."""
    connection.execute(DONE[verdict], (destination_id,))
    connection.execute(FORGET, (destination_id,))
    gates.touch(connection)


def emptied(connection: Connection, destination_id: bytes) -> None:
    """Nothing is held any more: the next hold starts with the defaults."""
    connection.execute(FORGET_RATE, (destination_id,))
    connection.execute(FORGET, (destination_id,))
    gates.touch(connection)


def warned(connection: Connection, destination_id: bytes, percent: int) -> None:
    """Remember of which fullness the owner was warned."""
    row = connection.execute(health.ABOUT, (destination_id,)).fetchone()
    if row is not None:
        connection.execute(WARN, (destination_id, row[0], percent))


def bytes_per_row(connection: Connection, destination_id: bytes) -> int:
    """About how much of the disk one held delivery takes, from a sample."""
    average = connection.execute(SAMPLE, (destination_id,)).get
    return ROW_BYTES + int(average or 0)
