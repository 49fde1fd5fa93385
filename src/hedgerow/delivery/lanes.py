"""Lanes: each destination's own road, so that a slow one delays nobody else.

A lane runs up to ``lane_concurrency`` invocations at a time and keeps a bounded queue. What does not fit goes to the
ledger as a ``scheduled`` row and comes back when there is room. Rows that are due (retries, leftovers of a dead worker) come
from the ledger too, by turns with live events.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeAlias

from hedgerow.delivery import gathering, ledger, ticks
from hedgerow.delivery.configuration import Configuration
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.identity import ORIGINAL
from hedgerow.delivery.internal import is_addressed
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.pacing import Pace
from hedgerow.delivery.runner import Runner
from hedgerow.delivery.suspects import GUILTY, Suspects
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import CompiledDestination, FilterError
from hedgerow.destinations.globals import filter_globals_of
from hedgerow.hog import Host, OverBudget
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

# A filter asked within a transaction must not keep it open: what it cannot decide at once is taken for wanted.
QUICK = Host(patience_ms=5)

REST_AFTER_STORE_ERROR_S = 1.0
# What was due once stays due, also when the clock is set back before there is room for it.
LONG_AGO = 0
# What queues up for a destination that would take longer than this waits in the ledger.
LONG_WAIT_S = 1.0
MORE_IF_QUICK = 4
# Rows that are read at a time, at least: a reading costs more than the rows do.
LEAST_LOADED = 8
# After a reading of an ordered lane, so many times as long as it took is left to others.
RESTS = 4
LONGEST_REST_S = 2.0
# Of the places of a lane what was held takes at most one in so many, and one turn in so many while there is fresh work.
BEHIND_SHARE = 4
BEHIND_TURN = 16

# What comes from the ledger brings the revision that it goes on with.
Entry: TypeAlias = "tuple[Invocation, CompiledDestination | None]"


class Lane:
    """One destination's queues.

    Attributes:
        id: the destination's.
        pace: how much may run at a time, and how fast.
        holding: ids of all that this worker has in hand.
    """

    def __init__(self, destination_id: bytes, pace: Pace) -> None:
        self.id = destination_id
        self.pace = pace
        self.holding: set[bytes] = set()
        self.live: deque[Invocation] = deque()
        self.backlog: deque[tuple[Invocation, CompiledDestination]] = deque()
        # What was held goes behind what is fresh, and never takes more than its share of places.
        self.behind: deque[tuple[Invocation, CompiledDestination]] = deque()
        self.passing: set[bytes] = set()
        # When what runs started, the oldest first.
        self.running: dict[bytes, float] = {}
        self.due_at: int | None = None
        self.loading = False
        self.rung_at: int | None = None
        self.rest_to = float("-inf")
        self._turn = 0
        self._asked_at: float | None = None
        self._lags = False

    def next(self, places: int) -> Entry | None:
        """The next to run: live and backlog take turns, what was held comes behind them. None when nothing may run.

        Args:
            places: how many may run at a time.
        """
        self._turn += 1
        if self.behind and self._may_follow(places):
            entry = self.behind.popleft()
            self.passing.add(entry[0].id)
            return entry
        if self.backlog and (self._turn % 2 or not self.live):
            return self.backlog.popleft()
        return (self.live.popleft(), None) if self.live else None

    @property
    def active(self) -> int:
        """How many run."""
        return len(self.running)

    def lags(self, now: float) -> bool:
        """Whether what queues up here waits for the other side, and for long: not just for this worker to get round to it."""
        if now != self._asked_at:
            oldest = now - next(iter(self.running.values()), now)
            wait = self.pace.wait(len(self.live) + len(self.backlog), oldest, now)
            self._asked_at, self._lags = now, wait > LONG_WAIT_S
        return self._lags

    @property
    def waiting(self) -> bool:
        """Whether anything waits to run."""
        return bool(self.live or self.backlog or self.behind)

    def _may_follow(self, places: int) -> bool:
        if len(self.passing) >= max(1, places // BEHIND_SHARE):
            return False
        return not (self.live or self.backlog) or self._turn % BEHIND_TURN == 0


class Lanes:
    """All lanes of a worker."""

    def __init__(
        self,
        world: World,
        options: Options,
        configuration: Configuration,
        runner: Runner,
        report: Callable[[Outcome], None],
        gates: Gates,
    ) -> None:
        # Asking for the running loop is a system call, each time.
        self._clock = asyncio.get_running_loop().time
        self._world = world
        self._options = options
        self._configuration = configuration
        self._runner = runner
        self._report = report
        self._gates = gates
        self.after: Callable[[Outcome], Outcome] = lambda outcome: outcome
        self.on_live: Callable[[Invocation], None] = lambda _invocation: None
        self._lanes: dict[bytes, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarms: list[tuple[int, int, Lane]] = []
        self._ticket = itertools.count()
        self._alarm_set = asyncio.Event()
        self._partitions = "[]"
        self._share = 1.0
        self._suspects = Suspects(world)
        self._stopping = False

    # -------------------------------------------------------- from outside

    def own(self, partitions: Iterable[int]) -> None:
        """Say which partitions' rows are ours."""
        owned = sorted(partitions)
        self._partitions = json.dumps(owned)
        self._share = len(owned) / max(1, self._world.log.partitions)

    def reserve(self, invocation: Invocation) -> bool:
        """Know an invocation that will come later (its claim is to be won, or others go first): its row is not to be loaded meanwhile.

        Returns:
            Whether it was not in hand already.
        """
        holding = self._lane(invocation.destination_id).holding
        known = invocation.id in holding
        holding.add(invocation.id)
        return not known

    def submit(self, invocation: Invocation) -> None:
        """Take a new invocation: it runs, waits here, or goes to the ledger, to be held or for later."""
        self.on_live(invocation)
        lane = self._lane(invocation.destination_id)
        lane.holding.add(invocation.id)
        closed = self._gates.closed(invocation.destination_id)
        if closed is not None:
            self._report(Outcome(invocation, "held", self._world.now_ms(), error=closed))
            return
        if invocation.sequence is not None or self._is_full(lane):
            # What must keep its order is taken from the ledger, which knows what comes before it.
            now = self._world.now_ms()
            self._report(Outcome(invocation, "scheduled", now, next_at=now))
            return
        lane.live.append(invocation)
        self._pump(lane)

    def _is_full(self, lane: Lane) -> bool:
        """A destination that is slow fills less memory than one that gets its events faster than this worker can send."""
        queued, most = len(lane.live), self._options.lane_queue
        if queued < most:
            return False
        return queued >= MORE_IF_QUICK * most or lane.lags(self._clock())

    def lags(self, invocation: Invocation, now: float) -> bool:
        """Whether an invocation takes so long, or waits behind what takes so long, that its record must not wait for it."""
        lane = self._lane(invocation.destination_id)
        began = lane.running.get(invocation.id)
        return lane.lags(now) if began is None else now - began >= self._options.spill_s

    def settled(self, outcome: Outcome) -> None:
        """The ledger has this outcome now; it may be let go of, or is still running here."""
        if outcome.verdict == "running":
            return
        owner = outcome.invocation.destination_id
        if (lane := self._lanes.get(owner)) is not None:
            lane.holding.discard(outcome.invocation.id)
        if outcome.next_at is not None and outcome.verdict != "held":
            self.wake_at(owner, outcome.next_at)
        elif outcome.invocation.sequence is not None:  # the next of its sequence may run
            self.wake_at(owner, self._world.now_ms())

    def wake_at(self, destination_id: bytes, due_at: int) -> None:
        """A row of this destination will be due then."""
        lane = self._lane(destination_id)
        if lane.due_at is None or due_at < lane.due_at:
            lane.due_at = due_at
            self._ring(lane, due_at)

    def _ring(self, lane: Lane, at: int) -> None:
        heapq.heappush(self._alarms, (at, next(self._ticket), lane))
        self._alarm_set.set()

    async def run_alarms(self) -> None:
        """Load rows when they are due; runs until cancelled."""
        while True:
            self._alarm_set.clear()
            now = self._world.now_ms()
            while self._alarms and self._alarms[0][0] <= now:
                at, _, lane = heapq.heappop(self._alarms)
                if lane.rung_at is not None and lane.rung_at <= at:
                    lane.rung_at = None
                if lane.due_at is not None and lane.due_at <= at:
                    lane.due_at = LONG_AGO
                self._pump(lane)
            wait = (self._alarms[0][0] - now) / 1000 if self._alarms else 3600.0
            try:
                async with asyncio.timeout(max(0.001, wait)):
                    await self._alarm_set.wait()
            except TimeoutError:
                pass

    async def stop(self, patience_s: float) -> None:
        """Start nothing new, wait a while for what runs, then cut it off: its rows are in the ledger."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def active(self) -> int:
        """Invocations that run right now."""
        return sum(lane.active for lane in self._lanes.values())

    # ------------------------------------------------------------ running

    def _lane(self, destination_id: bytes) -> Lane:
        lane = self._lanes.get(destination_id)
        if lane is None:
            lane = self._lanes[destination_id] = Lane(destination_id, Pace(self._options.lane_concurrency))
        return lane

    def _pump(self, lane: Lane) -> None:
        """Fill the places of a lane."""
        now = self._clock()
        while (entry := self._next(lane, now)) is not None:
            self._spawn(self._work(lane, *entry))
        self._refill(lane, now)

    def _next(self, lane: Lane, now: float) -> Entry | None:
        """What may start now; it counts as running from here on."""
        if self._stopping or not lane.waiting or lane.active >= (places := lane.pace.places):
            return None
        self._allow(lane)
        ready = lane.pace.ready_at(now)
        if ready > now:
            self._wait(lane, ready - now)
            return None
        entry = lane.next(places)
        if entry is not None:
            lane.running[entry[0].id] = now
            lane.pace.start(now)
        return entry

    def _allow(self, lane: Lane) -> None:
        """Each worker may use the share of a destination's rate that its partitions are of all."""
        live = self._configuration.live(lane.id)
        if live is not None:
            rate = live.rate_per_second
            lane.pace.allow(None if rate is None else rate * self._share)

    def _wait(self, lane: Lane, seconds: float) -> None:
        """Look at a lane again when it may start something."""
        at = self._world.now_ms() + math.ceil(seconds * 1000)
        if lane.rung_at is None or at < lane.rung_at:
            lane.rung_at = at
            self._ring(lane, at)

    def _refill(self, lane: Lane, now: float) -> None:
        if self._stopping or lane.loading or lane.due_at is None or lane.due_at > self._world.now_ms():
            return
        if lane.pace.paused_to > now:
            self._wait(lane, lane.pace.paused_to - now)
        elif lane.rest_to > now:
            self._wait(lane, lane.rest_to - now)
        elif len(lane.backlog) * 2 <= lane.pace.places:
            lane.loading = True
            self._spawn(self._load(lane))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: Lane, invocation: Invocation, compiled: CompiledDestination | None) -> None:
        """Fill a place of a lane: run an invocation, then whatever may follow it, until nothing may."""
        while True:
            try:
                self._report(await self._run(lane, invocation, compiled))
            finally:
                lane.running.pop(invocation.id, None)
                lane.passing.discard(invocation.id)
            following = self._next(lane, self._clock())
            self._pump(lane)
            if following is None:
                return
            invocation, compiled = following
            await asyncio.sleep(0)  # what waits for nothing on its way must not keep others waiting

    async def _run(self, lane: Lane, invocation: Invocation, compiled: CompiledDestination | None) -> Outcome:
        live = compiled or self._configuration.live(lane.id)
        closed = self._gates.closed(lane.id, invocation.id)
        if live is None or closed:  # switched off or closed between matching and now
            return _parked(invocation, closed or _REASONS["held"], self._world.now_ms())
        work = partial(self._perform, lane.pace, invocation, live)
        return self.after(await self._suspects.run(invocation, work, kept=compiled is not None))

    async def _perform(self, pace: Pace, invocation: Invocation, compiled: CompiledDestination) -> Outcome:
        """Run an invocation and let the lane's pace learn from it."""
        began = self._clock()
        outcome = await self._runner.run(invocation, compiled)
        pace.learn(outcome, began=began, now=self._clock(), wall=self._world.now())
        return outcome

    # ------------------------------------------------------------ backlog

    async def _load(self, lane: Lane) -> None:
        room = max(LEAST_LOADED, 2 * lane.pace.places - len(lane.backlog))

        def work(
            connection: Connection,
        ) -> tuple[ledger.Due, list[tuple[Invocation, CompiledDestination | str]]]:
            self._configuration.refresh(connection)
            self._gates.refresh(connection)
            due = ledger.due(
                connection,
                lane.id,
                now=self._world.now_ms(),
                partitions=self._partitions,
                limit=room,
                holding=frozenset(lane.holding),
                sealer=self._world.sealer,
                ordered=ordered(),
            )
            return due, [(invocation, self.judge(connection, invocation)) for invocation in due.invocations]

        def ordered() -> bool:
            live = self._configuration.live(lane.id)
            return live is not None and live.ordered

        began = self._clock()
        try:
            due, judged = await self._world.store.write(work, durable=False)
        except StoreError as error:
            log.warning("backlog_read_failed error=%s", error)
            lane.loading = False
            lane.due_at = None
            self.wake_at(lane.id, self._world.now_ms() + int(REST_AFTER_STORE_ERROR_S * 1000))
            return
        if ordered():  # finding the heads of many sequences takes its time: let others have theirs
            now = self._clock()
            lane.rest_to = now + min(LONGEST_REST_S, RESTS * (now - began))
        lane.loading = False
        lane.due_at = None
        self._admit(lane, judged, lane.backlog)
        if due.more and judged:
            lane.due_at = LONG_AGO
        elif due.next_at is not None:
            self.wake_at(lane.id, due.next_at)
        self._pump(lane)

    def _admit(
        self,
        lane: Lane,
        judged: Iterable[tuple[Invocation, CompiledDestination | str]],
        queue: deque[tuple[Invocation, CompiledDestination]],
    ) -> None:
        """Take rows in hand that were judged: they queue up, or have their verdict."""
        for invocation, judgement in judged:
            if invocation.id in lane.holding:
                continue
            lane.holding.add(invocation.id)
            if not isinstance(judgement, str):
                queue.append((invocation, judgement))
                continue
            at = self._world.now_ms()
            if judgement == "held":
                invocation.tries = 0
                reason = self._gates.closed(lane.id) or _REASONS["held"]
                self._report(_parked(invocation, reason, at))
                continue
            kind = "crash" if judgement == "failed" else None
            lost = invocation.carrier is not None and judgement == "discarded" and not invocation.globals
            reason = _REASONS["erased" if lost else judgement]
            self._report(Outcome(invocation, judgement, at, kind=kind, error=reason))

    # --------------------------------------------------------------- held

    def in_hand(self, destination_id: bytes) -> frozenset[bytes]:
        """Invocations of a destination that this worker holds in memory."""
        lane = self._lanes.get(destination_id)
        return frozenset(lane.holding if lane is not None else ())

    def follow(
        self, destination_id: bytes, judged: Iterable[tuple[Invocation, CompiledDestination | str]]
    ) -> None:
        """Take what was held and judged: it runs behind live traffic."""
        lane = self._lane(destination_id)
        self._admit(lane, judged, lane.behind)
        self._pump(lane)

    def follow_up(self, invocation: Invocation, compiled: CompiledDestination) -> None:
        """Take what was reserved: it runs behind live traffic."""
        lane = self._lane(invocation.destination_id)
        lane.behind.append((invocation, compiled))
        self._pump(lane)

    def judge(self, connection: Connection, invocation: Invocation) -> CompiledDestination | str:
        """With which revision an open row goes on, or the verdict that ends or parks it.

        With a completed call behind it an invocation keeps its revision, as does one that a re-run wants with its original
        one. Without, if the destination was edited since, it is matched again.
        """
        if invocation.deaths >= GUILTY:
            return "failed"
        status = self._configuration.status(connection, invocation.destination_id)
        if status == "deleted":
            return "discarded"
        live = self._configuration.live(invocation.destination_id)
        if live is None or self._gates.closed(invocation.destination_id, invocation.id):
            return "held"
        if invocation.carrier is not None and not gathering.take(connection, invocation, live):
            return "discarded"
        if live.destination.revision == invocation.revision:
            return live
        if invocation.journal or invocation.run.endswith(ORIGINAL):
            return (
                self._configuration.revision(connection, invocation.destination_id, invocation.revision)
                or live
            )
        if invocation.carrier is not None:
            return live  # what was gathered goes out, whatever it wants since
        if not ticks.suits(live, invocation):
            return "superseded"
        if is_addressed(invocation.globals, live.destination.id):
            return live
        try:
            wanted = live.match(filter_globals_of(invocation.globals), QUICK, stream=live.stream)
        except (FilterError, OverBudget):
            return live  # running it shows an error where its owner looks
        return live if invocation.mapping in wanted else "superseded"


def _parked(invocation: Invocation, reason: str, now: int) -> Outcome:
    """What becomes of an invocation that may not run now: it is held, or waits for its run's turn to come again."""
    return Outcome(invocation, "scheduled" if invocation.run else "held", now, error=reason)


_REASONS = {
    "failed": "Workers died again and again while they ran this; it was set aside. Run it again once the cause is mended.",
    "discarded": "The destination was deleted.",
    "erased": "The persons of all its events were deleted.",
    "held": "The destination is switched off.",
    "superseded": "The destination was edited since and no longer wants this event.",
}
