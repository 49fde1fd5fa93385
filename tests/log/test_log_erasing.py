"""What the log forgets: by time, by size, and by person."""

from __future__ import annotations

import pytest

from hedgerow.events import Draft, Event
from hedgerow.log.memory import MemoryLog
from hedgerow.log.segments import HOUR_MS, OPEN_FILES, partition_of
from hedgerow.log.sqlite import SqliteLog

HOUR = 490_000
CANARY = "canary-7f3a"


class Clock:
    def __init__(self) -> None:
        self.ms = HOUR * HOUR_MS

    def __call__(self) -> float:
        return self.ms / 1000


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(tmp_path, clock):
    made = SqliteLog(tmp_path / "events", 4, clock=clock)
    yield made
    made.close()


def draft(who="ann", at=1000, project=1, size=100):
    event = Event("u", "bought", who, {"note": f"about {who} " + "x" * size}, "2026-01-01T00:00:00.000Z")
    return Draft(project, who, at, event.encode())


def raw(tmp_path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted((tmp_path / "events").iterdir()))


async def everything(log, partition):
    return await log.read(partition, 0, records=10**6, size=10**9)


async def test_an_erased_person_is_gone_to_the_last_byte(log, clock, tmp_path):
    """In every hour, of any size, while a reader and a writer are busy; positions and neighbours stay as they were."""
    for hour in range(3):
        clock.ms = (HOUR + hour) * HOUR_MS
        some = [
            draft(who, size=size)
            for size in (10, 300, 9000)
            for who in (CANARY, "ann", CANARY, f"not-{CANARY[:5]}")
        ]
        await log.append(some * 20)
    partition = partition_of(1, CANARY, 4)
    before = await everything(log, partition)
    reader = SqliteLog(tmp_path / "events", 4, clock=clock)
    await everything(reader, partition)
    assert raw(tmp_path).count(CANARY.encode()) > 300
    assert await log.erase(1, CANARY, 2000) == 360
    assert await log.flush()
    assert CANARY.encode() not in raw(tmp_path)
    for each in (log, reader):
        after = await everything(each, partition)
        assert [record.position for record in after] == [record.position for record in before]
        for old, new in zip(before, after, strict=True):
            assert new.erased if old.decode().distinct_id == CANARY else new == old
    assert await log.erase(1, CANARY, 2000) == 0
    reader.close()


async def test_only_what_was_asked_is_erased(log):
    """Other projects, later events, and those who only mention the name keep theirs."""
    mention = Event("u", "e", "ann", {"distinct_id": CANARY}).encode()
    keep = [
        draft(CANARY, at=3000),
        draft(CANARY, project=2),
        draft(f"{CANARY}2"),
        Draft(1, CANARY, 1000, mention),
    ]
    await log.append([draft(CANARY), *keep])
    assert await log.erase(1, CANARY, 2000) == 1
    found = [r for partition in range(4) for r in await everything(log, partition) if not r.erased]
    assert sorted(r.payload for r in found) == sorted(d.payload for d in keep)


async def test_a_flush_waits_for_readers(log, tmp_path):
    """While somebody reads an old picture, the write-ahead log cannot be emptied, and that is said."""
    await log.append([draft()])
    from hedgerow.store import open_connection

    other = open_connection(tmp_path / "events" / f"{HOUR}.db")
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM records").fetchall()
    log._reader.connection(HOUR).set_busy_timeout(10)
    await log.append([draft()])
    assert not await log.flush()
    other.execute("COMMIT")
    assert await log.flush()
    other.close()


async def test_a_log_too_large_loses_its_oldest_settled_hours(log, clock):
    """By size before their time; never the open hour, never what is not settled."""
    for hour in range(5):
        clock.ms = (HOUR + hour) * HOUR_MS
        await log.append([draft(size=5000)] * 40)
    settled_to = (HOUR + 4) << 32
    hours = lambda: len(log._reader.hours())  # noqa: E731
    assert await log.delete_before(0, lambda last: last < settled_to, size=10**9) == 0
    total = sum(log._reader.size(hour) for hour in log._reader.hours())
    assert await log.delete_before(0, lambda last: last < settled_to, size=total // 2) > 0
    assert 2 <= hours() <= 3
    assert await log.delete_before(0, lambda _: False, size=0) == 0
    assert await log.delete_before(0, lambda _: True, size=0) > 0
    assert hours() == 1
    assert await log.first() == (HOUR + 4) << 32


async def test_what_lies_behind_is_about_right(log, clock):
    """The estimate is within a third of the real number of bytes, whatever hours and positions it spans."""
    twin = MemoryLog(4)
    for hour in range(3):
        clock.ms = (HOUR + hour) * HOUR_MS
        for each in (log, twin):
            await each.append([draft(f"who-{n}", size=400) for n in range(1500)])
    everyone = dict.fromkeys(range(4), 0)
    real = await twin.size_after(everyone)
    assert real * 0.7 < await log.size_after(everyone) < real * 1.4
    middle = {p: (await log.read(p, 0, records=570, size=10**9))[-1].position for p in range(4)}
    assert real * 0.35 < await log.size_after(middle) < real * 0.7
    ends = {p: await log.end(p) for p in range(4)}
    assert await log.size_after(ends) < real * 0.01
    assert await log.size_after({}) == 0


async def test_records_are_found_by_their_places(log):
    """In the order asked for; what is not there is None."""
    await log.append([draft(), draft()])
    partition = partition_of(1, "ann", 4)
    one, two = await everything(log, partition)
    places = [(partition, two.position), (partition, 77), (partition, one.position)]
    assert await log.read_at(places) == [two, None, one]


async def test_old_hours_are_not_all_kept_open(log, clock):
    """However many hours are read, few files stay open; a deleted one is closed and no longer read."""
    partition = partition_of(1, "ann", 4)
    for hour in range(12):
        clock.ms = (HOUR + hour) * HOUR_MS
        await log.append([draft()])
    records = await everything(log, partition)
    assert len(records) == 12
    assert len(log._reader._open) <= OPEN_FILES
    (log._reader.folder / f"{HOUR}.db").unlink()
    log._reader.hours()
    assert await log.read_at([(partition, records[0].position)]) == [None]
    assert len(await everything(log, partition)) == 11
