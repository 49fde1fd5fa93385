"""How telemetry gets from the transaction that caused it into its own file, exactly once.

A worker writes a batch as one row of the outbox, in the transaction that settles its records: both or neither. Later the
rows move to the telemetry file, together with a mark that says how far; a row at or below the mark is in already, and may
be deleted. Two workers may drain at once: the mark is read again inside the transaction that moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from hedgerow.store import Connection, Database
from hedgerow.telemetry.batch import Batch

SOURCE = "telemetry_outbox"
ROWS = 256

# Hour 0 holds the total since the beginning, so that counters for monitoring neither scan nor shrink with retention.
TOTAL = 0

_PUT = "INSERT INTO telemetry_outbox (body) VALUES (?)"
_NEWEST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'telemetry_outbox'"
_ROWS = "SELECT seq, body FROM telemetry_outbox WHERE seq > ? ORDER BY seq LIMIT ?"
_HAS_MOVED = "SELECT EXISTS (SELECT 1 FROM telemetry_outbox WHERE seq <= ?)"
_FORGET = "DELETE FROM telemetry_outbox WHERE seq <= ?"
_MARK = "SELECT seq FROM marks WHERE source = ?"
_SET_MARK = """
INSERT INTO marks (source, seq) VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET seq = excluded.seq
"""
_COUNT = """
INSERT INTO metrics_hourly (project_id, destination_id, hour, kind, name, count) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (destination_id, hour, kind, name) DO UPDATE SET count = metrics_hourly.count + excluded.count
"""
_OBSERVE = """
INSERT INTO latency_hourly (project_id, destination_id, hour, bucket, count) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (destination_id, hour, bucket) DO UPDATE SET count = latency_hourly.count + excluded.count
"""
_OFFER = """
INSERT INTO offers (roster, hour, project_id, count, members) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (roster, hour) DO UPDATE SET count = offers.count + excluded.count, members = coalesce(offers.members, excluded.members)
"""
_LOG = """
INSERT INTO log_entries (project_id, destination_id, delivery_id, at, level, message) VALUES (?, ?, ?, ?, ?, ?)
"""


class _Waiting(NamedTuple):
    newest: int
    rows: Sequence[tuple[int, bytes]]
    moved: bool


def put(conn: Connection, batch: Batch) -> None:
    """Leave a batch in the outbox.

    Args:
        conn: on the state file, inside the transaction that the batch tells about.
        batch: what to tell.
    """
    conn.execute(_PUT, (batch.encode(),))


async def drain(state: Database, telemetry: Database, *, rows: int = ROWS) -> int:
    """Move what is in the outbox at this moment to the telemetry file.

    Args:
        state: the file with the outbox.
        telemetry: the file with log lines and metrics.
        rows: how many rows one transaction moves at most.

    Returns:
        How many rows were read; some of them may have been moved by another worker meanwhile.
    """
    moved = 0
    while True:
        mark = await telemetry.read(_mark)
        waiting = await state.read(partial(_waiting, mark=mark, rows=rows))
        if waiting.newest < mark:
            # The state file is older than the telemetry file: it came back from a backup. Its rows were moved before.
            await telemetry.write(partial(_rewind, seen=mark, to=waiting.newest))
            continue
        if waiting.rows:
            mark = await telemetry.write(partial(_move, rows=waiting.rows))
            moved += len(waiting.rows)
        if waiting.rows or waiting.moved:
            await state.write(partial(_forget, mark=mark))
        if len(waiting.rows) < rows:
            return moved


def _mark(conn: Connection) -> int:
    row = conn.execute(_MARK, (SOURCE,)).fetchone()
    return 0 if row is None else int(row[0])


def _waiting(conn: Connection, mark: int, rows: int) -> _Waiting:
    ((newest,),) = conn.execute(_NEWEST)
    ((moved,),) = conn.execute(_HAS_MOVED, (mark,))
    found: list[Any] = conn.execute(_ROWS, (mark, rows)).fetchall()
    return _Waiting(int(newest), found, bool(moved))


def _rewind(conn: Connection, seen: int, to: int) -> None:
    if _mark(conn) == seen:
        conn.execute(_SET_MARK, (SOURCE, to))


def _move(conn: Connection, rows: Sequence[tuple[int, bytes]]) -> int:
    mark = _mark(conn)
    fresh = [(seq, body) for seq, body in rows if seq > mark]
    if not fresh:
        return mark
    whole = Batch()
    for _, body in fresh:
        whole.add(Batch.decode(body))
    store(conn, whole)
    conn.execute(_SET_MARK, (SOURCE, fresh[-1][0]))
    return fresh[-1][0]


def _forget(conn: Connection, mark: int) -> None:
    conn.execute(_FORGET, (mark,))


def store(conn: Connection, batch: Batch) -> None:
    """Add a batch to the telemetry file, whose transaction ``conn`` is in."""
    conn.executemany(_COUNT, [(*key, n) for key, n in batch.metrics.items()])
    conn.executemany(_OBSERVE, [(*key, n) for key, n in batch.latencies.items()])
    conn.executemany(
        _COUNT, [(p, d, TOTAL, kind, name, n) for (p, d, _, kind, name), n in batch.metrics.items()]
    )
    conn.executemany(_OBSERVE, [(p, d, TOTAL, index, n) for (p, d, _, index), n in batch.latencies.items()])
    conn.executemany(
        _OFFER,
        [
            (roster, hour, batch.projects[roster], n, batch.rosters.get((roster, hour)))
            for (roster, hour), n in batch.offers.items()
        ],
    )
    conn.executemany(
        _LOG,
        [(e.project_id, e.destination_id, e.delivery_id, e.at, e.level, e.message) for e in batch.lines],
    )
