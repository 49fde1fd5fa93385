"""Ordering replays over the API. That they do what they should is proved in the simulation and on a real server."""

from __future__ import annotations

import uuid

import pytest

from hedgerow.api import replays
from hedgerow.replay import runs


def order(api, owner, body, expected=201):
    """The answer to an order."""
    answer = api.call("POST", f"hog_functions/{owner}/replay/", body)
    assert answer.status == expected, answer.body
    return answer.json


def test_a_replay_is_ordered_watched_paused_and_cancelled(api):
    """It says how many events there are to look at, and what is to be known of it."""
    owner = api.webhook(masking={"hash": "{event.distinct_id}", "ttl": 60})["id"]
    for _ in range(3):
        api.capture("paid")
    api.now += 1
    run = order(api, owner, {"after": "-1h", "rate": 5})
    assert (run["kind"], run["state"], run["destination"], run["rate"]) == ("replay", "running", owner, 5.0)
    assert (run["progress"]["total"], run["progress"]["selecting"], len(run["notes"])) == (3, True, 2)
    path = f"hog_functions/{owner}/replays/{run['id']}/"
    assert api.get(path) == run
    assert [one["id"] for one in api.get(f"hog_functions/{owner}/replays/")["results"]] == [run["id"]]
    assert api.call("POST", f"{path}pause/", {}).json["state"] == "paused"
    assert api.call("POST", f"{path}resume/", {}).json["state"] == "running"
    assert api.call("DELETE", path).json["state"] == "cancelling"
    told = api.get("activity_log/")["results"]
    assert [entry["activity"] for entry in told[:3]] == ["replay_cancel", "replay_resume", "replay_pause"]
    assert told[3]["activity"] == "replay"
    other = api.webhook()["id"]
    assert api.call("GET", f"hog_functions/{other}/replays/{run['id']}/").status == 404
    assert api.call("GET", f"reruns/{run['id']}/").status == 404


def test_the_same_replay_is_not_run_twice_at_a_time(api):
    """Without a key it is refused with the id of the one that is under way; with a key it is that one."""
    owner = api.webhook()["id"]
    run = order(api, owner, {"after": "-7d"})
    assert order(api, owner, {"after": "-7d"}, 409)["run"] == run["id"]
    keyed = order(api, owner, {"after": "-8d", "idempotency_key": "k"})
    assert order(api, owner, {"after": "-8d", "idempotency_key": "k"})["id"] == keyed["id"]


def test_a_dry_run_that_nobody_counts_says_so(api, monkeypatch):
    """Workers count; until they have, the answer is 202, and the replay is in no list."""
    monkeypatch.setattr(replays, "PATIENCE_S", 0.05)
    owner = api.webhook()["id"]
    count = order(api, owner, {"after": "-7d", "dry_run": True}, 202)
    assert (count["complete"], count["count"]) == (False, 0)
    assert api.get(f"hog_functions/{owner}/replays/") == {"results": []}
    run = uuid.UUID(count["id"]).bytes

    def counted(connection):
        runs.finish(connection, runs.find(connection, 1, run), api.now)

    api.state.write_now(counted)
    assert api.get(f"hog_functions/{owner}/replays/{count['id']}/")["state"] == "done"


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "after"), ({"after": "soon"}, "after"), ({"after": 5}, "after"), ({"after": "-1h", "before": "-2h"}, "before"),
        ({"after": "-1h", "filters": 7}, "filters"), ({"after": "-1h", "rate": -1}, "rate"),
        ({"after": "-1h", "colour": "red"}, "colour"), ({"after": "-1h", "skip_delivered": "no"}, "skip_delivered"),
        ({"after": "-1h", "filters": {"properties": [{"key": "a", "operator": "resembles", "value": 1}]}}, None),
    ],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(api, body, attr):
    """400 names the field."""
    answer = api.call("POST", f"hog_functions/{api.webhook()['id']}/replay/", body)
    assert answer.status == 400, answer.body
    assert attr is None or answer.json["attr"] == attr
    assert api.call("POST", f"hog_functions/{uuid.uuid4()}/replay/", {"after": "-1h"}).status == 404
