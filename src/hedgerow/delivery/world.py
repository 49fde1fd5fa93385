"""What the pipeline needs from outside. Everything comes in here; nothing is reached for."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from hedgerow.delivery.hold_policy import HoldPolicy
from hedgerow.delivery.retry import RetryPolicy
from hedgerow.delivery.sandbox import Sandbox
from hedgerow.delivery.state import Sealer
from hedgerow.delivery.transport import Transport
from hedgerow.delivery.watcher import Policy
from hedgerow.log import EventLog
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

REST_AFTER_STORE_ERROR_S = 0.5

T = TypeVar("T")


class Store(Protocol):
    """Transactions on the state database."""

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run a writing transaction; returns when it is durable, or sooner when it need not be by itself."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reading transaction."""


@dataclass(slots=True)
class World:
    """Clock, chance, log, store, network and keys.

    Attributes:
        now: seconds since the epoch.
        chance: source of jitter; nothing that must be reproducible after a crash comes from it.
        log: where events are read, and where captured ones are put back.
        store: people, configuration, positions and ledger.
        transport: how requests leave.
        sealer: encrypts journals.
        sandbox: helper processes for Hog that takes long; without them it runs on the event loop however long it takes.
        renew: gets other tokens for accounts (by number) whose vendor refused the present ones; says whether there are some.
    """

    now: Callable[[], float]
    chance: random.Random
    log: EventLog
    store: Store
    transport: Transport
    sealer: Sealer
    sandbox: Sandbox | None = None
    renew: Callable[[Collection[int]], Awaitable[bool]] | None = None

    async def insist(self, what: str, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run a writing transaction, again and again while the store refuses: its work must not be given up.

        Args:
            what: names the work in the log.
            work: a transaction that may be run again after it failed.
            durable: whether it must be on the disk by itself.
        """
        while True:
            try:
                return await self.store.write(work, durable=durable)
            except StoreError as error:
                log.error("%s_failed error=%s", what, error)  # noqa: TRY400 - the message says it all
                await asyncio.sleep(REST_AFTER_STORE_ERROR_S)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.now() * 1000)


@dataclass(frozen=True, slots=True)
class Options:
    """The pipeline's own knobs; see settings.py for what they mean to an operator.

    Attributes:
        window_bytes: payload bytes that may be read but not settled.
        window_records: the same in records.
        read_records: records of one partition that are read at once.
        flush_s: longest time a verdict waits for its transaction.
        spill_s: a record whose invocations still run after this, or wait behind such, is settled with open rows.
        poll_s: how long to sleep without a wake-up.
        pace_s: readings of the log begin at least this far apart.
        dedupe_ms: a uuid seen within this time is a duplicate.
        lane_concurrency: requests of one destination at a time.
        host_rates: requests a second that this worker may send to a host, all destinations together.
        lane_queue: invocations of one destination that wait in memory; more wait in the ledger.
        kept_successes: deliveries per destination whose request and response are kept.
        body_excerpt: bytes of a request or response body that are kept.
        timeout_s: whole exchange of one fetch.
        connect_timeout_s: until a connection stands.
        max_response: bytes of a response that a program gets.
        retry: default patience.
        public_url: what links start with.
        health: when a destination counts as ill.
        hold: how much may be held, and how fast it goes out.
        disk_bytes: the size of the disk, of which holding may take a share; 0 when that does not matter.
        stop_s: how long a stopping worker waits for what is in flight.
    """

    window_bytes: int = 32 * 1024 * 1024
    window_records: int = 2048
    read_records: int = 128
    flush_s: float = 0.05
    spill_s: float = 0.2
    poll_s: float = 0.25
    pace_s: float = 0.005
    dedupe_ms: int = 24 * 3600 * 1000
    lane_concurrency: int = 64
    host_rates: Mapping[str, float] = field(default_factory=dict)
    lane_queue: int = 1000
    kept_successes: int = 100
    body_excerpt: int = 16_384
    timeout_s: float = 10.0
    connect_timeout_s: float = 3.0
    max_response: int = 1_000_000
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    public_url: str = "http://127.0.0.1:8000"
    health: Policy = field(default_factory=Policy)
    hold: HoldPolicy = field(default_factory=HoldPolicy)
    disk_bytes: int = 0
    stop_s: float = 5.0
