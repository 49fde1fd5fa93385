"""Reading several partitions at once finds what reading each by itself does, whatever the hour and however much there is."""

from __future__ import annotations

import random

import pytest

from hedgerow.events import Draft
from hedgerow.log.segments import HOUR_MS, ROW_BITS
from hedgerow.log.sqlite import SqliteLog

PARTITIONS = 4


@pytest.fixture
def log(tmp_path):
    hour = [490_000]
    made = SqliteLog(tmp_path / "events", PARTITIONS, clock=lambda: hour[0] * HOUR_MS / 1000)
    made.hour = hour
    yield made
    made.close()


def drafts(chance, count):
    return [Draft(1, f"user-{chance.randrange(30)}", 7, bytes(chance.randrange(1, 50))) for _ in range(count)]


async def by_itself(log, after, records, size):
    """What each partition has, read one after the other within the same bounds."""
    found = []
    for partition, place in after.items():
        if size > 0:
            some = await log.read(partition, place, records=records, size=size)
            found += some
            size -= sum(len(record.payload) for record in some)
    return found


@pytest.mark.parametrize("seed", range(8))
async def test_nothing_is_missed_and_nothing_comes_twice(log, seed):
    """A reader that goes on behind what it got sees every record once, each partition's in order, across hours."""
    chance = random.Random(seed)
    after, seen, written = dict.fromkeys(range(PARTITIONS), 0), [], 0
    for _ in range(40):
        if chance.random() < 0.2:
            log.hour[0] += 1
        count = chance.choice([0, 1, 3, 40])
        if count:
            await log.append(drafts(chance, count))
            written += count
        records, size = chance.choice([2, 10, 100]), chance.choice([60, 10_000])
        found = await log.read_many(after, records=records, size=size)
        assert len(found) <= records * PARTITIONS
        for record in found:
            assert record.position > after[record.partition]
            after[record.partition] = record.position
        seen += found
    while found := await log.read_many(after, records=50, size=10_000):
        for record in found:
            assert record.position > after[record.partition]
            after[record.partition] = record.position
        seen += found
    assert len(seen) == len({record.position for record in seen}) == written
    assert len({record.position >> ROW_BITS for record in seen}) > 1


async def test_a_glance_finds_what_a_close_look_does(log):
    """With little in each partition one statement serves for all; its records are those of the single reads."""
    chance = random.Random(1)
    await log.append(drafts(chance, 100))
    after = {partition: await log.end(partition) for partition in range(PARTITIONS)}
    assert await log.read_many(after, records=50, size=10_000) == []
    await log.append(drafts(chance, 30))
    for records, size in ((50, 10_000), (5, 10_000), (50, 100)):
        together = await log.read_many(after, records=records, size=size)
        apart = await by_itself(log, after, records, size)
        if size == 10_000:
            key = lambda record: (record.partition, record.position)  # noqa: E731
            assert sorted(together, key=key) == sorted(apart, key=key)
        else:
            assert together
            sizes = [len(record.payload) for record in together]
            assert sum(sizes) - max(sizes) < size, "it stops with the record that passes the limit"


async def test_an_empty_log_has_nothing(log):
    """Neither for one partition nor for none."""
    assert await log.read_many({0: 0, 1: 0}, records=5, size=100) == []
    assert await log.read_many({}, records=5, size=100) == []


@pytest.mark.parametrize("seed", range(8))
async def test_readers_of_some_partitions_do_not_disturb_each_other(log, seed):
    """Whoever reads what, in whichever order, again or further on, gets what there is behind the places it names."""
    chance = random.Random(seed)
    readers = [dict.fromkeys(owned, 0) for owned in ((0, 1), (2, 3), (1, 2, 3), (0, 1, 2, 3))]
    for _ in range(60):
        if chance.random() < 0.05:
            log.hour[0] += 1
        await log.append(drafts(chance, chance.choice([1, 2, 20])))
        after = chance.choice(readers)
        if chance.random() < 0.1:
            after.update(dict.fromkeys(after, 0))
        size = chance.choice([60, 10_000])
        found = await log.read_many(after, records=50, size=size)
        apart = await by_itself(log, after, 50, 10_000)
        assert bool(found) == bool(apart)
        for partition in after:
            mine, theirs = ([one for one in some if one.partition == partition] for some in (found, apart))
            assert mine == theirs[: len(mine)]
            after[partition] = mine[-1].position if mine else after[partition]
    for after in readers:
        while found := await log.read_many(after, records=50, size=10_000):
            after.update({record.partition: record.position for record in found})
        assert after == {partition: await log.end(partition) for partition in after}
