"""Feeding: what waits for a run's turn goes out behind live traffic, at the run's rate, from the owner of its partition.

Nobody has to remember what was under way: a row that was taken is ``running`` in the ledger, and the next owner of its partition
finds it due. So each item of a run ends in exactly one verdict, wherever a worker dies.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hedgerow.delivery import gathering, ticks
from hedgerow.delivery.identity import ORIGINAL, delivery_id
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.keepers import Bench
from hedgerow.destinations import CompiledDestination, FilterError, filter_globals_of
from hedgerow.replay import replaying, rerunning, runs, scheduling, waiting
from hedgerow.replay.courtesy import Courtesy
from hedgerow.replay.runs import Place, Run
from hedgerow.replay.wanting import wanted
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
BEAT_S: Final = 0.05
# Turns begin a beat apart, with some rest between them; without live traffic it is enough after a turn that did much.
QUICK_S, MUCH = 0.002, 20
# Beside live traffic runs write so far apart, and send one by one in between: live events wait for the write lock and for the event loop,
# rarely for the one and never long for the other.
APART_S: Final = 1.0
SMALL_BEAT_S: Final = 0.015
# Selecting takes its time too, part by part.
BREATH_S: Final = 0.01
# In hand at a time: a little more than is begun at once, but never so many that a closing gate finds a crowd.
AHEAD_S: Final = 1.3
LEAST_AHEAD: Final = 8
MOST_AHEAD: Final = 500
# Beside live traffic so many at most are begun in one transaction; where more may run, it comes sooner.
FEW: Final = 100
LEAST_LOOKS: Final = 16
# Beside live traffic the store rests so many times as long as a step took that no rate bounds.
RESTS: Final = 2
DAY_MS: Final = 86_400_000
REVISIONS_KEPT: Final = 64

CANCELLABLE: Final = ("scheduled", "retrying")
CANCELLED: Final = "The run was cancelled before its turn came."
DELETED: Final = "The destination was deleted."
UNWANTED: Final = "The destination was edited since and no longer wants this event."


@dataclass(slots=True)
class _Judged:
    """What is to become of one that waits: it runs, or ends with a verdict; some ask for further deliveries beside it."""

    invocation: Invocation
    compiled: CompiledDestination | None = None
    verdict: str = ""
    kind: str | None = None
    error: str = ""
    beside: list[str] = field(default_factory=list)


class Feeder:
    """Selects and feeds for the partitions of one worker."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._world = bench.world
        self._partitions: list[int] = []
        self._share = 1.0
        self._runs: list[Run] = []
        self._looked_at = self._served_at = self._spread_to = float("-inf")
        self._courtesy = Courtesy()
        bench.lanes.on_live = self._saw
        self._out: dict[tuple[str, bytes], set[bytes]] = {}
        self._tokens: dict[tuple[str, bytes], tuple[float, float]] = {}
        self._arrived: set[tuple[int, int]] = set()
        # Begun, and not yet with their lanes.
        self._begun: deque[tuple[Invocation, CompiledDestination]] = deque()
        self._done = 0
        # Of the events that a replay looked at, the share that was wanted.
        self._hits: dict[str, float] = {}
        self._past: OrderedDict[tuple[bytes, int], CompiledDestination | None] = OrderedDict()

    def own(self, partitions: Iterable[int]) -> None:
        """Say which partitions are ours."""
        self._partitions = sorted(partitions)
        self._share = len(self._partitions) / max(1, self._world.log.partitions)

    def settled(self, outcome: Outcome) -> None:
        """The ledger has this outcome of a run's invocation now."""
        if outcome.verdict == "running":
            return
        i = outcome.invocation
        self._out.get((i.run, i.destination_id), set()).discard(i.id)
        if outcome.verdict == "delivered":
            self._arrived.add((i.partition, i.position))

    def _saw(self, invocation: Invocation) -> None:
        """A live event's turn has come."""
        self._courtesy.saw(self._world.now() - invocation.captured_at / 1000)

    async def run(self) -> None:
        """Work until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            now, done = clock(), self._done
            try:
                busy = await self.turn()
            except StoreError as error:
                log.warning("runs_wait error=%s", error)
                busy = False
            much = self._courtesy.alone and self._done - done >= MUCH
            beat = SMALL_BEAT_S if self._begun else BEAT_S
            rest = 0.0 if much else now + beat - clock()
            await asyncio.sleep(max(QUICK_S, rest) if busy else LOOK_S)

    async def turn(self) -> bool:
        """Do what can be done now; whether there are runs that are not over."""
        now = asyncio.get_running_loop().time()
        if looks := now - self._looked_at >= LOOK_S:
            # Renews what intake reads too, so it takes its turn with it.
            self._runs, self._looked_at = await self._world.store.read(self._look), now
        self._courtesy.look(self._world.now())
        serves = self._courtesy.alone or now - self._served_at >= self._apart
        if serves:
            self._served_at, self._spread_to = now, now + self._apart
        for run in self._runs:
            if run.state != runs.PAUSED:
                if serves:
                    await self._serve(run, now)
                if looks and self._is_home(run):
                    await self._finish(run)
        self._hand_on(now)
        if looks and self._arrived:
            arrived, self._arrived = self._arrived, set()
            await self._world.store.write(lambda c: waiting.forget_payloads(c, arrived), durable=False)
        return bool(self._runs)

    def _look(self, connection: Connection) -> list[Run]:
        found = runs.unfinished(connection)
        if found:
            self._bench.configuration.refresh(connection)
            self._bench.gates.refresh(connection)
        names = {run.name for run in found}
        self._out = {key: out for key, out in self._out.items() if key[0] in names}
        self._tokens = {key: kept for key, kept in self._tokens.items() if key[0] in names}
        self._hits = {name: share for name, share in self._hits.items() if name in names}
        return found

    async def _serve(self, run: Run, now: float) -> None:
        if run.state == runs.CANCELLING:
            await self._take_back(run)
        elif self._courtesy.rate or run.dry_run:  # somebody waits for what a dry run counts
            for owner in await self._bench.reader.read(lambda connection: waiting.owners(connection, run)):
                await self._feed(run, owner, now)
            await self._select(run, now)

    def _is_home(self, run: Run) -> bool:
        return run.home % self._world.log.partitions in self._partitions

    # ------------------------------------------------------------ selecting

    async def _select(self, run: Run, now: float) -> None:
        """Select a step further: about as many as may run now, and run them; or what is to wait."""
        owner = self._open_end(run)
        room = 0 if owner is None else self._room(run, owner, now)
        if owner is not None and not room:
            return
        found = await self._bench.reader.read(lambda connection: runs.places(connection, run))
        mine = [place for place in found if place.partition in self._partitions and not place.done]
        if not mine:
            return
        if owner is not None:
            await self._begin(run, owner, mine, room)
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._step(run, mine)
        self._done += MUCH if run.dry_run else 0
        if not self._courtesy.alone:
            await asyncio.sleep(min(LOOK_S, RESTS * (loop.time() - began)))

    def _open_end(self, run: Run) -> bytes | None:
        """The destination of a replay, if what it wants may run there as soon as it is selected."""
        owner = run.destination_id
        if run.kind != runs.REPLAY or run.dry_run or owner is None or not self._is_open(owner):
            return None
        live = self._bench.configuration.live(owner)
        return owner if live is not None and not live.claims and not live.ordered else None

    async def _begin(self, run: Run, owner: bytes, mine: list[Place], room: int) -> None:
        looks = math.ceil(room / self._hits.get(run.name, 1.0))
        looks = min(replaying.STEP, max(LEAST_LOOKS, looks))
        rest_s = 0.0 if self._courtesy.alone else BREATH_S
        looked, begun = await replaying.step(self._bench, run, mine, most=looks, begin=True, rest_s=rest_s)
        if looked:
            self._hits[run.name] = max(1, len(begun)) / looked
        self._take(run, owner, [invocation for invocation, _ in begun])
        self._line_up(begun)

    async def _step(self, run: Run, mine: list[Place]) -> None:
        if run.kind == runs.RERUN:
            await rerunning.step(self._bench, run, mine[0])
        elif run.kind == runs.SCHEDULE:
            await scheduling.step(self._bench, run, mine[0])
        elif await self._bench.reader.read(lambda c: replaying.has_room(c, run, self._partitions)):
            await replaying.step(self._bench, run, mine)

    # -------------------------------------------------------------- feeding

    async def _feed(self, run: Run, owner: bytes, now: float) -> None:
        """Send of one destination what its turn has come for."""
        room = self._room(run, owner, now)
        if not room:
            return
        status = await self._bench.reader.read(lambda c: self._bench.configuration.status(c, owner))
        if status == "deleted":
            await self._end_all(run, owner, DELETED)
        elif self._is_open(owner):
            await self._send(run, owner, room)

    def _is_open(self, owner: bytes) -> bool:
        gate = self._bench.gates.of(owner)
        return not (gate.closed or gate.health.ill or self._bench.configuration.live(owner) is None)

    def _room(self, run: Run, owner: bytes, now: float) -> int:
        """How many may be taken now: the rate says how many a moment brings, what is under way how many fit."""
        wanted = (run.rate or self._bench.options.hold.per_second) * self._share
        rate = min(wanted, self._courtesy.rate / len(self._runs))
        if not rate:
            return 0
        tokens, at = self._tokens.get((run.name, owner), (min(1.0, rate), now))
        tokens = min(max(1.0, rate), tokens + rate * (now - at))
        self._tokens[run.name, owner] = (tokens, now)
        ahead = min(MOST_AHEAD, max(LEAST_AHEAD, int(rate * AHEAD_S)))
        most = MOST_AHEAD if self._courtesy.alone else FEW
        return max(0, min(int(tokens), most, ahead - len(self._out.get((run.name, owner), ()))))

    def _take(self, run: Run, owner: bytes, begun: Sequence[Invocation]) -> None:
        """Remember that these are under way."""
        tokens, at = self._tokens[run.name, owner]
        self._tokens[run.name, owner] = (tokens - len(begun), at)
        self._out.setdefault((run.name, owner), set()).update(invocation.id for invocation in begun)
        self._courtesy.took(len(begun))
        self._done += len(begun)

    async def _send(self, run: Run, owner: bytes, room: int) -> None:
        def look(connection: Connection) -> tuple[list[Invocation], list[bytes]]:
            return waiting.first(
                connection, run, owner, partitions=self._partitions, limit=room, sealer=self._world.sealer,
                reached=replaying.reached(connection, run),
            )  # fmt: skip

        found, lost = await self._bench.reader.read(look)
        if not found and not lost:
            return
        judged = [await self._judge(invocation) for invocation in found[:room]]

        def work(connection: Connection) -> list[_Judged]:
            now = self._world.now_ms()
            waiting.end(connection, run, lost, "failed", now=now, kind="gone", error=rerunning.GONE)
            return [one for one in judged if self._carry_out(connection, run, one, now)]

        taken = await self._world.store.write(work, durable=False)
        self._take(run, owner, [one.invocation for one in taken])
        mine = [(one.invocation, one.compiled) for one in taken if one.compiled]
        self._line_up(pair for pair in mine if pair[0].sequence is None)
        if any(invocation.sequence is not None for invocation, _ in mine):
            self._bench.lanes.wake_at(owner, self._world.now_ms())

    def _line_up(self, pairs: Iterable[tuple[Invocation, CompiledDestination]]) -> None:
        """Let begun ones wait for their lane, which must not load their rows meanwhile."""
        self._begun += (pair for pair in pairs if self._bench.lanes.reserve(pair[0]))

    @property
    def _apart(self) -> float:
        """How far apart runs write beside live traffic."""
        return min(APART_S, FEW / max(FEW, self._courtesy.rate))

    def _hand_on(self, now: float) -> None:
        """Let the lanes have what was begun: all of it, or beside live traffic as much of it as brings the last one there in time.

        What runs while runs rest would be taken for usual.
        """
        if not self._courtesy.rate:
            self._spread_to = now + self._apart
            return
        left = self._spread_to - now
        share = 1.0 if self._courtesy.alone or left <= SMALL_BEAT_S else SMALL_BEAT_S / left
        for _ in range(math.ceil(len(self._begun) * share)):
            self._bench.lanes.follow_up(*self._begun.popleft())

    def _carry_out(self, connection: Connection, run: Run, one: _Judged, now: int) -> bool:
        """Do with one that waits what was decided; whether it is to run here now."""
        i = one.invocation
        if one.compiled is None:
            waiting.end(connection, run, [i.id], one.verdict, now=now, kind=one.kind, error=one.error)
            return False
        i.revision = one.compiled.destination.revision
        i.sequence = None if i.carrier else one.compiled.sequence(i.globals)
        if i.carrier is not None and not gathering.take(connection, i, one.compiled):
            waiting.end(connection, run, [i.id], "failed", now=now, kind="gone", error=rerunning.GONE)
            return False
        # What must keep its order is taken by the lane, which knows what comes before it.
        if not (waiting.take if i.sequence is None else waiting.release)(connection, i, now):
            return False
        waiting.add(connection, run, [_beside(i, mapping) for mapping in one.beside], now)
        return True

    async def _judge(self, invocation: Invocation) -> _Judged:
        """With which revision something runs, or how it ends: where the destination was edited, its filter is asked again."""
        live = self._bench.configuration.live(invocation.destination_id)
        assert live is not None  # or its gate would count as closed
        if invocation.carrier is not None:
            return await self._judge_carrier(invocation, live)
        if not ticks.suits(live, invocation):
            return _Judged(invocation, verdict="superseded", error=UNWANTED)
        if invocation.run.endswith(ORIGINAL):
            return _Judged(invocation, await self._original(invocation) or live)
        if invocation.revision == live.destination.revision:
            return _Judged(invocation, live)
        try:
            mappings = await wanted(self._world, live, filter_globals_of(invocation.globals))
        except FilterError as error:
            message = live.redact(str(error))
            return _Judged(invocation, verdict="failed", kind="filter", error=message)
        if invocation.mapping in mappings:
            return _Judged(invocation, live)
        if mappings and invocation.revision == waiting.NEVER:
            invocation.mapping, *beside = mappings
            return _Judged(invocation, live, beside=beside)
        return _Judged(invocation, verdict="superseded", error=UNWANTED)

    async def _judge_carrier(self, invocation: Invocation, live: CompiledDestination) -> _Judged:
        """A summary goes out again with all that it carried, whatever the destination wants since."""
        original = invocation.run.endswith(ORIGINAL) and await self._original(invocation)
        return _Judged(invocation, original or live)

    async def _original(self, invocation: Invocation) -> CompiledDestination | None:
        """The revision that a delivery was first made with; None when it is live or does not compile any more."""
        key = invocation.destination_id, invocation.revision
        if key not in self._past:
            self._past[key] = await self._bench.reader.read(
                lambda connection: self._bench.configuration.revision(connection, *key)
            )
            if len(self._past) > REVISIONS_KEPT:
                self._past.popitem(last=False)
        return self._past[key]

    # ---------------------------------------------------------------- ending

    async def _take_back(self, run: Run) -> None:
        def waits(connection: Connection) -> set[bytes]:
            return {one for verdict in CANCELLABLE for one in waiting.owners(connection, run, verdict)}

        for owner in sorted(await self._bench.reader.read(waits)):
            await self._end_all(run, owner, CANCELLED)

    async def _end_all(self, run: Run, owner: bytes, reason: str) -> None:
        """Discard what waits of a destination here, in steps, with rests between them."""
        more = True
        while more:
            more = await self._world.store.write(lambda c: self._end_some(c, run, owner, reason))
            await asyncio.sleep(BEAT_S)

    def _end_some(self, connection: Connection, run: Run, owner: bytes, reason: str) -> bool:
        limit = self._bench.options.hold.step
        ended = waiting.take_back(
            connection, run, owner, partitions=self._partitions, limit=limit, reason=reason, now=self._world.now_ms()
        )  # fmt: skip
        return ended >= limit

    async def _finish(self, run: Run) -> None:
        """End a run when everything is selected and has its verdict, or nothing more is wanted."""

        def is_over(connection: Connection) -> bool:
            selected = run.state == runs.CANCELLING or all(p.done for p in runs.places(connection, run))
            return selected and not runs.is_open(connection, run)

        if await self._bench.reader.read(is_over):
            await self._world.store.write(lambda connection: self._over(connection, run))
            self._looked_at = float("-inf")

    def _over(self, connection: Connection, run: Run) -> None:
        now = self._world.now_ms()
        runs.finish(connection, run, now)
        runs.forget_dry_runs(connection, now - DAY_MS)


def _beside(invocation: Invocation, mapping: str) -> waiting.Item:
    """A further mapping of the same event, which waits for its own turn."""
    i = invocation
    assert delivery_id(i.captured_at, i.event_uuid, i.destination_id, mapping, i.run) != i.id
    return waiting.Item(
        i.destination_id, i.revision, mapping, i.partition, i.position, i.event_uuid, i.event, i.distinct_id,
        i.captured_at,
    )  # fmt: skip
