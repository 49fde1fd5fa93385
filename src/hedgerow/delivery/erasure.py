"""Erasing what a person's events led to, while the pipeline runs.

An *erasure* says: what was accepted under this distinct id up to that moment is to be forgotten. It is a row, written in the
transaction that deletes the person; every later transaction of the pipeline honours it. So nothing that a worker still has
in its hands can bring anything back. The row names the id by a hash. What stands in the files is removed behind it, see
``eraser.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from hedgerow.delivery.invocation import Outcome
from hedgerow.destinations.windows import MOST_LISTED
from hedgerow.people import person_uuid
from hedgerow.store import Connection
from hedgerow.telemetry import Batch, put

ERASE = """
INSERT INTO erasures (project_id, key, until) VALUES (?, ?, ?)
ON CONFLICT (project_id, key) DO UPDATE SET until = excluded.until
"""
ANY = "SELECT EXISTS (SELECT 1 FROM erasures)"
AMONG = """
SELECT e.project_id, e.key, e.until FROM json_each(?) AS wanted
CROSS JOIN erasures AS e ON e.project_id = wanted.value ->> 0 AND e.key = unhex(wanted.value ->> 1)
"""
SKIP = "SELECT max(position) FROM (SELECT position FROM deliveries WHERE partition = ? AND position > ? ORDER BY position LIMIT ?)"
THEIRS = """
SELECT id, destination_id, position, verdict IN ('running', 'retrying', 'held', 'scheduled'),
    (SELECT c.carrier_id FROM delivery_carriers c WHERE c.delivery_id = deliveries.id) FROM deliveries
WHERE partition = ? AND position > ? AND position <= ? AND project_id = ? AND distinct_id = ? AND captured_at <= ?
"""
SCRUB = """
UPDATE deliveries SET distinct_id = '', error = NULL, journal = NULL, next_at = NULL,
    kind = CASE WHEN verdict IN ('running', 'retrying', 'held', 'scheduled') THEN 'erased' ELSE kind END,
    verdict = CASE WHEN verdict IN ('running', 'retrying', 'held', 'scheduled') THEN 'discarded' ELSE verdict END
WHERE id = ?
"""
ATTEMPTS = "DELETE FROM delivery_attempts WHERE delivery_id = ?"
PAYLOAD = "DELETE FROM delivery_payloads WHERE partition = ? AND position = ?"
# Summaries: who carries the events of several, and what is left of them.
SENDERS = """
SELECT d.id, d.verdict IN ('running', 'retrying', 'held', 'scheduled') FROM delivery_carriers c
JOIN deliveries d ON d.id = c.delivery_id WHERE c.carrier_id = ? AND (c.again = 1 OR c.delivery_id = c.carrier_id)
"""
CARRIED = """
SELECT d.project_id, d.distinct_id, d.captured_at FROM delivery_carriers c JOIN deliveries d ON d.id = c.delivery_id
WHERE c.carrier_id = ? AND c.again = 0 ORDER BY c.delivery_id LIMIT ?
"""
LEFT = """
SELECT 1 FROM delivery_carriers c JOIN deliveries d ON d.id = c.delivery_id
JOIN delivery_payloads p ON p.partition = d.partition AND p.position = d.position
WHERE c.carrier_id = ? AND c.again = 0 AND d.distinct_id <> '' LIMIT 1
"""
BLANK = "UPDATE deliveries SET error = NULL, journal = NULL WHERE id = ?"
NAMELESS = "UPDATE deliveries SET distinct_id = '', error = NULL WHERE id = ?"
INDEX_SKIP = "SELECT max(position) FROM (SELECT position FROM event_index WHERE partition = ? AND position > ? ORDER BY position LIMIT ?)"
INDEX = """
DELETE FROM event_index
WHERE partition = ? AND position > ? AND position <= ? AND project_id = ? AND distinct_id = ? AND captured_at <= ?
"""

Who = tuple[int, str, int]
"""Project, distinct id, and when the event was accepted."""


def erase(connection: Connection, project_id: int, distinct_ids: Iterable[str], until_ms: int) -> None:
    """From the end of this transaction on, let the pipeline forget what came under some ids up to a time."""
    rows = [(project_id, person_uuid(project_id, name), until_ms) for name in distinct_ids]
    connection.executemany(ERASE, rows)


def gone(connection: Connection, events: Sequence[Who]) -> list[bool]:
    """Which of some events are erased."""
    if not events or not connection.execute(ANY).get:
        return [False] * len(events)
    keys = [(project_id, person_uuid(project_id, name)) for project_id, name, _ in events]
    wanted = orjson.dumps(sorted({(project_id, key.hex()) for project_id, key in keys})).decode()
    rows: list[Any] = connection.execute(AMONG, (wanted,)).fetchall()
    until: dict[tuple[int, bytes], int] = {(project_id, key): at for project_id, key, at in rows}
    return [at <= until.get(key, -1) for key, (_, _, at) in zip(keys, events, strict=True)]


def honoured(
    connection: Connection, outcomes: Sequence[Outcome], telemetry: Batch
) -> tuple[Sequence[Outcome], frozenset[bytes]]:
    """Outcomes as they may be written: those of erased events say no more than that there was one.

    Args:
        connection: inside the settling transaction.
        outcomes: what is to be settled.
        telemetry: told with it; lines of what is erased are taken out.

    Returns:
        The outcomes to write, and the ids of those whose requests must not be kept.
    """
    verdicts = gone(
        connection,
        [(o.invocation.project_id, o.invocation.distinct_id, o.invocation.captured_at) for o in outcomes],
    )
    verdicts = [
        is_gone if o.invocation.carrier is None else is_gone or _is_tainted(connection, o.invocation.carrier)
        for o, is_gone in zip(outcomes, verdicts, strict=True)
    ]
    if not any(verdicts):
        return outcomes, frozenset()
    erased = frozenset(o.invocation.id for o, is_gone in zip(outcomes, verdicts, strict=True) if is_gone)
    telemetry.lines = [line for line in telemetry.lines if line.delivery_id not in erased]
    return [_blank(o, telemetry) if o.invocation.id in erased else o for o in outcomes], erased


def _is_tainted(connection: Connection, carrier: bytes) -> bool:
    """Whether a summary was made with an event that is erased by now."""
    rows: list[Any] = connection.execute(CARRIED, (carrier, MOST_LISTED)).fetchall()
    return any(not row[1] for row in rows) or any(gone(connection, rows))


def _blank(outcome: Outcome, telemetry: Batch) -> Outcome:
    """An outcome without anything of the person; one that was not final ends here, unless it carries events of others."""
    if outcome.invocation.carrier is not None:
        i = replace(outcome.invocation, globals={}, journal=[], tries=0)
        return replace(outcome, invocation=i, error=None, attempts=[], lines=[])
    i = replace(outcome.invocation, distinct_id="", globals={}, journal=[], tries=0)
    kept = replace(outcome, invocation=i, error=None, attempts=[], lines=[], next_at=None)
    if outcome.final:
        return kept
    telemetry.count(i.project_id, i.destination_id, outcome.at, "other", "discarded")
    return replace(kept, verdict="discarded", kind="erased")


# ------------------------------------------------------------------ what stands in the store


@dataclass(frozen=True, slots=True)
class Trace:
    """A delivery of an erased event; ``senders`` are those that carry it in a summary."""

    id: bytes
    destination_id: bytes
    partition: int
    position: int
    is_open: bool
    carrier: bytes | None = None
    senders: Sequence[bytes] = ()


def traces(
    connection: Connection, *, partition: int, after: int, who: Who, step: int
) -> tuple[int, list[Trace]]:
    """Deliveries of one id's events in a stretch of the ledger.

    Args:
        connection: inside a transaction.
        partition: which.
        after: behind this position.
        who: project, distinct id, and up to when.
        step: rows to look at.

    Returns:
        Where the stretch ended (0 when there is nothing behind it), and the deliveries.
    """
    end = connection.execute(SKIP, (partition, after, step)).get
    if not end:
        return 0, []
    rows: list[Any] = connection.execute(THEIRS, (partition, after, end, *who)).fetchall()
    return int(end), [_trace(connection, partition, *row) for row in rows]


def _trace(
    connection: Connection,
    partition: int,
    identity: bytes,
    destination_id: bytes,
    position: int,
    is_open: int,
    carrier: bytes | None,
) -> Trace:
    senders = [row[0] for row in connection.execute(SENDERS, (carrier,))] if carrier else []
    return Trace(identity, destination_id, partition, position, bool(is_open), carrier, senders)


def scrub(connection: Connection, found: Sequence[Trace], who: Who) -> None:
    """Leave of deliveries only that there was one; what was open is discarded, unless it carries events of others."""
    telemetry = Batch()
    for trace in found:
        connection.execute(PAYLOAD, (trace.partition, trace.position))
        if trace.carrier is not None:
            _scrub_carried(connection, trace, trace.carrier, who, telemetry)
            continue
        connection.execute(SCRUB, (trace.id,))
        connection.execute(ATTEMPTS, (trace.id,))
        if trace.is_open:
            telemetry.count(who[0], trace.destination_id, who[2], "other", "discarded")
    if telemetry:
        put(connection, telemetry)


def _scrub_carried(connection: Connection, trace: Trace, carrier: bytes, who: Who, telemetry: Batch) -> None:
    """Take an event out of a summary. The events of others stay in it, and it goes out with them if it has not yet.

    What it was sent with held all of them, so none of that is kept.
    """
    connection.execute(NAMELESS, (trace.id,))
    is_empty = connection.execute(LEFT, (carrier,)).get is None
    for sender, is_open in connection.execute(SENDERS, (carrier,)).fetchall():
        connection.execute(ATTEMPTS, (sender,))
        connection.execute(SCRUB if is_empty and is_open else BLANK, (sender,))
        if is_empty and is_open:
            telemetry.count(who[0], trace.destination_id, who[2], "other", "discarded")


def scrub_index(connection: Connection, *, partition: int, after: int, who: Who, step: int) -> int:
    """Take one id's events out of a stretch of the index; answers where it ended, 0 when there is nothing behind it."""
    end = connection.execute(INDEX_SKIP, (partition, after, step)).get
    if not end:
        return 0
    connection.execute(INDEX, (partition, after, end, *who))
    return int(end)
