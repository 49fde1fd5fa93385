"""A tool goes down and comes back, and people pause: on a real server with two workers, nothing is lost and owners hear of it."""

from __future__ import annotations

import pytest

from support.server import Server, eventually
from support.sink import Step

QUICK = {
    "HEDGEROW_WORKERS": "2",
    "HEDGEROW_PARTITIONS": "4",
    "HEDGEROW_HEALTH_WINDOW_S": "60",
    "HEDGEROW_HEALTH_LEAST_RESULTS": "5",
    "HEDGEROW_HEALTH_PATIENCE_S": "2",
    "HEDGEROW_HEALTH_PROBE_DELAYS_S": "1,2",
}
TELL = "fetch('{url}', {{'body': event}})"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A server that loses patience within seconds."""
    with Server(tmp_path_factory.mktemp("quick"), **QUICK) as running:
        yield running


def hook(server, url, name, event):
    """A destination that goes on trying for half a minute."""
    identity = server.webhook(url, name=name, events=[event])
    server.api("PATCH", f"hog_functions/{identity}/", {"retry": [1.5] * 20})
    return identity


def shown(server, identity):
    return server.api("GET", f"hog_functions/{identity}/")


def verdicts(server, identity):
    return sorted(row["verdict"] for row in server.deliveries(destination=identity, limit="100"))


def changes_at(sink, path):
    """The changes of state that were told."""
    told = [one.json for one in sink.at(path)]
    return [one["properties"] for one in told if one["event"] == "$destination_state_changed"]


def test_an_outage_is_waited_out(quick, sink):
    """Degraded, quarantined, probed, and then all that was held goes out; each step is told, and only to those who ask."""
    payload = {
        "name": "Tell", "type": "internal_destination", "enabled": True, "hog": TELL.format(url=f"{sink.url}/told"),
    }  # fmt: skip
    quick.api("POST", "hog_functions/", payload)
    curious = quick.api(
        "POST", "hog_functions/", {"name": "All", "enabled": True, "hog": TELL.format(url=f"{sink.url}/all")}
    )
    identity = hook(quick, f"{sink.url}/hook", "Hook", "ordered")
    sink.script("/hook", Step(500), forever=True)
    for number in range(10):
        quick.send("ordered", f"user-{number}", n=number)
    eventually(lambda: shown(quick, identity)["health"]["state"] == "quarantined", 20)
    quick.send("ordered", "late")
    held = eventually(lambda: (found := shown(quick, identity))["held"]["count"] >= 11 and found, 10)
    assert held["status"] == {"state": 3, "tokens": 0}
    assert "results" in held["health"]["evidence"]
    sink.script("/hook", Step(200), forever=True)
    eventually(lambda: verdicts(quick, identity) == ["delivered"] * 11, 30)
    assert shown(quick, identity)["held"] == {"count": 0, "oldest": None}
    eventually(lambda: shown(quick, identity)["health"]["state"] == "healthy", 20)
    changes = eventually(lambda: len(found := changes_at(sink, "/told")) >= 4 and found)
    assert [(c["previous_state"], c["state"]) for c in changes] == [
        ("healthy", "degraded"), ("degraded", "quarantined"), ("quarantined", "degraded"), ("degraded", "healthy"),
    ]  # fmt: skip
    assert {c["destination_name"] for c in changes} == {"Hook"}
    assert {one.json["event"] for one in sink.at("/all")} == {"ordered"}
    lines = quick.api("GET", f"hog_functions/{identity}/logs/?level=WARN")["results"]
    assert any("It is quarantined" in line["message"] for line in lines)
    quick.api("PATCH", f"hog_functions/{curious['id']}/", {"enabled": False})


def test_pause_resume_and_discard_by_hand(quick, sink):
    """What is paused is held, what is resumed goes out, what is discarded stays listed."""
    identity = hook(quick, f"{sink.url}/manual", "Manual", "signed_up")
    paused = quick.cli("pause", "manual")
    assert "Manual is paused since" in paused.stdout, paused.stderr
    for number in range(6):
        quick.send("signed_up", f"user-{number}")
    eventually(lambda: shown(quick, identity)["held"]["count"] == 6)
    assert not sink.at("/manual")
    assert "paused" in quick.cli("destinations").stdout
    assert "it holds 6 deliveries" in quick.cli("resume", "manual", "--rate", "50").stdout
    eventually(lambda: verdicts(quick, identity) == ["delivered"] * 6)
    assert len(sink.at("/manual")) == 6

    quick.cli("pause", "manual")
    quick.send("signed_up", "again")
    eventually(lambda: shown(quick, identity)["held"]["count"] == 1)
    assert "is being thrown away" in quick.cli("discard", "manual", "--yes").stdout
    eventually(lambda: verdicts(quick, identity) == ["delivered"] * 6 + ["discarded"])
    quick.cli("resume", "manual")
    quick.send("signed_up", "new")
    eventually(lambda: len(sink.at("/manual")) == 7)


def test_only_the_latest_of_each_person(quick, sink):
    """The earlier ones are superseded, and say so."""
    identity = hook(quick, f"{sink.url}/latest", "Latest", "moved")
    quick.cli("pause", "latest")
    for number in range(3):
        for who in ("ann", "bob"):
            quick.send("moved", who, n=number)
    eventually(lambda: shown(quick, identity)["held"]["count"] == 6)
    quick.cli("resume", "latest", "--latest")
    eventually(lambda: verdicts(quick, identity) == ["delivered"] * 2 + ["superseded"] * 4)
    assert len(sink.at("/latest")) == 2
