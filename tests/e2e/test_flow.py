"""How much of what, how often and how fast: retry schedules, rate limits, masking and sampling, set over the API."""

from __future__ import annotations

from support.server import eventually
from support.sink import Step


def change(server, destination: str, **fields) -> None:
    answer = server.api("PATCH", f"hog_functions/{destination}/", fields)
    for name, value in fields.items():  # what the server adds of its own does not matter here
        shown = answer[name]
        assert shown == value or {key: shown[key] for key in value} == value


def count(server, destination: str, name: str) -> int:
    return server.api("GET", f"hog_functions/{destination}/metrics/totals/?breakdown_by=name")["totals"].get(
        name, 0
    )


def test_a_schedule_of_its_own(server, sink):
    """A list of delays is that many retries; then the delivery failed, with every attempt in the ledger."""
    sink.script("/stubborn", *[Step(status=500)] * 3)
    hook = server.webhook(f"{sink.url}/stubborn", events=["stubborn"])
    change(server, hook, retry=[0.05, 0.05])
    server.send("stubborn")
    (row,) = eventually(lambda: server.deliveries(event="stubborn", verdict="failed"))
    assert (row["kind"], row["attempts"]) == ("http_5xx", 3)
    change(server, hook, retry=[0.05, 0.05, 0.05])
    sink.script("/stubborn", *[Step(status=500)] * 3, Step(status=200))
    server.send("stubborn")
    (row,) = eventually(lambda: server.deliveries(event="stubborn", verdict="delivered"))
    assert row["attempts"] == 4


def test_no_retries_at_all(server, sink):
    """An empty list means once."""
    sink.script("/once", Step(status=503))
    hook = server.webhook(f"{sink.url}/once", events=["only once"])
    change(server, hook, retry=[])
    server.send("only once")
    (row,) = eventually(lambda: server.deliveries(event="only%20once", verdict="failed"))
    assert row["attempts"] == 1


def test_presets_are_kept_by_name(server, sink):
    """A named schedule comes back as it was written; a name that is none is refused with the names there are."""
    hook = server.webhook(f"{sink.url}/named", events=["never"])
    change(server, hook, retry="patient")
    status, answer = server.call("PATCH", f"/api/projects/1/hog_functions/{hook}/", {"retry": "forever"})
    assert (status, answer["attr"]) == (400, "retry")
    assert "quick, standard, patient" in answer["detail"]


def test_a_rate_limit_spreads_deliveries(server, sink):
    """Past the burst of one second's worth, deliveries wait for their turn, and all arrive."""
    hook = server.webhook(f"{sink.url}/limited", events=["limited"])
    change(server, hook, rate_limit={"per_second": 4})
    for n in range(8):
        server.send("limited", n=n)
    arrived = eventually(lambda: (found := sink.at("/limited")) and len(found) >= 8 and found)
    assert max(item.arrived for item in arrived) - min(item.arrived for item in arrived) > 0.7


def test_repetitions_are_masked(server, sink):
    """Of one person's events the first is sent within the window; the others say in the ledger what they repeat."""
    hook = server.webhook(f"{sink.url}/masked", events=["masked"])
    change(server, hook, masking={"hash": "{event.distinct_id}", "ttl": 60, "threshold": None})
    for who in ("ann", "bob", "ann", "ann"):
        server.send("masked", who)
    eventually(lambda: len(server.deliveries(event="masked", verdict="masked")) == 2)
    sent = eventually(
        lambda: (rows := server.deliveries(event="masked", verdict="delivered")) and len(rows) == 2 and rows
    )
    assert {item.json["event"]["distinct_id"] for item in sink.at("/masked")} == {"ann", "bob"}
    masked = server.deliveries(event="masked", verdict="masked")
    assert len({row["error"] for row in masked}) == 1
    assert masked[0]["error"] in {f"It repeats delivery {row['id']}." for row in sent}
    assert len(sink.at("/masked")) == 2
    eventually(lambda: count(server, hook, "masked") == 2)


def test_a_sample_is_delivered_and_the_rest_counted(server, sink):
    """What is left out of the sample is neither a delivery nor filtered, but counted by its own name."""
    hook = server.webhook(f"{sink.url}/sampled", events=["sampled"])
    change(server, hook, sampling={"percentage": 50, "by": "event"})
    for _ in range(30):
        server.send("sampled")
    server.send("something else")
    eventually(lambda: count(server, hook, "succeeded") + count(server, hook, "sampled") == 30)
    assert 0 < count(server, hook, "sampled") < 30
    assert len(sink.at("/sampled")) == count(server, hook, "succeeded")
    eventually(lambda: count(server, hook, "filtered") >= 1)


def test_an_ordered_destination_waits_for_retries(server, sink):
    """What comes after an event of the same person waits until that one is through; other people do not wait."""
    sink.script("/ordered", Step(status=500), Step(status=500))
    hook = server.webhook(f"{sink.url}/ordered", events=["ordered"])
    change(server, hook, ordering="distinct_id", retry=[0.3, 0.3, 0.3])
    for n in range(3):
        server.send("ordered", "ann", n=n)
    eventually(lambda: len(sink.at("/ordered")) >= 5)
    tried = [item.json["event"]["properties"]["n"] for item in sink.at("/ordered")]
    assert tried == [0, 0, 0, 1, 2]
    eventually(lambda: len(server.deliveries(event="ordered", verdict="delivered")) == 3)
