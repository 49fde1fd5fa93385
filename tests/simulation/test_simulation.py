"""The pipeline is crashed at random awaits, thousands of times, and must lose nothing.

Each run has its own seed: events with ``$set``, identifies that merge, re-sent events, destinations (one filters, one
makes two calls, two mask repetitions, one keeps
the order; in some runs one has a threshold and one sends summaries), a network that fails and hangs, a store that is locked now and then, and processes that die after a random
number of steps. Afterwards everything is compared with a model that saw each event once.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from hedgerow.delivery.identity import delivery_id, raw, text
from hedgerow.delivery.retry import RetryPolicy
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.world import Options
from hedgerow.destinations import Config
from hedgerow.events import Draft, Event
from hedgerow.log.segments import partition_of
from hedgerow.people import Change, fold
from hedgerow.store.database import transact
from hedgerow.telemetry import Batch
from simulation.loop import one_life
from simulation.run import PROJECT, OneSeed, instance, saved
from simulation.seeds import RUNS, survive
from simulation.world import (
    START,
    SimulatedTransport,
    Stage,
)

CHUNKS = 16
NOBODY = "00000000-0000-0000-0000-000000000000"
PARTITIONS = 3

POST = "let res := fetch('https://sink.test/hook', {'body': {'event': event.event, 'uuid': event.uuid, 'person': person.properties}}); return res.status"
TWICE = "let a := fetch('https://sink.test/a', {'body': {'uuid': event.uuid, 'person': person.properties}}); let b := fetch('https://sink.test/b', {'body': {'uuid': event.uuid, 'person': person.properties}})"
LIST = "let res := fetch('https://sink.test/list', {'body': {'uuids': arrayMap(e -> e.uuid, events), 'persons': arrayMap(e -> e.person.properties, events), 'count': digest.count}}); return res.status"
DESTINATIONS = {
    "all": (POST, {"source": "events"}, 1),
    "signups": (POST, {"source": "events", "events": [{"id": "signed up", "type": "events"}]}, 1),
    "twice": (
        TWICE,
        {
            "source": "events",
            "properties": [{"key": "plan", "value": "pro", "operator": "exact", "type": "event"}],
        },
        2,
    ),
    "once": (POST, {"source": "events"}, 1),
    "thirds": (POST, {"source": "events"}, 1),
    "in order": (POST, {"source": "events"}, 1),
    "every third": (POST, {"source": "events"}, 1),
    "summaries": (LIST, {"source": "events"}, 1),
}
# How many deliveries with the same hash it takes until one more is sent: all that come after the first are masked.
MASKED = {"once": None, "thirds": 3}
THRESHOLD = {"key": "{event.distinct_id}", "count": 3, "window": 3600}
DIGEST = {"key": None, "interval": 1, "limit": 100}
WINDOWED = {"every third", "summaries"}
OPTIONS = Options(
    window_records=64,
    read_records=8,
    flush_s=0.05,
    spill_s=0.1,
    lane_concurrency=3,
    lane_queue=4,
    retry=RetryPolicy((0.2, 0.4, 0.8, 1.6)),
    stop_s=0.2,
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A migrated database with one project and most destinations for the runs, and another for the model."""
    names = [name for name in DESTINATIONS if name not in WINDOWED]
    connection, source, ids = prepare(tmp_path_factory.mktemp("simulation"), names)
    return Stage(connection), Stage(connection), source, ids


@pytest.fixture(scope="module")
def windowed(tmp_path_factory):
    """The same with those that count and gather: their runs take a third longer, so only some have them."""
    connection, source, ids = prepare(tmp_path_factory.mktemp("windowed"), DESTINATIONS)
    return Stage(connection), Stage(connection), source, ids


def prepare(folder: Path, names: Iterable[str], *, ids_seed: int = 1):
    """The same with some of the destinations."""
    connection, keyring = instance(folder)
    ids = {}
    bytes_of = random.Random(ids_seed)  # the same ids in each run, so that a seed repeats
    for name in names:
        hog, filters, _ = DESTINATIONS[name]
        config = Config(name=name, enabled=True, hog=hog, filters=filters)
        if name in MASKED:
            config.masking = {"hash": "{event.distinct_id}", "ttl": 86_400, "threshold": MASKED[name]}
        if name == "in order":
            config.ordering = "distinct_id"
        config.threshold = THRESHOLD if name == "every third" else None
        config.digest = DIGEST if name == "summaries" else None
        ids[name] = saved(connection, config, keyring, random=bytes_of.randbytes)
    return connection, RepositorySource(keyring), ids


def ids_by_partition() -> list[list[str]]:
    """Distinct ids that share a partition, so that the order of their merges is the log's."""
    found: list[list[str]] = [[] for _ in range(PARTITIONS)]
    for number in range(60):
        name = f"user-{number}"
        some = found[partition_of(PROJECT, name, PARTITIONS)]
        if len(some) < 4:
            some.append(name)
    return found


IDS = ids_by_partition()


def random_events(chance: random.Random) -> list[Event]:
    """A short history: page views, sign-ups, sets, identifies that merge, and re-sent events."""
    events: list[Event] = []
    for number in range(chance.randint(3, 12)):
        if events and chance.random() < 0.1:
            events.append(chance.choice(events))
            continue
        people = chance.choice(IDS)
        who = chance.choice(people)
        kind = chance.choice(["$pageview", "signed up", "$set", "$identify"])
        properties: dict = {"plan": chance.choice(["pro", "free"]), "n": number}
        if kind == "$set" or chance.random() < 0.3:
            properties["$set"] = {f"k{chance.randint(0, 3)}": number}
        if kind == "$identify":
            properties["$anon_distinct_id"] = chance.choice(people)
        ms = int(START * 1000) + number
        stamp = f"2026-01-02T03:04:{5 + number:02d}.000Z"
        events.append(
            Event(str(uuid.UUID(int=chance.getrandbits(128), version=4)), kind, who, properties, stamp, ms)
        )
    return events


class Run(OneSeed):
    """One seed: history, world, and as many processes as it takes."""

    workers = (range(PARTITIONS),)
    options = OPTIONS

    def __init__(self, seed: int, prepared) -> None:
        stage, self.model, source, self.destination_ids = prepared
        super().__init__(seed, stage.set(), source)
        self.transport = SimulatedTransport(self.chance)
        self.events = random_events(self.chance)
        self.in_flight = 0

    def go(self) -> None:
        late = self.chance.randint(0, len(self.events))
        self._process(feed=self.events[:late], crash=False, until=0)
        # A third death at one place would set the record there aside: that has a test of its own.
        for _ in range(self.chance.randint(1, 2)):
            if self._process(crash=True):
                self.deaths += 1
        self._process(feed=self.events[late:], crash=False, until=0)
        self._process(crash=False)

    def _process(self, *, feed=(), crash: bool, until: float | None = None) -> bool:
        """One life of a worker: until it crashes, or until everything has its final verdict."""
        parts = [lambda _loop: self._feed(feed)] if feed else []
        parts += [self.work] if until is None else []
        crashed = one_life(self, self.chance.randint(1, 500) if crash else None, *parts)
        if crashed:
            self.in_flight += OPTIONS.lane_concurrency * len(DESTINATIONS)
        return crashed

    async def _feed(self, events: list[Event]) -> None:
        for event in events:
            await self.log.append([Draft(PROJECT, event.distinct_id, event.captured_at, event.encode())])

    # ------------------------------------------------------------- judging

    def judge(self) -> None:
        rows = self._rows()
        firsts = self._firsts()
        self._judge_verdicts(rows, firsts)
        self._judge_people()
        self._judge_telemetry(rows, firsts)
        self._judge_network(rows)
        self._judge_order(firsts)
        self._judge_summaries(rows, firsts)

    def _rows(self) -> dict[bytes, tuple]:
        columns = "id, destination_id, event_uuid, verdict, kind, error"
        found = {row[0]: row for row in self.store.connection.execute(f"SELECT {columns} FROM deliveries")}
        final = {"delivered", "duplicate", "masked", "counted", "digested"}
        assert not [row for row in found.values() if row[3] not in final], found.values()
        return found

    def _firsts(self) -> list[Event]:
        seen: set[str] = set()
        return [event for event in self.events if not (event.uuid in seen or seen.add(event.uuid))]

    def _wanted(self, event: Event) -> set[str]:
        wanted = {"all", "in order", *MASKED} | (WINDOWED & self.destination_ids.keys())
        if event.event == "signed up":
            wanted.add("signups")
        if event.properties["plan"] == "pro":
            wanted.add("twice")
        return wanted

    def _judge_verdicts(self, rows, firsts) -> None:
        expected: dict[bytes, str] = {}
        seen: Counter[tuple[str, str]] = Counter()
        for event in firsts:
            for name in self._wanted(event):
                identity = delivery_id(event.captured_at, raw(event.uuid), raw(self.destination_ids[name]))
                expected[identity] = self._verdict(name, event, seen)
        summaries = raw(self.destination_ids.get("summaries", NOBODY))
        found = {i: row[3] for i, row in rows.items() if row[3] != "duplicate" and row[1] != summaries}
        assert found == {i: verdict for i, verdict in expected.items() if verdict is not None}
        duplicates = sum(1 for row in rows.values() if row[3] == "duplicate")
        assert duplicates == len(self.events) - len(firsts)

    def _verdict(self, name: str, event: Event, seen: Counter[tuple[str, str]]) -> str | None:
        """What becomes of an event; the events of one distinct id come in their order. None: that is not known beforehand."""
        if name == "summaries":
            return None
        nth = seen[name, event.distinct_id]
        seen[name, event.distinct_id] += 1
        if name == "every third":
            return "delivered" if nth % 3 == 2 else "counted"
        if name not in MASKED:
            return "delivered"
        threshold = MASKED[name]
        return "masked" if (nth > 0 if threshold is None else nth % threshold > 0) else "delivered"

    def _judge_summaries(self, rows, firsts: list[Event]) -> None:
        """Each event is in exactly one of the deliveries that were accepted, and its row names that one."""
        if "summaries" not in self.destination_ids:
            return
        mine = {i: row for i, row in rows.items() if row[1] == raw(self.destination_ids["summaries"])}
        sent = {i: self.transport.bodies[text(i)] for i, row in mine.items() if row[3] == "delivered"}
        found = Counter(uuid for body in sent.values() for uuid in body["uuids"])
        assert found == Counter(event.uuid for event in firsts)
        assert all(body["count"] == len(body["uuids"]) == len(body["persons"]) for body in sent.values())
        carriers = dict(
            self.store.connection.execute("SELECT delivery_id, carrier_id FROM delivery_carriers")
        )
        for identity, row in mine.items():
            if row[3] == "digested":
                assert text(row[2]) in sent[carriers[identity]]["uuids"]

    def _judge_people(self) -> None:
        model = self.model.set()
        firsts: set[str] = set()
        for event in self.events:
            if event.uuid not in firsts:
                firsts.add(event.uuid)
                transact(model, lambda c, event=event: fold(c, [Change(PROJECT, event)]))
        assert people(self.store.connection) == people(model)

    def _judge_telemetry(self, rows, firsts) -> None:
        told = Batch()
        for (body,) in self.store.connection.execute("SELECT body FROM telemetry_outbox ORDER BY seq"):
            told.add(Batch.decode(body))
        counts: Counter[tuple[str, str]] = Counter()
        for (_, destination, _, _, name), n in told.metrics.items():
            counts[text(destination), name] += n
        for offered, n in told.offers.items():
            for start in range(0, len(members := told.rosters[offered]), 16):
                counts[text(members[start : start + 16]), "filtered"] += n
        for name, identity in self.destination_ids.items():
            mine = Counter(row[3] for row in rows.values() if text(row[1]) == identity)
            assert counts[identity, "succeeded"] == mine["delivered"]
            assert counts[identity, "triggered"] == mine["delivered"]
            for verdict in ("masked", "counted", "digested"):
                assert counts[identity, verdict] == mine[verdict]
            assert counts[identity, "filtered"] == sum(name not in self._wanted(event) for event in firsts)

    def _judge_network(self, rows) -> None:
        calls = {text(raw(one)): DESTINATIONS[name][2] for name, one in self.destination_ids.items()}
        needed = 0
        for identity, row in rows.items():
            if row[3] != "delivered":
                continue
            names = [text(identity), f"{text(identity)}-1"][: calls[text(row[1])]]
            needed += len(names)
            assert all(self.transport.accepted[name] >= 1 for name in names)
        extra = sum(self.transport.accepted.values()) - needed
        assert extra <= self.deaths * (self._at_risk()), (extra, self.deaths)

    def _judge_order(self, firsts: list[Event]) -> None:
        """No event of a distinct id is sent before the one before it was accepted, whatever failed in between."""
        received: dict[str, int] = {}
        accepted: dict[str, int] = {}
        for place, (what, name) in enumerate(self.transport.story):
            (received if what == "received" else accepted).setdefault(name, place)
        before: dict[str, str] = {}
        owner = raw(self.destination_ids["in order"])
        for event in firsts:
            name = text(delivery_id(event.captured_at, raw(event.uuid), owner))
            if event.distinct_id in before:
                assert accepted[before[event.distinct_id]] < received[name]
            before[event.distinct_id] = name

    def _at_risk(self) -> int:
        """What can be in flight at a death, and what can be finished but not flushed."""
        return 2 * OPTIONS.lane_concurrency * len(DESTINATIONS) + 16


def people(connection) -> tuple:
    persons = {
        row[0]: row[1:]
        for row in connection.execute(
            "SELECT id, uuid, properties, created_at, is_identified, version FROM persons"
        )
    }
    owners = connection.execute("SELECT distinct_id, person_id FROM person_distinct_ids ORDER BY 1")
    return (
        sorted((name, persons[owner]) for name, owner in owners),
        sorted(persons.values()),
    )


@pytest.mark.simulation
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_lost_wherever_it_crashes(chunk, prepared, windowed):
    """Whatever dies when: each event has its verdicts, people and metrics are those of one undisturbed reading."""
    survive(lambda seed: Run(seed, prepared if chunk else windowed), RUNS, chunk, CHUNKS)
