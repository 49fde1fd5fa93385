"""The pipeline of one worker: intake, lanes and settler around one window."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from hedgerow.delivery import ledger
from hedgerow.delivery.configuration import Configuration, Source
from hedgerow.delivery.draining import Drain
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.intake import Intake
from hedgerow.delivery.invocation import Outcome
from hedgerow.delivery.keepers import Bench, KeeperMaker
from hedgerow.delivery.lanes import Lanes
from hedgerow.delivery.runner import Runner
from hedgerow.delivery.settler import Settler
from hedgerow.delivery.sweeping import Sweeper
from hedgerow.delivery.warden import Warden
from hedgerow.delivery.window import Window
from hedgerow.delivery.world import Options, Store, World

log = logging.getLogger(__name__)


class Pipeline:
    """Everything between the log and the verdict, for the partitions it was given."""

    def __init__(
        self,
        world: World,
        options: Options,
        source: Source,
        keepers: Sequence[KeeperMaker] = (),
        reader: Store | None = None,
    ) -> None:
        """Put a pipeline together.

        Args:
            world: what it works in.
            options: its knobs.
            source: where its destinations come from.
            keepers: make further parts, which work beside intake and lanes.
            reader: where those read what takes its time; the world's own store when absent.
        """
        self._world = world
        self._options = options
        self.window = Window(options.window_bytes, options.window_records)
        configuration = Configuration(source)
        self.settler = Settler(world, options, self.window)
        gates = Gates()
        self.lanes = Lanes(world, options, configuration, Runner(world, options), self.settler.report, gates)
        self.warden = Warden(world, options, gates, self.lanes.wake_at)
        self.drain = Drain(world, options, gates, configuration, self.lanes)
        self.sweeper = Sweeper(world, options, gates, configuration)
        self.lanes.after = self.warden.passed
        self.settler.on_settled = self._settled
        self.settler.on_claimed = self.lanes.submit
        self.settler.lags = self.lanes.lags
        self.intake = Intake(world, options, configuration, self.window, self.settler, self.lanes, gates)
        bench = Bench(world, options, gates, configuration, self.lanes, reader or world.store)
        self._keepers = [make(bench) for make in keepers]
        self._partitions: list[int] = []

    async def run(self, partitions: Iterable[int], stop: asyncio.Event) -> None:
        """Own partitions until told to stop, then leave them in order.

        Args:
            partitions: theirs is nobody else's (see partitions.py).
            stop: set it to end: what is in flight gets a few seconds, the rest becomes open rows.

        Raises:
            Exception: what broke a part of the pipeline; the worker should die of it and start anew.
        """
        self._partitions = list(partitions)
        for keeper in (self.warden, self.drain, self.sweeper):
            keeper.own(self._partitions)
        for more in self._keepers:
            more.own(self._partitions)
        await self.intake.take(self._partitions)
        parts = [
            asyncio.create_task(self.intake.run(), name="intake"),
            asyncio.create_task(self.lanes.run_alarms(), name="alarms"),
            asyncio.create_task(self.settler.run(), name="settler"),
            asyncio.create_task(self.warden.run(), name="warden"),
            asyncio.create_task(self.drain.run(), name="drain"),
            asyncio.create_task(self.sweeper.run(), name="sweeper"),
            *(
                asyncio.create_task(keeper.run(), name=type(keeper).__name__.lower())
                for keeper in self._keepers
            ),
        ]
        stopping = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait([*parts, stopping], return_when=asyncio.FIRST_COMPLETED)
        broken = next((task for task in done if task is not stopping), None)
        stopping.cancel()
        if broken is not None:
            for task in parts:
                task.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await broken
            return
        await self._leave(*parts)

    def _settled(self, outcome: Outcome) -> None:
        self.lanes.settled(outcome)
        self.drain.settled(outcome)
        if outcome.invocation.run:
            for keeper in self._keepers:
                keeper.settled(outcome)

    async def _leave(
        self,
        intake: asyncio.Task[None],
        alarms: asyncio.Task[None],
        settler: asyncio.Task[None],
        *keepers: asyncio.Task[None],
    ) -> None:
        for task in (intake, alarms, *keepers):
            task.cancel()
        await asyncio.gather(intake, alarms, *keepers, return_exceptions=True)
        await self.intake.stop()
        await self.lanes.stop(self._options.stop_s)
        self.settler.stop()
        await settler
        await self.settler.flush(spill_all=True)
        await self._world.insist("release", lambda connection: ledger.release(connection, self._partitions))
