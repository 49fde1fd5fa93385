"""Every filter of a list but a search for text leads to its rows by an index, and comes out in order without sorting."""

from __future__ import annotations

import pytest

from hedgerow.delivery.queries import Search
from hedgerow.delivery.recent import LIST, PAGE, EventSearch
from hedgerow.people import queries as people
from hedgerow.store import open_connection
from hedgerow.telemetry import logs
from support.store import fresh_store

OWNER, NOW = b"d" * 16, 1_780_000_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Empty databases: plans are made without statistics, as in production."""
    made = tmp_path_factory.mktemp("plans")
    fresh_store(made)
    return made


@pytest.fixture(scope="module")
def state(folder):
    return open_connection(folder / "state.db")


@pytest.fixture(scope="module")
def telemetry(folder):
    return open_connection(folder / "telemetry.db")


def plan(connection, statement, given):
    return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, given)]


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "SCAN deliveries"),
        ({"cursor": OWNER}, "PRIMARY KEY (id<?)"),
        ({"after": NOW, "before": NOW + 1}, "PRIMARY KEY (id>? AND id<?)"),
        ({"destination": OWNER}, "deliveries_by_destination (destination_id=?)"),
        ({"destination": OWNER, "after": NOW}, "deliveries_by_destination (destination_id=? AND id>?)"),
        ({"verdicts": ["delivered"]}, "SCAN deliveries"),
        ({"verdicts": ["failed"]}, "deliveries_by_verdict (project_id=? AND verdict=?)"),
        (
            {"verdicts": ["failed"], "cursor": OWNER},
            "deliveries_by_verdict (project_id=? AND verdict=? AND id<?)",
        ),
        ({"kind": "timeout"}, "deliveries_by_kind (project_id=? AND kind=?)"),
        ({"status": 503}, "deliveries_by_status (project_id=? AND status=?)"),
        ({"status_class": 5}, "COVERING INDEX deliveries_by_status (project_id=? AND status>? AND status<?)"),
        ({"status_class": 2}, "SCAN deliveries"),
        ({"event": "paid"}, "deliveries_by_event (project_id=? AND event=?)"),
        ({"event_uuid": OWNER}, "event_index_by_uuid (uuid=?)"),
        ({"distinct_ids": ["ada"]}, "deliveries_by_person (project_id=? AND distinct_id=?)"),
        ({"distinct_ids": ["ada"], "event": "paid"}, "deliveries_by_"),
    ],
)
def test_a_list_of_deliveries_goes_straight_to_its_rows(state, filters, index):
    """A million rows in the ledger, and a page of a hundred reads about a hundred."""
    wanted = Search(**filters)
    steps = plan(state, wanted.statement(), {**wanted.parameters(), "project": 1, "limit": 100})
    assert any(index in step for step in steps), steps
    # What most rows are is found among the newest: the table stands in the order of ids.
    assert "SCAN deliveries" not in steps or filters in (
        {},
        {"verdicts": ["delivered"]},
        {"status_class": 2},
    ), steps
    sorts = [step for step in steps if "TEMP B-TREE" in step]
    # The rows of one person, or of one event's uuid are few enough to sort.
    assert not sorts or {"distinct_ids", "event_uuid"} & set(filters), steps


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "event_index_by_time (project_id=?)"),
        ({"after": NOW}, "event_index_by_time (project_id=? AND captured_at>?)"),
        ({"before": NOW}, "event_index_by_time (project_id=? AND captured_at<?)"),
    ],
)
def test_a_list_of_events_goes_straight_to_its_rows(state, filters, index):
    """Newest first, from any moment on."""
    wanted = EventSearch(**filters)
    conditions = {"after": " AND captured_at > :after", "before": " AND captured_at < :before"}
    statement = LIST + "".join(conditions[name] for name in filters) + PAGE
    steps = plan(state, statement, {**wanted.parameters(), "project": 1, "limit": 100})
    assert any(index in step for step in steps), steps


@pytest.mark.parametrize(
    ("given", "index"),
    [
        ({}, "log_entries_by_destination (destination_id=?)"),
        ({"after": NOW}, "log_entries_by_destination (destination_id=? AND at>?)"),
        ({"levels": ["ERROR"]}, "log_entries_of_trouble (destination_id=?)"),
        ({"levels": ["warn", "error"], "before": NOW}, "log_entries_of_trouble (destination_id=? AND at<?)"),
        ({"levels": ["info"]}, "log_entries_by_destination (destination_id=?)"),
        ({"instance_id": OWNER}, "log_entries_by_delivery (delivery_id=?)"),
    ],
)
def test_log_lines_are_found_by_an_index(telemetry, given, index):
    """Of a destination that says much as of one that says little."""
    seen = []

    class Spy:
        def execute(self, statement, values):
            seen.append(plan(telemetry, statement, values))
            return telemetry.execute(statement, values)

    assert logs.read_logs(Spy(), OWNER, **given) == []
    assert logs.count_logs(Spy(), OWNER, **given) == 0
    if "instance_id" not in given:
        assert logs.search_logs(Spy(), OWNER, "order", **given).lines == []
        seen.pop()  # the lines of the page come by their ids
    assert all(any(index in step for step in steps) for steps in seen), seen


def test_the_newest_persons_come_without_sorting_all(state):
    """A page of a list reads a page."""
    steps = plan(state, people.BY_NUMBER + people.PAGE, {"project": 1, "limit": 100, "offset": 0})
    assert steps == ["SCAN persons"]  # backwards, by number, as far as the page goes
