"""Statements that run all the time must find their rows by an index that leads straight to them, however much there is."""

from __future__ import annotations

import pytest

from hedgerow.delivery import holding, housekeeping, intake, ledger
from hedgerow.store import open_connection
from support.store import fresh_store

OWNER, LAST = b"d" * 16, b"\xff" * 16
LATER = {"owner": OWNER, "distinct_id": "ann", "project": 1, "id": b"", "last": LAST, "mapping": ""}


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """An empty state database: plans are made without statistics, as in production."""
    folder = tmp_path_factory.mktemp("plans")
    fresh_store(folder)
    return open_connection(folder / "state.db")


@pytest.mark.parametrize(
    ("statement", "given", "search"),
    [
        (intake.SEEN, ('["00"]', 1), "event_index USING INDEX event_index_by_uuid (uuid=?)"),
        (ledger.KNOWN, (0, 1), "INDEX deliveries_by_record (partition=? AND position>?)"),
        (holding.TAKE, (OWNER, "[0]", 10), "INDEX deliveries_held (destination_id=?)"),
        (holding.COUNT, (OWNER,), "COVERING INDEX deliveries_held"),
        (holding.ANY, (OWNER,), "COVERING INDEX deliveries_held"),
        (holding.FIRST, (OWNER,), "INDEX deliveries_held (destination_id=?)"),
        (holding.OLDEST, (OWNER, LAST, 10), "INDEX deliveries_held (destination_id=? AND id<?)"),
        (holding.SIFT, (OWNER, b"", LAST, 10), "INDEX deliveries_held (destination_id=? AND id>? AND id<?)"),
        (
            holding.LATER,
            LATER,
            "INDEX deliveries_held_by_person (destination_id=? AND distinct_id=? AND id>?",
        ),
        (
            holding.FIRST_OF_SEQUENCE,
            (OWNER, "s"),
            "INDEX deliveries_held_in_sequence (destination_id=? AND sequence=?)",
        ),
        (holding.NEXT, (OWNER, "[0]", 10), "INDEX deliveries_held (destination_id=?)"),
        (
            ledger.HEADS,
            {"owner": OWNER, "now": 1, "partitions": "[0]", "most": 9},
            "INDEX deliveries_held_in_sequence (destination_id=? AND sequence=?",
        ),
        (ledger.BLOCKED, (OWNER, 1, "[0]"), "INDEX deliveries_open (destination_id=? AND next_at<?)"),
        (
            housekeeping.PAYLOADS,
            (0, 1, 10),
            "INDEX sqlite_autoindex_delivery_payloads_1 ((partition,position)>(?,?))",
        ),
        (
            housekeeping.STALE_PAYLOADS,
            (0, 1, 0, 9),
            "INDEX sqlite_autoindex_delivery_payloads_1 ((partition,position)>(?,?) AND (partition,position)<(?,?))",
        ),
        (holding.WAITING, (), "INDEX deliveries_held (destination_id>?)"),
    ],
)
def test_a_hot_statement_goes_straight_to_its_rows(connection, statement, given, search):
    """A million events in the index, or a million held deliveries, once made each lookup walk through all of them."""
    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, given)]
    assert any(search in step for step in plan), plan
    assert not [
        step for step in plan if step.startswith("SCAN") and "deliveries" in step and "USING" not in step
    ]
