"""Bad input, each with its exact answer: the sender learns what is wrong, and nothing of the request is kept."""

import asyncio
import base64
import gzip
import zlib

import orjson
import pytest

TOKEN = "phc_valid"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def event(**fields):
    return {"event": "e", "distinct_id": "u", "api_key": TOKEN, **fields}


def body(**fields):
    return orjson.dumps(event(**fields))


def batch(*events, **fields):
    return orjson.dumps({"api_key": TOKEN, "batch": list(events), **fields})


def nested(depth):
    return b'{"event":"e","distinct_id":"u","api_key":"phc_valid","properties":{"a":%s%s}}' % (
        b"[" * depth,
        b"]" * depth,
    )


def raw(properties: bytes):
    return b'{"event":"e","distinct_id":"u","api_key":"phc_valid","properties":%s}' % properties


DECODE = "failed to decode request: "
PARSE = "failed to parse request: "
HYDRATE = "failed to hydrate events from request: "
NOT_JSON = PARSE + "unexpected character, expected a JSON value: line 1 column 1 (char 0)"
TRUNCATED = gzip.compress(body(properties={"x": "y" * 500}))[:-12]
DAMAGED = b"\x1f\x8b\x08" + b"\xff" * 60
BAD_CRC = gzip.compress(body())[:-8] + b"\0" * 8

# name: (target, body, headers, status, text)
CASES = {
    "nothing": ("/e/", b"", {}, 400, "request missing data payload"),
    "empty data parameter": ("/e/?data=", b"", {}, 400, "request missing data payload"),
    "form with empty data": ("/e/", b"data=", FORM, 400, "request missing data payload"),
    "form without data": ("/e/", b"ip=1&_=17", FORM, 400, "request missing data payload"),
    "letters sent as a form": (
        "/e/",
        b"hello",
        FORM,
        400,
        DECODE + "sent as a form, but there is no data field in it; is Content-Type: application/json meant?",
    ),
    "letters": ("/e/", b"hello", {}, 400, NOT_JSON),
    "HTML": ("/e/", b"<html>", {}, 400, NOT_JSON),
    "only spaces": ("/e/", b"    ", {}, 400, PARSE + "input data is empty: line 1 column 1 (char 0)"),
    "cut-off JSON": (
        "/e/",
        body()[:-1],
        {},
        400,
        PARSE + "unexpected end of data: line 1 column 53 (char 52)",
    ),
    "two documents": ("/e/", body() + body(), {}, 400, PARSE + "*"),
    "single quotes": ("/e/", b"{'event': 'e'}", {}, 400, PARSE + "*"),
    "trailing comma": ("/e/", b'{"event":"e",}', {}, 400, PARSE + "*"),
    "NaN": ("/e/", raw(b'{"a":NaN}'), {}, 400, PARSE + "*"),
    "Infinity": ("/e/", raw(b'{"a":-Infinity}'), {}, 400, PARSE + "*"),
    "a number beyond all floats": (
        "/e/",
        raw(b'{"a":1e999}'),
        {},
        400,
        PARSE + "number is infinity when parsed as double: line 1 column 72 (char 71)",
    ),
    "a raw control character": ("/e/", raw(b'{"a":"\x00"}'), {}, 400, PARSE + "*"),
    "a bad escape": ("/e/", raw(b'{"a":"\\x41"}'), {}, 400, PARSE + "*"),
    "invalid UTF-8": ("/e/", raw(b'{"a":"\xff\xfe"}'), {}, 400, DECODE + "the body is not UTF-8 (byte 72)"),
    "UTF-16": ("/e/", body().decode().encode("utf-16"), {}, 400, DECODE + "the body is not UTF-8 (byte 0)"),
    "cut-off gzip": ("/e/", TRUNCATED, {}, 400, DECODE + "the gzip data is cut off"),
    "damaged gzip": ("/e/", DAMAGED, {}, 400, DECODE + "the gzip data is damaged *"),
    "gzip with a wrong checksum": ("/e/", BAD_CRC, {}, 400, DECODE + "the gzip data is damaged *"),
    "announced gzip that is none": (
        "/e/?compression=gzip-js",
        body(),
        {},
        400,
        DECODE + "the gzip data is damaged (Error -3 while decompressing data: incorrect header check)",
    ),
    "gzip within gzip": ("/e/", gzip.compress(gzip.compress(body())), {}, 400, DECODE + "*"),
    "zlib instead of gzip": ("/e/", zlib.compress(body()), {"content-encoding": "gzip"}, 400, DECODE + "*"),
    "LZ-string that is none": (
        "/e/?compression=lz64",
        b"%%%%",
        {},
        400,
        DECODE + "the LZ-string data is damaged *",
    ),
    "cut-off LZ-string": (
        "/e/?compression=lz64",
        b"N4IgpgbmB2AuIC4QA8QBoQAcBOB7TY2sA",
        {},
        400,
        DECODE + "the LZ-string data is damaged (the compressed text is cut off)",
    ),
    "base64 of nothing sensible": ("/e/", base64.b64encode(b"hello wor"), {}, 400, NOT_JSON),
    "a number": ("/e/", b"42", {}, 400, HYDRATE + "neither an object nor a list"),
    "a string": ("/e/", b'"event"', {}, 400, HYDRATE + "neither an object nor a list"),
    "null": ("/batch/", b"null!"[:4], {}, 400, "*"),
    "an empty object": ("/e/", b"{}", {}, 400, HYDRATE + 'neither "event" nor "batch" is in the object'),
    "an empty list": ("/e/", b"[]", {}, 400, "request holds no event"),
    "an empty batch": ("/batch/", batch(), {}, 400, "request holds no event"),
    "a batch that is an object": (
        "/batch/",
        b'{"api_key":"phc_valid","batch":{}}',
        {},
        400,
        PARSE + '"batch" must be a list of events',
    ),
    "a batch of numbers": ("/batch/", batch(1, 2), {}, 400, PARSE + "an event must be an object"),
    "a list of lists": ("/e/", b"[[],[]]", {}, 401, "event submitted without an api_key"),
    "an event without a name": (
        "/batch/",
        batch({"distinct_id": "u"}),
        {},
        400,
        PARSE + 'an event without the field "event"',
    ),
    "an empty name": ("/e/", body(event=""), {}, 400, "event submitted with an empty event name"),
    "a name that is a number": ("/e/", body(event=7), {}, 400, PARSE + '"event" must be a string'),
    "a name that is null": ("/e/", body(event=None), {}, 400, PARSE + '"event" must be a string'),
    "no distinct id": ("/e/", body(distinct_id=None), {}, 400, "event submitted without a distinct_id"),
    "an empty distinct id": ("/e/", body(distinct_id=""), {}, 400, "event submitted without a distinct_id"),
    "a blank distinct id": ("/e/", body(distinct_id=" \t"), {}, 400, "event submitted without a distinct_id"),
    "properties that are null": (
        "/e/",
        body(properties=None),
        {},
        400,
        PARSE + "\"properties\" of event 'e' must be an object",
    ),
    "properties that are a list": (
        "/e/",
        body(properties=[]),
        {},
        400,
        PARSE + "\"properties\" of event 'e' must be an object",
    ),
    "a set that is a string": (
        "/e/",
        orjson.dumps(event(**{"$set": "x"})),
        {},
        400,
        PARSE + '"$set" must be an object',
    ),
    "a set_once that is a list": (
        "/e/",
        orjson.dumps(event(**{"$set_once": [1]})),
        {},
        400,
        PARSE + '"$set_once" must be an object',
    ),
    "a uuid that is none": ("/e/", body(uuid="abc"), {}, 400, PARSE + '"uuid" must be a UUID'),
    "a uuid that is a number": ("/e/", body(uuid=12), {}, 400, PARSE + '"uuid" must be a UUID'),
    "a timestamp that is a number": (
        "/e/",
        body(timestamp=1767355445),
        {},
        400,
        PARSE + '"timestamp" must be a string in ISO 8601',
    ),
    "an offset that is a string": (
        "/e/",
        body(offset="12"),
        {},
        400,
        PARSE + '"offset" must be a whole number of milliseconds',
    ),
    "an offset that is a fraction": (
        "/e/",
        body(offset=1.5),
        {},
        400,
        PARSE + '"offset" must be a whole number of milliseconds',
    ),
    "cookieless mode that is a string": (
        "/e/",
        body(properties={"$cookieless_mode": "yes"}),
        {},
        400,
        "event submitted with invalid cookieless mode",
    ),
    "nesting within JSON's limits": (
        "/e/",
        nested(300),
        {},
        400,
        PARSE + "properties of event 'e' are nested deeper than 128 levels",
    ),
    "nesting just too deep": (
        "/e/",
        nested(128),
        {},
        400,
        PARSE + "properties of event 'e' are nested deeper than 128 levels",
    ),
    "nesting 10,000 deep": ("/e/", nested(10_000), {}, 400, PARSE + "depth limit exceeded: *"),
    "a distinct id nested too deeply": (
        "/e/",
        b'{"event":"e","api_key":"phc_valid","distinct_id":%s%s}' % (b"[" * 500, b"]" * 500),
        {},
        400,
        PARSE + "a distinct_id is nested too deeply",
    ),
    "no token": ("/e/", b'{"event":"e","distinct_id":"u"}', {}, 401, "event submitted without an api_key"),
    "no token in a batch": (
        "/batch/",
        b'{"batch":[{"event":"e","distinct_id":"u"}]}',
        {},
        401,
        "event submitted without an api_key",
    ),
    "a null token": ("/e/", body(api_key=None), {}, 401, "event submitted without an api_key"),
    "a token that is a number": ("/e/", body(api_key=5), {}, 400, PARSE + '"api_key" must be a string'),
    "two tokens": (
        "/e/",
        orjson.dumps([event(), event(api_key="phc_other")]),
        {},
        401,
        "batch submitted with inconsistent api_key values",
    ),
    "an empty token": ("/e/", body(api_key="  "), {}, 401, "API key is not valid: empty"),
    "a long token": ("/e/", body(api_key="x" * 65), {}, 401, "API key is not valid: too_long"),
    "a token beyond ASCII": ("/e/", body(api_key="phc_é"), {}, 401, "API key is not valid: not_ascii"),
    "a personal key": ("/e/", body(api_key="phx_abc"), {}, 401, "API key is not valid: personal_api_key"),
    "a token with NUL": ("/e/", body(api_key="a\0b"), {}, 401, "API key is not valid: null_byte"),
    "an unknown token": (
        "/e/",
        body(api_key="phc_x"),
        {},
        401,
        "API key is not valid: no project has this token",
    ),
    "a content-length that is none": (
        "/e/",
        b"",
        {"content-length": "many"},
        400,
        DECODE + "the content-length is no number",
    ),
    "too many query parameters": (
        "/e/?" + "a=1&" * 200,
        body(),
        {},
        400,
        DECODE + "the query has too many *",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_has_its_exact_answer(client, log, name):
    """Each kind of bad body is refused with a text that says what is wrong, never with a 500."""
    target, data, headers, status, text = CASES[name]
    reply = client.post(target, data, headers)
    assert reply.status == status
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    if text.endswith("*"):
        assert reply.text.startswith(text[:-1])
        assert len(reply.text) > len(text) or text == "*"
    else:
        assert reply.text == text
    assert not log.events
    assert not [key for key in client.app.counters if key == "refused_internal"]


SIZES = {
    "a plain body": (lambda: b'{"event":"' + b"x" * 200_000 + b'"}', {}),
    "a gzip bomb": (lambda: gzip.compress(b"[" + b" " * 5_000_000 + b"]"), {}),
    "a gzip bomb in base64": (lambda: base64.b64encode(gzip.compress(b" " * 5_000_001)), {}),
}


@pytest.mark.parametrize("name", SIZES)
def test_requests_past_the_limit_are_refused(make_client, log, name):
    """More bytes than allowed, as sent or inflated, are answered with 413, at which SDKs halve their batch."""
    make, headers = SIZES[name]
    client = make_client(max_body=100_000)
    for chunk in (0, 1000):
        reply = client.send("POST", "/batch/", make(), headers, chunk=chunk)
        assert reply.status == 413
        assert reply.text.startswith("maximum event size exceeded: the request ")
    assert client.app.counters["refused_too_large"] == 2


def test_a_property_of_20_megabytes_is_refused(client, log):
    """It is too large by itself; compressed, it is too large once inflated; a little less is too large for one event."""
    limit = 20 * 1024 * 1024
    huge, large = (body(properties={"a": "x" * size}) for size in (limit, limit - 1000))
    reply = client.post("/e/", huge)
    assert (reply.status, reply.text) == (
        413,
        f"maximum event size exceeded: the request has more than {limit} bytes",
    )
    reply = client.post("/e/", gzip.compress(huge, 1))
    assert (reply.status, reply.text) == (
        413, f"maximum event size exceeded: the request inflates to more than {limit} bytes"
    )  # fmt: skip
    reply = client.post("/e/", large)
    assert reply.status == 413
    assert reply.text.startswith("maximum event size exceeded: event 'e' has 20")
    assert not log.events


def test_one_event_past_the_limit_is_refused(make_client, log):
    """An event that the log would not take is named."""
    client = make_client(max_event=1000)
    reply = client.post("/batch/", batch(event(event="big", properties={"x": "y" * 2000})))
    assert reply.status == 413
    assert reply.text.startswith("maximum event size exceeded: event 'big' has 2")
    assert not log.events


def test_clients_that_leave_are_counted_not_answered(client):
    """A connection that breaks in the middle of a body gets no answer and raises no error."""
    reply = client.send("POST", "/e/", b"", {"content-length": "10"})
    assert reply.status == 400

    async def receive():
        return {"type": "http.disconnect"}

    async def send(_message):
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/e/", "query_string": b"", "headers": []}
    asyncio.run(client.app(scope, receive, send))
    assert client.app.counters["refused_client_gone"] == 1


ODD_BUT_FINE = {
    "an integer beyond 64 bits": (raw(b'{"a":123456789012345678901234567890}'), 1.2345678901234568e29),
    "an escaped NUL": (raw(b'{"a":"x\\u0000y"}'), "x\0y"),
    "a lone surrogate": (raw(b'{"a":"x\\ud800y"}'), "x\ufffdy"),
    "a lone low surrogate": (raw(b'{"a":"\\uDC00"}'), "\ufffd"),
    "a surrogate pair beside a lone one": (raw(b'{"a":"\\ud83d\\ude00\\ud83d"}'), "😀\ufffd"),
    "an escaped backslash before u": (raw(b'{"a":"\\\\ud800\\ud800"}'), "\\ud800\ufffd"),
    "a byte order mark": (b"\xef\xbb\xbf" + raw(b'{"a":1}'), 1),
    "the same key twice": (raw(b'{"a":1,"a":2}'), 2),
    "deep nesting": (nested(120), eval("[" * 120 + "]" * 120)),
}


@pytest.mark.parametrize("name", ODD_BUT_FINE)
def test_odd_but_acceptable(client, log, name):
    """Oddities that can be repaired or kept are."""
    data, expected = ODD_BUT_FINE[name]
    reply = client.post("/e/", data)
    assert (reply.status, reply.text) == (200, '{"status":"Ok"}')
    assert log.events[0].properties["a"] == expected
