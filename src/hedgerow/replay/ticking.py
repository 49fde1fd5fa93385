"""Ticking: the schedules of destinations, looked at once a second.

The worker that owns the partition that a destination's id hashes to decides for it, in one transaction that begins the run of a tick and notes
that the tick is decided. A run's key is the tick, so a second one of the same tick cannot be: not from another worker, not after a
crash, not when the clock is set back.

One rule covers all that keeps a tick from beginning at its time: a server that was down, a destination that is paused, quarantined or
disabled by its health, the run before that is not over. *The tick waits; when it can begin, the latest that has come due by then
runs, once, and those before it are passed over.* How many there were stands in the destination's log. A destination that is
switched off has no ticks; switched on, it begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hedgerow.delivery import health, ticks
from hedgerow.delivery.configuration import key
from hedgerow.delivery.invocation import Outcome
from hedgerow.delivery.keepers import Bench
from hedgerow.delivery.matching import Plan
from hedgerow.destinations import CompiledDestination
from hedgerow.destinations.schedule import MOST_PASSED, Cadence
from hedgerow.events import timestamps
from hedgerow.replay import runs, scheduling
from hedgerow.replay.runs import KeyTaken
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
BUSY: Final = "The run of the tick before is not over."

ALL = "SELECT destination_id, cadence, decided_to, tick_at, run_id, passed, waits FROM schedules"
ONE = f"{ALL} WHERE destination_id = ?"
FORGET = "DELETE FROM schedules WHERE destination_id = ?"
BEGIN = """
INSERT INTO schedules (destination_id, project_id, cadence, decided_to) VALUES (?, ?, ?, ?)
ON CONFLICT (destination_id) DO UPDATE SET cadence = excluded.cadence, decided_to = excluded.decided_to, waits = NULL
"""
DECIDE = "UPDATE schedules SET decided_to = ? WHERE destination_id = ?"
WAIT = "UPDATE schedules SET waits = ? WHERE destination_id = ?"
RAN = """
UPDATE schedules SET decided_to = :tick, tick_at = :tick, run_id = :run, passed = :passed, waits = NULL
WHERE destination_id = :owner
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a schedule has come; the attributes are the columns of ``schedules``."""

    cadence: str
    decided_to: int
    tick_at: int | None = None
    run_id: bytes | None = None
    passed: int = 0
    waits: str | None = None


# What is to be done about a schedule now.


@dataclass(frozen=True, slots=True)
class Anew:
    """It is new, or fires at other times than before: its first tick is the first from now on."""


@dataclass(frozen=True, slots=True)
class SetBack:
    """The clock was set back: ticks come from now on, as the clock shows it; those that ran do not run again."""


@dataclass(frozen=True, slots=True)
class Waits:
    """A tick is due and cannot begin."""

    reason: str


@dataclass(frozen=True, slots=True)
class Begins:
    """A tick begins; so many before it were passed over."""

    tick: int
    passed: int


Decision: TypeAlias = Anew | SetBack | Waits | Begins


def decide(cadence: Cadence, standing: Standing | None, now: int, hindered: str | None) -> Decision | None:
    """What is to be done about a schedule.

    Args:
        cadence: its ticks.
        standing: how far it has come; None when it is new.
        now: milliseconds.
        hindered: why no tick may begin, None when one may.

    Returns:
        None when there is nothing to do.
    """
    if standing is None or standing.cadence != cadence.text:
        return Anew()
    if standing.decided_to > now:
        return SetBack()
    tick = cadence.latest(standing.decided_to, now)
    if tick is None:
        return None
    if hindered is not None:
        return None if hindered == standing.waits else Waits(hindered)
    return Begins(tick, cadence.count(standing.decided_to, tick) - 1)


def standing_of(connection: Connection, destination_id: bytes) -> Standing | None:
    """How far a destination's schedule has come; None when it never looked at the clock."""
    row = connection.execute(ONE, (destination_id,)).fetchone()
    return Standing(*row[1:]) if row else None


def standings(connection: Connection) -> dict[bytes, Standing]:
    """How far all schedules have come."""
    return {row[0]: Standing(*row[1:]) for row in connection.execute(ALL)}


class Ticker:
    """Decides for those schedules that are one worker's to decide for."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._world = bench.world
        self._homes: frozenset[int] = frozenset()
        self._plans: Mapping[int, Plan] = {}
        self._scheduled: dict[bytes, CompiledDestination] = {}
        self._cadences: dict[bytes, Cadence] = {}
        # Up to when nothing comes due after a tick: finding that out costs more than looking it up every second may.
        self._calm: dict[bytes, tuple[int, float]] = {}

    def own(self, partitions: Iterable[int]) -> None:
        """Say which partitions are ours, and with them which schedules."""
        self._homes, self._plans = frozenset(partitions), {}

    def settled(self, outcome: Outcome) -> None:
        """Verdicts change nothing about ticks."""

    async def run(self) -> None:
        """Look at the clock until cancelled."""
        while True:
            try:
                await self.turn()
            except StoreError as error:
                log.warning("schedules_wait error=%s", error)
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """Decide what there is to decide."""
        for owner in await self._world.store.read(self._look):
            await self._world.store.write(lambda connection, one=owner: self._decide(connection, one))  # type: ignore[misc]

    # -------------------------------------------------------------- looking

    def _look(self, connection: Connection) -> Sequence[bytes]:
        """Schedules about which there is something to do; most of the time there is none."""
        self._refresh(connection)
        standing = {owner: one for owner, one in standings(connection).items() if self._is_ours(owner)}
        busy = [
            owner
            for owner, compiled in self._scheduled.items()
            if not self._is_calm(owner, standing.get(owner))
            and self._decision(connection, owner, compiled, standing.get(owner)) is not None
        ]
        return [*busy, *(standing.keys() - self._scheduled.keys())]

    def _refresh(self, connection: Connection) -> None:
        configuration = self._bench.configuration
        configuration.refresh(connection)
        self._bench.gates.refresh(connection)
        if self._plans is not configuration.plans:
            self._plans = configuration.plans
            self._scheduled = {
                key(compiled): compiled
                for plan in self._plans.values()
                for compiled in plan.destinations
                if compiled.stream == ticks.STREAM and self._is_ours(key(compiled))
            }
            self._cadences = {
                owner: Cadence.of(compiled.destination.config.schedule or {})
                for owner, compiled in self._scheduled.items()
            }
            self._calm = {}

    def _is_ours(self, destination_id: bytes) -> bool:
        return health.home_of(destination_id, self._world.log.partitions) in self._homes

    def _is_calm(self, owner: bytes, standing: Standing | None) -> bool:
        """Whether the next tick of a schedule is still to come."""
        if standing is None or standing.cadence != self._cadences[owner].text:
            return False
        decided_to, until = self._calm.get(owner, (-1, 0))
        if decided_to != standing.decided_to:
            until = next(self._cadences[owner].after(standing.decided_to), math.inf)
            self._calm[owner] = standing.decided_to, until
        return standing.decided_to <= self._world.now_ms() < until

    def _decision(
        self, connection: Connection, owner: bytes, compiled: CompiledDestination, standing: Standing | None
    ) -> Decision | None:
        cadence, now = self._cadences[owner], self._world.now_ms()
        found = decide(cadence, standing, now, None)
        if not isinstance(found, Begins):
            return found
        return decide(cadence, standing, now, self._hindered(connection, owner, compiled))

    def _hindered(self, connection: Connection, owner: bytes, compiled: CompiledDestination) -> str | None:
        project_id = compiled.destination.project_id
        if runs.under_way(connection, project_id, runs.SCHEDULE, owner):
            return BUSY
        return self._bench.gates.of(owner).closed

    # ------------------------------------------------------------- deciding

    def _decide(self, connection: Connection, owner: bytes) -> None:
        """Do what is to be done about one schedule, as this transaction sees it."""
        self._refresh(connection)
        compiled = self._scheduled.get(owner)
        if compiled is None:
            connection.execute(FORGET, (owner,))
            return
        now, standing = self._world.now_ms(), standing_of(connection, owner)
        match self._decision(connection, owner, compiled, standing):
            case Anew():
                values = (owner, compiled.destination.project_id, self._cadences[owner].text, now)
                connection.execute(BEGIN, values)
            case SetBack():
                connection.execute(DECIDE, (now, owner))
            case Waits(reason):
                connection.execute(WAIT, (reason, owner))
            case Begins(tick, passed):
                self._begin(connection, compiled, tick, passed)

    def _begin(self, connection: Connection, compiled: CompiledDestination, tick: int, passed: int) -> None:
        owner, now = key(compiled), self._world.now_ms()
        try:
            run, new = scheduling.begin(
                connection, scheduling.Wish(compiled.destination, tick), partitions=self._world.log.partitions, now=now,
                randomness=self._world.chance.randbytes(10),
            )  # fmt: skip
        except KeyTaken:
            new = False
        if not new:  # it ran, and the clock was set back since
            connection.execute(DECIDE, (tick, owner))
            return
        connection.execute(RAN, {"tick": tick, "run": run.id, "passed": passed, "owner": owner})
        if passed:
            number = f"{passed} or more ticks" if passed >= MOST_PASSED - 1 else f"{passed} ticks"
            number = "1 tick" if passed == 1 else number
            message = f"The tick of {timestamps.write(tick)} runs; {number} before it could not begin."
            health.line(connection, compiled.destination.project_id, owner, now, "warn", message)
