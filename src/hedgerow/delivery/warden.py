"""The warden: looks after the health of destinations once a second.

Each worker counts what its own runs showed. The worker that owns the partition that a destination's id hashes to gathers
the counts of all, and it alone decides; a destination therefore never has two judges, and partition locks say who it is.
What is counted and not yet decided on may die with a process: the next minutes tell the same. Decisions are rows.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Final

from hedgerow.delivery import health, holding, internal, signals, watcher
from hedgerow.delivery.gates import Gate, Gates
from hedgerow.delivery.health import Delta
from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Outcome
from hedgerow.delivery.watcher import HEALTHY, Health, Tally, Window
from hedgerow.delivery.world import Options, World
from hedgerow.log import LogUnavailable
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

TICK_S: Final = 1.0


class Warden:
    """Watches the destinations of one worker and judges those that are its own to judge."""

    def __init__(
        self, world: World, options: Options, gates: Gates, wake: Callable[[bytes, int], None]
    ) -> None:
        self._world = world
        self._options = options
        self._gates = gates
        self._wake = wake
        self._policy = options.health
        self._slow_ms = options.timeout_s * 1000 * options.health.slow_of_timeout
        self._seen: dict[bytes, Delta] = {}
        self._windows: dict[bytes, Window] = {}
        self._states: dict[bytes, tuple[str, int]] = {}
        self._probes: dict[bytes, bytes] = {}
        self._homes: frozenset[int] = frozenset()
        self._homes_text = "[]"

    def own(self, partitions: Iterable[int]) -> None:
        """Say which partitions are ours, and with them which destinations are ours to judge."""
        self._homes = frozenset(partitions)
        self._homes_text = json.dumps(sorted(self._homes))

    # ------------------------------------------------------------- counting

    def passed(self, outcome: Outcome) -> Outcome:
        """Count what a run showed, and keep what failed behind a closed gate.

        An invocation that fails for a tool's trouble while the gate is closed (it was under way when the gate closed, or
        was the probe) is held like those behind it, with all its tries before it again.
        """
        i = outcome.invocation
        gate = self._gates.of(i.destination_id)
        if gate.probe == i.id:
            self._delta(i.destination_id).add(Delta(probe=signals.answered(outcome)))
        elif (tally := signals.tally(outcome, self._slow_ms)) is not None:
            self._delta(i.destination_id).tally += tally
        if not _to_be_held(outcome) or gate.closed is None:
            return outcome
        i.tries = 0
        outcome.verdict, outcome.next_at = "held", None
        return outcome

    def _delta(self, destination_id: bytes) -> Delta:
        """What was seen of a destination since the last tick."""
        delta = self._seen.get(destination_id)
        if delta is None:
            delta = self._seen[destination_id] = Delta()
        return delta

    # -------------------------------------------------------------- ticking

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            try:
                await self.tick()
            except (StoreError, LogUnavailable) as error:
                log.warning("health_behind error=%s", error)
            await asyncio.sleep(TICK_S)

    async def tick(self) -> None:
        """Look at the gates, take in what was counted, decide, and bring what is to be told into the log."""
        rows, theirs, waiting = await self._world.store.read(self._look)
        now = self._world.now_ms()
        seen, self._seen = self._seen, {}
        ours = {owner: delta for owner, delta in seen.items() if self._is_ours(owner)}
        others = {owner: delta for owner, delta in seen.items() if owner not in ours}
        for owner, delta in theirs.items():
            ours.setdefault(owner, Delta()).add(delta)
        self._count(ours, now)
        self._let_go()
        wanted = self._wanted(ours, now)
        if rows or others or wanted:
            await self._decide(rows, others, ours, wanted, now)
        self._wake_probes()
        if waiting:
            await self._tell(waiting)

    def _look(self, connection: Connection) -> tuple[list[int], dict[bytes, Delta], list[internal.Waiting]]:
        self._gates.refresh(connection)
        rows, theirs = health.reported(connection, self._homes_text)
        return rows, theirs, internal.waiting(connection, self._homes_text)

    def _is_ours(self, destination_id: bytes) -> bool:
        return health.home_of(destination_id, self._world.log.partitions) in self._homes

    def _count(self, deltas: dict[bytes, Delta], now: int) -> None:
        for owner, delta in deltas.items():
            if delta.tally.results:
                self._window(owner).add(now, delta.tally)

    def _window(self, destination_id: bytes) -> Window:
        state = self._gates.of(destination_id).health
        if self._states.get(destination_id) != (state.state, state.since):
            # Results of another state say nothing about this one.
            self._states[destination_id] = (state.state, state.since)
            self._windows[destination_id] = Window(self._policy.window_s)
        return self._windows[destination_id]

    def _let_go(self) -> None:
        """Forget destinations that have been quiet for a whole window."""
        now = self._world.now_ms()
        for owner in [owner for owner, window in self._windows.items() if not window.total(now).results]:
            del self._windows[owner], self._states[owner]

    # ------------------------------------------------------------- deciding

    def _wanted(self, deltas: dict[bytes, Delta], now: int) -> list[bytes]:
        """Destinations about which there may be something to decide, as far as memory tells."""
        mine = {owner: gate for owner, gate in self._gates.all().items() if self._is_ours(owner)}
        wanted = {owner for owner, delta in deltas.items() if delta.probe is not None}
        wanted |= {owner for owner, gate in mine.items() if self._probe_is_due(gate, now)}
        for owner in {
            *self._windows,
            *(owner for owner, gate in mine.items() if gate.health.state != HEALTHY),
        }:
            state = self._gates.of(owner).health
            if watcher.review(state, self._total(owner, now), now, self._policy):
                wanted.add(owner)
        return sorted(wanted)

    def _total(self, destination_id: bytes, now: int) -> Tally:
        window = self._windows.get(destination_id)
        return window.total(now) if window else Tally()

    @staticmethod
    def _probe_is_due(gate: Gate, now: int) -> bool:
        if gate.paused or gate.health.probe_at is None:
            return False
        return gate.probe_until < now if gate.probe else gate.health.probe_at <= now

    async def _decide(
        self,
        rows: list[int],
        others: dict[bytes, Delta],
        ours: dict[bytes, Delta],
        wanted: list[bytes],
        now: int,
    ) -> None:
        def work(connection: Connection) -> None:
            health.forget_reports(connection, rows)
            health.report(connection, others, self._world.log.partitions)
            for owner in wanted:
                self._judge(connection, owner, ours.get(owner, Delta()).probe, now)

        await self._world.insist("health", work)
        await self._world.store.read(self._gates.refresh)

    def _judge(self, connection: Connection, owner: bytes, probe: bool | None, now: int) -> None:
        """Decide about one destination, on its state of this transaction: a person may have changed it just now."""
        state, under_way = health.read(connection, owner)
        home = health.home_of(owner, self._world.log.partitions)
        if probe is not None and under_way is not None:
            step = watcher.probed(state, probe, now, self._policy)
            evidence = {"probe": text(under_way)}
        else:
            total = self._total(owner, now)
            step, evidence = watcher.review(state, total, now, self._policy), asdict(total)
        if step is not None:
            health.take_step(connection, owner, step, home=home, now=now, evidence=evidence)
            _log(owner, state, step)
        elif self._probe_is_due(self._gates.of(owner), now):
            self._start_probe(connection, owner, state, now)

    def _start_probe(self, connection: Connection, owner: bytes, state: Health, now: int) -> None:
        """Let the oldest of what is held through. When nothing is held the next that comes will be tried."""
        if state.probe_at is None or state.probe_at > now:
            return
        first = holding.release_one(connection, owner, now)
        if first is not None:
            patience = int(self._options.timeout_s * 1000) * 3 + 60_000
            health.start_probe(connection, owner, first, now + patience)

    def _wake_probes(self) -> None:
        """Have probes run that are new to us; only the owner of the row's partition will find it."""
        probes = {owner: gate.probe for owner, gate in self._gates.all().items() if gate.probe}
        for owner, probe in probes.items():
            if self._probes.get(owner) != probe:
                self._wake(owner, self._world.now_ms())
        self._probes = probes

    # -------------------------------------------------------------- telling

    async def _tell(self, waiting: list[internal.Waiting]) -> None:
        """Bring events into the log. A death in between repeats them, with the same uuids: duplicates."""
        while waiting:
            done = waiting
            await self._world.log.append([item.draft for item in done])
            await self._world.insist("told", lambda connection: internal.forget(connection, done))  # noqa: B023 - awaited here
            full = len(done) == internal.MOST
            waiting = (
                await self._world.store.read(lambda c: internal.waiting(c, self._homes_text)) if full else []
            )


def _to_be_held(outcome: Outcome) -> bool:
    if outcome.verdict == "retrying":
        return True
    return outcome.verdict == "failed" and signals.failing(outcome.kind)


def _log(owner: bytes, before: Health, step: watcher.Step) -> None:
    if step.kind != "note":
        log.warning(
            "destination_%s id=%s from=%s to=%s reason=%s",
            "changed" if step.kind == "change" else "warned",
            text(owner), before.state, step.health.state, step.reason,
        )  # fmt: skip
