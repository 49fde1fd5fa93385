"""Thresholds and digests on a real server, set as people set them, across the death of its workers."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from support.server import Server, eventually
from support.sink import Step

INTERVAL = 3
LIST = """
fetch(inputs.url, {'body': {
    'names': arrayMap(e -> e.properties.n, events), 'people': arrayMap(e -> e.distinct_id, events),
    'count': digest.count, 'summary': digest.is_summary,
}})
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A server with two workers."""
    with Server(tmp_path_factory.mktemp("digests"), HEDGEROW_WORKERS="2") as running:
        yield running


def lister(server, url: str, event: str, **fields) -> str:
    """A destination that sends what its summaries list."""
    payload = {
        "name": event, "hog": LIST, "enabled": True, "filters": {"events": [{"id": event, "type": "events"}]},
        "inputs_schema": [{"key": "url", "type": "string"}], "inputs": {"url": {"value": url}}, **fields,
    }  # fmt: skip
    return server.api("POST", "hog_functions/", payload)["id"]


def test_every_event_is_in_one_summary_whatever_dies(pair, sink):
    """Both workers are killed while events are gathered: the first went out at once, each other is in exactly one summary."""
    digest = {"key": None, "interval": INTERVAL, "limit": 100}
    owner = lister(pair, f"{sink.url}/digest", "gathered", digest=digest)
    sent = [pair.send("gathered", f"person-{n}", n=n) for n in range(12)]
    for name in ("worker-1", "worker-2"):
        os.kill(pair.children()[name], signal.SIGKILL)
    sent += [pair.send("gathered", f"person-{n}", n=n) for n in range(12, 24)]
    rows = eventually(lambda: settled(pair, owner, len(sent)), 60)
    bodies = {one.headers["webhook-id"]: one.json for one in sink.at("/digest")}
    assert Counter(n for body in bodies.values() for n in body["names"]) == Counter(range(24))
    assert all(len(body["people"]) == body["count"] for body in bodies.values())
    assert len(bodies) < 12
    carried = [row for row in rows if row["verdict"] == "digested"]
    assert {row["carrier"] for row in carried} <= {row["id"] for row in rows if row["verdict"] == "delivered"}


def settled(server, owner: str, many: int) -> list[dict] | None:
    rows = server.api("GET", f"deliveries/?destination={owner}&limit=1000")["results"]
    final = {"delivered", "digested", "counted"}
    return rows if len(rows) == many and all(row["verdict"] in final for row in rows) else None


def test_the_last_of_so_many_is_sent(pair, sink):
    """Per key, whichever worker has the events; explain says how far the count is."""
    threshold = {"key": "{event.properties.shop}", "count": 3, "window": 3600}
    hook = pair.webhook(f"{sink.url}/threshold", name="Trouble", events=["failed"])
    pair.api("PATCH", f"hog_functions/{hook}/", {"threshold": threshold})
    for n, shop in enumerate(["Ulm", "Bonn", "Ulm", "Ulm", "Bonn", "Ulm"]):
        pair.send("failed", f"person-{n}", shop=shop, n=n)
    rows = eventually(lambda: settled(pair, hook, 6))
    assert Counter(row["verdict"] for row in rows) == {"counted": 5, "delivered": 1}
    assert sorted(row["error"] for row in rows if row["error"]) == [
        *["Counted: 1 of 3 within 1 hour."] * 3, *["Counted: 2 of 3 within 1 hour."] * 2,
    ]  # fmt: skip
    (arrived,) = sink.at("/threshold")
    assert arrived.json["event"]["properties"]["shop"] == "Ulm"
    said = pair.cli("explain", rows[0]["event"]["uuid"], "Trouble").stdout
    assert "Threshold, if it came now: It would count: " in said
    totals = eventually(lambda: (found := counts(pair, hook)).get("counted") and found)
    assert (totals["counted"], totals["succeeded"]) == (5, 1)


def counts(server, owner: str) -> dict[str, int]:
    return server.api("GET", f"hog_functions/{owner}/metrics/totals/?breakdown_by=name")["totals"]


def test_a_failed_summary_is_run_again_as_a_whole(pair, sink):
    """What it carried goes out with it; an event that it carried can be sent alone."""
    digest = {"key": "{event.properties.shop}", "interval": 2 * INTERVAL}
    owner = lister(pair, f"{sink.url}/again", "again", digest=digest, retry=[])
    pair.send("again", shop="Ulm", n=0)
    eventually(lambda: sink.at("/again"))
    sink.script("/again", Step(status=500))
    for n in range(1, 5):
        pair.send("again", f"person-{n}", shop="Ulm", n=n)
    rows = eventually(lambda: failed(pair, owner), 30)
    carrier = next(row for row in rows if row["verdict"] == "failed")
    carried = [row for row in rows if row["carrier"] == carrier["id"]]
    gathered = next(row for row in carried if row["verdict"] == "digested")
    whole, alone = (rerun(pair, sink, one["id"]) for one in (carrier, gathered))
    assert (len(whole["names"]), whole["count"], whole["summary"]) == (len(carried), len(carried), True)
    assert (len(alone["names"]), alone["count"], alone["summary"]) == (1, 1, False)


def failed(server, owner: str) -> list[dict] | None:
    rows = server.api("GET", f"deliveries/?destination={owner}&limit=1000")["results"]
    return rows if any(row["verdict"] == "failed" for row in rows) else None


def rerun(server, sink, delivery: str) -> dict:
    before = len(sink.at("/again"))
    server.api("POST", "deliveries/rerun/", {"ids": [delivery]})
    return eventually(lambda: (found := sink.at("/again")) and len(found) > before and found[-1].json, 30)
