"""An event that kills its worker is set aside after three deaths; its neighbours are delivered all the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from hedgerow.delivery.pipeline import Pipeline
from hedgerow.delivery.world import World
from hedgerow.events import Draft, Event
from simulation.loop import Crash, SimulatedLoop, bury
from simulation.test_simulation import DESTINATIONS, OPTIONS, PROJECT, prepare
from simulation.world import START, PlainSealer, SimulatedLog, SimulatedStore, SimulatedTransport, copy_of

POISON = "00000000-0000-4000-8000-000000000003"


@pytest.fixture(scope="module", params=[1, 7, 15, 32])
def prepared(request, tmp_path_factory):
    """All destinations that send the poison by itself, once: each delivery of it that has a row of its own costs deaths of its own.

    What is tried first depends on the destinations' ids, so there are some sets of them.
    """
    names = [name for name in DESTINATIONS if name not in ("in order", "every third", "summaries")]
    return prepare(tmp_path_factory.mktemp("deaths"), names, ids_seed=request.param)


class PoisonedTransport(SimulatedTransport):
    """Ends the process when the poisonous event is sent."""

    async def send(self, request):
        if POISON.encode() in request.body:
            asyncio.get_running_loop().crash_at = 0
            await asyncio.sleep(0)
        return await super().send(request)


def events(count: int, people: int = 1) -> list[Event]:
    return [
        Event(
            f"00000000-0000-4000-8000-{n:012d}",
            "$pageview",
            f"ann-{n % people}",
            {"plan": "free"},
            "2026-01-02T03:04:05.000Z",
            int(START * 1000) + n,
        )
        for n in range(count)
    ]


async def life(loop, log, store, transport, source, seconds: float) -> None:
    world = World(
        now=loop.time,
        chance=random.Random(1),
        log=log,
        store=store,
        transport=transport,
        sealer=PlainSealer(),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(Pipeline(world, OPTIONS, source).run(range(log.partitions), stop))
    await asyncio.sleep(seconds)
    stop.set()
    await running


def lives(log, store, transport, source, most: int) -> int:
    """Start workers until one is not killed; answers how many were."""
    now = START
    for deaths in range(most):
        loop = SimulatedLoop(now)
        store.reborn()
        try:
            loop.run_until_complete(life(loop, log, store, transport, source, 20.0))
        except Crash:
            now = loop.now + 1
        else:
            return deaths
        finally:
            bury(loop)
    raise AssertionError("It goes on killing.")


def verdicts_of(store) -> dict[int, str]:
    rows = store.connection.execute(
        "SELECT event_uuid, verdict || coalesce(kind, '') FROM deliveries WHERE verdict <> 'masked'"
    )
    return {uuid[-1]: verdict for uuid, verdict in rows}


@pytest.mark.parametrize("seed", [7, 12, 13, 15, 16])
def test_an_event_that_kills_its_worker_is_set_aside(seed, prepared):
    """Three deaths at one place give the record there a verdict, and everything behind it goes on."""
    connection, source, _ = prepared
    chance = random.Random(seed)
    log = SimulatedLog(1, chance)
    store = SimulatedStore(copy_of(connection), chance, busy=0)
    transport = PoisonedTransport(chance)
    asyncio.run(fill(log))
    assert 3 <= lives(log, store, transport, source, 12) <= 10
    assert verdicts_of(store) == {n: "failedcrash" if n == 3 else "delivered" for n in range(8)}


@pytest.mark.parametrize("seed", range(4))
def test_records_in_other_partitions_are_not_blamed(seed, prepared):
    """A worker has begun in all of its partitions when it dies; only the one where the killer stands answers for it."""
    connection, source, _ = prepared
    chance = random.Random(seed)
    log = SimulatedLog(6, chance)
    store = SimulatedStore(copy_of(connection), chance, busy=0)
    transport = PoisonedTransport(chance)
    asyncio.run(fill(log, people=8))
    assert 3 <= lives(log, store, transport, source, 16) <= 12
    assert verdicts_of(store) == {n: "failedcrash" if n == 3 else "delivered" for n in range(8)}


async def fill(log, people: int = 1) -> None:
    for event in events(8, people):
        await log.append([Draft(PROJECT, event.distinct_id, event.captured_at, event.encode())])


def test_a_stopped_worker_leaves_nothing_behind(prepared):
    """An orderly stop in the middle gives every unfinished invocation an open row, and the next worker finishes it."""
    connection, source, _ = prepared
    chance = random.Random(3)
    log = SimulatedLog(1, chance)
    store = SimulatedStore(copy_of(connection), chance, busy=0)
    transport = SimulatedTransport(chance)
    asyncio.run(fill(log))
    now = START
    for seconds in (0.03, 20.0):
        loop = SimulatedLoop(now)
        store.reborn()
        loop.run_until_complete(life(loop, log, store, transport, source, seconds))
        now = loop.now + 1
        bury(loop)
        begun = store.connection.execute("SELECT begun FROM positions WHERE partition = 0").get
        assert begun == 0, "an orderly end casts no suspicion on the record it stopped at"
    verdicts = [row[0] for row in store.connection.execute("SELECT verdict FROM deliveries")]
    assert Counter(verdicts) == {"delivered": 8 + 1 + 3, "masked": 7 + 5}


class SlowPoison(PoisonedTransport):
    """The poisonous request kills only after its record has been settled with an open row."""

    async def send(self, request):
        if POISON.encode() in request.body:
            await asyncio.sleep(0.5)
        return await super().send(request)


def test_an_open_row_that_kills_its_worker_is_set_aside(prepared):
    """Also when the record was settled long ago: only the guilty row fails, those beside it are delivered."""
    connection, source, _ = prepared
    chance = random.Random(11)
    log = SimulatedLog(1, chance)
    store = SimulatedStore(copy_of(connection), chance, busy=0)
    transport = SlowPoison(chance)
    asyncio.run(fill(log))
    assert lives(log, store, transport, source, 12) <= 6
    assert verdicts_of(store) == {n: "failedcrash" if n == 3 else "delivered" for n in range(8)}
