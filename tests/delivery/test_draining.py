"""What was held goes out when its gate opens: from whichever worker, whatever that worker has done so far."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace

import pytest

from hedgerow.delivery import holding, ledger
from hedgerow.delivery.configuration import Configuration
from hedgerow.delivery.draining import Drain
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.hold_policy import HoldPolicy
from hedgerow.delivery.identity import delivery_id, raw
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.state import pack_globals
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import Config, Keyring, Secrets, repository
from hedgerow.log.memory import MemoryLog
from hedgerow.store.database import transact
from simulation.loop import SimulatedLoop
from simulation.world import PlainSealer, SimulatedStore, copy_of, state_template

NOW = 1_780_000_000_000
ROW = """
INSERT INTO deliveries (id, project_id, destination_id, revision, mapping, partition, position, event_uuid, event,
    distinct_id, verdict, captured_at, created_at, updated_at)
VALUES (?, 1, ?, 1, '', 0, ?, ?, 'x', 'ann', 'held', ?, ?, ?)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A migrated database and its keys."""
    folder = tmp_path_factory.mktemp("draining")
    return state_template(folder), Keyring.load("", folder)


class Worker:
    """One worker's drain over a store, and the lanes that it feeds."""

    def __init__(self, template, rows: int, *, ordering: str | None = None, **options) -> None:
        connection, keyring = template
        self.db = copy_of(connection)
        self.db.execute("INSERT INTO projects (id, name, token, created_at) VALUES (1, 'P', 'phc_p', 0)")
        config = Config(name="Hook", enabled=True, hog="return 1", ordering=ordering)
        made = transact(
            self.db, lambda c: repository.create(c, 1, config, Secrets(), keyring=keyring, now=NOW)
        )
        self.owner = raw(made.id)
        for n in range(rows):
            event = n.to_bytes(16, "big")
            row = (delivery_id(NOW + n, event, self.owner), self.owner, n + 1, event, NOW + n, NOW, NOW)
            self.db.execute(ROW, row)
            self.db.execute("INSERT INTO delivery_payloads VALUES (0, ?, ?)", (n + 1, pack_globals({})))
        self.taken: list[bytes] = []
        self.woken: list[int] = []
        self.takes_s = 0.0
        self.store = SimulatedStore(self.db, random.Random(1), busy=0)
        self.store.reborn()
        world = World(
            now=lambda: NOW / 1000, chance=random.Random(1), log=MemoryLog(1), store=self.store,
            transport=SimpleNamespace(), sealer=PlainSealer(),
        )  # fmt: skip
        lanes = SimpleNamespace(
            in_hand=lambda _owner: frozenset(),
            judge=lambda _c, one: one,
            follow=self._follow,
            wake_at=lambda _owner, at: self.woken.append(at),
        )
        configuration = Configuration(RepositorySource(keyring))
        self.drain = Drain(world, Options(**options), Gates(), configuration, lanes)
        self.drain.own([0])

    def _follow(self, _owner, judged) -> None:
        self.taken += [invocation.id for invocation, _ in judged]
        asyncio.get_running_loop().call_later(self.takes_s, self._settle, judged)

    def _settle(self, judged) -> None:
        for invocation, _ in judged:
            self.drain.settled(SimpleNamespace(invocation=invocation, verdict="delivered"))


async def test_a_worker_that_has_read_nothing_yet_drains(template):
    """It reads the configuration for itself: where nothing else happens nobody else would."""
    worker = Worker(template, 3)
    assert await worker.drain.turn()
    await asyncio.sleep(0)
    assert worker.taken


@pytest.mark.parametrize("takes_s", [0.0, 0.4])
def test_the_rate_that_was_asked_for_is_kept(template, takes_s):
    """Whether a delivery takes no time or nearly half a second until it is settled."""
    rate, seconds = 100, 8
    loop = SimulatedLoop(0.0)

    async def drain() -> int:
        worker = Worker(template, rate * (seconds + 2), hold=HoldPolicy(per_second=float(rate)))
        worker.takes_s = takes_s
        draining = asyncio.create_task(worker.drain.run())
        await asyncio.sleep(seconds)
        draining.cancel()
        return len(worker.taken)

    taken = loop.run_until_complete(drain())
    loop.close()
    assert 0.97 * rate * seconds <= taken <= 1.01 * rate * seconds


async def test_an_ordered_destination_gets_its_rows_by_way_of_the_lane(template):
    """They are due again, so that the lane takes them in their order; none is run beside the others from here."""
    worker = Worker(template, 5, ordering="distinct_id", hold=HoldPolicy(per_second=2000.0))
    assert await worker.drain.turn()
    await asyncio.sleep(0.05)
    await worker.drain.turn()
    assert not worker.taken
    assert worker.woken
    rows = worker.db.execute("SELECT verdict, next_at FROM deliveries").fetchall()
    assert rows == [("scheduled", NOW)] * 5


def in_sequence(worker, n: int, *, sequence: str, verdict: str, position: int) -> None:
    next_at = None if verdict == "held" else NOW
    worker.db.execute(
        "UPDATE deliveries SET sequence = ?, verdict = ?, next_at = ?, position = ? WHERE event_uuid = ?",
        (sequence, verdict, next_at, position, n.to_bytes(16, "big")),
    )


def due(worker, now=NOW):
    return ledger.due(
        worker.db, worker.owner, now=now, partitions="[0]", limit=9, holding=(), sealer=PlainSealer(), ordered=True
    )  # fmt: skip


def test_what_is_fresh_waits_for_what_was_held_before_it(template):
    """Of its own sequence, that is; and it is looked at again, whoever lets go of what it waits for."""
    worker = Worker(template, 4, ordering="distinct_id")
    in_sequence(worker, 0, sequence="ann", verdict="held", position=1)
    in_sequence(worker, 1, sequence="ann", verdict="scheduled", position=2)
    in_sequence(worker, 2, sequence="bob", verdict="scheduled", position=3)
    in_sequence(worker, 3, sequence="bob", verdict="held", position=4)
    found = due(worker)
    assert [one.position for one in found.invocations] == [3]
    assert found.next_at == NOW + ledger.BLOCKED_MS
    holding.release(worker.db, worker.owner, now=NOW, partitions="[0]", limit=1)
    assert [one.position for one in due(worker).invocations] == [1, 3]


def test_a_probe_is_the_first_of_its_sequence(template):
    """Ids of one moment are in no order; the places in the log are."""
    worker = Worker(template, 2, ordering="distinct_id")
    for n, position in ((0, 2), (1, 1)):
        in_sequence(worker, n, sequence="ann", verdict="held", position=position)
    worker.db.execute("UPDATE deliveries SET captured_at = ?", (NOW,))
    probe = holding.release_one(worker.db, worker.owner, NOW)
    assert [one.id for one in due(worker).invocations] == [probe]
