"""Running deliveries again: ordering, counting, refusing, pausing and cancelling. Workers are not there: see the simulation."""

from __future__ import annotations

import uuid

import pytest

from hedgerow.replay import runs
from hedgerow.replay.selection import Selection

HOUR = 3_600_000


def order(api, body, expected=201):
    """The answer to an order."""
    answer = api.call("POST", "deliveries/rerun/", body)
    assert answer.status == expected, answer.body
    return answer.json


def missed(api, owner, number=3):
    """Some deliveries that failed, and one that arrived."""
    api.deliver(owner)
    return [api.deliver(owner, "paid", "failed", kind="http_4xx", status=401) for _ in range(number)]


def test_a_dry_run_counts_and_orders_nothing(api):
    """By destination and verdict; failed and expired ones unless something else is asked for."""
    one, two = api.webhook(name="One")["id"], api.webhook(name="Two")["id"]
    missed(api, one)
    api.deliver(two, "paid", "expired")
    count = order(api, {"filters": {}, "dry_run": True}, 200)
    assert (count["count"], count["verdicts"]) == (4, {"failed": 3, "expired": 1})
    assert count["destinations"] == [
        {"id": one, "name": "One", "count": 3},
        {"id": two, "name": "Two", "count": 1},
    ]
    assert order(api, {"filters": {"destination": two}, "dry_run": True}, 200)["count"] == 1
    assert order(api, {"filters": {"verdict": "delivered"}, "dry_run": True}, 200)["count"] == 1
    assert order(api, {"filters": {"status": "4xx", "event": "paid"}, "dry_run": True}, 200)["count"] == 3
    assert api.get("reruns/") == {"results": []}


def test_what_arrived_since_is_left_out(api):
    """A failure whose event another run delivered is not sent again, unless that is asked for."""
    owner = api.webhook()["id"]
    first, *_ = missed(api, owner)
    _arrive_later(api, first)
    count = order(api, {"filters": {}, "dry_run": True}, 200)
    assert (count["count"], count["left_out"]) == (2, {"delivered": 1})
    assert order(api, {"ids": [first], "dry_run": True}, 200)["count"] == 0
    assert order(api, {"filters": {}, "skip_delivered": False, "dry_run": True}, 200)["count"] == 3


def _arrive_later(api, delivery):
    """The same event arrived by some other run."""
    copy = """
    INSERT INTO deliveries (id, project_id, destination_id, revision, run, partition, position, event_uuid, event,
        distinct_id, verdict, captured_at, created_at, updated_at)
    SELECT ?, project_id, destination_id, revision, 'earlier', partition, position, event_uuid, event, distinct_id,
        'delivered', captured_at, created_at, updated_at FROM deliveries WHERE id = ?
    """
    api.state.write_now(lambda c: c.execute(copy, (uuid.uuid4().bytes, uuid.UUID(delivery).bytes)))


def test_an_order_is_a_run_that_can_be_looked_at_paused_and_cancelled(api):
    """The API says how far it has come; who is not in the project finds nothing."""
    missed(api, api.webhook()["id"])
    run = order(api, {"filters": {"event": "paid"}, "rate": 5, "revision": "original"})
    assert (run["kind"], run["state"], run["rate"], run["revision"]) == ("rerun", "running", 5.0, "original")
    assert run["progress"]["selecting"] is True
    path = f"reruns/{run['id']}/"
    assert api.get(path) == run == api.get("reruns/")["results"][0]
    assert api.call("POST", f"{path}pause/", {}).json["state"] == "paused"
    assert api.call("POST", f"{path}resume/", {}).json["state"] == "running"
    assert api.call("DELETE", path).json["state"] == "cancelling"
    assert api.call("POST", f"{path}resume/", {}).json["state"] == "cancelling"
    told = api.get("activity_log/")["results"]
    assert [entry["activity"] for entry in told[:4]] == [
        "rerun_cancel",
        "rerun_resume",
        "rerun_pause",
        "rerun",
    ]
    assert api.call("GET", f"reruns/{uuid.uuid4()}/").status == 404
    assert api.call("GET", "reruns/x/").status == 404


def test_the_same_selection_is_not_run_twice_at_a_time(api):
    """Without a key it is refused with the id of the run that is under way; with a key it is that run."""
    missed(api, api.webhook()["id"])
    run = order(api, {"filters": {"after": "-7d"}})
    refused = order(api, {"filters": {"after": "-7d"}}, 409)
    assert (refused["code"], refused["run"]) == ("already_running", run["id"])
    other = order(api, {"filters": {"event": "paid"}, "idempotency_key": "k"})
    assert order(api, {"filters": {"event": "paid"}, "idempotency_key": "k"})["id"] == other["id"]
    assert (
        order(api, {"filters": {"event": "else"}, "idempotency_key": "k"}, 409)["code"]
        == "idempotency_mismatch"
    )


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "filters"), ({"ids": [], "filters": {}}, "filters"), ({"ids": []}, "ids"), ({"ids": ["x"]}, "ids"),
        ({"filters": {"verdict": "open"}}, "filters__verdict"), ({"filters": {"verdict": "duplicate"}}, "filters__verdict"),
        ({"filters": {"colour": "red"}}, "colour"), ({"filters": {}, "rate": 0}, "rate"),
        ({"filters": {}, "revision": "best"}, "revision"), ({"filters": {}, "dry_run": 1}, "dry_run"),
        ({"filters": {}, "idempotency_key": "k" * 201}, "idempotency_key"), ({"filter": {}}, "filter"),
    ],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(api, body, attr):
    """400 names the field."""
    answer = api.call("POST", "deliveries/rerun/", body)
    assert (answer.status, answer.json["attr"]) == (400, attr)


def test_posthogs_way_of_asking_works(api):
    """A window, statuses, kinds, attempts and a bound; the answer says how many are queued."""
    owner = api.webhook()["id"]
    missed(api, owner, 5)
    window = {"window_start": "2026-05-28T00:00:00Z", "window_end": "2026-05-29T23:00:00Z"}
    path = f"hog_functions/{owner}/rerun/"
    answer = api.call("POST", path, {"filter": {**window, "max_count": 3, "error_kind": ["http_4xx"]}}).json
    assert (answer["queued_count"], answer["skipped_count"]) == (3, 2)
    run = api.state.read_now(lambda c: runs.find(c, 1, uuid.UUID(answer["rerun_job_id"]).bytes))
    wanted = Selection.decode(run.wanted)
    assert (wanted.most, wanted.kinds, list(wanted.search.verdicts)) == (
        3,
        ("http_4xx",),
        ["failed", "expired"],
    )
    assert api.call("POST", path, {"filter": {**window, "error_kind": ["timeout"]}}).json["queued_count"] == 0
    late = {"window_start": "2026-05-28T00:00:00Z", "window_end": "2026-05-01T00:00:00Z"}
    for wrong, attr in (
        ({}, "filter__window_start"), (late, "filter__window_end"), ({**window, "max_count": 0}, "filter__max_count"),
        ({**window, "status": ["lost"]}, "filter__status"), ({**window, "invocation_ids": ["x"]}, "filter__invocation_ids"),
    ):  # fmt: skip
        refused = api.call("POST", path, {"filter": wrong})
        assert (refused.status, refused.json["attr"]) == (400, attr)
    weak = api.make_key("hog_function:write")
    assert api.call("POST", path, {"filter": window}, key=weak).status == 403


def test_deliveries_are_listed_by_run(api):
    """``run=`` finds what a run made, with either revision."""
    owner = api.webhook()["id"]
    run = str(uuid.uuid4())
    mine = api.deliver(owner, run=run)
    api.deliver(owner)
    assert [row["id"] for row in api.get(f"deliveries/?run={run}")["results"]] == [mine]
    assert api.call("GET", "deliveries/?run=x").status == 400
