"""What a run has selected: rows that wait for their turn, or run at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from hedgerow.delivery.intake import INDEX
from hedgerow.delivery.state import pack_globals, unpack_globals
from hedgerow.replay import runs, waiting
from hedgerow.store import tables
from hedgerow.store.database import transact
from hedgerow.telemetry import Batch
from support.people import store

NOW = 1_700_000_000_000
OWNER = bytes(range(16))
GLOBALS = {"event": {"event": "$pageview"}, "person": None}
ROWS = "SELECT verdict, next_at, created_at, updated_at FROM deliveries"
WHOLE = "SELECT * FROM deliveries ORDER BY position"


@pytest.fixture
def state():
    """A state file with three events in the index."""
    with store(schema=tables.state) as connection:
        rows = [(0, n, 1, n.to_bytes(16, "big"), "$pageview", "user\0", NOW - 1000) for n in (1, 2, 3)]
        connection.executemany(INDEX, rows)
        yield connection


@pytest.fixture
def run(state):
    """A replay that has just begun."""
    order = runs.Order(1, runs.REPLAY, {}, OWNER)
    return transact(state, lambda c: runs.start(c, order, partitions=4, now=NOW, randomness=bytes(10)))[0]


def item(number: int) -> waiting.Item:
    """Of an event that the ledger has not kept."""
    packed = pack_globals(GLOBALS)
    uuid = number.to_bytes(16, "big")
    return waiting.Item(
        OWNER, 1, "", 0, number, uuid, "$pageview", "user\0", NOW - 1000, packed, globals=GLOBALS
    )


def told(state) -> Counter[str]:
    """What was counted."""
    counts: Counter[str] = Counter()
    for (body,) in state.execute("SELECT body FROM telemetry_outbox"):
        for (*_, name), n in Batch.decode(body).metrics.items():
            counts[name] += n
    return counts


def test_what_begins_is_running_and_due_at_once(state, run):
    """So the next owner of its partition finds it, should this one die."""
    begun = transact(state, lambda c: waiting.begin(c, run, [item(1), item(2)], NOW))
    assert state.execute(ROWS).fetchall() == [("running", NOW, NOW, NOW)] * 2
    assert [(one.run, one.globals, one.fresh) for one in begun] == [(run.name, GLOBALS, False)] * 2
    kept = state.execute("SELECT position, globals FROM delivery_payloads ORDER BY position").fetchall()
    assert [(position, unpack_globals(packed)) for position, packed in kept] == [(1, GLOBALS), (2, GLOBALS)]
    assert told(state) == {"triggered": 2}


def test_a_row_that_began_is_like_one_that_waited_and_was_taken(state, run):
    """To the last column."""
    transact(state, lambda c: waiting.begin(c, run, [item(1)], NOW))
    (begun,) = state.execute(WHOLE).fetchall()
    state.execute("DELETE FROM deliveries")
    transact(state, lambda c: waiting.add(c, run, [item(1)], NOW))
    (one,), _ = waiting.first(state, run, OWNER, partitions=[0], limit=1, sealer=None, reached=NOW)
    transact(state, lambda c: waiting.take(c, one, NOW))
    assert state.execute(WHOLE).fetchall() == [begun]


def test_what_the_run_has_already_does_not_begin_again(state, run):
    """Whether it waits or has begun."""
    transact(state, lambda c: waiting.add(c, run, [item(1)], NOW))
    transact(state, lambda c: waiting.begin(c, run, [item(2)], NOW))
    begun = transact(state, lambda c: waiting.begin(c, run, [item(1), item(2), item(3)], NOW + 1))
    assert [one.position for one in begun] == [3]
    assert told(state) == {"triggered": 3}


def test_what_is_no_longer_in_the_index_does_not_begin(state, run):
    """Its time in the log is over."""
    begun = transact(state, lambda c: waiting.begin(c, run, [item(3), item(4)], NOW))
    assert [one.position for one in begun] == [3]


@pytest.mark.parametrize("change", [runs.pause, runs.cancel])
def test_a_run_that_somebody_stopped_does_not_go_on(state, run, change):
    """Nothing may be selected for it then, however long ago that was begun."""
    assert runs.goes_on(state, run)
    transact(state, lambda c: change(c, run))
    assert not runs.goes_on(state, run)


def test_an_item_is_the_same_delivery_whether_it_waits_or_begins(state, run):
    """Its id derives from event, destination, mapping and run alone."""
    one = item(1)
    begun = transact(state, lambda c: waiting.begin(c, run, [one], NOW))
    assert begun[0].id == one.id(run.name) == replace(one, payload=None, globals=None).id(run.name)


def test_what_programs_saw_is_forgotten_once_all_deliveries_of_an_event_arrived(state, run):
    """And not before."""
    transact(state, lambda c: waiting.begin(c, run, [item(1), item(2), item(3)], NOW))
    state.execute("UPDATE deliveries SET verdict = 'delivered' WHERE position < 3")
    transact(state, lambda c: waiting.forget_payloads(c, {(0, 2), (0, 3)}))
    kept = state.execute("SELECT position FROM delivery_payloads ORDER BY position").fetchall()
    assert kept == [(1,), (3,)]
