"""What is asked of windows and summaries costs no more the more of them there are."""

from __future__ import annotations

import pytest

from hedgerow.delivery import counting, erasure, gathering, housekeeping, masking
from hedgerow.store import open_connection
from support.store import fresh_store

CARRIERS = "delivery_carriers_by_carrier (carrier_id=?"


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """An empty state database: plans are made without statistics, as in production."""
    folder = tmp_path_factory.mktemp("restraints")
    fresh_store(folder)
    return open_connection(folder / "state.db")


@pytest.mark.parametrize(
    ("statement", "given", "search"),
    [
        (counting.FIND, (b"", b""), "PRIMARY KEY (destination_id=? AND hash=?)"),
        (gathering.FIND, (b"", b""), "PRIMARY KEY (destination_id=? AND hash=?)"),
        (masking.FIND_PAST, (b"", b""), "PRIMARY KEY (destination_id=? AND hash=?)"),
        (gathering.CLOSE, (b"",), "delivery_windows_by_carrier (carrier_id=?)"),
        (gathering.COUNT, (b"",), "COVERING INDEX " + CARRIERS),
        (gathering.CARRIED, (b"", 10), CARRIERS),
        (erasure.SENDERS, (b"",), CARRIERS),
        (erasure.CARRIED, (b"", 10), CARRIERS),
        (erasure.LEFT, (b"",), CARRIERS),
        (housekeeping.STALE_WINDOWS, (0, 10), "delivery_windows_by_expiry (expires_at<?)"),
    ],
)
def test_a_statement_goes_straight_to_its_rows(connection, statement, given, search):
    """No plan walks through a table."""
    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, given)]
    assert any(search in step for step in plan), plan
    assert not [step for step in plan if step.startswith("SCAN") and "USING" not in step], plan
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
