"""Settle: gather outcomes, write them with the positions they complete, in one transaction at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from hedgerow.delivery import ledger
from hedgerow.delivery.claims import Claim, decide
from hedgerow.delivery.configuration import key
from hedgerow.delivery.invocation import Attempt, Invocation, Outcome
from hedgerow.delivery.matching import Roster
from hedgerow.delivery.window import Entry, Window
from hedgerow.delivery.world import Options, World
from hedgerow.store import Connection
from hedgerow.telemetry import Batch

METRICS = {
    "delivered": ("success", "succeeded"),
    "failed": ("failure", "failed"),
    "masked": ("other", "masked"),
    "counted": ("other", "counted"),
    "digested": ("other", "digested"),
    "duplicate": ("other", "duplicate"),
    "expired": ("failure", "expired"),
    "discarded": ("other", "discarded"),
    "superseded": ("other", "superseded"),
}
UNTRIGGERED = frozenset({"duplicate", "masked", "counted", "digested"})
FULL_FLUSH = 500
# A record waits so many times as long for invocations that do not lag.
PATIENCE = 10
# Requests of successes are written at a beat of their own. Where all that are kept are new at each beat, every third one does: what
# waits must be written well within the grace that an erasure gives.
KEEP_S = 1.0
KEEP_BEATS = 3

Kept: TypeAlias = list[tuple[bytes, Sequence[Attempt]]]


class Successes:
    """The newest deliveries per destination whose requests are kept; older ones are forgotten again."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._waiting: dict[bytes, deque[tuple[bytes, Sequence[Attempt]]]] = {}
        self._written: dict[bytes, deque[bytes]] = {}
        self._beat_at = float("-inf")
        self._beats = 0

    def add(self, outcome: Outcome) -> None:
        """Remember a delivery; the oldest one waiting gives way before it is ever written."""
        if not self._kept or not outcome.attempts:
            return
        i = outcome.invocation
        waiting = self._waiting.get(i.destination_id)
        if waiting is None:
            waiting = self._waiting[i.destination_id] = deque(maxlen=self._kept)
        waiting.append((i.id, outcome.attempts))

    def drain(self, now: float, *, everything: bool = False) -> tuple[Kept, list[bytes]]:
        """What to write now, and whose attempts to delete.

        Args:
            now: the time.
            everything: do not wait for the next beat.
        """
        if now - self._beat_at < KEEP_S and not everything:
            return [], []
        self._beat_at = now
        self._beats += 1
        busy_too = everything or self._beats % KEEP_BEATS == 1
        due = [one for one, waiting in self._waiting.items() if busy_too or len(waiting) < self._kept]
        fresh: Kept = []
        gone: list[bytes] = []
        for destination_id in due:
            waiting = self._waiting.pop(destination_id)
            written = self._written.setdefault(destination_id, deque())
            fresh += waiting
            written.extend(delivery for delivery, _ in waiting)
            while len(written) > self._kept:
                gone.append(written.popleft())
        return fresh, gone


class Settler:
    """Collects outcomes and writes them. One flush at a time; a flush that fails is written again, whole."""

    def __init__(self, world: World, options: Options, window: Window) -> None:
        self._world = world
        self._options = options
        self._window = window
        self.on_settled: Callable[[Outcome], None] = lambda _outcome: None
        self.lags: Callable[[Invocation, float], bool] = lambda _invocation, _now: True
        self.on_claimed: Callable[[Invocation], None] = lambda _invocation: None
        self._entries: dict[bytes, Entry] = {}
        self._outcomes: list[Outcome] = []
        self._claims: list[Claim] = []
        self._full = asyncio.Event()
        self._successes = Successes(options.kept_successes)
        self._stopping = False
        self._called: set[tuple[bytes, int]] = set()
        self.hurry = False

    def expect(self, entry: Entry) -> None:
        """An entry whose pending invocations will report here."""
        for invocation_id in entry.pending:
            self._entries[invocation_id] = entry

    def report(self, outcome: Outcome) -> None:
        """An invocation has reached a state that the ledger must know."""
        self._outcomes.append(outcome)
        if self.hurry or len(self._outcomes) >= FULL_FLUSH:
            self._full.set()

    def claim(self, claim: Claim) -> None:
        """An invocation runs only if the ledger says so: ``on_claimed`` tells."""
        self._claims.append(claim)
        if self.hurry or len(self._claims) >= FULL_FLUSH:
            self._full.set()

    async def run(self) -> None:
        """Flush at a steady beat, sooner when much has come together.

        Ends after ``stop``, never in the middle of a flush: what a flush took out of the window must be written before
        anything behind it is.
        """
        while not self._stopping:
            try:
                async with asyncio.timeout(self._options.flush_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            await self.flush()

    def stop(self) -> None:
        """End ``run`` after the flush that is under way."""
        self._stopping = True
        self._full.set()

    async def flush(self, *, spill_all: bool = False) -> None:
        """Write everything that is known now.

        Args:
            spill_all: give every pending invocation an open row, however young (used when stopping).
        """
        outcomes, self._outcomes = self._outcomes, []
        claims, self._claims = self._claims, []
        for invocation in (*(o.invocation for o in outcomes), *(c.invocation for c in claims)):
            self._done(invocation)
        outcomes += self._spill(everything=spill_all)
        settlement = self._settlement(outcomes, self._window.settled())
        settlement.successes, settlement.forgotten = self._kept(outcomes, everything=spill_all)
        if not (outcomes or claims or settlement.positions or settlement.successes):
            return
        decided = await self._world.insist("settle", lambda c: self._settle(c, settlement, claims))
        self._called |= settlement.telemetry.rosters.keys()
        for outcome in outcomes:
            outcome.invocation.fresh = False
            self.on_settled(outcome)

        for outcome in decided:
            outcome.invocation.fresh = False
            self.on_settled(outcome)
            if outcome.verdict == "running":
                self.on_claimed(outcome.invocation)

    def _settle(
        self, connection: Connection, settlement: ledger.Settlement, claims: Sequence[Claim]
    ) -> list[Outcome]:
        """The settling transaction. It may have to be repeated, so it leaves the settlement as it is."""
        decided = decide(connection, claims, self._world.now_ms()) if claims else []
        if decided:
            telemetry = Batch()
            telemetry.add(settlement.telemetry)
            for outcome in decided:
                _count(telemetry, outcome)
            settlement = replace(settlement, outcomes=[*settlement.outcomes, *decided], telemetry=telemetry)
        ledger.settle(connection, settlement, self._world.sealer)
        return decided

    def _done(self, invocation: Invocation) -> None:
        entry = self._entries.pop(invocation.id, None)
        if entry is not None:
            entry.pending.pop(invocation.id, None)

    def _spill(self, *, everything: bool) -> list[Outcome]:
        """Open rows for what takes longer than a record may wait; for everything when it is to stop.

        What only waits its turn in a worker that has more to do than it can will have its verdict soon: a row now would make
        that worker slower still.
        """
        now = asyncio.get_running_loop().time()
        at = self._world.now_ms()
        rows: list[Outcome] = []
        for entry in self._window.overdue(now if everything else now - self._options.spill_s):
            patient = not everything and now - entry.read_at < PATIENCE * self._options.spill_s
            late = [i for i in entry.pending.values() if not patient or self.lags(i, now)]
            for invocation in late:
                rows.append(Outcome(invocation, "running", at, next_at=at))
                self._done(invocation)
        return rows

    def _settlement(self, outcomes: list[Outcome], gone: list[Entry]) -> ledger.Settlement:
        positions: dict[int, int] = {}
        for entry in gone:
            positions[entry.partition] = max(entry.position, positions.get(entry.partition, 0))
        return ledger.Settlement(
            outcomes=outcomes, positions=positions, telemetry=self._telemetry(outcomes, gone)
        )

    def _kept(self, outcomes: Sequence[Outcome], *, everything: bool) -> tuple[Kept, list[bytes]]:
        """Requests of successes to write and to delete now."""
        for outcome in outcomes:
            if outcome.verdict == "delivered":
                self._successes.add(outcome)
        return self._successes.drain(asyncio.get_running_loop().time(), everything=everything)

    def _telemetry(self, outcomes: list[Outcome], gone: list[Entry]) -> Batch:
        batch = Batch()
        for outcome in outcomes:
            _count(batch, outcome)
        at = self._world.now_ms()
        for entry in gone:
            if entry.roster is not None:
                self._offered(batch, entry, entry.roster, at)
        return batch

    def _offered(self, batch: Batch, entry: Entry, roster: Roster, at: int) -> None:
        """Count an event for all who were offered it, and take it back from those who did not filter it out."""
        told = batch.offer(roster.project_id, roster.id, at)
        if told not in self._called:
            batch.rosters[told] = roster.members
        for compiled in entry.taken:
            batch.count(roster.project_id, key(compiled), at, "other", "filtered", -1)
        for compiled in entry.sampled:
            batch.count(roster.project_id, key(compiled), at, "other", "sampled")


def _count(batch: Batch, outcome: Outcome) -> None:
    i = outcome.invocation
    if i.fresh and outcome.verdict not in UNTRIGGERED:
        batch.count(i.project_id, i.destination_id, outcome.at, "other", "triggered")
    if outcome.attempts:
        batch.count(i.project_id, i.destination_id, outcome.at, "other", "fetch", len(outcome.attempts))
    if outcome.final:
        kind, name = METRICS[outcome.verdict]
        batch.count(i.project_id, i.destination_id, outcome.at, kind, name)
        if outcome.verdict == "delivered" and not i.run:  # how long ago a re-run's event came in says nothing
            batch.latency(i.project_id, i.destination_id, outcome.at, outcome.at - i.captured_at)
    for line in outcome.lines:
        batch.line(i.project_id, i.destination_id, i.id, line.at, line.level, line.message)
