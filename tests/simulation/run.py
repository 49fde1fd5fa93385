"""One seed of a simulation: what outlives its processes, how these work, and when all is at rest."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import apsw

from hedgerow.delivery.pipeline import Pipeline
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import Config, Keyring, Secrets, repository
from hedgerow.store.database import transact
from simulation.loop import SimulatedLoop, one_life
from simulation.world import START, PlainSealer, SimulatedLog, SimulatedStore, state_template

PROJECT = 1
PAUSES, PAUSE_S = 3000, 0.2
OPEN = """
SELECT verdict, run, count(*), min(next_at), error FROM deliveries
WHERE verdict IN ('running', 'retrying', 'held', 'scheduled') GROUP BY 1, 2
"""


def instance(folder: Path) -> tuple[apsw.Connection, Keyring]:
    """A migrated state database with a project, and the keys to what is sealed in it."""
    connection = state_template(folder)
    connection.execute("INSERT INTO projects (id, name, token, created_at) VALUES (1, 'Sim', 'phc_sim', 0)")
    return connection, Keyring.load("", folder)


def saved(
    connection: apsw.Connection, config: Config, keyring: Keyring, *, now: float = START, **more
) -> str:
    """Make a destination; answers its id, which is the same each time when its random bytes are given."""

    def work(c):
        return repository.create(
            c, PROJECT, config, Secrets(), keyring=keyring, now=int(now * 1000), **more
        ).id

    return transact(connection, work)


class OneSeed:
    """What one seed decides.

    Attributes:
        workers: the partitions of each.
        options: of their pipelines.
        besides: what their pipelines do besides.
    """

    workers: Sequence[Sequence[int]]
    options: Options
    besides: Sequence = ()

    def __init__(self, seed: int, connection: apsw.Connection, source) -> None:
        self.chance = random.Random(seed)
        self.now = START
        self.source = source
        self.log = SimulatedLog(sum(map(len, self.workers)), self.chance)
        self.store = SimulatedStore(connection, self.chance)
        self.deaths = 0

    def clock(self, loop: SimulatedLoop):
        """What the pipelines take for the time of day."""
        return loop.time

    def life(self, crash_at: int | None, history) -> bool:
        """One life of all workers, while something happens around them; answers whether they died."""
        return one_life(self, crash_at, lambda loop: self.work(loop, history))

    async def work(self, loop: SimulatedLoop, history=None) -> None:
        """Until all is at rest; then the workers end in good order."""
        world = World(
            now=self.clock(loop), chance=self.chance, log=self.log, store=self.store, transport=self.transport,
            sealer=PlainSealer(),
        )  # fmt: skip
        stop = asyncio.Event()
        pipelines = [Pipeline(world, self.options, self.source, self.besides) for _ in self.workers]
        running = [
            asyncio.create_task(one.run(owned, stop))
            for one, owned in zip(pipelines, self.workers, strict=True)
        ]
        if history is not None:
            await history
        for _ in range(PAUSES):
            await asyncio.sleep(PAUSE_S)
            if any(task.done() for task in running) or await self.rests(pipelines):
                break
        else:
            raise AssertionError(f"It does not come to rest: {self.unfinished()}")
        stop.set()
        await asyncio.gather(*running)

    async def rests(self, pipelines) -> bool:
        """Whether everything is read, settled and final."""
        if any(one.window.records or one.lanes.active() for one in pipelines):
            return False
        ends = {p: await self.log.end(p) for p in range(self.log.partitions)}
        settled = dict(self.store.connection.execute("SELECT partition, settled_to FROM positions"))
        return not self.unfinished() and all(settled.get(p, 0) >= end for p, end in ends.items())

    def unfinished(self) -> list:
        """What somebody has still to do."""
        return self.store.connection.execute(OPEN).fetchall()
