"""The ledger and the positions: every statement that decides what is settled, in one place.

All functions are parts of a transaction: they take a connection inside one. ``settle`` writes verdicts and positions
together, so that what a position says is done has its verdict, whatever dies when.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from hedgerow.delivery.erasure import honoured
from hedgerow.delivery.invocation import Attempt, Excerpt, Invocation, Outcome
from hedgerow.delivery.state import Sealer, pack_globals, pack_journal, unpack_globals, unpack_journal
from hedgerow.store import Connection
from hedgerow.telemetry import Batch, put

TAKE = "INSERT INTO positions (partition) VALUES (?) ON CONFLICT DO NOTHING"
PLACE = """
SELECT folded_to, settled_to, owned, CASE WHEN begun_at = settled_to THEN begun ELSE 0 END FROM positions WHERE partition = ?
"""
# 1: by a worker that runs; 2: and it runs a marked row.
OWN = "UPDATE positions SET owned = 1 WHERE partition = ?"
# A partition that nobody gave back lost its owner to death, and these were in its hands. Being there twice makes a row
# suspect, no more: see suspects.py. They are in nobody's hands now: should the next owner die before it takes them, it was not them.
DIED = """
UPDATE deliveries SET deaths = MAX(deaths, MIN(deaths + 1, 2)), verdict = 'scheduled'
WHERE next_at IS NOT NULL AND verdict = 'running' AND partition = ?
"""
MARK = "UPDATE deliveries SET deaths = deaths + 1 WHERE id = ? RETURNING partition"
ABSOLVE = "UPDATE deliveries SET deaths = 0 WHERE id = ? RETURNING partition"
ON_TRIAL = "UPDATE positions SET owned = ? WHERE partition = ? AND owned > 0"
TRIED = "SELECT 1 FROM positions WHERE owned = 2 AND partition IN (SELECT value FROM json_each(?))"
# A suspect row was being tried, so the record at this place, a suspect as well, had to wait: it was not that.
EXCUSE = "UPDATE positions SET begun = begun - 1 WHERE partition = ? AND begun_at = settled_to AND begun >= 2"
KNOWN = "SELECT id FROM deliveries WHERE partition = ? AND position > ?"
BEGIN = """
UPDATE positions SET begun = CASE WHEN begun_at = settled_to THEN begun + 1 ELSE 1 END, begun_at = settled_to
WHERE partition = ? RETURNING begun
"""
FOLDED = "UPDATE positions SET folded_to = ? WHERE partition = ? AND folded_to < ?"
SETTLED = "UPDATE positions SET settled_to = ? WHERE partition = ? AND settled_to < ?"
RELEASE = "UPDATE positions SET owned = 0, begun = 0, begun_at = -1 WHERE partition = ?"

UPSERT = """
INSERT INTO deliveries (
    id, project_id, destination_id, revision, mapping, run, partition, position, event_uuid, event, distinct_id,
    verdict, kind, error, attempts, status, duration_ms, captured_at, created_at, updated_at, next_at, deaths, journal, sequence
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    revision = excluded.revision, verdict = excluded.verdict, kind = excluded.kind, error = excluded.error,
    attempts = excluded.attempts, status = excluded.status, duration_ms = excluded.duration_ms,
    updated_at = excluded.updated_at, next_at = excluded.next_at, deaths = excluded.deaths,
    journal = excluded.journal
WHERE deliveries.verdict IN ('running', 'retrying', 'held', 'scheduled')
"""
PAYLOAD = (
    "INSERT INTO delivery_payloads (partition, position, globals) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)
# Nobody asks what programs would have seen of these.
PASSED = frozenset({"delivered", "duplicate", "masked", "counted"})
ATTEMPT = """
INSERT INTO delivery_attempts (delivery_id, number, ordinal, at, duration_ms, method, url, status, error, request, response)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
FORGET_ATTEMPTS = "DELETE FROM delivery_attempts WHERE delivery_id = ?"

# What ``invocation_of`` makes an invocation from.
OPEN_COLUMNS = """
    d.id, d.project_id, d.destination_id, d.revision, d.mapping, d.run, d.partition, d.position, d.event_uuid,
    d.event, d.distinct_id, d.captured_at, d.created_at, d.attempts, d.deaths, d.journal, d.sequence,
    (SELECT c.carrier_id FROM delivery_carriers c WHERE c.delivery_id = d.id), p.globals
"""
# Ids first, from the index alone: most rows that are due may be in hand already.
DUE = """
SELECT id FROM deliveries
WHERE destination_id = ? AND next_at <= ? AND partition IN (SELECT value FROM json_each(?))
ORDER BY next_at, id LIMIT ?
"""
LOOSE = """
SELECT id FROM deliveries
WHERE destination_id = ? AND next_at <= ? AND partition IN (SELECT value FROM json_each(?)) AND sequence IS NULL
ORDER BY next_at, id LIMIT ?
"""
# The first open row of each sequence, found by jumping from sequence to sequence: those behind it cost nothing. What was held
# before it comes first.
HEADS = """
WITH RECURSIVE line(sequence) AS (
    SELECT MIN(sequence) FROM deliveries
    WHERE destination_id = :owner AND sequence IS NOT NULL AND next_at IS NOT NULL
    UNION ALL
    SELECT (SELECT MIN(sequence) FROM deliveries
            WHERE destination_id = :owner AND sequence > line.sequence AND next_at IS NOT NULL)
    FROM line WHERE line.sequence IS NOT NULL
)
SELECT d.id FROM line JOIN deliveries d ON d.id = (
    SELECT id FROM deliveries WHERE destination_id = :owner AND sequence = line.sequence AND next_at IS NOT NULL
    ORDER BY captured_at, partition, position LIMIT 1
)
WHERE d.next_at <= :now AND d.partition IN (SELECT value FROM json_each(:partitions)) AND NOT EXISTS (
    SELECT 1 FROM deliveries h WHERE h.verdict = 'held' AND h.destination_id = :owner AND h.sequence = line.sequence
    AND (h.captured_at, h.partition, h.position) < (d.captured_at, d.partition, d.position)
)
ORDER BY d.next_at, d.id LIMIT :most
"""
# Due, and yet nobody runs it: it waits for one of its sequence that is held, or that another worker has.
BLOCKED = """
SELECT 1 FROM deliveries
WHERE destination_id = ? AND next_at <= ? AND partition IN (SELECT value FROM json_each(?)) AND verdict <> 'running' LIMIT 1
"""
BLOCKED_MS = 1000
OPEN_ROWS = f"""
SELECT {OPEN_COLUMNS}
FROM deliveries d LEFT JOIN delivery_payloads p ON p.partition = d.partition AND p.position = d.position
WHERE d.id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY d.next_at, d.id
"""  # noqa: S608 - our own names
NEXT_DUE = """
SELECT MIN(next_at) FROM deliveries
WHERE destination_id = ? AND next_at > ? AND partition IN (SELECT value FROM json_each(?))
"""
BACKLOG = """
SELECT destination_id, MIN(next_at) FROM deliveries
WHERE next_at IS NOT NULL AND partition = ? GROUP BY destination_id
"""
RUNNING = "UPDATE deliveries SET verdict = 'running' WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a partition stands when it is taken; ``begun`` counts the workers that died there."""

    folded_to: int
    settled_to: int
    begun: int = 0


@dataclass(slots=True)
class Settlement:
    """Everything one settling transaction writes."""

    outcomes: list[Outcome] = field(default_factory=list)
    positions: dict[int, int] = field(default_factory=dict)
    telemetry: Batch = field(default_factory=Batch)
    successes: list[tuple[bytes, Sequence[Attempt]]] = field(default_factory=list)
    forgotten: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Due:
    """Open rows that can run now, and when the next one after them is due (None: none)."""

    invocations: list[Invocation]
    more: bool
    next_at: int | None


def tried(connection: Connection, partitions: Iterable[int]) -> bool:
    """Whether the last owner of these partitions died while it ran a marked row."""
    return connection.execute(TRIED, (orjson.dumps(list(partitions)).decode(),)).get is not None


def take(connection: Connection, partition: int, *, excused: bool = False) -> Place:
    """Where to go on in a partition that was just taken; ``excused``: its last owner died of a row that was marked."""
    connection.execute(TAKE, (partition,))
    if excused:
        connection.execute(EXCUSE, (partition,))
    folded_to, settled_to, owned, begun = connection.execute(PLACE, (partition,)).fetchone()  # type: ignore[misc]
    if owned:
        connection.execute(DIED, (partition,))
    connection.execute(OWN, (partition,))
    return Place(folded_to, settled_to, begun)


def known(connection: Connection, partition: int, after: int) -> set[bytes]:
    """Ids that already have a row, for records behind a position."""
    return {row[0] for row in connection.execute(KNOWN, (partition, after))}


def begin(connection: Connection, partition: int) -> int:
    """Note that work begins at the partition's place; answers how often it has begun there without getting past it."""
    (begun,) = connection.execute(BEGIN, (partition,)).fetchone()  # type: ignore[misc]
    return int(begun)


def release(connection: Connection, partitions: Iterable[int]) -> None:
    """Note an orderly end: the next owner need not suspect the records at these places."""
    connection.executemany(RELEASE, [(partition,) for partition in partitions])


def folded(connection: Connection, ends: Mapping[int, int]) -> None:
    """Note up to where records are folded into people."""
    connection.executemany(FOLDED, [(position, partition, position) for partition, position in ends.items()])


def settle(connection: Connection, settlement: Settlement, sealer: Sealer) -> None:
    """Write verdicts, what their rows need, positions and telemetry: all or nothing."""
    outcomes, erased = honoured(connection, settlement.outcomes, settlement.telemetry)
    connection.executemany(UPSERT, [_row(outcome, sealer) for outcome in outcomes])
    payloads = {(o.invocation.partition, o.invocation.position): o for o in outcomes if _needs_payload(o)}
    connection.executemany(
        PAYLOAD,
        [(*place, pack_globals(outcome.invocation.globals)) for place, outcome in payloads.items()],
    )
    attempts = [(o.invocation.id, o.attempts) for o in outcomes if o.attempts and o.verdict != "delivered"]
    connection.executemany(ATTEMPT, _attempt_rows(attempts))
    connection.executemany(ATTEMPT, _attempt_rows([s for s in settlement.successes if s[0] not in erased]))
    connection.executemany(FORGET_ATTEMPTS, [(gone,) for gone in settlement.forgotten])
    connection.executemany(
        SETTLED, [(end, partition, end) for partition, end in settlement.positions.items()]
    )
    if settlement.telemetry:
        put(connection, settlement.telemetry)


def _needs_payload(outcome: Outcome) -> bool:
    return outcome.verdict not in PASSED and bool(outcome.invocation.globals)


def _row(outcome: Outcome, sealer: Sealer) -> tuple[Any, ...]:
    i = outcome.invocation
    journal = None if outcome.final else pack_journal(i, sealer)
    return (
        i.id, i.project_id, i.destination_id, i.revision, i.mapping, i.run, i.partition, i.position, i.event_uuid,
        i.event, i.distinct_id, outcome.verdict, outcome.kind, outcome.error, i.attempts, outcome.status,
        outcome.duration_ms, i.captured_at, i.created_at, outcome.at, outcome.next_at, i.deaths,
        journal, i.sequence,
    )  # fmt: skip


def _attempt_rows(groups: Iterable[tuple[bytes, Sequence[Attempt]]]) -> list[tuple[Any, ...]]:
    return [(owner, *_attempt_row(attempt)) for owner, attempts in groups for attempt in attempts]


def _attempt_row(a: Attempt) -> tuple[Any, ...]:
    """The columns of an attempt, redacted."""
    return (
        a.number, a.ordinal, a.at, a.duration_ms, a.method, a.redact(a.url), a.status, a.error and a.redact(a.error),
        _kept(a.request, a.redact), a.response and _kept(a.response, a.redact),
    )  # fmt: skip


def _kept(excerpt: Excerpt, redact: Callable[[str], str]) -> bytes:
    """Headers and the beginning of the body, as JSON."""
    body = excerpt.body.decode("utf-8", "replace")
    if excerpt.size > len(excerpt.body):
        body += f"… ({excerpt.size} bytes in all)"
    return redact(orjson.dumps({"headers": dict(excerpt.headers), "body": body}).decode()).encode()


def due(
    connection: Connection,
    destination_id: bytes,
    *,
    now: int,
    partitions: str,
    limit: int,
    holding: Collection[bytes],
    sealer: Sealer,
    ordered: bool = False,
) -> Due:
    """Take open rows of a destination that are due: they are ``running`` from now on.

    Args:
        connection: inside a transaction.
        destination_id: whose.
        now: milliseconds.
        partitions: JSON list of the partitions we own.
        limit: at most so many new ones.
        holding: ids that are in hand already.
        sealer: opens the journals.
        ordered: of each sequence only the first open row, due or not, may be taken.
    """
    wanted = limit + len(holding)
    statement = LOOSE if ordered else DUE
    ids = [row[0] for row in connection.execute(statement, (destination_id, now, partitions, wanted))]
    if ordered:
        given = {"owner": destination_id, "now": now, "partitions": partitions, "most": wanted}
        ids = [*(row[0] for row in connection.execute(HEADS, given)), *ids][:wanted]
    free = [identity for identity in ids if identity not in holding]
    chosen = orjson.dumps([identity.hex() for identity in free[:limit]]).decode()
    invocations = [invocation_of(row, sealer) for row in connection.execute(OPEN_ROWS, (chosen,))]
    connection.executemany(RUNNING, [(invocation.id,) for invocation in invocations])
    next_at = connection.execute(NEXT_DUE, (destination_id, now, partitions)).get
    if ordered and connection.execute(BLOCKED, (destination_id, now, partitions)).get:
        next_at = min(next_at or math.inf, now + BLOCKED_MS)
    return Due(invocations, len(ids) == wanted or len(free) > limit, next_at)


def invocation_of(row: Sequence[Any], sealer: Sealer) -> Invocation:
    """An invocation as an open row has it, by ``OPEN_COLUMNS``."""
    (
        identity, project_id, destination_id, revision, mapping, run, partition, position, event_uuid,
        event, distinct_id, captured_at, created_at, attempts, deaths, journal, sequence, carrier, packed,
    ) = row  # fmt: skip
    entries, tries, printed = unpack_journal(journal, identity, sealer)
    return Invocation(
        id=identity,
        project_id=project_id,
        destination_id=destination_id,
        revision=revision,
        mapping=mapping,
        run=run,
        partition=partition,
        position=position,
        event_uuid=event_uuid,
        event=event,
        distinct_id=distinct_id,
        captured_at=captured_at,
        created_at=created_at,
        globals={} if packed is None else unpack_globals(packed),
        journal=entries,
        tries=tries,
        attempts=attempts,
        deaths=deaths,
        printed=printed,
        fresh=False,
        sequence=sequence,
        carrier=carrier,
    )


def mark(connection: Connection, identity: bytes) -> None:
    """Note that a suspect row is about to run: if the worker dies now, it is one death worse."""
    _try(connection, MARK, identity, 2)


def absolve(connection: Connection, identity: bytes) -> None:
    """Note that a suspect row ran and the worker lives, before the next suspect runs: its verdict is written only later."""
    _try(connection, ABSOLVE, identity, 1)


def _try(connection: Connection, statement: str, identity: bytes, owned: int) -> None:
    for (partition,) in connection.execute(statement, (identity,)).fetchall():
        connection.execute(ON_TRIAL, (owned, partition))


def backlog(connection: Connection, partition: int) -> list[tuple[bytes, int]]:
    """Destinations with open rows in a partition, and when their first is due."""
    return [(row[0], row[1] or 0) for row in connection.execute(BACKLOG, (partition,))]
