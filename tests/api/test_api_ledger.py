"""Deliveries, events, persons, logs and metrics: looking at what happened."""

from __future__ import annotations

import uuid
from functools import partial
from urllib.parse import quote

import pytest

from hedgerow.api.times import iso
from hedgerow.events import Event
from hedgerow.people import Change, fold
from hedgerow.telemetry import Batch, search_logs
from hedgerow.telemetry.outbox import store

HOUR = 3_600_000


def ids(api, query=""):
    """Ids of the deliveries that a query finds."""
    return [item["id"] for item in api.get(f"deliveries/?{query}")["results"]]


def test_deliveries_are_found_by_what_is_known(api):
    """Each filter narrows to the rows that fit; newest come first."""
    one, two = api.webhook(name="One")["id"], api.webhook(name="Two")["id"]
    good = api.deliver(one)
    bad = api.deliver(
        two, "paid", "failed", "grace", kind="http_5xx", status=503, error="The receiver answered 503"
    )
    waiting = api.deliver(one, "paid", "retrying", status=None)
    assert ids(api) == [waiting, bad, good]
    assert ids(api, f"destination={one}") == [waiting, good]
    assert ids(api, "verdict=failed") == [bad]
    assert ids(api, "verdict=failed,delivered") == [bad, good]
    assert ids(api, "verdict=open") == [waiting]
    assert ids(api, "verdict=final") == [bad, good]
    assert ids(api, "kind=http_5xx") == ids(api, "status=503") == ids(api, "search=ANSWERED") == [bad]
    assert ids(api, "event=paid") == [waiting, bad]
    assert ids(api, "person=grace") == [bad]
    assert ids(api, "person=nobody") == []
    item = api.get("deliveries/?verdict=failed")["results"][0]
    assert ids(api, f"event_uuid={item['event']['uuid']}") == [bad]
    assert ids(api, f"after={quote(item['captured_at'])}") == [waiting]
    assert ids(api, f"before={quote(item['captured_at'])}") == [good]
    assert item["destination"] == {"id": two, "name": "Two", "revision": 1}


def test_deliveries_are_paged_by_cursor(api):
    """Each page goes on where the last one ended, and the last one says so."""
    destination = api.webhook()["id"]
    everything = [api.deliver(destination) for _ in range(5)][::-1]
    seen, path = [], "/api/projects/1/deliveries/?limit=2"
    while path:
        page = api.raw(
            "GET", path.removeprefix("http://127.0.0.1:8000"), authorization=f"Bearer {api.key}"
        ).json
        seen += [item["id"] for item in page["results"]]
        path = page["next"]
    assert seen == everything


@pytest.mark.parametrize(
    ("query", "attr"),
    [("verdict=lost", "verdict"), ("destination=x", "destination"), ("after=soon", "after"), ("limit=0", "limit"),
     ("limit=5000", "limit"), ("status=abc", "status"), ("cursor=1", "cursor")],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(api, query, attr):
    """400 names the parameter."""
    answer = api.call("GET", f"deliveries/?{query}")
    assert (answer.status, answer.json["attr"]) == (400, attr)


def test_one_delivery_in_full(api):
    """Its log lines and requests stand with it."""
    destination = api.webhook()["id"]
    delivery = api.deliver(destination, verdict="failed", error="No.")
    row = (
        uuid.UUID(delivery).bytes,
        1,
        0,
        api.now,
        7,
        "POST",
        "https://example.com/",
        500,
        None,
        b'{"headers":{"a":"b"},"body":"sent"}',
        b"\xffback",
    )
    api.state.write_now(
        lambda c: c.execute("INSERT INTO delivery_attempts VALUES (?,?,?,?,?,?,?,?,?,?,?)", row)
    )
    batch = Batch()
    for at, message in ((1, "first"), (2, "second")):
        batch.line(1, uuid.UUID(destination).bytes, uuid.UUID(delivery).bytes, api.now + at, "error", message)
    api.telemetry.write_now(lambda c: store(c, batch))
    found = api.get(f"deliveries/{delivery}/")
    assert found["error"] == "No."
    assert [line["message"] for line in found["logs"]] == ["first", "second"]
    (request,) = found["requests"]
    assert request["request"] == {"headers": {"a": "b"}, "body": "sent"}
    assert request["response"] == {"headers": {}, "body": "\ufffdback"}
    assert found["globals"] is None
    assert api.call("GET", f"deliveries/{uuid.uuid4()}/").status == 404
    assert api.call("GET", "deliveries/x/").status == 404


def test_logs_are_newest_first_and_filtered(api):
    """Levels are upper case out and any case in, as a list or with commas."""
    owner = api.webhook()["id"]
    batch = Batch()
    for n, level in enumerate(("debug", "info", "warn", "error")):
        batch.line(1, uuid.UUID(owner).bytes, None, api.now + n, level, f"message {n}")
    api.telemetry.write_now(lambda c: store(c, batch))

    def levels(query):
        return [line["level"] for line in api.get(f"hog_functions/{owner}/logs/?{query}")["results"]]

    assert levels("") == ["ERROR", "WARN", "INFO", "DEBUG"]
    assert (
        levels("level=WARN,ERROR")
        == levels("level=warn&level=error")
        == levels("level=WARNING,error")
        == ["ERROR", "WARN"]
    )
    assert levels("search=message+1") == ["INFO"]
    assert levels("limit=1") == ["ERROR"]
    page = api.get(f"hog_functions/{owner}/logs/?limit=1")
    assert (page["count"], page["results"][0]["log_source_id"], page["results"][0]["instance_id"]) == (
        4,
        owner,
        None,
    )
    assert api.call("GET", f"hog_functions/{owner}/logs/?limit=501").status == 400


def test_a_search_through_many_lines_goes_on_behind_its_next(api, monkeypatch):
    """It looks through so many lines at a time; those who follow ``next`` find all, page by page."""
    monkeypatch.setattr("hedgerow.api.telemetry.search_logs", partial(search_logs, most=20))
    owner = api.webhook()["id"]
    batch = Batch()
    for n in range(100):
        batch.line(1, uuid.UUID(owner).bytes, None, api.now + n, "info", f"order {n % 10}")
    api.telemetry.write_now(lambda c: store(c, batch))
    found, address = [], f"hog_functions/{owner}/logs/?search=ORDER+7&limit=2"
    for _ in range(20):
        page = api.get(address)
        found += page["results"]
        if page["next"] is None:
            break
        address = page["next"].partition("/projects/1/")[2]
    assert [line["timestamp"] for line in found] == [iso(api.now + n) for n in range(97, 0, -10)]


def test_metrics_and_totals(api):
    """Counts come back by kind or name, zero-filled over time."""
    owner = api.webhook()["id"]
    batch = Batch()
    batch.count(1, uuid.UUID(owner).bytes, api.now - HOUR, "success", "succeeded", 3)
    batch.count(1, uuid.UUID(owner).bytes, api.now - HOUR, "failure", "failed", 1)
    api.telemetry.write_now(lambda c: store(c, batch))
    assert api.get(f"hog_functions/{owner}/metrics/totals/") == {"totals": {"failure": 1, "success": 3}}
    by_name = api.get(f"hog_functions/{owner}/metrics/totals/?breakdown_by=name&kind=success")
    assert by_name == {"totals": {"succeeded": 3}}
    shown = api.get(f"hog_functions/{owner}/metrics/?after=-2d&interval=day")
    assert {series["name"]: sum(series["values"]) for series in shown["series"]} == {
        "failure": 1,
        "success": 3,
    }
    assert len(shown["labels"]) == len(shown["series"][0]["values"])
    assert api.call("GET", f"hog_functions/{owner}/metrics/?interval=year").status == 400
    assert api.call("GET", f"hog_functions/{owner}/metrics/totals/?breakdown_by=x").status == 400


def test_events_are_read_from_index_and_log(api):
    """Newest first, by name, person or time, in pages."""
    api.capture("one", "ada", plan="free")
    api.capture("two", "grace")
    *_, last = api.capture("one", "grace")
    names = lambda query: [item["event"] for item in api.get(f"events/?{query}")["results"]]  # noqa: E731
    assert names("") == ["one", "two", "one"]
    assert names("event=two") == ["two"]
    assert names("distinct_id=grace") == ["one", "two"]
    page = api.get("events/?limit=2")
    rest = api.raw(
        "GET", page["next"].removeprefix("http://127.0.0.1:8000"), authorization=f"Bearer {api.key}"
    ).json
    assert [item["properties"] for item in rest["results"]] == [{"plan": "free"}]
    assert api.get("events/values/") == [{"name": "one"}, {"name": "two"}]
    assert api.get(f"events/{last}/")["distinct_id"] == "grace"
    assert api.call("GET", "events/x/").json["detail"] == "Invalid UUID"
    assert api.call("GET", f"events/{uuid.uuid4()}/").status == 404
    assert api.call("GET", "events/?cursor=1.2").status == 400


def test_an_event_shows_what_it_led_to(api):
    """Its deliveries and its person stand with it."""
    delivery = api.deliver(api.webhook()["id"], "signed_up")
    (item,) = api.get("events/")["results"]
    assert [row["id"] for row in api.get(f"events/{item['id']}/")["deliveries"]] == [delivery]


def test_persons_are_found(api):
    """By distinct id, email, text and uuid; the name is what the project calls people."""
    events = [
        Event(str(uuid.uuid4()), "$identify", "ada", {"$anon_distinct_id": "anon", "$set": {"email": "Ada@example.com"}},
              "2026-05-28T20:26:40.000Z", api.now),
        Event(str(uuid.uuid4()), "$set", "grace", {"$set": {"rank": "admiral"}}, "2026-05-28T20:26:40.000Z", api.now),
    ]  # fmt: skip
    api.state.write_now(lambda c: fold(c, [Change(1, event) for event in events]))
    find = lambda query: [person["name"] for person in api.get(f"persons/?{query}")["results"]]  # noqa: E731
    assert sorted(find("")) == ["Ada@example.com", "grace"]
    assert (
        find("distinct_id=anon")
        == find("email=ada@EXAMPLE.com")
        == find("search=ada%40")
        == ["Ada@example.com"]
    )
    assert find("search=ADMIRAL") == find("search=grac") == ["grace"]
    (person,) = api.get("persons/?distinct_id=ada")["results"]
    assert person["distinct_ids"] == ["ada", "anon"]
    assert person["is_identified"] is True
    assert api.get(f"persons/{person['uuid']}/") == person
    assert api.call("GET", f"persons/{uuid.uuid4()}/").status == 404
    assert len(api.get("persons/?limit=1")["results"]) == 1
