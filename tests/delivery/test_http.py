"""The HTTP transport against a sink that misbehaves on command: what comes back, and how failures are named."""

import asyncio
import contextlib
import gc
import gzip
import socket
import ssl
import weakref
import zlib

import pytest

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.resolver import CachedResolver
from hedgerow.delivery.transport import Request, TransportError
from support.certificates import self_signed
from support.sink import Sink, Step

LOOPBACK = EgressPolicy(["127.0.0.0/8"])
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def sink():
    async with Sink() as running:
        yield running


@pytest.fixture
async def transport():
    sender = HttpTransport(LOOPBACK)
    yield sender
    await sender.close()


def post(sink, path="/hook", **options):
    return Request("POST", sink.url + path, body=options.pop("body", b"{}"), **options)


async def failure(transport, request):
    """The error of a request that must fail."""
    with pytest.raises(TransportError) as raised:
        await transport.send(request)
    return raised.value


async def test_a_request_arrives_as_it_was_given(sink, transport):
    """Method, target, headers in their spelling and body arrive; nothing is added but what HTTP needs and a name."""
    request = Request(
        "PUT",
        f"{sink.url}/a%20b?c=d",
        {"X-Custom": "one", "content-type": "text/plain"},
        b"\x00body",
        timeout=5,
    )
    answer = await transport.send(request)
    (got,) = sink.requests
    assert (answer.status, answer.body, answer.truncated) == (200, b"{}", False)
    assert (got.method, got.path, got.body) == ("PUT", "/a%20b?c=d", b"\x00body")
    assert got.headers.pop("user-agent").startswith("Hedgerow/")
    assert got.headers == {
        "host": f"127.0.0.1:{sink.port}",
        "x-custom": "one",
        "content-type": "text/plain",
        "content-length": "5",
    }


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", None, None), ("DELETE", None, None), ("POST", None, "0"), ("GET", b"x", "1")],
)
async def test_the_length_is_stated_where_a_body_is_expected(sink, transport, method, body, length):
    """A POST without a body says so; a GET says nothing, unless it has one."""
    await transport.send(Request(method, sink.url, body=body))
    assert sink.requests[0].headers.get("content-length") == length


async def test_headers_of_the_answer_are_lower_case_and_joined(sink, transport):
    """Programs read headers by their lower-case names."""
    sink.script("/hook", Step(raw="HTTP/1.1 202 \r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 0\r\n\r\n"))
    answer = await transport.send(post(sink))
    assert answer.status == 202
    assert answer.headers == {"x-a": "1, 2", "content-length": "0"}


async def test_trailers_are_not_headers(sink, transport):
    """What comes behind the body cannot change what was understood before it."""
    sink.script("/hook", Step(raw=CHUNKED + "2\r\n{}\r\n0\r\nX-Sum: 1\r\nTransfer-Encoding: gzip\r\n\r\n"))
    answer = await transport.send(post(sink))
    assert (answer.headers, answer.body) == ({"transfer-encoding": "chunked"}, b"{}")


async def test_a_body_in_the_smallest_chunks_is_no_attack(sink, transport):
    """The framing may be several times the body."""
    sink.script("/hook", Step(raw=CHUNKED + "1\r\nx\r\n" * 60_000 + "0\r\n\r\n"))
    assert len((await transport.send(post(sink))).body) == 60_000


async def test_connections_are_used_again(sink, transport):
    """Requests one after the other share a connection; requests at the same time do not wait for each other."""
    for _ in range(5):
        await transport.send(post(sink))
    assert sink.connections == 1
    sink.script("/hook", *[Step(delay=0.05)] * 3)
    await asyncio.gather(*(transport.send(post(sink)) for _ in range(3)))
    assert sink.connections == 3


@pytest.mark.parametrize(
    "step",
    [
        Step(then="close"),
        Step(headers={"Connection": "close"}),
        Step(raw="HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
        Step(raw="HTTP/1.1 200 OK\r\n\r\n{}", then="close"),
        Step(raw="HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
        Step(
            raw="HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;ext=1\r\n{\r\n1\r\n}\r\n0\r\nX-Sum: 1\r\n\r\n"
        ),
        Step(raw="HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}"),
        Step(chunked=True),
        Step(drip=0.001),
        Step(gzip=True),
    ],
)
async def test_every_way_to_end_an_answer_is_understood(sink, transport, step):
    """By length, by chunks, by the end of the connection; and the next request finds its way in each case."""
    sink.script("/hook", step)
    assert (await transport.send(post(sink))).body == b"{}"
    assert (await transport.send(post(sink))).body == b"{}"
    assert sink.count == 2


async def test_a_server_that_stops_sending_is_left(sink, transport):
    """After the end of the server's side nothing more can come, so nothing more is sent."""
    sink.script("/hook", Step(then="half-close"))
    await transport.send(post(sink))
    await asyncio.sleep(0.02)
    await transport.send(post(sink))
    assert (sink.count, sink.connections) == (2, 2)


@pytest.mark.parametrize("then", ["reset", "drop"])
async def test_a_stale_connection_is_replaced_once(sink, transport, then):
    """A used connection that was closed meanwhile costs nothing: the request goes over a new one."""
    await transport.send(post(sink))
    sink.script("/hook", Step(then=then, when="reused"))
    assert (await transport.send(post(sink))).status == 200
    assert sink.count == 3  # one before, one lost on the old connection, one on the new


@pytest.mark.parametrize("then", ["reset", "drop"])
async def test_a_new_connection_that_breaks_is_not_tried_again(sink, transport, then):
    """Only a connection that worked before earns the second attempt; the rest is for the retry policy."""
    sink.script("*", Step(then=then), Step(then=then))
    error = await failure(transport, post(sink, "/fresh"))
    assert (error.kind, error.retriable, sink.count) == ("reset", True, 1)


async def test_an_answer_that_broke_off_is_not_tried_again(sink, transport):
    """Once a byte came back the request was read: sending it again is not the transport's to decide."""
    await transport.send(post(sink))
    sink.script("/hook", Step(headers={"Content-Length": "10"}, body="four", then="close"))
    error = await failure(transport, post(sink))
    assert (error.kind, error.retriable, sink.count) == ("reset", True, 2)


async def test_connections_closed_while_idle_are_noticed(sink, transport):
    """A pool full of connections that the server dropped does not fail a single request."""
    sink.script("/hook", *[Step(delay=0.02)] * 5)
    await asyncio.gather(*(transport.send(post(sink)) for _ in range(5)))
    sink.drop_connections()
    await asyncio.gather(*(transport.send(post(sink)) for _ in range(5)))
    assert sink.count == 10


@pytest.mark.parametrize(
    ("step", "kind", "retriable"),
    [
        (Step(raw="220 mail.example ESMTP\r\n"), "protocol", False),
        (Step(raw="HTTP/1.1 2x0 OK\r\n\r\n"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "protocol", False),
        (
            Step(raw="HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "protocol",
            False,
        ),
        (Step(raw="HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "protocol", False),
        (Step(raw="HTTP/2 200 OK\r\n\r\n"), "protocol", False),
        (Step(raw=CHUNKED + "fffffffffffffffff\r\n{}"), "protocol", False),
        (Step(raw=CHUNKED + "2\r\n{}XX0\r\n\r\n"), "protocol", False),
        (Step(raw=CHUNKED + "2;" + "x" * 300_000), "protocol", False),
        (Step(raw=CHUNKED + "2\r\n{}\r\n0\r\n" + "X: y\r\n" * 50_000), "protocol", False),
        (Step(raw="\0" * 100), "protocol", False),
        (Step(raw="HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 50_000 + "\r\n"), "protocol", False),
        (
            Step(raw="HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"),
            "protocol",
            False,
        ),
        (Step(raw="HTTP/1.1 200 OK\r\nX: " + "y" * 200_000), "protocol", False),
        (Step(raw="HTTP/1.1 100 Continue\r\n\r\n" * 10_000), "protocol", False),
        (Step(headers={"Content-Encoding": "gzip"}), "protocol", False),
        (Step(headers={"Content-Length": "10"}, then="close"), "reset", True),
        (
            Step(raw="HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", then="close"),
            "reset",
            True,
        ),
        (Step(raw="HTTP/1.1 200 OK\r\nContent-Le", then="close"), "reset", True),
        (Step(then="drop"), "reset", True),
        (Step(then="reset"), "reset", True),
        (Step(then="half-close", raw="HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), "reset", True),
        (Step(then="hang"), "timeout", True),
        (Step(delay=5), "timeout", True),
        (Step(drip=0.1, body="x" * 100), "timeout", True),
        (Step(raw="HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), "timeout", True),
    ],
)
async def test_failures_have_names(sink, transport, step, kind, retriable):
    """What the server did decides the kind of failure, and that decides whether it is tried again."""
    sink.script("/hook", step)
    fresh = HttpTransport(LOOPBACK)
    error = await failure(fresh, post(sink, timeout=0.3))
    assert (error.kind, error.retriable) == (kind, retriable)
    assert str(error).endswith(".")
    assert (await fresh.send(post(sink))).status == 200
    await fresh.close()


@pytest.mark.parametrize("step", [Step(then="hang"), Step(then="reset"), Step(raw="nonsense\r\n\r\n")])
async def test_a_failure_is_gone_when_it_was_dealt_with(sink, transport, step):
    """What it held need not wait for the garbage collector."""
    sink.script("/hook", step)
    gc.collect()
    gc.disable()
    try:
        try:
            await transport.send(Request("POST", f"{sink.url}/hook", timeout=0.1))
        except TransportError as error:
            known = weakref.ref(error)
        await asyncio.sleep(0.01)
        assert known() is None
    finally:
        gc.enable()


async def test_a_redirect_is_an_answer(sink, transport):
    """Where it points is not looked at, let alone followed."""
    sink.script("/hook", Step(status=302, headers={"Location": f"{sink.url}/inner"}))
    answer = await transport.send(post(sink))
    assert (answer.status, answer.headers["location"]) == (302, f"{sink.url}/inner")
    assert [request.path for request in sink.requests] == ["/hook"]


async def test_cookies_are_not_kept(sink, transport):
    """One delivery never sees what the answer to another one set."""
    sink.script("/hook", Step(headers={"Set-Cookie": "a=b"}))
    await transport.send(post(sink))
    await transport.send(post(sink))
    assert "cookie" not in sink.requests[1].headers


async def test_proxies_of_the_environment_are_ignored(sink, transport):
    """A proxy would connect to addresses nobody judged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        assert (await transport.send(post(sink))).status == 200


async def test_a_huge_body_is_cut(sink, transport):
    """What exceeds the limit is dropped with the connection, long before all of it was sent."""
    sink.script("/hook", Step(size=500_000_000))
    answer = await transport.send(post(sink, max_body=1000))
    assert (answer.body, answer.truncated) == (b"x" * 1000, True)
    await transport.send(post(sink))
    assert sink.connections == 2


@pytest.mark.parametrize(("size", "truncated"), [(1000, False), (1001, True), (999, False)])
async def test_the_limit_of_the_body_is_exact(sink, transport, size, truncated):
    """A body that just fits is whole."""
    sink.script("/hook", Step(size=size))
    answer = await transport.send(post(sink, max_body=1000))
    assert (len(answer.body), answer.truncated) == (min(size, 1000), truncated)


async def test_a_decompression_bomb_is_cut(sink, transport):
    """A small answer that unpacks to 30 MB costs only what fits."""
    sink.script("/hook", Step(size=30_000_000, gzip=True))
    answer = await transport.send(post(sink, max_body=5000))
    assert (answer.body, answer.truncated) == (b"x" * 5000, True)


@pytest.mark.parametrize(
    ("encoding", "payload"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hello", mtime=0)),
        ("GZip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)),
        ("gzip", gzip.compress(b"hello", mtime=0) + b"\0\0padding"),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")[2:-4]),
        ("identity", b"hello"),
        ("unheard-of", b"hello"),
    ],
)
async def test_compressed_answers_are_unpacked(sink, transport, encoding, payload):
    """In all the forms that servers send, also byte by byte; what is not known is left as it is."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(payload)}\r\n\r\n"
    sink.script("/hook", Step(raw=head + payload.decode("latin-1")))
    assert (await transport.send(post(sink))).body == b"hello"


async def test_a_head_answer_has_no_body(sink, transport):
    """Its headers describe a body that does not follow."""
    sink.script("/hook", Step(body="x" * 100))
    answer = await transport.send(Request("HEAD", f"{sink.url}/hook", timeout=1))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "100")
    assert (await transport.send(post(sink))).status == 200


async def test_statuses_without_a_body_end_with_their_headers(sink, transport):
    """204 and 304 keep the connection."""
    sink.script(
        "/hook", Step(raw="HTTP/1.1 204 No Content\r\n\r\n"), Step(raw="HTTP/1.1 304 Not Modified\r\n\r\n")
    )
    assert [(await transport.send(post(sink, timeout=1))).status for _ in range(3)] == [204, 304, 200]
    assert sink.connections == 1


async def test_an_answer_that_nobody_asked_for_is_never_given_to_the_next_request(sink, transport):
    """Bytes behind an answer would otherwise be taken for the answer to somebody else's request."""
    extra = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    sink.script("/hook", Step(raw="HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + extra))
    assert (await transport.send(post(sink))).body == b"{}"
    await asyncio.sleep(0.02)
    assert (await transport.send(post(sink))).body == b"{}"
    assert sink.connections == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nInjected: 1"},
        {"X": "a\nb"},
        {"X": "a\rb"},
        {"X": "a\0b"},
        {"X\r\nInjected": "1"},
        {"X Y": "1"},
        {"X:": "1"},
        {"": "1"},
        {"Ü": "1"},
        {"Host": "a\r\nb"},
    ],
)
async def test_headers_cannot_smuggle_lines(sink, transport, headers):
    """An event's value in a header never becomes a header of its own: the request is refused, unsent."""
    error = await failure(transport, post(sink, headers=headers))
    assert (error.kind, error.retriable, sink.connections) == ("protocol", False, 0)


async def test_framing_is_not_the_programs_to_set(sink, transport):
    """Headers that could make one request look like two are left out; the true length is sent."""
    given = {
        "Content-Length": "5",
        "transfer-encoding": "chunked",
        "Connection": "close",
        "Upgrade": "h2c",
        "Expect": "100-continue",
    }
    await transport.send(post(sink, headers=given, body=b"the body"))
    (got,) = sink.requests
    assert set(got.headers) == {"host", "user-agent", "content-length"}
    assert got.body == b"the body"


async def test_a_program_may_name_host_and_agent(sink, transport):
    """They replace ours and stand once."""
    await transport.send(post(sink, headers={"HOST": "virtual.example", "user-agent": "mine"}))
    assert sink.requests[0].headers["host"] == "virtual.example"
    assert sink.requests[0].headers["user-agent"] == "mine"


@pytest.mark.parametrize(
    ("value", "seen"),
    [("é", "é"), ("\u2713", "\u2713".encode().decode("latin-1")), ("a\tb", "a\tb"), ("\ud800", "?")],
)
async def test_header_values_beyond_ascii_are_sent(sink, transport, value, seen):
    """As Latin-1 where that has the characters, else as UTF-8."""
    await transport.send(post(sink, headers={"X": value}))
    assert sink.requests[0].headers["x"] == seen


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "GET / HTTP/1.1\r\nX: ", "", "PÖST"])
async def test_methods_that_are_no_delivery_are_refused(sink, transport, method):
    """A method cannot open a tunnel or carry a request line."""
    error = await failure(transport, Request(method, sink.url))
    assert (error.kind, error.retriable, sink.connections) == ("protocol", False, 0)


async def test_a_refused_connection_is_named(sink, transport):
    """Nothing listens there; that may change."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = await failure(transport, Request("POST", f"http://127.0.0.1:{port}/"))
    assert (error.kind, error.retriable) == ("refused", True)
    assert f"127.0.0.1 on port {port}" in str(error)


async def test_a_connection_that_does_not_come_about_has_its_own_time_limit(sink, transport):
    """A listener that accepts nothing more leaves us waiting no longer than connect_timeout."""
    with contextlib.ExitStack() as open_sockets:
        full = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = open_sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        error = await failure(transport, Request("POST", url, connect_timeout=0.2, timeout=5))
    assert (error.kind, error.retriable) == ("connect_timeout", True)


async def test_a_name_that_does_not_resolve_is_named(sink, transport):
    """It may resolve later."""

    def nowhere(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    lost = HttpTransport(LOOPBACK, resolver=CachedResolver(nowhere))
    error = await failure(lost, Request("POST", "http://nowhere.example/"))
    await lost.close()
    assert (error.kind, error.retriable) == ("dns", True)
    assert str(error) == "The host nowhere.example cannot be resolved: Name or service not known."


async def test_a_cancelled_request_leaves_nothing_behind(sink, transport):
    """Its connection is closed, since the answer to it may still come."""
    sink.script("/hook", Step(delay=0.2))
    sending = asyncio.create_task(transport.send(post(sink)))
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert (await transport.send(post(sink))).status == 200
    assert sink.connections == 2


async def test_large_requests_arrive_whole(sink, transport):
    """A body larger than any socket buffer arrives byte for byte."""
    body = bytes(range(256)) * 20_000
    await transport.send(post(sink, body=body))
    assert sink.requests[0].body == body


async def test_an_answer_before_the_end_of_the_request_counts(sink, transport):
    """A server may refuse a body that it has not read; the connection is not used again."""
    accepted = asyncio.Event()

    async def impatient(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        accepted.set()
        await asyncio.sleep(0.2)
        writer.close()

    server = await asyncio.start_server(impatient, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await transport.send(Request("POST", f"http://127.0.0.1:{port}/", body=b"x" * 20_000_000))
    assert answer.status == 413


async def test_idle_connections_age_out(sink, transport):
    """A connection is let go after the time given, or before the server's own limit if that is shorter."""
    short = HttpTransport(LOOPBACK, keep_alive=0.1)
    await short.send(post(sink))
    sink.script("/hook", Step(headers={"Keep-Alive": "timeout=1, max=5"}))
    await transport.send(post(sink))
    assert sink.open == 2
    await asyncio.sleep(1.3)
    assert sink.open == 0
    await short.close()


async def test_the_number_of_idle_connections_is_bounded(sink, transport):
    """Beyond the limit the one that waited longest goes."""
    few = HttpTransport(LOOPBACK, max_idle=2)
    sink.script("/hook", *[Step(delay=0.05)] * 6)
    await asyncio.gather(*(few.send(post(sink)) for _ in range(6)))
    await asyncio.sleep(0.05)
    assert sink.open == 2
    await few.close()
    await asyncio.sleep(0.05)
    assert sink.open == 0


async def test_tls_is_verified(tmp_path):
    """A certificate that nobody vouches for ends the attempt; with its authority trusted, the request arrives."""
    context, certificate = self_signed(tmp_path)
    strict = HttpTransport(LOOPBACK)
    trusting = HttpTransport(LOOPBACK, tls=ssl.create_default_context(cafile=certificate))
    async with Sink(tls=context) as sink:
        error = await failure(strict, post(sink))
        assert (error.kind, error.retriable) == ("tls", True)
        assert "certificate of 127.0.0.1 cannot be trusted" in str(error)
        assert [(await trusting.send(post(sink))).status for _ in range(2)] == [200, 200]
        assert sink.count == 2
        await strict.close()
        await trusting.close()


async def test_a_certificate_for_another_name_is_refused(tmp_path):
    """The name in the URL is the name that is checked, not the address it resolved to."""
    context, certificate = self_signed(tmp_path)
    async with Sink(tls=context) as sink:
        resolver = CachedResolver(lambda host, port: [(2, 1, 6, "", ("127.0.0.1", sink.port))])
        tls = ssl.create_default_context(cafile=certificate)
        transport = HttpTransport(LOOPBACK, tls=tls, resolver=resolver)
        assert (await transport.send(Request("POST", f"https://localhost:{sink.port}/"))).status == 200
        error = await failure(transport, Request("POST", f"https://other.example:{sink.port}/"))
        assert error.kind == "tls"
        await transport.close()


@pytest.mark.parametrize("step", [Step(raw="HTTP/1.1 400 Bad Request\r\n\r\n"), Step(then="drop")])
async def test_a_server_without_tls_is_named(sink, transport, step):
    """https to a port that speaks plain HTTP is a TLS failure, not a mystery."""
    error = await failure(transport, Request("POST", f"https://127.0.0.1:{sink.port}/"))
    assert (error.kind, error.retriable) == ("tls", True)


async def test_a_server_that_never_speaks_tls_is_a_connect_timeout(sink, transport):
    """The handshake belongs to the connection."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        request = Request("POST", f"https://127.0.0.1:{silent.getsockname()[1]}/", connect_timeout=0.2)
        error = await failure(transport, request)
    assert (error.kind, error.retriable) == ("connect_timeout", True)
