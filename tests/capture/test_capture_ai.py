"""Events about language models, in several parts or in batches."""

import base64
import gzip

import orjson
import pytest

PATH = "/i/v0/ai"
BEARER = {"authorization": "Bearer phc_valid"}
EVENT = {"event": "$ai_generation", "distinct_id": "u", "uuid": "0190a5e0-0000-7000-8000-000000000001"}
MODEL = orjson.dumps({"$ai_model": "some-model"})
JSON, TEXT, BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"


def part(name, data, kind=JSON, encoding=None):
    lines = [f'Content-Disposition: form-data; name="{name}"', f"Content-Type: {kind}"]
    if encoding:
        lines.append(f"Content-Encoding: {encoding}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data + b"\r\n"


def form(*parts, end=b"--b0--\r\n"):
    return b"".join(b"--b0\r\n" + each for each in parts) + end


def event(**fields):
    return part("event", orjson.dumps({**EVENT, **fields}))


def headers(**more):
    return {**BEARER, "content-type": "multipart/form-data; boundary=b0", **more}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_parts_become_one_event(client, log, slash, pack):
    """Event, properties and large properties by themselves are put together; the answer names the parts."""
    prompt = orjson.dumps([{"role": "user", "content": "why?"}])
    body = form(
        event(timestamp="2026-01-02T11:00:00Z"),
        part("event.properties", MODEL),
        part("event.properties.$ai_input", prompt),
        part("event.properties.$ai_output", gzip.compress("weil – darum".encode()), TEXT, "gzip"),
        part("event.properties.$ai_image", b"\x89PNG\r\n--b1", BYTES),
    )
    more = {"content-encoding": "gzip"} if pack is gzip.compress else {}
    reply = client.post(PATH + slash, pack(body), headers(**more))
    assert reply.status == 200, reply.text
    told = orjson.loads(reply.body)["accepted_parts"]
    assert [each["name"] for each in told][2:] == [
        f"event.properties.$ai_{n}" for n in ("input", "output", "image")
    ]
    assert told[2] == {
        "name": "event.properties.$ai_input", "length": len(prompt), "content-type": JSON, "content-encoding": None
    }  # fmt: skip
    (kept,) = log.events
    assert (kept.event, kept.uuid, kept.timestamp) == (
        "$ai_generation",
        EVENT["uuid"],
        "2026-01-02T11:00:00.000Z",
    )
    assert kept.properties == {
        "$ai_model": "some-model",
        "$ai_input": [{"role": "user", "content": "why?"}],
        "$ai_output": "weil – darum",
        "$ai_image": base64.b64encode(b"\x89PNG\r\n--b1").decode(),
        "$ip": "203.0.113.9",
    }


def test_properties_may_stand_in_the_event(client, log):
    """Without a part of their own the event's own properties count."""
    assert client.post(PATH, form(event(properties={"$ai_model": "m"})), headers()).status == 200
    assert log.events[0].properties["$ai_model"] == "m"


DECODE, PARSE = "failed to decode request: ", "failed to parse request: "
TWICE = part("event.properties.a", b"1")
# name: (body, headers, status, text)
REFUSED = {
    "nothing": (b"", headers(), 400, "request missing data payload"),
    "JSON": (b"{}", {**BEARER, "content-type": JSON}, 400,
             DECODE + "the content type must be multipart/form-data with a boundary"),
    "no boundary": (form(event()), {**BEARER, "content-type": "multipart/form-data"}, 400,
                    DECODE + "the content type must be multipart/form-data with a boundary"),
    "no token": (form(event()), {"content-type": headers()["content-type"]}, 401, "event submitted without an api_key"),
    "a personal key": (form(event()), headers(authorization="Bearer phx_1"), 401, "API key is not valid: personal_api_key"),
    "an unknown token": (form(event()), headers(authorization="Bearer phc_1"), 401,
                         "API key is not valid: no project has this token"),
    "noise": (b"hello", headers(), 400, DECODE + "the multipart body is damaged *"),
    "cut off": (form(event(), end=b""), headers(), 400, DECODE + "the multipart body is cut off"),
    "another first part": (form(part("event.properties", MODEL), event()), headers(), 400,
                           DECODE + 'the first part must be the "event"'),
    "no part": (form(), headers(), 400, DECODE + "*"),
    "a part twice": (form(event(), TWICE, TWICE), headers(), 400, DECODE + "a part is there twice"),
    "a property twice": (form(event(properties={"a": 1}), TWICE), headers(), 400,
                         DECODE + "the property 'a' is there twice"),
    "properties twice": (form(event(properties={}), part("event.properties", MODEL)), headers(), 400,
                         DECODE + "the properties are in the event and in a part of their own"),
    "another part": (form(event(), part("evil", b"1")), headers(), 400,
                     DECODE + "the part 'evil' is neither the event nor one of its properties"),
    "an event that is a list": (form(part("event", b"[]")), headers(), 400, PARSE + "the event must be an object"),
    "an event that is no JSON": (form(part("event", b"{")), headers(), 400, PARSE + "*"),
    "properties that are a list": (form(event(), part("event.properties", b"[]"), TWICE), headers(), 400,
                                   PARSE + 'the part "event.properties" must be an object'),
    "text that is none": (form(event(), part("event.properties.a", b"\xff", TEXT)), headers(), 400,
                          DECODE + "the part 'event.properties.a' is not UTF-8 (byte 0)"),
    "another encoding": (form(event(), part("event.properties.a", b"1", JSON, "br")), headers(), 400,
                         DECODE + "the part 'event.properties.a' must be sent plain or as gzip"),
    "another name": (form(event(event="clicked")), headers(), 400, DECODE + "the name of the event must begin with '$ai_'"),
    "no name": (form(part("event", b'{"distinct_id":"u"}')), headers(), 400, PARSE + 'an event without the field "event"'),
    "no distinct id": (form(part("event", b'{"event":"$ai_x"}')), headers(), 400, "event submitted without a distinct_id"),
    "an event's part too large": (form(event(x="y" * 33_000)), headers(), 413, "maximum event size exceeded: the event's part *"),
    "properties too large": (form(event(), part("event.properties", b'{"a":"%s"}' % (b"x" * 990_000))), headers(), 413,
                             "maximum event size exceeded: event and properties *"),
    "too many parts": (form(event(), *[part(f"event.properties.p{n}", b"1") for n in range(200)]), headers(), 400,
                       DECODE + "the body has more than 128 parts"),
    "a bomb in a part": (form(event(), part("event.properties.a", gzip.compress(b" " * 30_000_000), TEXT, "gzip")), headers(), 413,
                         "maximum event size exceeded: the request inflates to more than 20971520 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_parts_have_their_exact_answer(client, log, name):
    """Each fault is told in plain text, and nothing is kept."""
    body, sent, status, text = REFUSED[name]
    reply = client.post(PATH, body, sent)
    assert reply.status == status, reply.text
    assert reply.text.startswith(text[:-1]) if text.endswith("*") else reply.text == text
    assert not log.drafts
    assert "refused_internal" not in client.app.counters


def test_events_about_models_may_be_larger(make_client, log):
    """On the paths for models the limit of one event is another; elsewhere it stays."""
    client = make_client(max_event=1000, max_ai_event=5000)
    body = orjson.dumps({"api_key": "phc_valid", "batch": [{**EVENT, "properties": {"x": "y" * 3000}}]})
    assert client.post("/batch/", body).status == 413
    assert client.post("/i/v0/ai/batch/", body).status == 200
    assert (
        client.post(PATH, form(event(), part("event.properties.x", b"y" * 3000, TEXT)), headers()).status
        == 200
    )
    assert (
        client.post(PATH, form(event(), part("event.properties.x", b"y" * 6000, TEXT)), headers()).status
        == 413
    )
    assert len(log.drafts) == 2


def test_only_post(client):
    """Anything else is no way in."""
    assert client.send("GET", PATH).status == 405
