"""The parts under the endpoints: addresses, projects, limits, privacy, slow bodies, the trace of refusals."""

import asyncio
import hashlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.capture import CaptureApp
from hedgerow.capture.address import ClientAddress
from hedgerow.capture.limits import DiskGate, RateLimited, RateLimits
from hedgerow.capture.privacy import protect
from hedgerow.capture.projects import CachedProjects, Project
from hedgerow.capture.reader import BodyReader, Overloaded, TooSlow, declared_length
from hedgerow.capture.trail import Trail
from hedgerow.events.errors import BadRequest
from hedgerow.people import list_warnings
from hedgerow.store import Database
from support.store import fresh_store

EVENT = {"event": "e", "distinct_id": "u", "api_key": "phc_valid"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.1", b"1.1.1.1", "203.0.113.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", b"1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", b"6.6.6.6, 1.1.1.1, 10.2.2.2", "1.1.1.1"),
        ("10.0.0.1", b"10.3.3.3,10.2.2.2", "10.3.3.3"),
        ("10.0.0.1", b"unknown, 10.2.2.2", "10.2.2.2"),
        ("10.0.0.1", b"1.1.1.1:4711", "1.1.1.1"),
        ("10.0.0.1", b"[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:10.0.0.1", b"::ffff:1.1.1.1", "1.1.1.1"),
        ("fd00::1", b"2001:db8::2", "2001:db8::2"),
        ("::ffff:203.0.113.1", None, "203.0.113.1"),
        ("", b"1.1.1.1", ""),
    ],
)
def test_client_addresses(peer, forwarded, client):
    """The nearest hop that is not a proxy of ours is the client; nobody else is believed."""
    assert ClientAddress(["10.0.0.0/8", "fd00::/8"]).of(peer, forwarded) == client


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_forwarded_header_is_survived(forwarded):
    """Whatever stands in the header, there is an answer."""
    assert ClientAddress(["10.0.0.0/8"]).of("10.0.0.1", forwarded)


def test_bad_networks_are_named():
    """A network that is none fails at the start, by name."""
    with pytest.raises(ValueError, match="ten/8"):
        ClientAddress(["ten/8"])


def test_projects_are_remembered_for_a_moment():
    """Hits and misses are asked for once until their time is over, and memory stays bounded."""
    asked, now = [], [0.0]

    async def load(token):
        asked.append(token)
        return Project(1) if token == "a" else None

    projects = CachedProjects(load, seconds=2, size=3, clock=lambda: now[0])

    async def look():
        for _ in range(3):
            assert (await projects("a")).id == 1
            assert await projects("b") is None
        assert asked == ["a", "b"]
        now[0] = 3
        await projects("a")
        assert asked == ["a", "b", "a"]
        for number in range(100):
            await projects(f"x{number}")
        assert len(projects._known) <= 3

    asyncio.run(look())


def test_rates():
    """A burst passes, then the rate holds, then time refills; a large batch passes once and is paid for."""
    now = [0.0]
    limits = RateLimits(lambda: now[0])
    settings = {"events_per_second": 10, "events_burst": 20}
    limits.admit(1, settings, 20)
    with pytest.raises(RateLimited):
        limits.admit(1, settings, 1)
    limits.admit(2, settings, 1)
    now[0] = 1.0
    limits.admit(1, settings, 60)
    now[0] = 5.0
    with pytest.raises(RateLimited) as refused:
        limits.admit(1, settings, 1)
    assert refused.value.seconds == 2
    now[0] = 6.5
    limits.admit(1, settings, 1)
    for absent in ({}, {"events_per_second": 0}, {"events_per_second": "many"}):
        for _ in range(100):
            limits.admit(3, absent, 1000)


def test_rate_limits_over_http(make_client, log):
    """A project over its rate gets 429 with a pause, and nothing of it is kept."""
    client = make_client(project_options={"events_per_second": 1})
    assert client.post("/e/", orjson.dumps(EVENT)).status == 200
    reply = client.post("/e/", orjson.dumps(EVENT))
    assert (reply.status, reply.text, reply.headers["retry-after"]) == (429, "rate limited", "1")
    assert len(log.events) == 1
    assert client.app.counters["refused_rate_limited"] == 1


def test_disk_gate(tmp_path):
    """The gate closes below the reserve and asks the disk once a second."""
    now = [0.0]
    assert DiskGate(tmp_path, 0, lambda: now[0])() is None
    closed = DiskGate(tmp_path, 1 << 60, lambda: now[0])
    assert "nearly full" in closed()
    closed._folder = tmp_path / "gone"
    assert "nearly full" in closed()


def test_a_closed_gate_is_503(make_app, client_for, log, caplog):
    """While capture is closed nothing is acknowledged, and the log says why, once."""
    app = make_app()
    app._intake._gate = lambda: "the disk is nearly full"
    client = client_for(app)
    for _ in range(3):
        reply = client.post("/e/", orjson.dumps(EVENT))
        assert (reply.status, reply.text) == (503, "transient error, please retry")
    assert not log.events
    assert caplog.text.count("the disk is nearly full") == 1


def test_a_log_that_fails_is_remembered_for_a_while(log, client_for):
    """Health hears of it until it works again, or until long enough nobody has tried."""
    now = [0]

    async def projects(_token):
        return Project(1)

    client, body = (
        client_for(CaptureApp(log, projects, clock=lambda: now[0])),
        b'{"event":"e","distinct_id":"u","token":"t"}',
    )
    assert client.app.trouble() is None
    log.broken = "The disk is full"
    assert client.post("/e/", body).status == 503
    assert client.app.trouble() == "The disk is full"
    assert (client.send("GET", "/_readiness").status, client.send("GET", "/_liveness").status) == (503, 200)
    now[0] = 10_001
    assert client.app.trouble() is None
    assert client.post("/e/", body).status == 503
    log.broken = None
    assert client.post("/e/", body).status == 200
    assert client.app.trouble() is None
    assert client.send("GET", "/_readiness").text == "capture"


def test_privacy():
    """Dropped names vanish, hashed ones stay comparable, addresses go, in the person changes too."""
    settings = {
        "anonymize_ips": True,
        "dropped_properties": ["secret"],
        "hashed_properties": ["email", "n"],
        "hash_salt": "s",
    }
    properties = {"$ip": "1.1.1.1", "secret": 1, "n": 5, "keep": "x", "$set": {"email": "a@b", "secret": 2}}
    protect(properties, settings)
    assert properties == {
        "n": hashlib.sha256(b"s5").hexdigest(),
        "keep": "x",
        "$set": {"email": hashlib.sha256(b"sa@b").hexdigest()},
    }


def test_privacy_over_http(make_client, log):
    """What a project does not want is not in the log."""
    client = make_client(project_options={"anonymize_ips": True, "dropped_properties": ["secret"]})
    client.post(
        "/e/", orjson.dumps({**EVENT, "properties": {"secret": 1, "$set_once": {"secret": 2}, "a": 3}})
    )
    assert log.events[0].properties == {"a": 3, "$set_once": {}}


def test_slow_bodies_are_given_up():
    """A body that does not arrive in time ends as TooSlow; a quick one beside it is not disturbed."""

    async def never():
        await asyncio.sleep(60)

    async def quick():
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def both():
        reader = BodyReader(seconds=0.05)
        slow = asyncio.create_task(reader.read(never, 10, limit=100))
        assert await reader.read(quick, 1, limit=100) == b"x"
        with pytest.raises(TooSlow):
            await slow
        assert not reader._since
        assert not reader._late

    asyncio.run(both())


def test_cancelling_a_request_is_not_slowness():
    """A request that the server cancels stays cancelled."""

    async def never():
        await asyncio.sleep(60)

    async def cancel():
        reading = asyncio.create_task(BodyReader().read(never, 10, limit=100))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(cancel())


def test_large_bodies_share_a_budget():
    """Bodies together past the budget are refused, and what they held is given back."""
    reader = BodyReader(total=200_000)

    def body(gate):
        pieces = [b"x" * 100_000] * 2

        async def receive():
            await gate.wait()
            await asyncio.sleep(0)
            return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

        return receive

    async def together():
        gate = asyncio.Event()
        reads = [reader.read(body(gate), None, limit=1_000_000) for _ in range(3)]
        waiting = asyncio.gather(*reads, return_exceptions=True)
        await asyncio.sleep(0)
        gate.set()
        results = await waiting
        assert any(isinstance(result, Overloaded) for result in results)
        assert reader._held == 0
        assert len(await reader.read(body(gate), None, limit=1_000_000)) == 200_000

    asyncio.run(together())


@pytest.mark.parametrize("stated", [b"-1", b"", b"1e3", b"9" * 20])
def test_lengths_that_are_none(stated):
    """A content length is a number or an error."""
    with pytest.raises(BadRequest):
        declared_length({b"content-length": stated})


def test_refusals_leave_a_trace(tmp_path, make_app, client_for):
    """Refused events of a known project are counted in the store, with a sample and without their values."""
    path = tmp_path / "state.db"
    fresh_store(tmp_path)
    database = Database(path)

    async def run():
        trail = Trail(database, seconds=0.01)
        app = make_app(max_event=200)
        app._intake._warn = trail.add
        client = client_for(app)
        body = orjson.dumps({**EVENT, "properties": {"x": "secret" * 100}})
        for _ in range(3):
            assert (await client.asend("POST", "/e/", body)).status == 413
        await asyncio.sleep(0.1)
        found = await database.read(lambda conn: list_warnings(conn, 7, after=0))
        await trail.flush()
        return found

    try:
        (warning,) = asyncio.run(run())
    finally:
        database.close()
    assert (warning.kind, warning.count) == ("refused_too_large", 3)
    assert "secret" not in str(warning.sample)


def test_what_leaves_a_trace(make_app, client_for):
    """Refused, dropped and limited events of a known project are traced by kind; those of nobody are not."""
    app, traced = make_app(max_event=300, project_options={"events_per_second": 8}), []
    app._intake._warn = lambda project_id, at, kind, details: traced.append((project_id, kind))
    client = client_for(app)
    batches = [
        [{"event": "e"}],
        [{"event": "e", "distinct_id": "u", "uuid": "bad"}],
        [{"event": "$$heatmap", "distinct_id": "u"}, {"event": "e", "distinct_id": "u"}],
        [{"event": "e", "distinct_id": "u", "properties": {"x": "y" * 500}}],
        [{"event": "e", "distinct_id": "u"}] * 10,
        [{"event": "e", "distinct_id": "u"}],
    ]
    for batch in batches:
        client.post("/batch/", orjson.dumps({"api_key": "phc_valid", "batch": batch}))
    client.post("/batch/", b"{")
    reply = client.post("/batch/", orjson.dumps({"api_key": "phc_unknown", "batch": batches[0]}))
    assert reply.status == 401
    kinds = [
        "refused_no_distinct_id",
        "refused_unparsable",
        "dropped_$$heatmap",
        "refused_too_large",
        "rate_limited",
    ]
    assert traced == [(7, kind) for kind in kinds]
