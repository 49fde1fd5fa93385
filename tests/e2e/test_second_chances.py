"""Running again what failed, on a real server with two workers that are killed in the middle of it."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest

from support.server import Server, eventually
from support.sink import Step

MANY = 120


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A server with two workers."""
    with Server(tmp_path_factory.mktemp("pair"), HEDGEROW_WORKERS="2", HEDGEROW_PARTITIONS="4") as running:
        yield running


def counts(server, **query):
    """How many deliveries there are of each verdict."""
    rows = server.api(
        "GET", "deliveries/?" + "&".join(f"{k}={v}" for k, v in {**query, "limit": 1000}.items())
    )
    return Counter(row["verdict"] for row in rows["results"])


def over(server, run):
    """The run, once it is over."""
    item = server.api("GET", f"reruns/{run['id']}/")
    return item if item["finished_at"] else None


def refused(server, sink, path, number=MANY, **properties):
    """A destination that the tool refused everything of."""
    owner = server.webhook(sink.url + path, name=path, events=[path])
    sink.script(path, Step(401), forever=True)
    for n in range(number):
        server.send(path, f"person-{n % 9}", n=n, **properties)
    eventually(lambda: counts(server, destination=owner)["failed"] == number, 30)
    sink.script(path, Step(200), forever=True)
    return owner


def test_a_mass_rerun_survives_the_death_of_its_workers(pair, sink):
    """Killed in the middle: afterwards each of the failures has exactly one verdict of the run, and all arrived."""
    owner = refused(pair, sink, "/killed")
    before = len(sink.at("/killed"))
    run = pair.api("POST", "deliveries/rerun/", {"filters": {"destination": owner}, "rate": 60})
    status, again = pair.call(
        "POST", "/api/projects/1/deliveries/rerun/", {"filters": {"destination": owner}}
    )
    assert (status, again["run"]) == (409, run["id"])
    eventually(lambda: len(sink.at("/killed")) > before + 20)
    for name in ("worker-1", "worker-2"):
        os.kill(pair.children()[name], signal.SIGKILL)
        time.sleep(0.3)
    done = eventually(lambda: over(pair, run), 60)
    assert (done["state"], done["progress"]["verdicts"]) == ("done", {"delivered": MANY})
    rows = pair.api("GET", f"deliveries/?run={run['id']}&limit=1000")["results"]
    assert len({row["event"]["uuid"] for row in rows}) == len(rows) == MANY
    assert counts(pair, destination=owner) == {"failed": MANY, "delivered": MANY}
    arrived = Counter(one.headers["webhook-id"] for one in sink.at("/killed")[before:])
    assert {row["id"] for row in rows} == set(arrived)
    none_left = pair.api("POST", "deliveries/rerun/", {"filters": {"destination": owner}, "dry_run": True})
    assert (none_left["count"], none_left["left_out"]) == (0, {"delivered": MANY})


def test_a_paused_run_waits_and_a_cancelled_one_discards(pair, sink):
    """What was not sent when a run is cancelled is listed as discarded, and can be run again."""
    owner = refused(pair, sink, "/paused", 60)
    run = pair.api("POST", "deliveries/rerun/", {"filters": {"destination": owner}, "rate": 20})
    eventually(lambda: counts(pair, run=run["id"])["delivered"] > 3)
    assert pair.api("POST", f"reruns/{run['id']}/pause/")["state"] == "paused"
    pair.api("DELETE", f"reruns/{run['id']}/")
    done = eventually(lambda: over(pair, run), 20)
    verdicts = done["progress"]["verdicts"]
    assert done["state"] == "cancelled"
    assert set(verdicts) == {"delivered", "discarded"}
    rest = pair.api("POST", "deliveries/rerun/", {"filters": {"destination": owner}, "dry_run": True})[
        "count"
    ]
    assert rest == 60 - verdicts["delivered"]


def test_the_command_line_runs_what_failed_again(pair, sink):
    """It says how many there are before it asks, and shows how far the run has come."""
    owner = refused(pair, sink, "/typed", 5)
    dry = pair.cli("rerun", "-d", "/typed", "--dry-run")
    assert dry.stdout == "5 deliveries: 5 of /typed.\n", dry.stderr
    assert pair.cli("rerun", "-d", "/typed", "--yes").returncode == 0
    eventually(lambda: counts(pair, destination=owner)["delivered"] == 5)
    listed = eventually(lambda: (found := pair.cli("runs")).stdout.count("done") and found)
    (line,) = [line for line in listed.stdout.splitlines() if " 5 " in line]
    shown = pair.cli("runs", line.split()[-1])
    assert "5 delivered" in shown.stdout


def test_a_replay_brings_a_new_destination_what_came_before_it(pair, sink):
    """A dry run counts, live traffic goes on, workers die in the middle; afterwards it has each event exactly once."""
    for n in range(MANY):
        pair.send("/history", f"person-{n % 9}", plan="pro" if n % 3 else "free")
    plan = {"key": "plan", "value": "pro", "operator": "exact", "type": "event"}
    owner = pair.webhook(f"{sink.url}/history", name="History", events=["/history"])
    path = f"hog_functions/{owner}/"
    eventually(
        lambda: pair.api("POST", f"{path}replay/", {"after": "-1h", "dry_run": True})["count"] == MANY, 30
    )
    count = pair.api(
        "POST", f"{path}replay/", {"after": "-1h", "dry_run": True, "filters": {"properties": [plan]}}
    )
    assert (count["count"], count["complete"]) == (MANY * 2 // 3, True)
    typed = pair.cli("replay", "History", "--since", "-1h", "--dry-run")
    assert typed.stdout.startswith(f"{MANY} deliveries for "), typed.stderr
    run = pair.api("POST", f"{path}replay/", {"after": "-1h", "rate": 60})
    eventually(lambda: len(sink.at("/history")) > 20)
    for name in ("worker-1", "worker-2"):
        os.kill(pair.children()[name], signal.SIGKILL)
        time.sleep(0.3)
    pair.send("/history", "late", plan="pro")
    done = eventually(
        lambda: (item := pair.api("GET", f"{path}replays/{run['id']}/"))["finished_at"] and item, 60
    )
    assert (done["state"], done["progress"]["verdicts"]) == ("done", {"delivered": MANY})
    eventually(lambda: counts(pair, destination=owner)["delivered"] == MANY + 1)
    rows = pair.api("GET", f"deliveries/?destination={owner}&limit=1000")["results"]
    assert len(rows) == len({row["event"]["uuid"] for row in rows}) == MANY + 1
    assert {row["verdict"] for row in rows} == {"delivered"}
    again = pair.api("POST", f"{path}replay/", {"after": "-1h", "dry_run": True})
    assert (again["count"], again["left_out"]["delivered"]) == (0, MANY + 1)
    assert "done" in pair.cli("replays", "History").stdout
