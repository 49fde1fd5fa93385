"""Schedules on a real server: ticks by the clock and by hand, workers that are killed in the middle of one, pauses."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest

from support.server import Server, eventually

PERSONS = 60


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A server with two workers, and persons of two plans."""
    folder = tmp_path_factory.mktemp("pair")
    with Server(folder, HEDGEROW_WORKERS="2", HEDGEROW_PARTITIONS="4") as running:
        batch = [
            {
                "event": "seen", "distinct_id": f"person-{n}",
                "properties": {"$set": {"plan": "pro" if n % 3 else "free", "n": n}},
            }
            for n in range(PERSONS)
        ]  # fmt: skip
        assert running.call("POST", "/batch/", {"api_key": running.token, "batch": batch})[0] == 200
        eventually(lambda: len(running.api("GET", f"persons/?limit={PERSONS}")["results"]) == PERSONS)
        yield running


def synced(server, url, name, *, plan=None, enabled=True, **schedule):
    """A destination that tells an address of persons."""
    properties = [{"key": "plan", "value": plan, "operator": "exact", "type": "person"}] if plan else []
    program = f"""
    let res := fetch('{url}', {{'method': 'POST', 'body': {{'n': person.properties.n, 'who': event.distinct_id}}}})
    if (res.status >= 400) {{ throw Error('refused') }}
    """
    made = server.api(
        "POST",
        "hog_functions/",
        {
            "name": name, "enabled": enabled, "hog": program, "schedule": {"cron": "0 0 1 1 *", **schedule},
            "filters": {"properties": properties},
        },
    )  # fmt: skip
    return made["id"]


def tick(server, owner, **body):
    return server.api("POST", f"hog_functions/{owner}/ticks/", body)


def over(server, run):
    item = server.api("GET", f"runs/{run['id']}/")
    return item if item["finished_at"] else None


def test_a_tick_survives_the_death_of_its_workers(pair, sink):
    """Killed in the middle: afterwards each of the persons has exactly one verdict of the run, and all arrived."""
    owner = synced(pair, f"{sink.url}/killed", "Killed", plan="pro")
    number = sum(bool(n % 3) for n in range(PERSONS))
    assert tick(pair, owner, dry_run=True)["count"] == number
    run = tick(pair, owner, rate=20)
    status, again = pair.call("POST", f"/api/projects/1/hog_functions/{owner}/ticks/", {})
    assert (status, again["run"]) == (409, run["id"])
    eventually(lambda: len(sink.at("/killed")) > 10)
    for name in ("worker-1", "worker-2"):
        os.kill(pair.children()[name], signal.SIGKILL)
        time.sleep(0.3)
    done = eventually(lambda: over(pair, run), 60)
    assert (done["kind"], done["state"]) == ("schedule", "done")
    assert done["progress"]["verdicts"] == {"delivered": number}
    rows = pair.api("GET", f"deliveries/?run={run['id']}&limit=1000")["results"]
    assert len({row["event"]["uuid"] for row in rows}) == len(rows) == number
    assert {row["event"]["name"] for row in rows} == {"$schedule"}
    arrived = Counter(one.headers["webhook-id"] for one in sink.at("/killed"))
    assert set(arrived) == {row["id"] for row in rows}


def test_the_clock_fires_and_only_who_changed_is_sent_again(pair, sink):
    """The first tick sends everybody; the next ones nobody but whose properties changed since, and who is new."""
    owner = synced(pair, f"{sink.url}/clock", "Clock", cron=None, every="10s", only_changed=True)
    eventually(lambda: len(sink.at("/clock")) >= PERSONS)
    pair.send("seen", "person-5", **{"$set": {"n": 5000}})
    pair.send("seen", "newcomer", **{"$set": {"n": 7}})
    eventually(lambda: len(sink.at("/clock")) >= PERSONS + 2)
    found = [one.json for one in sink.at("/clock")]
    assert sorted(found[PERSONS:], key=lambda one: one["n"]) == [
        {"n": 7, "who": "newcomer"},
        {"n": 5000, "who": "person-5"},
    ]
    pair.api("PATCH", f"hog_functions/{owner}/", {"enabled": False})
    shown = pair.api("GET", f"hog_functions/{owner}/")["schedule"]
    assert (shown["next"], shown["last"]["passed_over"]) == ([], 0)


def test_a_tick_of_a_paused_destination_waits_and_says_so(pair, sink):
    """Nothing is sent and nothing selected meanwhile; resumed, the latest tick runs, once, and what it sends is fresh."""
    owner = synced(pair, f"{sink.url}/paused", "Paused", plan="free", cron=None, every="10s", enabled=False)
    pair.api("POST", f"hog_functions/{owner}/pause/")
    pair.api("PATCH", f"hog_functions/{owner}/", {"enabled": True})

    def waits():
        return pair.api("GET", f"hog_functions/{owner}/")["schedule"]["waits"]

    assert eventually(waits) == "The destination is paused."
    assert pair.api("GET", f"runs/?destination={owner}") == {"results": []}
    pair.send("seen", "person-3", **{"$set": {"n": 3000}})
    eventually(
        lambda: pair.api("GET", "persons/?distinct_id=person-3")["results"][0]["properties"]["n"] == 3000
    )
    pair.api("POST", f"hog_functions/{owner}/resume/")
    eventually(lambda: len(sink.at("/paused")) >= PERSONS // 3)
    pair.api("PATCH", f"hog_functions/{owner}/", {"enabled": False})
    assert {"n": 3000, "who": "person-3"} in [one.json for one in sink.at("/paused")]
    assert waits() is None


def test_the_command_line_shows_schedules_and_runs_a_tick(pair, sink):
    """It says how many there are before it asks, and where to look."""
    synced(pair, f"{sink.url}/typed", "Typed", plan="free", cron="0 9 * * 1-5", timezone="Europe/Berlin")
    dry = pair.cli("schedules", "Typed", "--now", "--dry-run")
    assert dry.stdout.startswith(f"{PERSONS // 3} deliveries for "), dry.stderr
    began = pair.cli("schedules", "Typed", "--now", "--yes")
    run = {"id": began.stdout.split()[-1]}
    assert eventually(lambda: over(pair, run))["progress"]["verdicts"] == {"delivered": PERSONS // 3}
    shown = pair.cli("schedules", "Typed").stdout
    assert "0 9 * * 1-5 Europe/Berlin" in shown
    assert run["id"] in shown
