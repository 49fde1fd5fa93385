"""Schedules, with deaths in between: a tick runs at most once, and each person it chose has exactly one verdict.

Two workers share the partitions. A destination fires every ten seconds over the persons of a plan. Persons change and new ones come,
somebody pauses and resumes, the workers die now and then or are down for a while, and in between the clock may be set back. In the
end everything is over, and the ledger, the counts and the network say the same.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter

import orjson
import pytest

from hedgerow.delivery import holding
from hedgerow.delivery.hold_policy import HoldPolicy
from hedgerow.delivery.identity import raw, text
from hedgerow.delivery.queries import Search
from hedgerow.delivery.retry import RetryPolicy
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.world import Options
from hedgerow.destinations import Config
from hedgerow.events import timestamps
from hedgerow.people.identity import person_uuid
from hedgerow.replay import runs
from hedgerow.replay.feeding import Feeder
from hedgerow.replay.selection import Selection
from hedgerow.replay.ticking import Ticker, standing_of
from hedgerow.store.database import transact
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
EVERY_MS = 10_000
HOOK = """
let res := fetch('https://sink.test/hook', {'body': {'person': person.id, 'n': person.properties.n, 'tick': event.timestamp}})
return res.status
"""
PRO = {"key": "plan", "value": "pro", "operator": "exact", "type": "person"}
OPTIONS = Options(
    window_records=64, read_records=8, flush_s=0.02, spill_s=0.1, lane_concurrency=4, lane_queue=4,
    retry=RetryPolicy((0.5,) * 40), timeout_s=2.0, stop_s=0.2, hold=HoldPolicy(per_second=50.0, step=3),
)  # fmt: skip
COME = "INSERT INTO persons (id, project_id, uuid, properties, created_at) VALUES (?, 1, ?, ?, ?)"
POINT = "INSERT INTO person_distinct_ids (project_id, distinct_id, person_id) VALUES (1, ?, ?)"
CHANGE = "UPDATE persons SET properties = ?, version = version + 1 WHERE id = ?"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A migrated database with a project."""
    connection, keyring = instance(tmp_path_factory.mktemp("ticking"))
    return Stage(connection), keyring


class Tool(SimulatedTransport):
    """Remembers what it was told last of each person."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self.last: dict[str, int] = {}

    async def send(self, request):
        answer = await super().send(request)
        if answer.status == 200:
            told = orjson.loads(request.body)
            self.last[told["person"]] = told["n"]
        return answer


class Schedule(OneSeed):
    """One seed."""

    workers = WORKERS
    options = OPTIONS
    besides = (Feeder, Ticker)

    def __init__(self, seed: int, prepared) -> None:
        stage, self.keyring = prepared
        super().__init__(seed, stage.set(), RepositorySource(self.keyring))
        self.transport = Tool(self.chance)
        self.only_changed = self.chance.random() < 0.5
        self.people: dict[int, dict] = {}
        for _ in range(self.chance.randint(3, 30)):
            self._come()
        self.owner = self._make()

    def _make(self) -> bytes:
        schedule = {
            "every": "10s", "only_changed": self.only_changed, "rate": self.chance.choice([None, 5.0, 500.0])
        }  # fmt: skip
        config = Config(
            name="sync", enabled=True, hog=HOOK, schedule=schedule,
            filters={"source": "schedule", "properties": [PRO]},
        )  # fmt: skip
        return raw(saved(self.store.connection, config, self.keyring, now=self.now))

    # ------------------------------------------------------------------ what happens around it

    def _come(self) -> None:
        number = len(self.people) + 1
        person = {"plan": self.chance.choice(["pro", "pro", "free"]), "n": 0}
        self.people[number] = person
        name = f"user-{number}"

        def work(connection):
            row = (number, person_uuid(PROJECT, name), orjson.dumps(person).decode(), int(START * 1000))
            connection.execute(COME, row)
            connection.execute(POINT, (name, number))

        transact(self.store.connection, work)

    def _change(self) -> None:
        number = self.chance.choice(list(self.people))
        self.people[number]["n"] += 1
        given = (orjson.dumps(self.people[number]).decode(), number)
        transact(self.store.connection, lambda c: c.execute(CHANGE, given))

    def _pause(self) -> None:
        now = int(self.now * 1000)
        transact(self.store.connection, lambda c: holding.pause(c, PROJECT, self.owner, now, by="sim"))

    def _resume(self) -> None:
        now = int(self.now * 1000)
        transact(self.store.connection, lambda c: holding.resume(c, PROJECT, self.owner, now, by="sim"))

    async def _meddle(self) -> None:
        for _ in range(self.chance.randint(3, 20)):
            await asyncio.sleep(self.chance.uniform(0, 4))
            self.chance.choice([self._change, self._change, self._come, self._pause, self._resume])()

    async def _settle_down(self) -> None:
        await self._meddle()
        self._resume()
        # One more tick comes due, which tells of all that changed; those that ran before the clock was set back do not come again.
        loop = asyncio.get_running_loop()
        ran = self.store.connection.execute("SELECT max(wanted ->> 'at') FROM replays").get or 0
        await asyncio.sleep(max(0, ran / 1000 - loop.time()) + EVERY_MS / 1000 + 0.1)

    def go(self) -> None:
        for _ in range(self.chance.randint(0, 4)):
            self.deaths += self.life(self.chance.randint(50, 4000), self._meddle())
            self.now += self.chance.choice([0, 0, 25, 3600, -15, -40])
        self.life(None, self._settle_down())

    async def rests(self, pipelines) -> bool:
        """Whether no run is under way, and no tick due."""
        now = int(asyncio.get_running_loop().time() * 1000)
        standing = standing_of(self.store.connection, self.owner)
        if standing is None or standing.decided_to // EVERY_MS < now // EVERY_MS:
            return standing is not None and self._is_paused() and not self._unfinished()
        return not self._unfinished()

    def _is_paused(self) -> bool:
        return self.owner in holding.paused(self.store.connection, [self.owner])

    def _unfinished(self) -> int:
        sql = "SELECT count(*) FROM replays WHERE finished_at IS NULL"
        if self._is_paused():  # what is under way waits for its end
            return 0
        return self.store.connection.execute(sql).get

    # -------------------------------------------------------------- judging

    def judge(self) -> None:
        found = transact(self.store.connection, lambda c: runs.listed(c, PROJECT, kind="schedule", limit=-1))
        ticks = [run.wanted["at"] for run in found]
        assert ticks, "at least the last tick ran"
        assert len(ticks) == len(set(ticks)), "a tick ran twice"
        assert all(tick % EVERY_MS == 0 for tick in ticks)
        verdicts: Counter[str] = Counter()
        for run in found:
            verdicts += self._judge_run(run)
        pro = {number for number, person in self.people.items() if person["plan"] == "pro"}
        told = {text(person_uuid(PROJECT, f"user-{n}")): self.people[n]["n"] for n in pro}
        assert self.transport.last == told, "what the tool knows is how the persons are"
        self._judge_network()

    def _judge_run(self, run: runs.Run) -> Counter[str]:
        rows = self.store.connection.execute(
            "SELECT event_uuid, distinct_id, verdict FROM deliveries WHERE run = ?", (run.name,)
        ).fetchall()
        assert run.state == runs.DONE
        assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == len(rows)
        verdicts = Counter(row[2] for row in rows)
        assert set(verdicts) <= {"delivered"}
        assert run.counts["verdicts"] == verdicts
        assert run.counts["selection"].get("selected", 0) == len(rows)
        who = {
            f"user-{n}"
            for n, person in self.people.items()
            if n <= run.wanted["last"] and person["plan"] == "pro"
        }
        names = {row[1] for row in rows}
        assert names <= who if self.only_changed else names == who
        moment = run.wanted["at"]
        for uuid_, name, _ in rows:
            person = person_uuid(PROJECT, name)
            assert uuid_ == uuid.uuid5(uuid.UUID(bytes=self.owner), f"{moment}:{text(person)}").bytes
        return verdicts

    def _judge_network(self) -> None:
        rows = self.store.connection.execute("SELECT id FROM deliveries").fetchall()
        names = [text(row[0]) for row in rows]
        assert all(self.transport.accepted[name] >= 1 for name in names)
        twice = sum(self.transport.accepted.values()) - len(names)
        assert 0 <= twice <= self.deaths * (4 * OPTIONS.lane_concurrency + 16), (twice, self.deaths)
        places = "SELECT count(*), count(DISTINCT position), max(position) FROM deliveries"
        number, distinct, highest = self.store.connection.execute(places).fetchone()
        assert number == distinct
        assert highest < 0


def test_what_a_tick_sent_can_be_run_again(prepared):
    """The ledger keeps nothing of what arrived: the event is the same, and the person as they are now."""
    schedule = Schedule(3, prepared)
    schedule.life(None, schedule._settle_down())
    rows = "SELECT event_uuid, verdict, count(*) FROM deliveries WHERE run = ? GROUP BY 1, 2"
    ticks = transact(schedule.store.connection, lambda c: runs.listed(c, PROJECT, kind="schedule", limit=-1))
    first = next(run for run in reversed(ticks) if run.counts["verdicts"])
    sent = schedule.store.connection.execute(rows, (first.name,)).fetchall()
    selection = Selection(int(schedule.now * 1000), Search(run=first.name, verdicts=("delivered",)))

    def order(connection):
        wanted = runs.Order(PROJECT, runs.RERUN, selection.encode(), rate=500.0)
        return runs.start(
            connection, wanted, partitions=PARTITIONS, now=int(schedule.now * 1000), randomness=bytes(10)
        )

    run, _ = transact(schedule.store.connection, order)
    schedule.life(None, asyncio.sleep(5))
    assert schedule.store.connection.execute(rows, (run.name,)).fetchall() == sent
    bodies = list(schedule.transport.bodies.values())[-len(sent) :]
    told = {body["person"]: (body["n"], body["tick"]) for body in bodies}
    moment = timestamps.write(first.wanted["at"])
    people = {text(person_uuid(PROJECT, f"user-{n}")): p["n"] for n, p in schedule.people.items()}
    assert told == {person: (people[person], moment) for person in told}
    assert len(told) == len(sent)


@pytest.mark.simulation
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_each_tick_runs_at_most_once_and_each_person_has_one_verdict(chunk, prepared):
    """Wherever workers die, however the clock goes: nobody twice in a run, nobody left out, and in the end the tool knows everything."""
    survive(lambda seed: Schedule(seed, prepared), max(CHUNKS, RUNS // 800), chunk, CHUNKS)
