"""Whom the death of a worker counts against: what was in its hands, and nothing that waited."""

from __future__ import annotations

import pytest

from hedgerow.delivery import ledger
from hedgerow.store import open_connection
from hedgerow.store.database import transact
from simulation.world import PlainSealer
from support.store import fresh_store

OWNER = b"o" * 16
ROW = """
INSERT INTO deliveries (id, project_id, destination_id, revision, mapping, partition, position, event_uuid, event,
    distinct_id, verdict, captured_at, created_at, updated_at, next_at)
VALUES (?, 1, ?, 1, '', 0, ?, ?, 'x', 'ann', 'running', 0, 0, 0, ?)
"""


@pytest.fixture
def state(tmp_path):
    """Three rows that were in the hands of a worker that died."""
    connection = open_connection(fresh_store(tmp_path) / "state.db")
    transact(connection, lambda c: ledger.take(c, 0))
    for number in range(3):
        identity = number.to_bytes(16, "big")
        connection.execute(ROW, (identity, OWNER, number + 1, identity, number))
    yield connection
    connection.close()


def load(connection, most):
    """What a lane does when it has room."""
    return ledger.due(
        connection, OWNER, now=10, partitions="[0]", limit=most, holding=(), sealer=PlainSealer()
    ).invocations  # fmt: skip


def deaths(connection):
    """Deaths by row, the first due first."""
    return [count for (count,) in connection.execute("SELECT deaths FROM deliveries ORDER BY next_at")]


def test_what_no_worker_took_since_is_not_blamed_again(state):
    """However often workers die: only what the last one had taken may have been why."""
    transact(state, lambda c: ledger.take(c, 0))
    assert deaths(state) == [1, 1, 1]
    for _ in range(3):
        transact(state, lambda c: load(c, 1))
        transact(state, lambda c: ledger.take(c, 0))
    assert deaths(state) == [2, 1, 1]


def test_what_was_in_the_hands_of_a_dead_worker_is_due_at_once(state):
    """It lost its owner, not its turn."""
    transact(state, lambda c: ledger.take(c, 0))
    found = transact(state, lambda c: load(c, 5))
    assert [one.position for one in found] == [1, 2, 3]
    assert {one.deaths for one in found} == {1}
