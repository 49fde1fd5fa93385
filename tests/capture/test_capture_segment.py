"""Segment's protocol: each call becomes the PostHog event of the same meaning."""

import base64
import gzip
import uuid

import orjson
import pytest


def basic(token="phc_valid"):
    return {"authorization": "Basic " + base64.b64encode(f"{token}:".encode()).decode()}


def call(client, log, kind, **message):
    reply = client.post(f"/v1/{kind}", orjson.dumps({"userId": "u", **message}), basic())
    assert (reply.status, reply.text) == (200, '{"success":true}')
    event = log.events[-1]
    event.properties.pop("$ip")
    return event


def test_track(client, log):
    """track is an event of its own name."""
    event = call(client, log, "track", event="Bought", properties={"n": 1})
    assert (event.event, event.distinct_id, event.properties) == ("Bought", "u", {"n": 1})


def test_identify(client, log):
    """identify sets person properties and joins the anonymous id."""
    event = call(client, log, "identify", anonymousId="a", traits={"email": "x@y"})
    assert event.event == "$identify"
    assert event.properties == {"$set": {"email": "x@y"}, "$anon_distinct_id": "a"}
    assert call(client, log, "identify", userId=None, anonymousId="a").properties == {"$set": {}}


def test_page_and_screen(client, log):
    """page and screen are views, with the names PostHog has for their places."""
    page = call(
        client, log, "page", name="API", category="Docs", properties={"url": "https://x/y", "path": "/y"}
    )
    assert page.event == "$pageview"
    assert page.properties == {
        "name": "API",
        "category": "Docs",
        "url": "https://x/y",
        "path": "/y",
        "$current_url": "https://x/y",
        "$pathname": "/y",
    }
    screen = call(client, log, "screen", name="Home")
    assert (screen.event, screen.properties) == ("$screen", {"name": "Home", "$screen_name": "Home"})


def test_group_and_alias(client, log):
    """group describes a group, alias joins the previous id into the user's."""
    group = call(client, log, "group", groupId=7, traits={"plan": "pro"})
    assert group.event == "$groupidentify"
    assert group.properties == {
        "$group_type": "segment_group",
        "$group_key": "7",
        "$group_set": {"plan": "pro"},
        "$groups": {"segment_group": "7"},
    }
    alias = call(client, log, "alias", previousId="old")
    assert (alias.event, alias.distinct_id, alias.properties) == ("$create_alias", "u", {"alias": "old"})


def test_a_project_chooses_the_type_of_groups(make_client, log):
    """Segment has one kind of group; which one that is here, the project says."""
    client = make_client(project_options={"segment_group_type": "company"})
    group = call(client, log, "group", groupId="acme", traits={"plan": "pro"})
    track = call(client, log, "track", event="e", context={"groupId": "acme"})
    assert group.properties["$group_type"] == "company"
    assert group.properties["$groups"] == track.properties["$groups"] == {"company": "acme"}


def test_context_is_kept_and_translated(client, log):
    """The context stays whole; PostHog's names are added where the sender set none."""
    context = {
        "ip": "192.0.2.7",
        "userAgent": "UA",
        "page": {"url": "https://x/", "title": "T"},
        "campaign": {"source": "s"},
        "library": {"name": "lib", "version": "1"},
        "os": "odd",
        "groupId": "g",
    }
    body = orjson.dumps(
        {"userId": "u", "event": "e", "context": context, "properties": {"utm_source": "mine"}}
    )
    client.post("/v1/track", body, basic())
    assert log.events[0].properties == {
        "utm_source": "mine",
        "$ip": "192.0.2.7",
        "$raw_user_agent": "UA",
        "$current_url": "https://x/",
        "title": "T",
        "$lib": "lib",
        "$lib_version": "1",
        "$groups": {"segment_group": "g"},
        "context": context,
    }


def test_batch(client, log):
    """A batch brings messages of every type, with context and send time for all of them."""
    batch = {
        "sentAt": "2026-01-02T12:04:15.678Z",
        "context": {"locale": "de"},
        "batch": [
            {"type": "track", "event": "a", "userId": "u", "timestamp": "2026-01-02T11:00:00Z"},
            {"type": "identify", "anonymousId": "an", "messageId": "node-next-17-x"},
        ],
        "writeKey": "phc_valid",
    }
    for path in ("/v1/batch", "/v1/import/"):
        assert client.post(path, gzip.compress(orjson.dumps(batch))).status == 200
    first, second, _, again = log.events
    assert (first.event, first.timestamp) == ("a", "2026-01-02T10:59:50.000Z")
    assert first.properties["$locale"] == "de"
    assert uuid.UUID(second.uuid).version == 5
    assert again.uuid == second.uuid


def test_bad_messages_leave_their_neighbours(client, log):
    """A batch is accepted for its good messages; the others are counted."""
    good = {"type": "track", "event": "good", "userId": "u"}
    bad = [
        5,
        {"type": "dance"},
        {"type": "track", "userId": "u"},
        {"type": "track", "event": "e"},
        {"type": "track", "event": "e", "userId": "u", "properties": []},
        {"type": "group", "userId": "u"},
        {"type": "alias", "userId": "u"},
        {"type": "alias", "previousId": "u", "anonymousId": "a"},
    ]
    assert client.post("/v1/batch", orjson.dumps({"batch": [*bad, good]}), basic()).status == 200
    assert [event.event for event in log.events] == ["good"]
    assert client.app.counters["refused_bad_message"] == len(bad)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "message"),
    [
        ("/v1/track", b"{}", {}, 401, "event submitted without an api_key"),
        ("/v1/track", b"{}", basic("phc_x"), 401, "API key is not valid: no project has this token"),
        (
            "/v1/track",
            b"{}",
            {"authorization": "Basic %"},
            401,
            "API key is not valid: the Basic credentials are damaged",
        ),
        ("/v1/track", b"{", basic(), 400, None),
        ("/v1/track", b"", basic(), 400, "request missing data payload"),
        (
            "/v1/track",
            b"[]",
            basic(),
            400,
            "failed to hydrate events from request: the body must be an object",
        ),
        (
            "/v1/batch",
            b"{}",
            basic(),
            400,
            'failed to hydrate events from request: "batch" must be a list of messages',
        ),
        (
            "/v1/track",
            b'{"userId":"u"}',
            basic(),
            400,
            'failed to parse request: "event" must be the name of the event',
        ),
    ],
)
def test_bad_requests(client, log, path, body, headers, status, message):
    """Segment's libraries read code and message of every failure."""
    reply = client.post(path, body, headers)
    told = orjson.loads(reply.body)
    assert reply.status == status
    assert told["code"]
    assert told["message"] == message or message is None
    assert not log.events


def test_unavailable(client, log):
    """503 makes the libraries try again."""
    log.broken = "full"
    body = orjson.dumps({"userId": "u", "event": "e"})
    assert client.post("/v1/track", body, basic()).status == 503
    assert client.send("GET", "/v1/track").status == 405


def test_other_failures_are_json_too(make_client, monkeypatch, log, caplog):
    """Over the rate, and even a fault of ours, have code and message."""
    body = orjson.dumps({"userId": "u", "event": "e"})
    limited = make_client(project_options={"events_per_second": 1})
    limited.post("/v1/track", body, basic())
    reply = limited.post("/v1/track", body, basic())
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    assert orjson.loads(reply.body) == {"success": False, "code": "rate_limited", "message": "rate limited"}

    async def append(_drafts):
        raise RuntimeError("boom")

    monkeypatch.setattr(log, "append", append)
    reply = make_client().post("/v1/track", body, basic())
    assert (reply.status, orjson.loads(reply.body)["code"]) == (500, "internal")
