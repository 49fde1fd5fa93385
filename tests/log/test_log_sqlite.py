"""The embedded event log keeps order, survives reopening, and never adds behind a reader's back."""

from __future__ import annotations

import asyncio

import pytest

from hedgerow.events import Draft
from hedgerow.log import LogUnavailable
from hedgerow.log.memory import MemoryLog
from hedgerow.log.segments import HOUR_MS, Segments, partition_of
from hedgerow.log.sqlite import SqliteLog

HOUR = 490_000


class Clock:
    def __init__(self) -> None:
        self.ms = HOUR * HOUR_MS

    def __call__(self) -> float:
        return self.ms / 1000


def draft(number: int, who: str = "ann") -> Draft:
    return Draft(1, who, 1000 + number, str(number).encode())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(tmp_path, clock):
    made = SqliteLog(tmp_path / "events", 4, clock=clock)
    yield made
    made.close()


async def everything(log, partition: int) -> list[bytes]:
    found, after = [], 0
    while records := await log.read(partition, after, records=3, size=10_000):
        found += [record.payload for record in records]
        after = records[-1].position
    return found


async def test_records_of_a_key_come_back_in_order(log):
    """Events of one distinct id share a partition and keep their order, across reads and requests."""
    await asyncio.gather(*(log.append([draft(2 * n), draft(2 * n + 1)]) for n in range(20)))
    assert await everything(log, partition_of(1, "ann", 4)) == [str(n).encode() for n in range(40)]


async def test_both_logs_read_alike(log):
    """The log in memory is a faithful twin: the same appends give the same reads."""
    twin = MemoryLog(4)
    for number in range(30):
        for each in (log, twin):
            await each.append([draft(number, f"user-{number % 7}")])
    for partition in range(4):
        assert await everything(log, partition) == await everything(twin, partition)
        some = await twin.read(partition, 0, records=100, size=4)
        assert [r.payload for r in await log.read(partition, 0, records=100, size=4)] == [
            r.payload for r in some
        ]


async def test_reading_goes_on_across_hours(log, clock):
    """A reader crosses from one hour's file to the next without missing or repeating anything."""
    partition = partition_of(1, "ann", 4)
    for number in range(9):
        await log.append([draft(number)])
        if number % 3 == 2:
            clock.ms += HOUR_MS
    assert await everything(log, partition) == [str(n).encode() for n in range(9)]
    assert len(list(log._reader.hours())) == 3


async def test_the_clock_may_go_back(log, clock):
    """When the clock goes back an hour, records still come after those that were there."""
    partition = partition_of(1, "ann", 4)
    await log.append([draft(0)])
    clock.ms -= HOUR_MS
    await log.append([draft(1)])
    assert await everything(log, partition) == [b"0", b"1"]


async def test_a_second_writer_cannot_write_behind_a_seal(tmp_path, log, clock):
    """A process that still writes to an hour that another one has left moves on to the new hour."""
    other = Segments(tmp_path / "events", 4)
    await log.append([draft(0)])
    other.append([draft(1)], clock.ms)
    clock.ms += HOUR_MS
    await log.append([draft(2)])
    other.append([draft(3)], clock.ms - HOUR_MS)
    other.close()
    assert await everything(log, partition_of(1, "ann", 4)) == [b"0", b"1", b"2", b"3"]


async def test_positions_survive_reopening(tmp_path, clock):
    """End and single records are found again by a new process."""
    first = SqliteLog(tmp_path / "events", 4, clock=clock)
    await first.append([draft(7)])
    first.close()
    again = SqliteLog(tmp_path / "events", 99, clock=clock)
    partition = partition_of(1, "ann", 4)
    end = await again.end(partition)
    record = await again.at(partition, end)
    missing = await again.at(partition, end + 1)
    again.close()
    assert again.partitions == 4
    assert record is not None
    assert record.payload == b"7"
    assert missing is None


async def test_a_failed_commit_acknowledges_nothing(log, monkeypatch):
    """When the disk refuses, every request of the group is told, and later ones work again."""
    real = log._writer.append

    def broken(*_args):
        raise OSError("No space left on device")

    monkeypatch.setattr(log._writer, "append", broken)
    results = await asyncio.gather(*(log.append([draft(n)]) for n in range(3)), return_exceptions=True)
    assert all(isinstance(result, LogUnavailable) for result in results)
    monkeypatch.setattr(log._writer, "append", real)
    await log.append([draft(9)])
    assert await everything(log, partition_of(1, "ann", 4)) == [b"9"]


async def test_old_hours_go_when_they_are_settled(log, clock):
    """Retention deletes whole hours, never one that holds something unsettled, never the open one."""
    for number in range(3):
        await log.append([draft(number)])
        clock.ms += HOUR_MS
    assert await log.delete_before(clock.ms + HOUR_MS, lambda _position: False) == 0
    assert await log.delete_before((HOUR + 1) * HOUR_MS, lambda _position: True) == 1
    assert await log.delete_before(clock.ms + 9 * HOUR_MS, lambda _position: True) == 1
    assert await everything(log, partition_of(1, "ann", 4)) == [b"2"]
