"""Running deliveries again, with deaths in between: each selected delivery has exactly one verdict of the run.

Two workers share the partitions. First a tool refuses some events for good. Then somebody runs a selection again: what was refused,
or what arrived, or both; with an edit before, a pause or a cancellation in between, and a selection that is asked for twice. Both workers die
now and then. In the end the run is over, what it selected is what was to be selected, and metrics and network say the same.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter

import orjson
import pytest

from hedgerow.delivery.hold_policy import HoldPolicy
from hedgerow.delivery.identity import delivery_id, raw, text
from hedgerow.delivery.queries import Search
from hedgerow.delivery.retry import RetryPolicy
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.transport import Response
from hedgerow.delivery.world import Options
from hedgerow.destinations import Config, Secrets, repository
from hedgerow.events import Draft, Event
from hedgerow.replay import runs
from hedgerow.replay.feeding import Feeder
from hedgerow.replay.selection import Selection
from hedgerow.store.database import transact
from hedgerow.telemetry import Batch
from simulation.run import PROJECT, OneSeed, instance, saved
from simulation.seeds import RUNS, survive
from simulation.world import (
    START,
    SimulatedTransport,
    Stage,
)

CHUNKS = 4
PARTITIONS = 4
WORKERS = ([0, 2], [1, 3])
HOOK = "let res := fetch('https://sink.test/hook', {'body': {'uuid': event.uuid}}); return res.status"
EDITED = HOOK + " // once more"
OPTIONS = Options(
    window_records=64, read_records=8, flush_s=0.02, spill_s=0.1, lane_concurrency=4, lane_queue=4,
    retry=RetryPolicy((0.5,) * 40), timeout_s=2.0, stop_s=0.2, hold=HoldPolicy(per_second=50.0, step=3),
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A migrated database with a hook."""
    connection, keyring = instance(tmp_path_factory.mktemp("rerunning"))
    hook = raw(saved(connection, Config(name="hook", enabled=True, hog=HOOK), keyring))
    return Stage(connection), keyring, hook


class Tool(SimulatedTransport):
    """Refuses some events for good until it is mended."""

    def __init__(self, chance: random.Random, refused: set[str]) -> None:
        super().__init__(chance)
        self.refused = refused

    async def send(self, request):
        if orjson.loads(request.body)["uuid"] in self.refused:
            await asyncio.sleep(self.chance.uniform(0.001, 0.05))
            return Response(400)
        return await super().send(request)


class Run(OneSeed):
    """One seed."""

    workers = WORKERS
    options = OPTIONS
    besides = (Feeder,)

    def __init__(self, seed: int, prepared) -> None:
        stage, self.keyring, self.hook = prepared
        super().__init__(seed, stage.set(), RepositorySource(self.keyring))
        self.target = self.hook
        self.events = self._events()
        self.refused = {event.uuid for event in self.events if self.chance.random() < 0.5}
        self.transport = Tool(self.chance, set(self.refused))
        self.verdicts = self.chance.choice([("failed",), ("delivered",), ("delivered", "failed")])
        self.wishes = [self.chance.choice(["pause", "resume"]) for _ in range(self.chance.randint(0, 4))]
        self.cancels = self.chance.random() < 0.2
        self.run: runs.Run | None = None

    def _events(self) -> list[Event]:
        return [
            Event(
                str(uuid.UUID(int=self.chance.getrandbits(128), version=4)), "$pageview", f"user-{number % 7}",
                {"plan": self.chance.choice(["pro", "free"])},
                "2026-01-02T03:04:05.000Z", int(START * 1000) + number,
            )
            for number in range(self.chance.randint(5, 40))
        ]  # fmt: skip

    def go(self) -> None:
        self.life(None, self._first())
        self._ask()
        for _ in range(self.chance.randint(0, 3)):
            self.deaths += self.life(self.chance.randint(50, 3000), self._meddle())
        self.life(None, self._settle_down())

    def _ask(self) -> None:
        """Mend the tool, perhaps edit the destination, and order the run."""
        self.transport.refused.clear()
        self.before = dict(self._rows("", self.hook))
        if self.chance.random() < 0.5:
            transact(self.store.connection, self._edit)
        revision = self.chance.choice(["current", "original"])
        selection = Selection(int(self.now * 1000), Search(verdicts=self.verdicts), revision=revision)
        self.order = runs.Order(
            PROJECT, runs.RERUN, selection.encode(), rate=self.chance.choice([None, 20.0, 500.0])
        )
        self.run = self._start()
        with pytest.raises(runs.RunUnderWay):
            self._start()

    def _start(self) -> runs.Run:
        def work(connection):
            return runs.start(
                connection, self.order, partitions=PARTITIONS, now=int(self.now * 1000),
                randomness=self.chance.randbytes(10),
            )  # fmt: skip

        return transact(self.store.connection, work)[0]

    def _edit(self, connection) -> None:
        found = repository.load(connection, self.hook)
        found.config.hog = EDITED
        repository.update(
            connection, found, found.config, Secrets(), keyring=self.keyring, now=int(self.now * 1000)
        )  # fmt: skip

    # ---------------------------------------------------------------- lives

    async def _first(self) -> None:
        drafts = [Draft(PROJECT, e.distinct_id, e.captured_at, e.encode()) for e in self.events]
        await self.log.append(drafts)

    async def _meddle(self) -> None:
        while self.wishes:
            await asyncio.sleep(self.chance.uniform(0, 1))
            transact(self.store.connection, lambda c: getattr(runs, self.wishes.pop())(c, self.run))

    async def _settle_down(self) -> None:
        await self._meddle()
        await asyncio.sleep(self.chance.uniform(0, 1))
        end = runs.cancel if self.cancels else runs.resume
        transact(self.store.connection, lambda c: end(c, self.run))

    def unfinished(self) -> list:
        orders = "SELECT state, total FROM replays WHERE finished_at IS NULL"
        return [*super().unfinished(), *self.store.connection.execute(orders)]

    # -------------------------------------------------------------- judging

    def _rows(self, run: str, owner: bytes):
        sql = "SELECT id, verdict FROM deliveries WHERE destination_id = ? AND run = ?"
        return self.store.connection.execute(sql, (owner, run))

    def _chosen(self, event: Event) -> bool:
        """Whether an event is one of those that were ordered."""
        return ("failed" if event.uuid in self.refused else "delivered") in self.verdicts

    def judge(self) -> None:
        rows = dict(self._rows(self.run.name, self.target))
        wanted = {
            delivery_id(event.captured_at, raw(event.uuid), self.target, "", self.run.name)
            for event in self.events
            if self._chosen(event)
        }
        over = transact(self.store.connection, lambda c: runs.find(c, PROJECT, self.run.id))
        if self.cancels and over.state == runs.CANCELLED:
            assert set(rows) <= wanted
            assert set(rows.values()) <= {"delivered", "discarded"}
        else:
            assert over.state == runs.DONE
            assert set(rows) == wanted
            assert set(rows.values()) <= {"delivered"}
        assert over.counts["verdicts"] == Counter(rows.values())
        assert over.counts["selection"].get("selected", 0) == len(rows)
        assert dict(self._rows("", self.hook)) == self.before, "the originals stay as they were"
        self._judge_network(rows)
        self._judge_metrics(rows)

    def _judge_network(self, rows) -> None:
        delivered = [text(identity) for identity, verdict in rows.items() if verdict == "delivered"]
        assert all(self.transport.accepted[name] >= 1 for name in delivered)
        twice = sum(self.transport.accepted[text(identity)] for identity in rows) - len(delivered)
        assert twice <= self.deaths * (4 * OPTIONS.lane_concurrency + 16), (twice, self.deaths)

    def _judge_metrics(self, rows) -> None:
        told = Batch()
        for (body,) in self.store.connection.execute("SELECT body FROM telemetry_outbox ORDER BY seq"):
            told.add(Batch.decode(body))
        counts: Counter[str] = Counter()
        for (_, _, _, _, name), n in told.metrics.items():
            counts[name] += n
        verdicts = Counter(rows.values()) + Counter(self.before.values())
        assert counts["succeeded"] == verdicts["delivered"]
        assert counts["failed"] == verdicts["failed"]
        assert counts["discarded"] == verdicts["discarded"]
        assert counts["triggered"] == len(self.events) + len(rows)


@pytest.mark.simulation
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_each_selected_delivery_has_one_verdict_of_the_run(chunk, prepared):
    """Wherever workers die: what was selected, and nothing else, was run again, each exactly once in the ledger."""
    survive(lambda seed: Run(seed, prepared), RUNS // 100, chunk, CHUNKS)
