"""Searching the ledger: by class of status, by what receivers answered, and always along an index."""

from __future__ import annotations

import uuid

import pytest
from test_api_ledger import ids

from hedgerow.delivery.queries import Search


def test_by_class_of_status(api):
    """``5xx`` finds what ``500`` to ``599`` find."""
    owner = api.webhook()["id"]
    made = {code: api.deliver(owner, status=code) for code in (200, 301, 404, 500, 503)}
    assert ids(api, "status=5xx") == [made[503], made[500]]
    assert ids(api, "status=4XX") == [made[404]]
    assert ids(api, "status=2xx") == [made[200]]
    assert ids(api, "status=301") == [made[301]]
    assert api.call("GET", "deliveries/?status=9xx").status == 400


def test_by_what_a_failed_request_was_answered(api):
    """The text of the response counts when the delivery failed, and only then."""
    owner = api.webhook()["id"]
    bad, good = (api.deliver(owner, verdict=verdict) for verdict in ("failed", "delivered"))
    for delivery in (bad, good):
        row = (
            uuid.UUID(delivery).bytes,
            1,
            0,
            1,
            1,
            "POST",
            "https://x.test/",
            500,
            None,
            b"",
            b'{"body":"Quota exceeded"}',
        )
        api.state.write_now(
            lambda c, row=row: c.execute("INSERT INTO delivery_attempts VALUES (?,?,?,?,?,?,?,?,?,?,?)", row)
        )  # fmt: skip
    assert ids(api, "search=quota") == [bad]


def test_by_event_finds_duplicates_too(api):
    """A re-sent event's own verdict is found by the event's id."""
    owner = api.webhook()["id"]
    first = api.deliver(owner)
    (item,) = api.get("deliveries/")["results"]
    event = uuid.UUID(item["event"]["uuid"]).bytes
    again = api.deliver(str(uuid.UUID(int=0)), verdict="duplicate", event_uuid=event)
    assert ids(api, f"event_uuid={item['event']['uuid']}") == [again, first]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Search(), "PRIMARY KEY"),
        (Search(destination=b"d" * 16), "deliveries_by_destination"),
        (Search(verdicts=["failed"]), "deliveries_by_verdict"),
        (Search(verdicts=["failed", "expired"]), "deliveries_by_verdict"),
        (Search(kind="timeout"), "deliveries_by_kind"),
        (Search(status=503), "deliveries_by_status"),
        (Search(status_class=5), "deliveries_by_status"),
        (Search(event="paid"), "deliveries_by_event"),
        (Search(event_uuid=b"e" * 16), "event_index_by_uuid"),
        (Search(event_uuid=b"e" * 16), "deliveries_duplicate"),
        (Search(distinct_ids=["ada", "bob"]), "deliveries_by_person"),
        (Search(after=5, before=9), "PRIMARY KEY (id>? AND id<?)"),
        (Search(cursor=b"c" * 16), "PRIMARY KEY (id<?)"),
        (Search(destination=b"d" * 16, after=5, cursor=b"c" * 16), "deliveries_by_destination (destination_id=? AND id>? AND id<?)"),
        (Search(event="paid", cursor=b"c" * 16), "deliveries_by_event (project_id=? AND event=? AND id<?)"),
    ],
)  # fmt: skip
def test_each_filter_has_an_index(api, wanted, index):
    """SQLite goes along the index made for it; nothing reads the whole ledger but for what nearly every row is."""
    values = {**wanted.parameters(), "project": 1, "limit": 10}
    plan = api.state.read_now(
        lambda c: [row[3] for row in c.execute(f"EXPLAIN QUERY PLAN {wanted.statement()}", values)]
    )
    if wanted == Search():  # the newest rows: a walk along the primary key that ends with the page
        assert [step for step in plan if "SCAN" in step] == ["SCAN deliveries"]
        assert not any("B-TREE" in step for step in plan), plan
        return
    assert any(index in step for step in plan), plan
    assert "SCAN deliveries" not in plan, plan


@pytest.mark.parametrize("wanted", [Search(destination=b"d" * 16), Search(verdicts=["failed"]), Search(kind="x"),
                                    Search(status=500), Search(event="paid"), Search(after=1)])  # fmt: skip
def test_a_page_is_found_without_sorting(api, wanted):
    """Rows come out of the index newest first, so that a page costs no more than its rows."""
    values = {**wanted.parameters(), "project": 1, "limit": 10}
    plan = api.state.read_now(
        lambda c: [row[3] for row in c.execute(f"EXPLAIN QUERY PLAN {wanted.statement()}", values)]
    )
    assert not any("B-TREE" in step for step in plan), plan
