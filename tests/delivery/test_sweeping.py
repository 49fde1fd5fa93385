"""What leaves a hold without being sent: thrown away, replaced by a later one, or past a bound."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import orjson
import pytest

from hedgerow.delivery import holding
from hedgerow.delivery.configuration import Configuration
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.hold_policy import HoldPolicy
from hedgerow.delivery.identity import delivery_id, raw
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.state import pack_globals
from hedgerow.delivery.sweeping import Sweeper
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import Config, Keyring, Secrets, repository
from hedgerow.log.memory import MemoryLog
from hedgerow.store.database import transact
from hedgerow.telemetry import Batch
from simulation.world import PlainSealer, SimulatedStore, copy_of, state_template

NOW = 1_780_000_000_000
HOUR = 3_600_000
ROW = """
INSERT INTO deliveries (id, project_id, destination_id, revision, mapping, partition, position, event_uuid, event,
    distinct_id, verdict, captured_at, created_at, updated_at)
VALUES (?, 1, ?, 1, ?, 0, ?, ?, 'x', ?, 'held', ?, ?, ?)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A migrated database and its keys."""
    folder = tmp_path_factory.mktemp("sweeping")
    return state_template(folder), Keyring.load("", folder)


@pytest.fixture
def hold(template):
    """A hold with two destinations, and ways to fill and sweep it."""
    return Hold(*template)


class Hold:
    """Held rows in a store, and the sweeper that looks after them."""

    def __init__(self, connection, keyring):
        self.db = copy_of(connection)
        self.db.execute("INSERT INTO projects (id, name, token, created_at) VALUES (1, 'P', 'phc_p', 0)")
        self.keyring = keyring
        self.hook, self.other = (self._destination(name) for name in ("hook", "other"))
        self.positions = 0

    def _destination(self, name):
        config = Config(name=name, enabled=True, hog="return 1")
        return raw(
            self.write(lambda c: repository.create(c, 1, config, Secrets(), keyring=self.keyring, now=NOW)).id
        )

    def write(self, work):
        return transact(self.db, work)

    def add(self, count, *, at=NOW - HOUR, who="ann", owner=None, mapping="", size=10):
        """Held rows, captured a millisecond apart."""
        owner = owner or self.hook
        for n in range(count):
            self.positions += 1
            event = self.positions.to_bytes(16, "big")
            row = (delivery_id(at + n, event, owner, mapping), owner, mapping, self.positions, event, who)
            self.write(lambda c, row=row: c.execute(ROW, (*row, at, at, at)))
            payload = pack_globals({"x": random.Random(n).randbytes(size).hex()})
            self.write(
                lambda c, p=payload: c.execute(
                    "INSERT INTO delivery_payloads VALUES (0, ?, ?)", (self.positions, p)
                )
            )

    async def sweep(self, *, disk=0, **policy):
        options = Options(hold=HoldPolicy(step=3, **policy), disk_bytes=disk)
        store = SimulatedStore(self.db, random.Random(1), busy=0)
        store.reborn()
        world = World(
            now=lambda: NOW / 1000, chance=random.Random(1), log=MemoryLog(1), store=store,
            transport=SimpleNamespace(), sealer=PlainSealer(),
        )  # fmt: skip
        gates = Gates()
        self.write(gates.refresh)
        configuration = Configuration(RepositorySource(self.keyring))
        sweeper = Sweeper(world, options, gates, configuration)
        sweeper.own([0])
        await sweeper.turn()

    def verdicts(self, owner=None):
        """How many rows there are of each verdict."""
        rows = self.db.execute(
            "SELECT verdict FROM deliveries WHERE destination_id = ?", (owner or self.hook,)
        )
        return Counter(row[0] for row in rows)

    def oldest_held(self):
        """How many of the oldest rows are no longer held."""
        rows = self.db.execute(
            "SELECT verdict FROM deliveries WHERE destination_id = ? ORDER BY id", (self.hook,)
        )
        return [row[0] for row in rows].index("held")

    def told(self):
        """Log lines and events that were made."""
        batch = Batch()
        for (body,) in self.db.execute("SELECT body FROM telemetry_outbox"):
            batch.add(Batch.decode(body))
        events = [orjson.loads(row[0]) for row in self.db.execute("SELECT payload FROM internal_outbox")]
        counts = {key[4]: n for key, n in batch.metrics.items() if key[1] == self.hook}
        return counts, [line.message for line in batch.lines], events


async def test_past_the_count_the_oldest_expire(hold):
    """They are final, counted and still listed; the newest stay."""
    hold.add(12)
    await hold.sweep(rows=7)
    assert hold.verdicts() == {"expired": 5, "held": 7}
    assert hold.oldest_held() == 5
    assert hold.told()[0] == {"expired": 5}
    error = hold.db.execute("SELECT DISTINCT error FROM deliveries WHERE verdict = 'expired'").fetchall()
    assert error == [("More than 7 deliveries were held.",)]


async def test_past_the_age_they_expire(hold):
    """Age counts from the capture of the event."""
    hold.add(4, at=NOW - 30 * HOUR)
    hold.add(3, at=NOW - 20 * HOUR)
    await hold.sweep(age_s=24 * 3600)
    assert hold.verdicts() == {"expired": 4, "held": 3}


async def test_past_the_share_of_the_disk_the_largest_hold_gives_way(hold):
    """With their kept variables, which are what takes the space."""
    hold.add(20, size=2000)
    hold.add(2, owner=hold.other, size=2000)
    await hold.sweep(disk=100_000, disk_share=0.5)
    left = hold.verdicts()
    assert 3 <= left["expired"] <= 6
    assert hold.verdicts(hold.other) == {"held": 2}
    payloads = hold.db.execute("SELECT count(*) FROM delivery_payloads").get
    assert payloads == 22 - left["expired"]
    again = hold.verdicts()
    await hold.sweep(disk=100_000, disk_share=0.5)
    assert hold.verdicts() == again, "once it fits nothing more is taken"


async def test_the_owner_is_warned_once_at_half_and_once_at_four_fifths(hold):
    """By a log line and an internal event; when the hold was emptied it may be said again."""
    hold.add(5)
    await hold.sweep(rows=10)
    await hold.sweep(rows=10)
    hold.add(3)
    await hold.sweep(rows=10)
    _, lines, events = hold.told()
    assert [line.split("(")[0] for line in lines] == [
        "hook: What it holds is 50 % full ",
        "hook: What it holds is 80 % full ",
    ]
    assert [event["event"] for event in events] == ["$destination_warning"] * 2
    assert all(event["internal"] for event in events)
    assert [event["properties"]["evidence"] for event in events] == [
        {"hold_percent": 50},
        {"hold_percent": 80},
    ]
    assert [event["properties"]["destination_name"] for event in events] == ["hook", "hook"]


async def test_what_is_discarded_is_what_was_held_then(hold):
    """In steps; what is held later stays, and so does what others hold."""
    hold.add(7)
    hold.add(2, owner=hold.other)
    hold.write(lambda c: holding.discard(c, 1, hold.hook, NOW, by="me"))
    hold.add(1, at=NOW + 10)
    await hold.sweep()
    assert hold.verdicts() == {"discarded": 7, "held": 1}
    assert hold.verdicts(hold.other) == {"held": 2}
    assert hold.told()[0] == {"discarded": 7}
    assert hold.db.execute("SELECT count(*) FROM destination_holds").get == 0


async def test_only_the_latest_of_each_person_stays(hold):
    """A person with two ids is one person; mappings are apart from each other."""
    hold.write(lambda c: c.execute("INSERT INTO person_distinct_ids VALUES (1, 'ann', 5), (1, 'ann@x', 5)"))
    hold.add(4, who="ann")
    hold.add(1, who="ann", mapping="m", at=NOW - HOUR + 5)
    hold.add(3, who="bob", at=NOW - HOUR + 10)
    hold.add(1, who="ann@x", at=NOW - HOUR + 20)
    hold.write(lambda c: holding.resume(c, 1, hold.hook, NOW, by="me", order="latest_per_person"))
    await hold.sweep()
    held = hold.db.execute(
        "SELECT distinct_id, mapping FROM deliveries WHERE verdict = 'held' ORDER BY id"
    ).fetchall()
    assert held == [("ann", "m"), ("bob", ""), ("ann@x", "")]
    assert hold.told()[0] == {"superseded": 6}


async def test_a_deleted_destination_holds_nothing(hold):
    """What it held is discarded, and says why."""
    hold.add(4)
    hold.write(lambda c: c.execute("UPDATE destinations SET deleted = 1 WHERE id = ?", (hold.hook,)))
    await hold.sweep()
    assert hold.verdicts() == {"discarded": 4}


async def test_a_rate_is_forgotten_when_all_is_out(hold):
    """The next hold begins with the defaults."""
    hold.write(lambda c: holding.resume(c, 1, hold.hook, NOW, by="me", rate=5.0))
    await hold.sweep()
    assert hold.db.execute("SELECT count(*) FROM destination_holds").get == 0


def test_what_is_held_is_counted_from_the_ledger(hold):
    """Count and age of the oldest, and which destinations hold anything at all."""
    hold.add(3, at=NOW - 5000)
    found = hold.write(lambda c: holding.held(c, [hold.hook, hold.other]))
    assert found == {hold.hook: holding.Held(3, NOW - 5000), hold.other: holding.Held()}
    assert hold.write(holding.waiting) == [hold.hook]
