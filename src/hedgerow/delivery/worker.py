"""A worker process: opens the real world and runs a pipeline in it until told to stop."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.hold_policy import HoldPolicy
from hedgerow.delivery.housekeeping import Housekeeping
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.keepers import KeeperMaker
from hedgerow.delivery.limits import limits_of
from hedgerow.delivery.pacing import parse_host_rates
from hedgerow.delivery.partitions import PartitionLocks
from hedgerow.delivery.pipeline import Pipeline
from hedgerow.delivery.retry import RetryPolicy, growing
from hedgerow.delivery.sandbox import Sandbox
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.watcher import Policy
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import Keyring
from hedgerow.log.sqlite import SqliteLog
from hedgerow.settings import Settings
from hedgerow.store import Database, StoreError
from hedgerow.telemetry import drain

log = logging.getLogger(__name__)

DRAIN_EVERY_S = 0.5


def options_of(settings: Settings) -> Options:
    """The pipeline's knobs from the operator's."""
    return Options(
        dedupe_ms=settings.dedupe_window_hours * 3_600_000,
        timeout_s=settings.fetch_timeout_s,
        connect_timeout_s=settings.connect_timeout_s,
        max_response=settings.max_response_bytes,
        lane_concurrency=settings.lane_places,
        host_rates={
            host: rate / settings.worker_processes
            for host, rate in parse_host_rates(settings.host_rates).items()
        },
        retry=RetryPolicy(growing(settings.retries)),
        health=Policy(
            window_s=settings.health_window_s,
            least=settings.health_least_results,
            failure_share=settings.health_failure_share,
            uncaught_share=settings.health_uncaught_share,
            slow_share=settings.health_slow_share,
            patience_s=settings.health_patience_s,
            probe_delays_s=settings.health_probe_delays_s,
            quarantines=settings.health_quarantines,
            hopeless_s=settings.health_hopeless_hours * 3600,
        ),
        hold=HoldPolicy(
            rows=settings.hold_max_deliveries,
            age_s=settings.hold_max_age_hours * 3600,
            disk_share=settings.hold_disk_share,
            per_second=settings.hold_drain_per_second,
        ),
        disk_bytes=shutil.disk_usage(settings.data_dir).total,
        public_url=settings.base_url,
        stop_s=settings.shutdown_s * 0.5,
    )


async def run_worker(
    settings: Settings,
    *,
    partitions: Iterable[int],
    wake: socket.socket | None,
    stop: asyncio.Event,
    keepers: Sequence[KeeperMaker] = (),
) -> None:
    """Deliver the events of some partitions until told to stop.

    Args:
        settings: of the instance.
        partitions: which are ours; the supervisor gives each to one worker, a lock per partition makes sure.
        wake: a datagram socket; anything that arrives on it means new records or new configuration.
        stop: set it to end in order.
        keepers: make the parts that other rooms add.
    """
    owned = sorted(partitions)
    locks = PartitionLocks(settings.data_dir / "locks")
    await locks.take(owned)
    keyring = Keyring.of(settings)
    store, reader = (Database(settings.data_dir / "state.db") for _ in range(2))
    telemetry = Database(settings.data_dir / "telemetry.db")
    events = SqliteLog(settings.data_dir / "events", settings.partitions, clock=time.time)
    transport = HttpTransport(EgressPolicy(settings.egress_allow))
    world = World(
        now=time.time,
        chance=random.SystemRandom(),
        log=events,
        store=store,
        transport=transport,
        sealer=keyring,
        sandbox=Sandbox(size=settings.helpers),
    )
    pipeline = Pipeline(
        world,
        options_of(settings),
        RepositorySource(keyring, limits_of(settings)),
        keepers,
        reader,
    )
    side = [asyncio.create_task(_drain(store, telemetry))]
    if 0 in owned:  # one worker of an instance tidies up
        side.append(asyncio.create_task(Housekeeping(settings, events, store, telemetry).run()))
    if wake is not None:
        _listen(wake, pipeline)
    try:
        await pipeline.run(owned, stop)
    finally:
        for task in side:
            task.cancel()
        await asyncio.gather(*side, return_exceptions=True)
        with suppress(StoreError):
            await drain(store, telemetry)
        await transport.close()
        if world.sandbox is not None:
            await world.sandbox.close()
        events.close()
        reader.close()
        store.close()
        telemetry.close()
        locks.release()


def _listen(wake: socket.socket, pipeline: Pipeline) -> None:
    def heard() -> None:
        with suppress(BlockingIOError, InterruptedError):
            while wake.recv(64):
                pass
        pipeline.intake.wake.set()

    asyncio.get_running_loop().add_reader(wake, heard)


async def _drain(store: Database, telemetry: Database) -> None:
    while True:
        await asyncio.sleep(DRAIN_EVERY_S)
        try:
            await drain(store, telemetry)
        except StoreError as error:
            log.warning("telemetry_behind error=%s", error)
