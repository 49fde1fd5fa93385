"""Draining: what was held goes out again, behind live traffic, at the rate that was asked for.

Whenever a destination's gate is open and the ledger holds something of it, it drains. Nobody has to remember that: after a
crash the rows and the gate still say so. Each worker drains the partitions that it owns, with its share of the rate, so that
no row has two hands on it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Final

from hedgerow.delivery import holding
from hedgerow.delivery.configuration import Configuration
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.lanes import Lanes
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import CompiledDestination
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

# How soon a gate that opened is noticed.
LOOK_S: Final = 0.25
BEAT_S: Final = 0.05
# Held deliveries in hand at a time: half a second's worth, so that neither a slow tool nor a slow disk takes from the rate, but
# never so many that a closing gate finds a crowd.
AHEAD_S: Final = 0.5
LEAST_AHEAD: Final = 8
MOST_AHEAD: Final = 1000


class Drain:
    """Drains the held rows of one worker's partitions."""

    def __init__(
        self, world: World, options: Options, gates: Gates, configuration: Configuration, lanes: Lanes
    ) -> None:
        self._world = world
        self._options = options
        self._gates = gates
        self._configuration = configuration
        self._lanes = lanes
        self._partitions = "[]"
        self._share = 1.0
        self._waiting: list[bytes] = []
        self._looked_at = float("-inf")
        self._out: dict[bytes, set[bytes]] = {}
        self._tokens: dict[bytes, tuple[float, float]] = {}

    def own(self, partitions: Iterable[int]) -> None:
        """Say which partitions' rows are ours."""
        owned = sorted(partitions)
        self._partitions = json.dumps(owned)
        self._share = len(owned) / max(1, self._world.log.partitions)

    def settled(self, outcome: Outcome) -> None:
        """The ledger has this outcome now; one less of what was held is under way."""
        if outcome.verdict != "running":
            self._out.get(outcome.invocation.destination_id, set()).discard(outcome.invocation.id)

    async def run(self) -> None:
        """Drain until cancelled."""
        while True:
            try:
                busy = await self.turn()
            except StoreError as error:
                log.warning("drain_waits error=%s", error)
                busy = False
            await asyncio.sleep(BEAT_S if busy else LOOK_S)

    async def turn(self) -> bool:
        """Take what may go out now; whether there is anything to drain."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= LOOK_S:
            self._waiting, self._looked_at = await self._world.store.read(self._look), now
        draining = [owner for owner in self._waiting if self._is_open(owner)]
        self._tokens = {owner: kept for owner, kept in self._tokens.items() if owner in draining}
        for owner in draining:
            room = self._room(owner, now)
            if room:
                await self._pass_on(owner, room)
        return bool(draining)

    def _look(self, connection: Connection) -> list[bytes]:
        # Where nothing is folded and nothing is due nobody else reads the configuration anew.
        self._configuration.refresh(connection)
        self._gates.refresh(connection)
        return holding.waiting(connection)

    def _is_open(self, destination_id: bytes) -> bool:
        gate = self._gates.of(destination_id)
        return not (
            gate.closed or gate.sifting or gate.health.ill or self._configuration.live(destination_id) is None
        )

    def _room(self, destination_id: bytes, now: float) -> int:
        """How many may be taken now: the rate says how many a moment brings, what is under way how many fit."""
        rate = (self._gates.of(destination_id).rate or self._options.hold.per_second) * self._share
        tokens, at = self._tokens.get(destination_id, (min(1.0, rate), now))
        tokens = min(max(1.0, rate), tokens + rate * (now - at))
        self._tokens[destination_id] = (tokens, now)
        ahead = min(MOST_AHEAD, max(LEAST_AHEAD, int(rate * AHEAD_S)))
        return max(0, min(int(tokens), ahead - len(self._out.get(destination_id, ()))))

    async def _pass_on(self, destination_id: bytes, room: int) -> None:
        live = self._configuration.live(destination_id)
        ordered = live is not None and live.ordered
        passed = await (self._release if ordered else self._take)(destination_id, room)
        if not passed:
            self._waiting = [owner for owner in self._waiting if owner != destination_id]
            return
        tokens, at = self._tokens[destination_id]
        self._tokens[destination_id] = (tokens - passed, at)

    async def _take(self, destination_id: bytes, room: int) -> int:
        """Take some in hand; how many."""

        def work(connection: Connection) -> list[tuple[Invocation, CompiledDestination | str]]:
            if not self._is_open_in(connection, destination_id):
                return []
            taken = holding.take(
                connection, destination_id, now=self._world.now_ms(), partitions=self._partitions, limit=room,
                in_hand=self._lanes.in_hand(destination_id), sealer=self._world.sealer,
            )  # fmt: skip
            return [(invocation, self._lanes.judge(connection, invocation)) for invocation in taken]

        judged = await self._world.store.write(work, durable=False)
        if judged:
            self._out.setdefault(destination_id, set()).update(invocation.id for invocation, _ in judged)
            self._lanes.follow(destination_id, judged)
        return len(judged)

    async def _release(self, destination_id: bytes, room: int) -> int:
        """Of an ordered destination: let the lane take them when it is their turn. What is fresh waits behind them."""
        now = self._world.now_ms()

        def work(connection: Connection) -> int:
            if not self._is_open_in(connection, destination_id):
                return 0
            return holding.release(
                connection, destination_id, now=now, partitions=self._partitions, limit=room
            )

        released = await self._world.store.write(work, durable=False)
        if released:
            self._lanes.wake_at(destination_id, now)
        return released

    def _is_open_in(self, connection: Connection, destination_id: bytes) -> bool:
        """Whether it may drain as this transaction sees it."""
        self._configuration.refresh(connection)
        self._gates.refresh(connection)
        return self._is_open(destination_id)
