"""Events that were offered to many are counted for each of them, at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hedgerow.store import Database, tables
from hedgerow.telemetry import Batch, metrics, outbox, share, snapshot, totals
from support.people import NOON, store

HOUR = 3_600_000
ONE, TWO, THREE = (bytes([n]) * 16 for n in (1, 2, 3))
ROSTER, OTHER = b"r" * 16, b"o" * 16


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with store(str(tmp_path / "telemetry.db"), tables.telemetry):
        pass
    made = Database(tmp_path / "telemetry.db", synchronous="OFF")
    yield made
    made.close()


def told(
    events: int, took: list[bytes], *, named: bool = True, roster: bytes = ROSTER, at: int = NOON
) -> Batch:
    """Some events that one and two were offered; those named in ``took`` took one."""
    batch = Batch()
    for _ in range(events):
        batch.offer(1, roster, at)
    if named:
        batch.rosters[roster, at - at % HOUR] = ONE + TWO
    for member in took:
        batch.count(1, member, at, "other", "filtered", -1)
    return Batch.decode(batch.encode())


def filtered(database: Database) -> list[int]:
    """The totals of one, two and three, the same by every way of reading."""

    def read(conn):
        whole = [totals(conn, one, after=0, before=NOON * 2).get("other", 0) for one in (ONE, TWO, THREE)]
        listed = [
            metrics(
                conn, one, after=NOON - HOUR, before=NOON + 2 * HOUR, breakdown_by="name", names=["filtered"]
            )
            for one in (ONE, TWO, THREE)
        ]
        assert [sum(sum(s["values"]) for s in one["series"]) for one in listed] == whole
        shown = {item.destination_id: item.counts.get(("other", "filtered"), 0) for item in snapshot(conn)}
        assert [shown.get(one, 0) for one in (ONE, TWO, THREE)] == whole
        return whole

    return database.read_now(read)


def test_filtered_is_what_was_offered_and_not_taken(database):
    """Each member has filtered all that it did not take, before and after the counts are shared out."""
    for batch in (told(5, [ONE]), told(2, [TWO, TWO], named=False)):
        database.write_now(lambda conn, batch=batch: outbox.store(conn, batch))
        counted = filtered(database)
    assert counted == [6, 5, 0]
    asyncio.run(share(database))
    assert filtered(database) == [6, 5, 0]


def test_counting_goes_on_after_sharing(database):
    """A roster need not be named again in the hour; rosters of past days are forgotten."""
    database.write_now(lambda conn: outbox.store(conn, told(3, [])))
    asyncio.run(share(database))
    database.write_now(lambda conn: outbox.store(conn, told(4, [TWO], named=False)))
    assert filtered(database) == [7, 6, 0]
    later = NOON + 48 * HOUR
    database.write_now(lambda conn: outbox.store(conn, told(1, [], roster=OTHER, at=later)))
    asyncio.run(share(database))
    rows = database.read_now(lambda conn: conn.execute("SELECT roster, count FROM offers").fetchall())
    assert rows == [(OTHER, 0)]
