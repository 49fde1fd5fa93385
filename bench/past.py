"""A past made by hand: events in the log and its index, as if they had been captured and settled long ago, in a fraction of the time."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from hedgerow.delivery.identity import raw
from hedgerow.delivery.intake import INDEX
from hedgerow.events import Draft, Event
from hedgerow.log.sqlite import SqliteLog
from hedgerow.store import Connection, Database, migrate

PARTITIONS = 16
PEOPLE = 5_000
AT_ONCE = 10_000
PLACE = "INSERT INTO positions (partition, folded_to, settled_to) VALUES (?, ?, ?)"


def make(folder: Path, event: str, count: int) -> float:
    """Fill a fresh data folder for project 1, one event a millisecond up to now; seconds it took.

    Args:
        folder: of a server that never ran.
        event: the name of all events. Whose they are: the people of ``loadgen.py``.
        count: how many.
    """
    began = time.monotonic()
    migrate(folder)
    log = SqliteLog(folder / "events", PARTITIONS, clock=time.time, synchronous="OFF")
    store = Database(folder / "state.db", synchronous="OFF")
    since = int(time.time() * 1000) - count
    for start in range(0, count, AT_ONCE):
        log.append_now(list(_drafts(event, since, range(start, min(start + AT_ONCE, count)))))
    asyncio.run(_index(log, store))
    log.close()
    store.close()
    return time.monotonic() - began


def _drafts(name: str, since: int, numbers: range) -> Iterator[Draft]:
    for n in numbers:
        properties = {"n": n, "page": f"https://example.com/products/{n % 1000}", "$lib": "bench"}
        who, at = f"user-{n % PEOPLE}", since + n
        event = Event(str(uuid.uuid4()), name, who, properties, "2026-01-02T03:04:05.000Z", at)
        yield Draft(1, who, at, event.encode())


async def _index(log: SqliteLog, store: Database) -> None:
    """Write what folding and settling would have left in the store."""
    for partition in range(PARTITIONS):
        position = 0
        while records := await log.read(partition, position, records=AT_ONCE, size=1 << 30):
            position = records[-1].position
            events = [(record, record.decode()) for record in records]
            rows = [
                (partition, r.position, 1, raw(e.uuid), e.event, e.distinct_id, r.captured_at)
                for r, e in events
            ]
            await store.write(lambda connection, rows=rows: _write(connection, rows), durable=False)
        place = (partition, position, position)
        await store.write(lambda connection, place=place: connection.execute(PLACE, place), durable=False)


def _write(connection: Connection, rows: list[tuple[object, ...]]) -> None:
    connection.executemany(INDEX, rows)
