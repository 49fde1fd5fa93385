"""Sweeping: clears out of the holds what people threw away, what a later one replaces, and what no longer fits.

A destination is swept by the worker that watches it. Each step is a small transaction, and between two of them the store
rests, so that live traffic gets most of its time. How far a sweep has come is in the store with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from hedgerow.delivery import health, holding, internal
from hedgerow.delivery.configuration import Configuration
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.holding import Held
from hedgerow.delivery.world import Options, World
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
MEASURE_S: Final = 10.0
# Counting a large hold takes the store a while: it may take no more than this share of its time.
MEASURE_SHARE: Final = 0.01
LEAST_REST_S: Final = 0.01
WARN_AT: Final = (80, 50)


@dataclass(frozen=True, slots=True)
class Fullness:
    """How full a hold is: shares of its bounds (1 is full), and what has to go for it to fit."""

    share: float = 0.0
    of: str = ""
    reason: str = ""
    excess: int = 0
    frees_disk: bool = False


class Sweeper:
    """Sweeps the holds that are one worker's to sweep."""

    def __init__(self, world: World, options: Options, gates: Gates, configuration: Configuration) -> None:
        self._world = world
        self._options = options
        self._policy = options.hold
        self._gates = gates
        self._configuration = configuration
        self._homes: frozenset[int] = frozenset()
        self._measure_at = float("-inf")

    def own(self, partitions: Iterable[int]) -> None:
        """Say which partitions are ours, and with them which destinations are ours to sweep."""
        self._homes = frozenset(partitions)

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.turn()
            except StoreError as error:
                log.warning("sweep_waits error=%s", error)
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """Carry out what people asked for; now and then look whether the holds fit."""
        for owner, gate in list(self._gates.all().items()):
            if gate.sifting and self._is_ours(owner):
                await self._carry_out(owner)
        now = asyncio.get_running_loop().time()
        if now >= self._measure_at:
            self._measure_at = now + MEASURE_S
            await self._measure()

    def _is_ours(self, destination_id: bytes) -> bool:
        return self._home(destination_id) in self._homes

    def _home(self, destination_id: bytes) -> int:
        return health.home_of(destination_id, self._world.log.partitions)

    async def _steps(self, step: Any) -> None:
        """Repeat a step until it says that it is done, with rests in proportion to the work."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            done = await self._world.store.write(step)
            if done:
                return
            spent = loop.time() - began
            await asyncio.sleep(max(LEAST_REST_S, spent * (1 / self._policy.time_share - 1)))

    # ---------------------------------------------------------- what was asked

    async def _carry_out(self, destination_id: bytes) -> None:
        await self._steps(lambda connection: self._discard_step(connection, destination_id))
        await self._steps(lambda connection: self._sift_step(connection, destination_id))
        await self._world.store.read(self._gates.refresh)

    def _discard_step(self, connection: Connection, destination_id: bytes) -> bool:
        last = holding.order_of(connection, destination_id).discard_to
        if last is None:
            return True
        reason = "It was thrown away while it was held."
        if self._end(connection, destination_id, "discarded", reason, last, self._policy.step):
            return False
        holding.finished(connection, destination_id, "discarded")
        return True

    def _end(
        self,
        connection: Connection,
        destination_id: bytes,
        verdict: str,
        reason: str,
        last: bytes,
        limit: int,
        *,
        with_payloads: bool = False,
    ) -> int:
        """One step; how many there were."""
        return holding.end_oldest(
            connection, destination_id, verdict, reason, last=last, limit=limit, now=self._world.now_ms(),
            with_payloads=with_payloads,
        )  # fmt: skip

    def _sift_step(self, connection: Connection, destination_id: bytes) -> bool:
        order = holding.order_of(connection, destination_id)
        if order.sift_to is None:
            return True
        now = self._world.now_ms()
        if not holding.sift(connection, destination_id, order, limit=self._policy.step, now=now):
            return False
        holding.finished(connection, destination_id, "superseded")
        return True

    # ------------------------------------------------------------ what fits

    async def _measure(self) -> None:
        waiting = await self._world.store.read(holding.waiting)
        for owner in self._gates.all():
            gate = self._gates.of(owner)
            if gate.rate is not None and not gate.paused and owner not in waiting and self._is_ours(owner):
                await self._world.store.write(lambda c, owner=owner: holding.emptied(c, owner))  # type: ignore[misc]
        if not waiting:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        taken = await self._world.store.read(lambda connection: self._taken(connection, waiting))
        self._measure_at = max(self._measure_at, loop.time() + (loop.time() - began) / MEASURE_SHARE)
        for owner in waiting:
            if self._is_ours(owner):
                await self._fit(owner, taken)

    @staticmethod
    def _taken(connection: Connection, waiting: list[bytes]) -> dict[bytes, tuple[Held, int]]:
        """What each destination holds, and about how many bytes of the disk one of it takes."""
        held = holding.held(connection, waiting)
        return {owner: (held[owner], holding.bytes_per_row(connection, owner)) for owner in waiting}

    async def _fit(self, owner: bytes, taken: dict[bytes, tuple[Held, int]]) -> None:
        status = await self._world.store.read(lambda c: self._configuration.status(c, owner))
        now = self._world.now_ms()
        if status == "deleted":
            everything = holding.last_id(now)
            await self._expel(owner, "discarded", "The destination was deleted.", everything)
            return
        too_old = holding.last_id(now - int(self._policy.age_s * 1000))
        days = f"{self._policy.age_s / 86_400:g} days"
        await self._expel(owner, "expired", f"It was held for more than {days}.", too_old)
        full = self._fullness(owner, taken, now)
        if full.excess:
            last = holding.last_id(now)
            await self._expel(
                owner, "expired", full.reason, last, most=full.excess, with_payloads=full.frees_disk
            )
        await self._world.store.write(lambda connection: self._warn(connection, owner, full, now))

    async def _expel(
        self,
        owner: bytes,
        verdict: str,
        reason: str,
        last: bytes,
        *,
        most: int | None = None,
        with_payloads: bool = False,
    ) -> None:
        """End the oldest of what is held in steps, up to an id or a number."""
        left = most

        def step(connection: Connection) -> int:
            limit = self._policy.step if left is None else min(left, self._policy.step)
            return self._end(connection, owner, verdict, reason, last, limit, with_payloads=with_payloads)

        loop = asyncio.get_running_loop()
        while left is None or left > 0:
            began = loop.time()
            ended = await self._world.store.write(step)
            left = None if left is None else left - ended
            if ended < self._policy.step:
                return
            await asyncio.sleep(max(LEAST_REST_S, (loop.time() - began) * (1 / self._policy.time_share - 1)))

    def _fullness(self, owner: bytes, taken: dict[bytes, tuple[Held, int]], now: int) -> Fullness:
        """The fullest of the three bounds. Of the disk's share the largest hold answers for all."""
        policy, (mine, size) = self._policy, taken[owner]
        rows = Fullness(
            mine.count / policy.rows,
            f"{mine.count} of {policy.rows} deliveries",
            f"More than {policy.rows} deliveries were held.",
            max(0, mine.count - policy.rows),
        )
        age_s = 0.0 if mine.oldest is None else (now - mine.oldest) / 1000
        age = Fullness(
            min(1.0, age_s / policy.age_s),
            f"the oldest waits for {age_s / 86_400:.1f} of {policy.age_s / 86_400:g} days",
        )
        return max(rows, age, self._disk(owner, taken, size), key=lambda one: (one.excess > 0, one.share))

    def _disk(self, owner: bytes, taken: dict[bytes, tuple[Held, int]], size: int) -> Fullness:
        allowed = int(self._options.disk_bytes * self._policy.disk_share)
        sizes = {one: held.count * each for one, (held, each) in taken.items()}
        if not allowed or max(sizes, key=lambda one: sizes[one]) != owner:
            return Fullness()
        total = sum(sizes.values())
        excess = min(max(0, total - allowed), sizes[owner])
        share = f"{self._policy.disk_share:.0%} of the disk"
        return Fullness(
            total / allowed,
            f"{total >> 20} of {allowed >> 20} MiB, which are {share}",
            f"What was held took more than {share}.",
            -(-excess // size),
            frees_disk=True,
        )

    def _warn(self, connection: Connection, owner: bytes, full: Fullness, now: int) -> None:
        """Tell the owner once when a hold is half full, and once when it is nearly full."""
        reached = next((percent for percent in WARN_AT if full.share * 100 >= percent), 0)
        before = holding.order_of(connection, owner).warned
        if reached == before:
            return
        holding.warned(connection, owner, reached)
        row = connection.execute(health.ABOUT, (owner,)).fetchone()
        if row is None or reached < before:
            return
        project_id, name, kind = row
        reason = f"What it holds is {reached} % full ({full.of}). Past that the oldest expire: still listed, but not sent."
        health.line(connection, project_id, owner, now, "warn", f"{name}: {reason}")
        state = health.read(connection, owner)[0].state
        properties = {
            "destination_name": name, "destination_type": kind, "previous_state": state, "state": state,
            "reason": reason, "evidence": {"hold_percent": reached},
        }  # fmt: skip
        internal.emit(
            connection, home=self._home(owner), project_id=project_id, subject=owner, name=internal.WARNED,
            properties=properties, now=now,
        )  # fmt: skip
