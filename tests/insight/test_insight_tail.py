"""The live tail shows what comes, never waits for those who watch, and says what they missed."""

from __future__ import annotations

import asyncio

import pytest

from hedgerow.events import Draft, Event
from hedgerow.insight import Tail, TooManyReaders
from hedgerow.insight.tail import MOST_READERS, QUEUE_BYTES, QUEUE_EVENTS


def draft(event="bought", who="ada", project=1, **properties):
    return Draft(project, who, 1000, Event("u", event, who, properties).encode())


async def names(reader):
    lost, events = await reader.next(1)
    return lost, [event.event for event in events]


async def test_readers_get_what_they_asked_for():
    """By project, by name, by distinct ids; a name inside the properties is not taken for the event's."""
    tail = Tail()
    with (
        tail.reader(1) as everything,
        tail.reader(1, event="bought") as bought,
        tail.reader(1, distinct_ids={"grace"}) as graces,
    ):
        tail.publish(
            [draft(), draft("left", "grace"), draft(project=2), draft("fake", x={"event": "bought"})]
        )
        assert await names(everything) == (0, ["bought", "left", "fake"])
        assert await names(bought) == (0, ["bought"])
        assert await names(graces) == (0, ["left"])
    assert tail.readers == 0


async def test_a_slow_reader_loses_the_oldest():
    """Never more than the queue holds is kept, by count and by size; the loss is told once."""
    tail = Tail()
    with tail.reader(1) as reader:
        tail.publish([draft(f"e{n}") for n in range(QUEUE_EVENTS + 7)])
        lost, events = await reader.next(1)
        assert (lost, len(events), events[0].event) == (7, QUEUE_EVENTS, "e7")
        big = "x" * (QUEUE_BYTES // 3)
        tail.publish([draft(f"e{n}", pad=big) for n in range(5)])
        assert await names(reader) == (3, ["e3", "e4"])
        tail.publish([draft(pad="x" * 2 * QUEUE_BYTES)])
        assert await names(reader) == (0, ["bought"])
        assert await reader.next(0.01) == (0, [])


async def test_closing_gives_what_waits_and_then_the_end():
    """Nobody waits for ever for a server that stops."""
    tail = Tail()
    with tail.reader(1) as reader:
        waiting = asyncio.create_task(reader.next(10))
        await asyncio.sleep(0)
        tail.publish([draft()])
        tail.close()
        assert len((await waiting)[1]) == 1
        assert await reader.next(10) is None


async def test_only_so_many_may_watch():
    """One more is refused; a place becomes free when somebody leaves."""
    tail = Tail()
    open_ones = [tail.reader(1) for _ in range(MOST_READERS)]
    for each in open_ones:
        each.__enter__()
    with pytest.raises(TooManyReaders), tail.reader(1):
        pass
    open_ones[0].__exit__(None, None, None)
    with tail.reader(1):
        assert tail.readers == MOST_READERS
