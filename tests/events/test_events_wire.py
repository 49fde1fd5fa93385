"""From bytes to events: fields, tokens, wrappings, in every combination that hypothesis finds."""

import base64
import gzip
import json
import uuid as uuids

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.events import Record
from hedgerow.events.errors import WireError
from hedgerow.events.ids import canonical, uuid7
from hedgerow.events.shapes import encode
from hedgerow.events.wire import decode

NOW = 1_767_355_445_678
NOON = "2026-01-02T12:04:05.678Z"


def read(document, query=None, **options):
    return decode(orjson.dumps(document), query or {}, now=NOW, random=bytes, **options)


def one(**fields):
    _, (event,) = read({"event": "e", "distinct_id": "u", "api_key": "t", **fields})
    return event


@pytest.mark.parametrize(
    "document",
    [
        {"event": "e", "distinct_id": "u", "api_key": "phc_a"},
        {"event": "e", "distinct_id": "u", "token": " phc_a\n"},
        {"event": "e", "distinct_id": "u", "$token": "phc_a"},
        {"event": "e", "distinct_id": "u", "properties": {"token": "phc_a"}},
        {"api_key": "phc_a", "batch": [{"event": "e", "distinct_id": "u", "api_key": "phc_other"}]},
        {"token": "phc_a", "batch": [{"event": "e", "distinct_id": "u"}]},
        {"batch": [{"event": "e", "distinct_id": "u", "properties": {"token": "phc_a"}}]},
        [{"event": "e", "distinct_id": "u"}, {"event": "f", "distinct_id": "u", "token": "phc_a"}],
    ],
)
def test_token_in_every_place(document):
    """The token is found wherever SDKs put it; a batch's own wins; events without one follow the others."""
    assert read(document)[0] == "phc_a"


@pytest.mark.parametrize(
    ("stated", "stored"),
    [
        ("u", "u"),
        (" u ", " u "),
        (23, "23"),
        (1.5, "1.5"),
        (True, "true"),
        ({"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
        ("x" * 300, "x" * 200),
        ("é" * 300, "é" * 200),
        ("a\0b", "a\ufffdb"),
    ],
)
def test_distinct_ids(stated, stored):
    """Any JSON value can be a distinct id; long ones are cut, NUL is replaced, spaces are kept."""
    assert one(distinct_id=stated).distinct_id == stored


def test_distinct_id_places():
    """The top level wins over the properties; null does not count."""
    assert one(distinct_id=None, properties={"distinct_id": 5}).distinct_id == "5"
    assert one(distinct_id="a", properties={"distinct_id": "b"}).distinct_id == "a"
    assert one(distinct_id=None, **{"$distinct_id": "c"}).distinct_id == "c"


def test_properties_are_kept_as_sent():
    """Token and distinct id in the properties stay, and nothing is added unless an address is known."""
    sent = {"token": "t", "distinct_id": "u", "n": None, "list": [1, {"a": "b"}]}
    _, (event,) = read({"event": "e", "properties": dict(sent)})
    assert event.properties == sent
    _, (event,) = read({"event": "e", "properties": dict(sent)}, ip="192.0.2.1")
    assert event.properties == {**sent, "$ip": "192.0.2.1"}


def test_person_changes_move_into_properties():
    """Top-level changes go over those in the properties; nulls inside are kept; unset adds up."""
    event = one(
        properties={"$set": {"a": 1, "b": 1}, "$unset": ["x"]},
        **{"$set": {"b": 2}, "$set_once": {"c": None}, "$unset": ["y"]},
    )
    assert event.properties == {"$set": {"a": 1, "b": 2}, "$set_once": {"c": None}, "$unset": ["x", "y"]}
    assert one(**{"$set": None, "$unset": None}).properties == {}
    assert one(properties={"$set": "bad"}, **{"$set": {"a": 1}}).properties == {"$set": {"a": 1}}
    assert one(**{"$unset": {"k": 1}}).properties == {"$unset": {"k": 1}}


def test_names_are_cut_and_cleaned():
    """Names have at most 200 characters and no NUL."""
    assert one(event="é" * 250).event == "é" * 200
    assert one(event="a\0").event == "a\ufffd"


def test_engage_events_need_no_name():
    """Old engage bodies are $identify; elsewhere a name is needed."""
    _, (event,) = read({"distinct_id": "u", "token": "t", "$set": {"a": 1}}, engage=True)
    assert (event.event, event.properties) == ("$identify", {"$set": {"a": 1}})


@pytest.mark.parametrize("form", ["{}", "{{{}}}", "urn:uuid:{}"])
@settings(deadline=None)
@given(value=st.uuids())
def test_uuid_forms(form, value):
    """All usual ways to write a UUID become the same text."""
    for text in (str(value), value.hex, str(value).upper()):
        assert canonical(form.format(text)) == str(value)


@settings(deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"[0-9a-f \-_+xg{}]{30,38}", fullmatch=True))
def test_uuid_noise(text):
    """What is accepted as a UUID is one to Python too."""
    result = canonical(text)
    assert result is None or str(uuids.UUID(text)) == result


@settings(deadline=None)
@given(st.integers(0, 2**47), st.binary(min_size=10, max_size=10))
def test_new_uuids(now, random):
    """New uuids are of version 7 and carry the time."""
    made = uuids.UUID(uuid7(now, lambda _: random))
    assert (made.version, made.variant, made.int >> 80) == (7, uuids.RFC_4122, now)


def test_missing_uuid_is_made():
    """No uuid, null or an empty one get a new one."""
    for fields in ({}, {"uuid": ""}, {"uuid": None}):
        assert uuids.UUID(one(**fields).uuid).version == 7
    assert one(uuid="0190A5E0-0000-7000-8000-00000000000A").uuid == "0190a5e0-0000-7000-8000-00000000000a"


def test_send_time_places():
    """A batch's sent_at wins over the query's; a single event has only the query; events can opt out."""
    event = {"event": "e", "distinct_id": "u", "timestamp": "2026-01-02T11:00:00Z"}
    ten_late = "2026-01-02T12:04:15.678Z"
    _, (late,) = read({"api_key": "t", "batch": [event], "sent_at": ten_late}, {"_": str(NOW)})
    assert late.timestamp == "2026-01-02T10:59:50.000Z"
    _, (late,) = read({"api_key": "t", "batch": [event], "sent_at": "soon"}, {"_": str(NOW + 10_000)})
    assert late.timestamp == "2026-01-02T10:59:50.000Z"
    _, (late,) = read({**event, "api_key": "t"}, {"sent_at": str(NOW + 10_000)})
    assert late.timestamp == "2026-01-02T10:59:50.000Z"
    opted_out = {**event, "properties": {"$ignore_sent_at": True}}
    _, (kept,) = read({"api_key": "t", "batch": [opted_out], "sent_at": ten_late})
    assert kept.timestamp == "2026-01-02T11:00:00.000Z"


def test_unknown_keys_are_ignored():
    """Old SDKs add keys of their own; sentAt is not sent_at."""
    document = {
        "api_key": "t",
        "library": "x",
        "sentAt": "2020-01-01",
        "historical_migration": False,
        "batch": [
            {"event": "e", "distinct_id": "u", "context": {}, "type": "capture", "timestamp": "2026-01-02"}
        ],
    }
    _, (event,) = read(document)
    assert (event.timestamp, event.properties) == ("2026-01-02T00:00:00.000Z", {})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.text(min_size=1, max_size=30).filter(lambda name: "\0" not in name)
EVENTS = st.fixed_dictionaries(
    {"event": NAMES, "distinct_id": st.text("abc ", min_size=1).filter(str.strip)},
    optional={
        "properties": st.dictionaries(st.text("xyz", max_size=5), JSON, max_size=4),
        "uuid": st.uuids().map(str),
    },
)


@settings(deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=4), st.sampled_from(["plain", "gzip", "base64", "form", "both"]))
def test_what_is_sent_is_what_is_logged(events, wrapping):
    """Names, ids and properties come out of the log as they were sent, through every wrapping."""
    document = {"api_key": "phc_a", "batch": events}
    text = json.dumps(document).encode("utf-8", "surrogatepass")
    body, kind = {
        "plain": (text, b""),
        "gzip": (gzip.compress(text), b""),
        "base64": (base64.b64encode(text), b""),
        "form": (b"data=" + base64.b64encode(text), b"application/x-www-form-urlencoded"),
        "both": (b"data=" + base64.b64encode(gzip.compress(text)), b"application/x-www-form-urlencoded"),
    }[wrapping]
    token, read_back = decode(body, {}, now=NOW, random=bytes, content_type=kind)
    assert token == "phc_a"
    for sent, event in zip(events, read_back, strict=True):
        stored = Record(0, 1, 1, NOW, encode(event, limit=10**6)).decode()
        assert stored == event
        assert (stored.event, stored.distinct_id) == (sent["event"], sent["distinct_id"][:200])
        assert stored.properties == json.loads(json.dumps(sent.get("properties", {})))
        assert stored.uuid == sent.get("uuid", stored.uuid)
        assert stored.timestamp == NOON


@settings(deadline=None)
@given(
    st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(["", "gzip", "lz64", "base64", "nonsense"]),
    st.sampled_from([b"", b"application/x-www-form-urlencoded", b"text/plain"]),
)
def test_noise_is_refused_in_order(body, compression, content_type):
    """Whatever bytes come, the result is events or a WireError."""
    try:
        decode(body, {"compression": compression}, now=NOW, random=bytes, content_type=content_type)
    except WireError as error:
        refused = error
    else:
        return
    assert refused.status in {400, 401, 413}
    assert refused.text


@settings(deadline=None)
@given(
    st.lists(JSON, min_size=1, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "event",
                "batch",
                "api_key",
                "token",
                "properties",
                "distinct_id",
                "uuid",
                "timestamp",
                "offset",
                "$set",
                "$unset",
                "sent_at",
            ]
        ),
        JSON,
    )
)
def test_wrong_types_are_refused_in_order(document):
    """Any JSON in any place gives events that can be stored, or a WireError."""
    try:
        _, events = read(document)
    except WireError:
        return
    for event in events:
        encode(event, limit=10**6)
