"""The ingestion endpoints: routes, wrappings, answers."""

import base64
import gzip
import itertools
import urllib.parse

import orjson
import pytest

EVENT = {"event": "signed up", "distinct_id": "u1", "properties": {"plan": "pro"}}
SINGLE = orjson.dumps({**EVENT, "api_key": "phc_valid"})
ARRAY = orjson.dumps([{**EVENT, "properties": {"plan": "pro", "token": "phc_valid"}}])
BATCH = orjson.dumps({"api_key": "phc_valid", "batch": [EVENT], "sent_at": "2026-01-02T12:04:05.678Z"})
PATHS = ["/batch", "/e", "/i/v0/e", "/capture", "/track", "/engage", "/i/v0/ai/batch"]


def form(data: str, **more):
    return urllib.parse.urlencode({"data": data, **more}).encode()


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


FORM = {"content-type": "application/x-www-form-urlencoded"}
CHARSET = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
WRAPPINGS = {
    "plain": lambda body: ("", body, {"content-type": "application/json"}),
    "text": lambda body: ("", body, {"content-type": "text/plain"}),
    "gzip": lambda body: ("", gzip.compress(body), {"content-encoding": "gzip"}),
    "gzip unannounced": lambda body: ("", gzip.compress(body), {"content-type": "text/plain"}),
    "gzip misannounced": lambda body: ("?compression=lz64", gzip.compress(body), {}),
    "gzip-js": lambda body: ("?compression=gzip-js", gzip.compress(body), {}),
    "base64": lambda body: ("?compression=base64", b64(body).encode(), {}),
    "base64 of gzip": lambda body: ("", b64(gzip.compress(body)).encode(), {}),
    "form": lambda body: ("", form(b64(body)), FORM),
    "form, plain JSON": lambda body: ("", form(body.decode()), FORM),
    "form, spaces for plus": lambda body: ("", b"data=" + b64(body).replace("+", " ").encode(), FORM),
    "form in text/plain": lambda body: ("", form(b64(body)), {"content-type": "text/plain"}),
    "form with charset": lambda body: ("", form(b64(body), ip="1"), {"content-type": CHARSET}),
    "form with data in the middle": lambda body: ("", b"ip=1&data=" + b64(body).encode(), FORM),
    "form with hint": lambda body: ("", form(b64(gzip.compress(body)), compression="gzip-js", ver="1"), FORM),
    "unknown hint": lambda body: ("?compression=zstd", body, {"content-encoding": "br"}),
    "announced as a form, as curl does": lambda body: ("", body, FORM),
    "with charset": lambda body: ("", body, {"content-type": "application/json; charset=utf-8"}),
}


@pytest.mark.parametrize("shape", [SINGLE, ARRAY, BATCH], ids=["single", "array", "batch"])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_of_every_shape_is_understood(client, log, shape, wrapping):
    """A body means the same however it is wrapped."""
    query, body, headers = WRAPPINGS[wrapping](shape)
    reply = client.post("/e/" + query, body, headers)
    assert (reply.status, reply.text) == (200, '{"status":"Ok"}')
    (event,) = log.events
    assert (event.event, event.distinct_id, event.properties["plan"]) == ("signed up", "u1", "pro")
    assert log.drafts[0].project_id == 7


@pytest.mark.parametrize("path", [p + s for p, s in itertools.product(PATHS, ["", "/"])])
def test_every_path_takes_every_shape(client, log, path):
    """All classic paths take all shapes, with and without a slash, without a redirect."""
    for body in (SINGLE, ARRAY, BATCH):
        assert client.app.handles(path)
        assert client.post(path, body).status == 200
    assert len(log.events) == 3


def test_get_with_data_parameter(client, log):
    """The oldest form: everything in the query of a GET."""
    reply = client.send("GET", "/e/?data=" + urllib.parse.quote(b64(SINGLE)) + "&ip=1&ver=1.100.0")
    assert reply.status == 200
    assert log.events[0].event == "signed up"


def test_query_without_escapes_keeps_its_plus_signs(client, log):
    """Base64 in a query is restored when its plus signs were read as spaces."""
    body = orjson.dumps({**EVENT, "api_key": "phc_valid", "x": "~~~???>>>"})
    assert b"+" in base64.b64encode(body)
    assert client.send("GET", "/e/?data=" + b64(body)).status == 200


def test_beacon_gets_204(client, log):
    """A beacon's answer is empty; anything else than 200 would make other requests retry."""
    reply = client.post("/e/?beacon=1", SINGLE)
    assert (reply.status, reply.body) == (204, b"")
    assert len(log.events) == 1


def test_body_in_chunks(client, log):
    """Bodies may come in pieces and without a length."""
    assert client.send("POST", "/e/", BATCH, chunk=7).status == 200
    assert len(log.events) == 1


def test_acknowledged_only_when_durable(client, log):
    """A log that cannot keep the events turns into 503, which SDKs retry."""
    log.broken = "disk full"
    reply = client.post("/e/", SINGLE)
    assert (reply.status, reply.text) == (503, "transient error, please retry")
    assert client.app.counters["refused_unavailable"] == 1


def test_unknown_token_is_told(client, log):
    """A well-shaped token that no project has is refused, so that a developer notices."""
    reply = client.post("/e/", SINGLE.replace(b"phc_valid", b"phc_other"))
    assert (reply.status, reply.text) == (401, "API key is not valid: no project has this token")
    assert not log.events


def test_preflight_and_cors(client):
    """Browsers get their origin mirrored, with credentials, on success and on errors."""
    origin = {"origin": "https://app.example"}
    wanted = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "x-a, x-b"}
    reply = client.send("OPTIONS", "/e/", headers=wanted)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["access-control-allow-headers"] == "x-a, x-b"
    assert reply.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    for body in (SINGLE, b"{"):
        assert (
            client.post("/e/", body, origin).headers["access-control-allow-origin"] == "https://app.example"
        )
    assert "access-control-allow-origin" not in client.post("/e/", SINGLE).headers


def test_other_methods_are_refused(client):
    """PUT brings no events."""
    assert client.send("PUT", "/e/", SINGLE).status == 405


def test_client_address_is_recorded(make_client, log):
    """$ip is the peer, the client behind a trusted proxy, or what the sender says itself."""
    client = make_client(trusted_proxies=["10.0.0.0/8"])
    client.post("/e/", SINGLE)
    forwarded = {"x-forwarded-for": "6.6.6.6, 198.51.100.4, 10.1.1.1"}
    client.send("POST", "/e/", SINGLE, forwarded, peer="10.0.0.1")
    client.send("POST", "/e/", SINGLE, forwarded, peer="203.0.113.9")
    own = orjson.dumps({**EVENT, "api_key": "phc_valid", "properties": {"$ip": "1.1.1.1"}})
    client.post("/e/", own)
    internal = orjson.dumps({**EVENT, "api_key": "phc_valid", "properties": {"capture_internal": True}})
    client.post("/e/", internal)
    addresses = [event.properties["$ip"] for event in log.events]
    assert addresses == ["203.0.113.9", "198.51.100.4", "203.0.113.9", "1.1.1.1", "127.0.0.1"]


def test_what_is_no_event_is_dropped_and_counted(client, log):
    """Recordings, heat maps and the SDKs' own measurements are acknowledged, counted and not kept."""
    batch = [{**EVENT, "event": name} for name in ("$performance_event", "$$heatmap", "kept")]
    assert client.post("/batch", orjson.dumps({"api_key": "phc_valid", "batch": batch})).status == 200
    only = orjson.dumps({"api_key": "phc_valid", "batch": batch[:1]})
    assert client.post("/batch", only).status == 200
    assert [event.event for event in log.events] == ["kept"]
    assert client.app.counters["dropped_$performance_event"] == 2
    assert client.app.counters["events"] == 1


def test_recordings_are_accepted_quietly(client, log):
    """A client that records sessions all the same is not made to retry."""
    assert client.post("/s/", b"\x1f\x8banything").status == 200
    assert client.post("/s?beacon=1", b"x").status == 204
    assert not log.events


def test_one_bad_event_fails_the_request(client, log):
    """The classic protocol has one answer per request: nothing of it is kept when an event is bad."""
    batch = orjson.dumps({"api_key": "phc_valid", "batch": [EVENT, {**EVENT, "distinct_id": " "}]})
    reply = client.post("/batch/", batch)
    assert (reply.status, reply.text) == (400, "event submitted without a distinct_id")
    assert not log.events
    assert client.app.counters["refused_no_distinct_id"] == 1


def test_large_bodies_are_decoded_beside_the_loop(client, log):
    """A body of megabytes is understood as a small one is."""
    many = [{**EVENT, "properties": {"n": n, "x": "y" * 100}} for n in range(2000)]
    assert client.post("/batch/", orjson.dumps({"api_key": "phc_valid", "batch": many})).status == 200
    assert [event.properties["n"] for event in log.events] == list(range(2000))


def test_a_fault_of_ours_is_answered(client, log, monkeypatch, caplog):
    """An unforeseen error is logged and answered with 500, not with a broken connection."""

    async def append(_drafts):
        raise RuntimeError("boom")

    monkeypatch.setattr(log, "append", append)
    reply = client.post("/e/", SINGLE)
    assert (reply.status, reply.text) == (500, "internal error")
    assert "fault of ours" in caplog.text


# Made with the npm package lz-string: the event of this module, and 20,000 times the letter x.
LZ_EVENT = "N4IgpgbmB2AuIC4QGcCWBzaYAmACArgA4gA0I2qysq0AxrAPqraIj4CMpIAhoagwGswAT1aEAFrQYRuAG2ZdCAJwD2hMEuphkiUIVndoY1SAC+poA==="
LZ_LONG = "B418ZXTt/DFOS1b0c17Pd/wYUcSaWeRZVdTbXfQ408y62+x519z73/wMFDhI0WPETJU6TNlz5CxUuUrVa9Rs1btO3Xv0HDR4ydNnzFy1es3bd+w8dPnL12/cfPX7z99//AYFBwSGhYeERkVHRMbFx8QmJSckpqWnpGZlZ2Tm5efkFhUXFJaVl5RWVVdU1tXX1DY1NzS2tbe0dnV3dPb19/QODQ8Mjo2PjE5NmQA="


@pytest.mark.parametrize("hint", ["lz64", "lz-string"])
def test_lz_string(client, log, hint):
    """The first browser SDKs compressed with LZ-string, in the body or in a form."""
    assert client.post("/e/?compression=" + hint, LZ_EVENT.encode()).status == 200
    assert client.post("/e/", form(LZ_EVENT, compression=hint), FORM).status == 200
    assert [event.event for event in log.events] == ["signed up", "signed up"]


def test_lz_string_stops_at_the_limits(make_client):
    """LZ-string has the same limit after inflation, and a smaller one before, since it is slow to undo."""
    reply = make_client(max_body=10_000).post("/e/?compression=lz64", LZ_LONG.encode())
    assert (reply.status, reply.text) == (
        413,
        "maximum event size exceeded: the request inflates to more than 10000 bytes",
    )
    assert make_client().post("/e/?compression=lz64", b"-" * 1_100_000).status == 413


def test_data_in_the_query_has_the_limit_too(make_client):
    """A long query is no way around the limit."""
    assert make_client(max_body=1000).send("GET", "/e/?data=" + "%7B" * 2000).status == 413
