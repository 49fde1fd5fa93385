"""What the workers ask again and again while a run goes on costs no more the larger the run or the ledger is."""

from __future__ import annotations

import pytest

from hedgerow.delivery.queries import Search
from hedgerow.replay import runs, waiting
from hedgerow.replay.selection import SIBLINGS, START
from hedgerow.store import open_connection
from support.store import fresh_store

OWNER = b"d" * 16
RUN = "0191f3c0-1d2e-7d00-8000-5f0c6a3b9d10"
WAITING = "deliveries_by_run (run=? AND verdict=? AND destination_id=? AND partition=?"
SELECTING = Search(verdicts=("failed", "expired"), behind=START, limit=10)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """An empty state database: plans are made without statistics, as in production."""
    folder = tmp_path_factory.mktemp("plans")
    fresh_store(folder)
    return open_connection(folder / "state.db")


@pytest.mark.parametrize(
    ("statement", "given", "search"),
    [
        (waiting.FIRST, (RUN, OWNER, 0, 0, 10), WAITING),
        (waiting.FIRST, (RUN, OWNER, 0, 0, 10), "delivery_windows_by_carrier (carrier_id=?)"),
        (waiting.BESIDE, (RUN, OWNER, 0, 0, b"", b"z"), WAITING),
        (waiting.COUNT, (RUN, OWNER, 0, 0, 10), WAITING),
        (waiting.OWNERS, {"run": RUN, "verdict": "scheduled"}, "deliveries_by_run (run=? AND verdict=?"),
        (waiting.CANCELLABLE, (RUN, OWNER, 0, 10), WAITING),
        (runs.VERDICTS, (RUN,), "COVERING INDEX deliveries_by_run (run=?)"),
        (runs.ANY_OPEN, (RUN, "running"), "COVERING INDEX deliveries_by_run (run=? AND verdict=?)"),
        (runs.UNFINISHED, (), "replays_open"),
        (SIBLINGS, (0, 1, OWNER, "", None, b""), "deliveries_by_record (partition=? AND position=?)"),
        (
            SELECTING.statement(),
            {**SELECTING.parameters(), "project": 1, "limit": 10},
            "deliveries_by_verdict",
        ),
        (Search(run=RUN).statement(), {"run": RUN, "project": 1, "limit": 10}, "deliveries_by_run (run=?)"),
    ],
)
def test_a_statement_of_runs_goes_straight_to_its_rows(connection, statement, given, search):
    """No plan walks through the ledger."""
    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, given)]
    assert any(search in step for step in plan), plan
    assert not [step for step in plan if step.startswith("SCAN deliveries") and "USING" not in step], plan
