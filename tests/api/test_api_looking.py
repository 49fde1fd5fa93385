"""Looking at events, persons, groups and warnings as they come and as they were."""

from __future__ import annotations

import asyncio
import csv
import io
import uuid
from urllib.parse import quote

import orjson
import pytest

from hedgerow.delivery.eraser import Eraser
from hedgerow.events import TOMBSTONE, Draft, Event, Record
from hedgerow.people import Change, IngestionWarning, fold, record_warnings

HOUR = 3_600_000


def people(api, *events):
    """Fold events into people and groups."""
    made = [
        Event(str(uuid.uuid4()), name, who, properties, "2026-05-28T20:26:40.000Z", api.now)
        for name, who, properties in events
    ]
    api.state.write_now(lambda c: fold(c, [Change(1, event) for event in made]))


def found(api, properties, more=""):
    """Names of the events that a property filter finds."""
    text = quote(orjson.dumps(properties).decode())
    return [item["event"] for item in api.get(f"events/?properties={text}{more}")["results"]]


def test_events_are_found_by_their_properties(api):
    """With PostHog's filters, of event and person, alone and in groups."""
    people(api, ("$set", "ada", {"$set": {"plan": "pro"}}), ("$set", "grace", {"$set": {"plan": "free"}}))
    for n, (name, who) in enumerate([("a", "ada"), ("b", "grace"), ("c", "nobody"), ("d", "ada")]):
        api.capture(name, who, n=n)
    over = {"key": "n", "value": 0, "operator": "gt", "type": "event"}
    pro = {"key": "plan", "value": ["pro"], "operator": "exact", "type": "person"}
    assert found(api, [over]) == ["d", "c", "b"]
    assert found(api, [pro]) == ["d", "a"]
    assert found(api, [over, pro]) == ["d"]
    assert found(api, {"type": "OR", "values": [over, pro]}) == ["d", "c", "b", "a"]
    assert found(api, []) == ["d", "c", "b", "a"]


def test_a_search_goes_on_where_it_stopped(api, monkeypatch):
    """A page may be short, even empty, and still lead on: whoever follows ``next`` finds everything, once."""
    monkeypatch.setattr("hedgerow.insight.events.STEP", 3)
    monkeypatch.setattr("hedgerow.insight.events.SCANNED", 6)
    for n in range(20):
        api.capture(f"e{n}", wanted=n % 9 == 0)
    filters = quote('[{"key":"wanted","value":"true","type":"event"}]')
    path, seen, pages = f"/api/projects/1/events/?limit=2&properties={filters}", [], 0
    while path:
        page = api.raw(
            "GET", path.removeprefix("http://127.0.0.1:8000"), authorization=f"Bearer {api.key}"
        ).json
        seen += [item["event"] for item in page["results"]]
        path, pages = page["next"], pages + 1
    assert seen == ["e18", "e9", "e0"]
    assert pages > 2


@pytest.mark.parametrize(
    ("query", "attr", "said"),
    [("properties=x", "properties", "JSON"), ("properties=7", "properties", "list"),
     ("properties=" + quote('[{"key":"a","type":"cohort","value":1}]'), "properties", "cohort"),
     ("properties=" + quote('[{"key":"a","operator":"magic","value":1}]'), "properties__0__operator", "magic"),
     ("orderBy=" + quote('["event"]'), "orderBy", "ordered by"), ("action_id=77", "action_id", "77"),
     ("offset=x", "offset", "whole number")],
)  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused(api, query, attr, said):
    """400 names the parameter and the place in it."""
    answer = api.call("GET", f"events/?{query}")
    assert (answer.status, answer.json["attr"]) == (400, attr)
    assert said in answer.json["detail"]


def test_events_in_other_forms(api):
    """The oldest first, some skipped, only those of an action, and as a table."""
    for n in range(5):
        api.capture(f"e{n}", n=n, note='a "b", c')
    names = lambda query: [item["event"] for item in api.get(f"events/?{query}")["results"]]  # noqa: E731
    upwards = "orderBy=" + quote('["timestamp"]')
    assert names(upwards) == ["e0", "e1", "e2", "e3", "e4"]
    assert names("offset=3") == ["e1", "e0"]
    assert names("offset=1&limit=2") == ["e3", "e2"]
    first = api.get(f"events/?{upwards}&limit=2")
    path = first["next"].removeprefix("http://127.0.0.1:8000")
    second = api.raw("GET", path, authorization=f"Bearer {api.key}").json
    assert [item["event"] for item in second["results"]] == ["e2", "e3"]
    action = api.call("POST", "actions/", {"name": "two", "steps": [{"event": "e2"}]}).json["id"]
    assert names(f"action_id={action}") == ["e2"]
    table = api.call("GET", "events/?format=csv&limit=1")
    assert table.headers["content-type"].startswith("text/csv")
    head, row = csv.reader(io.StringIO(table.body.decode()))
    shown = dict(zip(head, row, strict=True))
    assert (shown["event"], orjson.loads(shown["properties"])) == ("e4", {"n": 4, "note": 'a "b", c'})


def test_values_to_choose_from(api):
    """Names of events, and values of a property, the most frequent first."""
    for plan in ("pro", "free", "pro", 7):
        api.capture("seen", plan=plan)
    api.capture("other", plan="other")
    names = lambda query: [item["name"] for item in api.get(f"events/values/?{query}")]  # noqa: E731
    assert names("") == ["seen", "other"]
    assert names("key=plan")[0] == "pro"
    assert names("key=plan&event_name=seen") == ["pro", "7", "free"]
    assert names("key=nothing") == []


def test_persons_are_found_by_their_properties(api, monkeypatch):
    """With PostHog's filters, also together with the other conditions; whoever follows ``next`` finds everybody, once."""
    monkeypatch.setattr("hedgerow.insight.persons.STEP", 3)
    monkeypatch.setattr("hedgerow.insight.persons.SCANNED", 6)
    people(
        api,
        *[
            ("$set", f"p{n}", {"$set": {"plan": "pro" if n % 5 == 0 else "free", "age": n}})
            for n in range(20)
        ],
    )

    def found(filters, more=""):
        text = quote(orjson.dumps(filters).decode())
        path, seen = f"/api/projects/1/persons/?properties={text}{more}", []
        while path:
            target = path.removeprefix("http://127.0.0.1:8000")
            page = api.raw("GET", target, authorization=f"Bearer {api.key}").json
            seen += [item["distinct_ids"][0] for item in page["results"]]
            path = page["next"]
        return seen

    pro = {"key": "plan", "value": "pro", "operator": "exact", "type": "person"}
    old = {"key": "age", "value": 12, "operator": "gt"}
    assert found([pro]) == ["p15", "p10", "p5", "p0"]
    assert found([pro], "&limit=1") == ["p15", "p10", "p5", "p0"]
    assert found([pro, old]) == ["p15"]
    assert found({"type": "OR", "values": [{**pro, "value": "none"}, old]}) == [
        f"p{n}" for n in range(19, 12, -1)
    ]
    assert found([pro], "&search=p1") == ["p15", "p10"]
    assert found([]) == [f"p{n}" for n in range(19, -1, -1)]
    for wrong, said in (("x", "JSON"), ('[{"key":"n","type":"event","value":1}]', "person")):
        answer = api.call("GET", f"persons/?properties={quote(wrong)}")
        assert (answer.status, answer.json["attr"]) == (400, "properties")
        assert said in answer.json["detail"]


def ask(api, **query):
    """Rows of an events query."""
    answer = api.call("POST", "query/", {"query": {"kind": "EventsQuery", **query}})
    assert answer.status == 200, answer.body
    return answer.json


def test_a_query_lists_events_column_by_column(api):
    """As PostHog's destination editor asks for an event to try something on."""
    people(api, ("$set", "ada", {"$set": {"plan": "pro"}}))
    uuids = [
        api.capture(name, who, n=n)[2]
        for n, (name, who) in enumerate([("a", "ada"), ("b", "grace"), ("a", "grace")])
    ]
    got = ask(api, select=["*", "person"], event="a", after="-7d", limit=1, orderBy=["timestamp DESC"])
    assert (got["columns"], got["types"], got["hasMore"], got["limit"], got["offset"]) == (
        ["*", "person"], ["Tuple", "Tuple"], True, 1, 0,
    )  # fmt: skip
    ((event, person),) = got["results"]
    assert person is None
    assert event["uuid"] == uuids[2]
    assert event.keys() == {
        "uuid", "event", "properties", "timestamp", "team_id", "distinct_id", "elements_chain", "created_at"
    }  # fmt: skip
    rows = ask(api, select=["event", "properties.n", "person"], orderBy=["timestamp ASC"])["results"]
    assert [row[:2] for row in rows] == [["a", 0], ["b", 1], ["a", 2]]
    assert rows[0][2]["properties"]["plan"] == "pro"
    assert rows[0][2]["distinct_id"] == "ada"
    over = [{"key": "n", "value": 0, "operator": "gt", "type": "event"}]
    pro = {"type": "AND", "values": [{"key": "plan", "value": "pro", "operator": "exact", "type": "person"}]}
    names = lambda **query: [row[0] for row in ask(api, select=["uuid"], **query)["results"]]  # noqa: E731
    assert names(properties=over) == [uuids[2], uuids[1]]
    assert names(properties=over, fixedProperties=pro) == []
    assert names(fixedProperties=pro) == names(personId="ada") == [uuids[0]]
    assert names(offset=1, limit=1) == [uuids[1]]


@pytest.mark.parametrize(
    ("query", "attr"),
    [(None, "query"), ({"kind": "HogQLQuery", "query": "select 1"}, "query__kind"),
     ({"kind": "EventsQuery", "where": ["1"]}, "query__where"), ({"kind": "EventsQuery", "select": ["count()"]}, "query__select"),
     ({"kind": "EventsQuery", "select": "*"}, "query__select"), ({"kind": "EventsQuery", "limit": 5000}, "query__limit"),
     ({"kind": "EventsQuery", "limit": True}, "query__limit"), ({"kind": "EventsQuery", "orderBy": ["event"]}, "query__orderBy"),
     ({"kind": "EventsQuery", "after": "soon"}, "query__after"), ({"kind": "EventsQuery", "event": 7}, "query__event"),
     ({"kind": "EventsQuery", "properties": [7]}, "properties")],
)  # fmt: skip
def test_other_queries_are_refused(api, query, attr):
    """400 in the usual envelope names the field."""
    answer = api.call("POST", "query/", {} if query is None else {"query": query})
    assert (answer.status, answer.json["type"], answer.json["attr"]) == (400, "validation_error", attr)


def test_a_query_shows_persons_to_whom_may_see_them(api):
    """A key for queries alone does not show who somebody is."""
    api.capture("a", "ada")
    body, key = {"query": {"kind": "EventsQuery", "select": ["person"]}}, api.make_key("query:read")
    assert api.call("POST", "query/", body, key=key).status == 403
    body["query"]["select"] = ["event"]
    assert api.call("POST", "query/", body, key=key).json["results"] == [["a"]]


def test_persons_come_with_events_if_asked_for(api):
    """As they are now; nobody for whom there is none."""
    people(api, ("$set", "ada", {"$set": {"email": "ada@example.com"}}))
    api.capture("a", "ada")
    api.capture("b", "nobody")
    nobody, ada = api.get("events/?include_person=true")["results"]
    assert nobody["person"] is None
    assert ada["person"]["properties"]["email"] == "ada@example.com"
    assert [item["person"] for item in api.get("events/")["results"]] == [None, None]


def test_erased_events_are_not_shown(api):
    """Neither in a list nor by themselves, whatever the index still says; the page is filled with others."""
    *_, kept = api.capture("kept")
    partition, position, gone = api.capture("gone")
    api.log._records[partition] = [
        Record(r.partition, r.position, r.project_id, r.captured_at, TOMBSTONE)
        if r.position == position
        else r
        for r in api.log._records[partition]
    ]
    assert [item["uuid"] for item in api.get("events/?limit=1")["results"]] == [kept]
    assert api.call("GET", f"events/{gone}/").status == 404


def test_groups_are_listed(api):
    """By type and key; of one type, by a text, in pages; with the names of the types."""
    people(api, *[("$groupidentify", "ada", {"$group_type": kind, "$group_key": key, "$group_set": {"city": city}})
                  for kind, key, city in [("company", "b", "Oslo"), ("company", "a", "Rome"), ("team", "t", "Oslo")]])  # fmt: skip
    keys = lambda query: [item["group_key"] for item in api.get(f"groups/?{query}")["results"]]  # noqa: E731
    assert keys("") == ["a", "b", "t"]
    assert keys("group_type_index=1") == ["t"]
    assert keys("search=OSLO") == ["b", "t"]
    assert keys("limit=1&offset=1") == ["b"]
    assert api.get("groups/?limit=2")["next"].endswith("offset=2")
    assert api.get("groups_types/") == [
        {"group_type": "company", "group_type_index": 0},
        {"group_type": "team", "group_type_index": 1},
    ]
    assert api.get("groups/0/a/")["group_properties"] == {"city": "Rome"}
    assert api.call("GET", "groups/?group_type_index=9").status == 400


def test_warnings_are_told_by_kind(api):
    """How often, when last, and a sample of each hour."""
    rows = [(1, api.now - hour * HOUR, IngestionWarning(kind, {"n": n}))
            for n, (kind, hour) in enumerate([("oversize", 2), ("oversize", 0), ("oversize", 0), ("refused", 1)])]  # fmt: skip
    api.state.write_now(lambda c: record_warnings(c, rows))
    oversize, refused = api.get("ingestion_warnings/")["results"]
    assert (oversize["type"], oversize["count"], refused["type"], refused["count"]) == (
        "oversize",
        3,
        "refused",
        1,
    )
    assert [count for count, _ in oversize["sparkline"]] == [1, 2]
    assert [each["details"] for each in oversize["warnings"]] == [{"n": 2}, {"n": 0}]
    assert len(api.get("ingestion_warnings/?type=refused")["results"]) == 1
    assert api.get("ingestion_warnings/?after=2030-01-01")["results"] == []
    assert api.call("GET", "ingestion_warnings/?after=x").status == 400
    assert api.call("GET", "ingestion_warnings/", key=api.make_key("event:read")).status == 403


class Following:
    """A client of the tail: collects what is sent until it leaves."""

    def __init__(self, api, query):
        self.sent, self._left = b"", asyncio.Event()
        headers = [(b"authorization", f"Bearer {api.key}".encode())]
        scope = {"type": "http", "method": "GET", "path": "/api/projects/1/events/tail/", "query_string": query.encode(),
                 "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("x", 1), "root_path": ""}  # fmt: skip
        self._body = [{"type": "http.request", "body": b"", "more_body": False}]
        self.task = asyncio.create_task(api.app(scope, self._receive, self._send))

    async def _receive(self):
        if self._body:
            return self._body.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        self.sent += message.get("body", b"")

    async def leave(self):
        self._left.set()
        await asyncio.wait_for(self.task, 5)


async def until(check):
    """Wait for something to become true."""
    async with asyncio.timeout(5):
        while not check():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def test_the_tail_shows_events_as_they_come(api):
    """In the form of the list, by name; it ends when the client leaves, and when the server stops."""
    tail = api.services.tail
    following = Following(api, "event=bought")
    await until(lambda: tail.readers == 1)
    events = [
        Event(str(uuid.uuid4()), name, "ada", {"n": 1}, "2026-05-28T20:26:40.000Z")
        for name in ("left", "bought")
    ]
    tail.publish([Draft(1, "ada", api.now, event.encode()) for event in events])
    await until(lambda: b"data: " in following.sent)
    _, message, _ = following.sent.split(b"\n\n")
    identity, data = message.split(b"\n")
    assert identity == f"id: {events[1].uuid}".encode()
    assert orjson.loads(data.removeprefix(b"data: "))["event"] == "bought"
    await following.leave()
    assert tail.readers == 0
    second = Following(api, "")
    await until(lambda: tail.readers == 1)
    tail.close()
    await asyncio.wait_for(second.task, 5)
    assert tail.readers == 0


async def test_the_tail_tells_what_was_lost(api):
    """A reader who was too slow learns how many it missed."""
    tail = api.services.tail
    following = Following(api, "")
    await until(lambda: tail.readers == 1)
    tail.publish([Draft(1, "ada", api.now, Event("u", "e", "ada").encode())] * 1500)
    await until(lambda: b'event: lost\ndata: {"lost":500}\n\n' in following.sent)
    await following.leave()


def test_a_project_is_changed_within_reason(api):
    """PATCH takes PostHog's names; null restores the default; a salt comes by itself and is never shown."""
    before = api.raw("GET", "/api/projects/1/", authorization=f"Bearer {api.key}").json
    assert (before["anonymize_ips"], before["dropped_properties"], before["hash_salt"]) == (False, [], False)

    def patch(body):
        return api.raw("PATCH", "/api/projects/1/", body, authorization=f"Bearer {api.key}")

    changed = patch(
        {
            "name": "Till",
            "anonymize_ips": True,
            "hashed_properties": ["email", "email"],
            "events_per_second": 5,
        }
    )
    assert changed.status == 200, changed.body
    assert {**before, **changed.json} == changed.json
    assert (changed.json["name"], changed.json["hashed_properties"], changed.json["hash_salt"]) == (
        "Till",
        ["email"],
        True,
    )
    stored = orjson.loads(api.state.read_now(lambda c: c.execute("SELECT settings FROM projects").get))
    assert len(stored["hash_salt"]) > 20
    patch({"dropped_properties": ["ssn"]})
    assert (
        orjson.loads(api.state.read_now(lambda c: c.execute("SELECT settings FROM projects").get))[
            "hash_salt"
        ]
        == stored["hash_salt"]
    )
    assert patch({"anonymize_ips": None}).json["anonymize_ips"] is False
    for body, attr in [({"colour": 1}, "colour"), ({"anonymize_ips": "yes"}, "anonymize_ips"), ({"name": " "}, "name"),
                       ({"dropped_properties": "ssn"}, "dropped_properties"), ({"hashed_properties": [""]}, "hashed_properties"),
                       ({"events_per_second": -1}, "events_per_second"), ({"hash_salt": 7}, "hash_salt")]:  # fmt: skip
        answer = patch(body)
        assert (answer.status, answer.json["attr"]) == (400, attr), body
    assert patch([]).status == 400
    reader = api.make_key("project:read")
    assert api.raw("PATCH", "/api/projects/1/", {}, authorization=f"Bearer {reader}").status == 403


def test_a_person_is_exported_and_deleted(api):
    """The export has everything; after the deletion the person, and with their events those, are gone."""
    people(api, ("$identify", "ada", {"$anon_distinct_id": "anon", "$set": {"email": "ada@example.com"}}))
    destination = api.webhook()["id"]
    api.deliver(destination, "bought", distinct_id="ada", verdict="retrying", next_at=api.now)
    api.capture("seen", "anon")
    api.capture("seen", "grace")
    identity = api.get("persons/?distinct_id=ada")["results"][0]["uuid"]
    export = api.get(f"persons/{identity}/export/")
    assert export["person"]["properties"]["email"] == "ada@example.com"
    assert [event["event"] for event in export["events"]] == ["seen", "bought"]
    assert [row["verdict"] for row in export["deliveries"]] == ["retrying"]
    assert api.call("DELETE", f"persons/{identity}/", key=api.make_key("person:read")).status == 403
    assert api.call("DELETE", f"persons/{identity}/?delete_events=true").status == 202
    assert api.call("GET", f"persons/{identity}/export/").status == 404
    assert api.call("DELETE", f"persons/{identity}/").status == 404
    api.now += 10_000
    eraser = Eraser(api.state, api.telemetry, api.log, lambda: api.now)
    assert asyncio.run(eraser.work())
    assert not asyncio.run(eraser.work())
    assert [event["distinct_id"] for event in api.get("events/")["results"]] == ["grace"]
    (row,) = api.get("deliveries/")["results"]
    assert (row["verdict"], row["kind"], row["event"]["distinct_id"]) == ("discarded", "erased", "")
    (job,) = api.get("persons/deletions/")["results"]
    assert (job["events"], job["deliveries"]) == (2, 1)
