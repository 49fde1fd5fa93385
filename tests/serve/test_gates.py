"""Capture closes before the disk or the workers are overrun, says why, and opens again."""

from __future__ import annotations

import asyncio

import pytest

from hedgerow.events import Draft, Event
from hedgerow.log.memory import MemoryLog
from hedgerow.serve.gates import BacklogGate, first_reason
from hedgerow.serve.lag import LagMeter
from hedgerow.settings import Settings
from hedgerow.store import Database
from support.store import fresh_store

NOW = 1_780_000_000.0
SETTLE = "INSERT INTO positions (partition, settled_to) VALUES (?, ?) ON CONFLICT DO UPDATE SET settled_to = excluded.settled_to"


class World:
    """A log and a store, and a gate of some limits."""

    def __init__(self, state, **limits):
        self.log, self.state, self.now = MemoryLog(2), state, NOW
        self.lag = LagMeter(state, self.log, lambda: self.now)
        self.gate = BacklogGate(Settings(**limits), self.lag)
        state.write_now(lambda c: c.execute("DELETE FROM positions"))

    def append(self, count, age_s=0):
        payload = Event("u", "e", "ada", {"pad": "x" * 900}).encode()
        drafts = [Draft(1, "ada", int((NOW - age_s) * 1000), payload)] * count
        asyncio.run(self.log.append(drafts))

    def settle(self):
        for partition in range(2):
            end = asyncio.run(self.log.end(partition))
            self.state.write_now(lambda c, at=(partition, end): c.execute(SETTLE, at))

    def reason(self):
        self.now += 2
        asyncio.run(self.gate.measure())
        return self.gate()


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gates")
    fresh_store(folder)
    opened = Database(folder / "state.db")
    yield opened
    opened.close()


def test_many_waiting_bytes_close_it(state):
    """Up to the limit it is open; above, the reason names both sizes; settling opens it again."""
    world = World(state, backlog_limit_bytes=2 << 20)
    world.append(1000)
    assert world.reason() is None
    world.append(1200)
    assert world.reason() == "the workers are behind: about 2 MiB of events wait for them, 2 MiB is the limit"
    world.settle()
    assert world.reason() is None


def test_it_does_not_flutter_at_the_limit(state):
    """Once closed, a tenth of the limit must become free before it opens."""
    world = World(state, backlog_limit_s=100)
    for age_s, is_open in ((90, True), (105, False), (95, False), (80, True), (95, True)):
        world.settle()
        world.append(1, age_s=age_s - (world.now - NOW) - 2)
        assert (world.reason() is None) is is_open, age_s


def test_without_limits_it_stays_open(state):
    """Zero means no limit."""
    world = World(state, backlog_limit_bytes=0, backlog_limit_s=0)
    world.append(10, age_s=10**6)
    assert world.reason() is None


def test_an_old_event_is_reason_enough(state):
    """The age limit counts by itself."""
    world = World(state, backlog_limit_s=60)
    world.append(1, age_s=100)
    assert (
        world.reason() == "the workers are behind: the oldest unsettled event is 102 s old, 60 s is the limit"
    )


def test_several_gates_are_one():
    """The first that is closed says why."""
    assert first_reason(lambda: None, lambda: None)() is None
    assert first_reason(lambda: None, lambda: "full", lambda: "late")() == "full"
