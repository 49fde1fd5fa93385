"""The second protocol: headers, strict types, and a result for each event."""

import gzip
import zlib

import brotli
import orjson
import pytest
import zstandard

PATH = "/i/v1/analytics/events"
REQUEST_ID = "0190a5e0-0000-7000-8000-000000000001"
HEADERS = {
    "authorization": "Bearer phc_valid",
    "content-type": "application/json",
    "user-agent": "posthog-python/7.91.1",
    "posthog-sdk-info": "posthog-python/7.91.1",
    "posthog-attempt": "1",
    "posthog-request-id": REQUEST_ID,
    "posthog-request-timestamp": "2026-01-02T12:04:15.678Z",
}


def uuid(number):
    return f"0190a5e0-0000-7000-8000-{number:012x}"


def event(number=1, **fields):
    return {
        "event": "e",
        "uuid": uuid(number),
        "distinct_id": "u",
        "timestamp": "2026-01-02T11:00:00+00:00",
        "options": {},
        "properties": {},
        **fields,
    }


def batch(*events, **fields):
    return orjson.dumps({"created_at": "2026-01-02T12:04:05Z", "batch": list(events), **fields})


def without(name):
    return {key: value for key, value in HEADERS.items() if key != name}


def test_a_good_batch(client, log):
    """Options and header facts go back into properties, clocks are corrected, the request id is echoed."""
    options = {
        "cookieless_mode": True,
        "process_person_profile": False,
        "product_tour_id": "t",
        "unknown": 1,
    }
    sent = event(session_id="s", window_id=None, options=options, properties={"$set": {"a": 1}})
    reply = client.post(PATH, batch(sent), HEADERS)
    assert reply.status == 200
    assert reply.headers["posthog-request-id"] == REQUEST_ID
    assert orjson.loads(reply.body) == {"results": {uuid(1): {"result": "ok"}}}
    (stored,) = log.events
    assert stored.timestamp == "2026-01-02T10:59:50.000Z"
    assert stored.properties == {
        "$set": {"a": 1},
        "$session_id": "s",
        "$cookieless_mode": True,
        "$process_person_profile": False,
        "$product_tour_id": "t",
        "$lib": "posthog-python",
        "$lib_version": "7.91.1",
        "$ip": "203.0.113.9",
    }


def test_bad_events_leave_their_neighbours(make_client, log):
    """What is wrong with one event drops that one and says why; the rest is kept, in order."""
    events = {
        "missing_event_name": event(1, event=""),
        "event_name_too_long": event(2, event="x" * 201),
        "missing_distinct_id": event(3, distinct_id="  "),
        "distinct_id_too_large": event(4, distinct_id="x" * 201),
        "invalid_distinct_id": event(5, distinct_id=" Undefined "),
        "invalid_event_timestamp": event(6, timestamp="2026-01-02T11:00:00"),
        "malformed_event_properties": event(7, properties=[1]),
        "event_too_large": event(8, properties={"x": "y" * 5000}),
    }
    good = [event(20, event="first"), event(21, event="last")]
    client = make_client(max_event=4000)
    reply = client.post(PATH, batch(good[0], *events.values(), good[1]), HEADERS)
    results = orjson.loads(reply.body)["results"]
    assert {result["details"]: key for key, result in results.items() if result["result"] == "drop"} == {
        tag: sent["uuid"] for tag, sent in events.items()
    }
    assert [stored.event for stored in log.events] == ["first", "last"]
    assert client.app.counters["refused_event_too_large"] == 1


def test_deep_properties_drop_one_event(client, log):
    """Nesting past the limit concerns one event."""
    deep = orjson.dumps(event(1)).replace(
        b'"properties":{}', b'"properties":{"a":%s%s}' % (b"[" * 200, b"]" * 200)
    )
    body = b'{"created_at":"2026-01-02T12:04:05Z","batch":[%s,%s]}' % (deep, orjson.dumps(event(2)))
    results = orjson.loads(client.post(PATH, body, HEADERS).body)["results"]
    assert results[uuid(1)] == {"result": "drop", "details": "malformed_event_properties"}
    assert results[uuid(2)] == {"result": "ok"}


ENCODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "ZSTD": zstandard.compress,
    "identity": bytes,
}


@pytest.mark.parametrize(("encoding", "compress"), ENCODINGS.items())
def test_encodings(client, log, encoding, compress):
    """The announced encodings are undone."""
    reply = client.post(PATH, compress(batch(event())), {**HEADERS, "content-encoding": encoding})
    assert reply.status == 200
    assert len(log.events) == 1


REFUSED = {
    "missing_required_headers": (400, without("posthog-attempt"), batch(event())),
    "unsupported_content_type": (415, {**HEADERS, "content-type": "text/plain"}, batch(event())),
    "unsupported_encoding": (415, {**HEADERS, "content-encoding": "snappy"}, batch(event())),
    "empty_body": (400, HEADERS, b""),
    "empty_batch": (400, HEADERS, batch()),
    "invalid_batch": (400, HEADERS, batch(event(), created_at="yesterday")),
    "missing_event_uuid": (400, HEADERS, batch(event(uuid=""))),
    "duplicate_event_uuid": (400, HEADERS, batch(event(), event(uuid=uuid(1).upper()))),
    "request_decoding_error": (400, {**HEADERS, "content-encoding": "gzip"}, b"\x1f\x8b\x08nonsense"),
}


@pytest.mark.parametrize("tag", REFUSED)
def test_batches_refused_as_a_whole(client, log, tag):
    """Each fault of the batch has its status and tag, as JSON."""
    status, headers, body = REFUSED[tag]
    reply = client.post(PATH, body, headers)
    assert reply.status == status
    told = orjson.loads(reply.body)
    assert told["error"] == tag
    assert told["error_description"]
    assert reply.headers["posthog-request-id"] == REQUEST_ID
    assert not log.events


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("posthog-sdk-info", "python"),
        ("posthog-attempt", "0"),
        ("posthog-attempt", "x"),
        ("posthog-request-id", "abc"),
        ("posthog-request-timestamp", "2026-01-02"),
    ],
)
def test_headers_without_sense(client, header, value):
    """A header that cannot be read is named."""
    reply = client.post(PATH, batch(event()), {**HEADERS, header: value})
    told = orjson.loads(reply.body)
    assert (reply.status, told["error"]) == (400, "invalid_header_value")
    assert header in told["error_description"].lower()


def test_missing_headers_are_named_together(client):
    """All missing headers are reported at once."""
    reply = client.post(PATH, batch(event()), {"content-type": "application/json"})
    told = orjson.loads(reply.body)["error_description"]
    for name in ("Authorization", "User-Agent", "PostHog-Sdk-Info", "PostHog-Attempt", "PostHog-Request-Id"):
        assert name in told


@pytest.mark.parametrize(
    "authorization", ["Bearer phx_personal", "Bearer phc_unknown", "Basic abc", "Bearer "]
)
def test_tokens_refused(client, authorization):
    """Personal keys, unknown tokens and other schemes are 401."""
    reply = client.post(PATH, batch(event()), {**HEADERS, "authorization": authorization})
    assert (reply.status, orjson.loads(reply.body)["error"]) == (401, "invalid_api_token")


MISTYPED = {
    "a name that is a number": event(event=5),
    "a uuid that is none": event(uuid="abc"),
    "options that are null": event(options=None),
    "an option of the wrong type": event(options={"cookieless_mode": "yes"}),
    "a session that is a number": event(session_id=5),
    "a timestamp that is a number": event(timestamp=5),
    "no object": 5,
}


@pytest.mark.parametrize("name", MISTYPED)
def test_wrong_types_fail_the_batch(client, log, name):
    """The protocol is strict: a wrong type anywhere refuses the batch."""
    reply = client.post(PATH, batch(event(9), MISTYPED[name]), HEADERS)
    assert (reply.status, orjson.loads(reply.body)["error"]) == (400, "request_parsing_error")
    assert not log.events


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"5", orjson.dumps({"created_at": "2026-01-02T12:04:05Z", "batch": {}})]
)
def test_other_json_fails_the_batch(client, body):
    """What is no object with a batch is a parsing error."""
    reply = client.post(PATH, body, HEADERS)
    assert (reply.status, orjson.loads(reply.body)["error"]) == (400, "request_parsing_error")


def test_retryable_failures(client, log):
    """A log that cannot keep events is 503 with its tag, at which SDKs send the batch again."""
    log.broken = "disk full"
    reply = client.post(PATH, batch(event()), HEADERS)
    assert (reply.status, orjson.loads(reply.body)["error"]) == (503, "service_unavailable")


def test_bombs_and_rates(make_client):
    """Too much is 413, too often is 429 with a pause."""
    small = make_client(max_body=2000)
    reply = small.post(PATH, gzip.compress(b" " * 100_000), {**HEADERS, "content-encoding": "gzip"})
    assert (reply.status, orjson.loads(reply.body)["error"]) == (413, "payload_too_large")
    limited = make_client(project_options={"events_per_second": 1})
    limited.post(PATH, batch(*[event(n) for n in range(10)]), HEADERS)
    reply = limited.post(PATH, batch(event()), HEADERS)
    assert (reply.status, reply.headers["retry-after"]) == (429, "60")


def test_a_fault_of_ours_has_the_protocols_form(client, log, monkeypatch, caplog):
    """An unforeseen error is JSON as well."""

    async def append(_drafts):
        raise RuntimeError("boom")

    monkeypatch.setattr(log, "append", append)
    reply = client.post(PATH, batch(event()), HEADERS)
    assert (reply.status, orjson.loads(reply.body)["error"]) == (500, "internal_error")
