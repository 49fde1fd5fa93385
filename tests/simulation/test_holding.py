"""Pausing, resuming, discarding and failing tools, with deaths in between: nothing is lost and nothing goes out twice.

Two workers share the partitions. People pause and resume at random, the tool goes down for a while, both workers die now and
then. In the end every event has one verdict, the verdicts are those that were asked for, and the metrics say the same.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter

import pytest

from hedgerow.delivery import holding
from hedgerow.delivery.hold_policy import HoldPolicy
from hedgerow.delivery.identity import raw, text
from hedgerow.delivery.retry import RetryPolicy
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.transport import TransportError
from hedgerow.delivery.watcher import Policy
from hedgerow.delivery.world import Options
from hedgerow.destinations import Config
from hedgerow.events import Draft, Event
from hedgerow.store.database import transact
from hedgerow.telemetry import Batch
from simulation.loop import SimulatedLoop, one_life
from simulation.run import PROJECT, OneSeed, instance, saved
from simulation.seeds import RUNS, survive
from simulation.world import (
    START,
    SimulatedTransport,
    Stage,
)

CHUNKS = 8
PARTITIONS = 4
WORKERS = ([0, 2], [1, 3])
HOOK = "let res := fetch('https://sink.test/hook', {'body': {'uuid': event.uuid}}); return res.status"
TELL = "let res := fetch('https://sink.test/tell', {'body': event.properties}); return res.status"
PEOPLE = [f"user-{n}" for n in range(6)]
OPTIONS = Options(
    window_records=64,
    read_records=8,
    flush_s=0.02,
    spill_s=0.1,
    lane_concurrency=4,
    lane_queue=4,
    retry=RetryPolicy((0.5,) * 40),
    timeout_s=2.0,
    stop_s=0.2,
    health=Policy(window_s=20.0, least=4, patience_s=3.0, probe_delays_s=(1.0, 2.0, 4.0), quarantines=99),
    hold=HoldPolicy(per_second=50.0, step=3),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Databases with a hook, ordered or not, and an internal destination that is told about it."""
    return [prepare(tmp_path_factory.mktemp("holding"), ordering) for ordering in (None, "distinct_id")]


def prepare(folder, ordering):
    """One of them."""
    connection, keyring = instance(folder)
    ids = {}
    bytes_of = random.Random(1)  # the same ids in each run, so that a seed repeats
    for name, kind, program in (("hook", "destination", HOOK), ("tell", "internal_destination", TELL)):
        config = Config(name=name, type=kind, enabled=True, hog=program)
        if name == "hook":
            config.ordering = ordering
        ids[name] = raw(saved(connection, config, keyring, random=bytes_of.randbytes))
    return Stage(connection), RepositorySource(keyring), ids


class Tool(SimulatedTransport):
    """Accepts what comes while it is up; everything fails while it is down."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self.down = False

    async def send(self, request):
        if "/tell" not in request.url and self.down:
            self.story.append(("received", request.headers["webhook-id"]))
            await asyncio.sleep(self.chance.uniform(0.001, 0.05))
            raise TransportError("refused", "connection refused", retriable=True)
        return await super().send(request)


def random_events(chance: random.Random) -> list[Event]:
    return [
        Event(
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "$pageview",
            chance.choice(PEOPLE),
            {"n": number},
            "2026-01-02T03:04:05.000Z",
            int(START * 1000) + number,
        )
        for number in range(chance.randint(12, 36))
    ]


class Run(OneSeed):
    """One seed."""

    KINDS = ("pause", "resume", "resume slowly", "latest", "discard", "down", "up")
    workers = WORKERS
    options = OPTIONS

    def __init__(self, seed: int, prepared) -> None:
        self.ordered = seed % 2 == 1
        stage, source, self.ids = prepared[self.ordered]
        super().__init__(seed, stage.set(), source)
        self.transport = Tool(self.chance)
        self.events = random_events(self.chance)
        self.waiting = list(self.events)
        self.wishes = [self.chance.choice(self.KINDS) for _ in range(self.chance.randint(0, 6))]
        self.asked = set(self.wishes)

    def go(self) -> None:
        for _ in range(self.chance.randint(0, 2)):
            self.deaths += one_life(self, self.chance.randint(50, 4000), self._live)
        one_life(self, None, self._live)

    async def _live(self, loop: SimulatedLoop) -> None:
        await self.work(loop, self._history(loop))

    async def _history(self, loop: SimulatedLoop) -> None:
        """What happens outside: events arrive, people and the tool do what they do. What is done is not done again."""
        while self.waiting or self.wishes:
            await asyncio.sleep(self.chance.uniform(0, 0.3))
            if self.wishes and self.chance.random() < 0.15:
                await self._wish(self.wishes[-1], loop)
                self.wishes.pop()
            if self.waiting:
                some = self.waiting[: self.chance.randint(1, 4)]
                at = int(loop.time() * 1000)
                drafts = []
                for event in some:
                    event.captured_at = at
                    drafts.append(Draft(PROJECT, event.distinct_id, at, event.encode()))
                del self.waiting[: len(some)]
                await self.log.append(drafts)
        await asyncio.sleep(self.chance.uniform(0, 10))
        self.transport.down = False
        await self._wish("resume", loop)

    async def _wish(self, wish: str, loop: SimulatedLoop) -> None:
        hook, now = self.ids["hook"], int(loop.time() * 1000)
        if wish in {"down", "up"}:
            self.transport.down = wish == "down"
            return
        work = {
            "pause": lambda c: holding.pause(c, PROJECT, hook, now, by="me"),
            "resume": lambda c: holding.resume(c, PROJECT, hook, now, by="me"),
            "resume slowly": lambda c: holding.resume(c, PROJECT, hook, now, by="me", rate=3.0),
            "latest": lambda c: holding.resume(c, PROJECT, hook, now, by="me", order="latest_per_person"),
            "discard": lambda c: holding.discard(c, PROJECT, hook, now, by="me"),
        }[wish]
        transact(self.store.connection, work)

    def unfinished(self) -> list:
        execute = self.store.connection.execute
        told = execute("SELECT * FROM internal_outbox").fetchall()
        orders = execute(
            "SELECT * FROM destination_holds WHERE sift_to NOTNULL OR discard_to NOTNULL"
        ).fetchall()
        return [*super().unfinished(), *told, *orders]

    # ------------------------------------------------------------- judging

    def judge(self) -> None:
        hook = self.ids["hook"]
        rows = {
            uuid_: (identity, distinct_id, verdict)
            for identity, uuid_, distinct_id, verdict in self.store.connection.execute(
                "SELECT id, event_uuid, distinct_id, verdict FROM deliveries WHERE destination_id = ?",
                (hook,),
            )
        }
        assert set(rows) == {raw(event.uuid) for event in self.events}
        allowed = {"delivered"}
        allowed |= {"discarded"} if "discard" in self.asked else set()
        allowed |= {"superseded"} if "latest" in self.asked else set()
        assert {verdict for _, _, verdict in rows.values()} <= allowed, Counter(
            v for _, _, v in rows.values()
        )
        self._judge_superseded(list(rows.values()))
        self._judge_network(rows.values())
        if self.ordered:
            self._judge_order(rows)
        self._judge_metrics(hook, Counter(verdict for _, _, verdict in rows.values()))
        self._judge_told()

    def _judge_superseded(self, rows) -> None:
        """What gave way gave way to a later one of the same person that was not held back itself."""
        for identity, distinct_id, verdict in rows:
            if verdict == "superseded":
                later = [v for i, d, v in rows if d == distinct_id and i > identity]
                assert {"delivered", "discarded"} & set(later)

    def _judge_network(self, rows) -> None:
        delivered = [text(identity) for identity, _, verdict in rows if verdict == "delivered"]
        assert all(self.transport.accepted[name] >= 1 for name in delivered)
        twice = sum(self.transport.accepted[text(identity)] for identity, _, _ in rows) - len(delivered)
        assert twice <= self.deaths * (4 * OPTIONS.lane_concurrency + 16), (twice, self.deaths)

    def _judge_order(self, rows) -> None:
        """Held or not: nothing of a person is tried before what came before it was accepted, or given up by somebody's order."""
        places: dict[tuple[str, str], int] = {}
        for place, told in enumerate(self.transport.story):
            places.setdefault(told, place)
        before: dict[str, str] = {}
        for event in self.events:
            identity, who, verdict = rows[raw(event.uuid)]
            if verdict != "delivered":
                continue
            name = text(identity)
            if who in before:
                assert places["accepted", before[who]] < places["received", name], (before[who], name)
            before[who] = name

    def _judge_metrics(self, hook: bytes, verdicts: Counter[str]) -> None:
        told = Batch()
        for (body,) in self.store.connection.execute("SELECT body FROM telemetry_outbox ORDER BY seq"):
            told.add(Batch.decode(body))
        counts: Counter[str] = Counter()
        for (_, destination, _, _, name), n in told.metrics.items():
            counts[name] += n if destination == hook else 0
        assert counts["succeeded"] == verdicts["delivered"]
        assert counts["discarded"] == verdicts["discarded"]
        assert counts["superseded"] == verdicts["superseded"]
        assert counts["triggered"] == len(self.events)

    def _judge_told(self) -> None:
        """Each change of state reached the internal destination, and only that; events of people did not."""
        rows = self.store.connection.execute(
            "SELECT event, verdict FROM deliveries WHERE destination_id = ?", (self.ids["tell"],)
        ).fetchall()
        assert {event for event, _ in rows} <= {"$destination_state_changed", "$destination_warning"}
        assert {verdict for _, verdict in rows} <= {"delivered"}
        state = self.store.connection.execute("SELECT state FROM destination_health").fetchall()
        if state:
            assert rows, "a change nobody was told of"


@pytest.mark.simulation
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_held_is_lost_or_sent_twice(chunk, prepared):
    """Whatever people, the tool and death do: each event ends in one verdict, and the verdict is one that was asked for."""
    survive(lambda seed: Run(seed, prepared), RUNS // 10, chunk, CHUNKS)
