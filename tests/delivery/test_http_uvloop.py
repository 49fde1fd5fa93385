"""The HTTP transport on uvloop, the loop of production: the ways in which its transports differ from asyncio's."""

import socket
import ssl

import pytest
import uvloop

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.transport import Request, TransportError
from support.certificates import self_signed
from support.sink import Sink, Step

LOOPBACK = EgressPolicy(["127.0.0.0/8"])


def send(*steps, repeat=1, request=None, tls=None, trust=None):
    """Send requests one after the other to a scripted sink; statuses or kinds of failure, and the sink."""

    async def body():
        async with Sink(tls=tls) as sink:
            sink.script("/hook", *steps)
            transport = HttpTransport(LOOPBACK, tls=trust)
            outcomes = []
            for _ in range(repeat):
                outgoing = request or Request("POST", f"{sink.url}/hook", body=b"{}", timeout=0.5)
                try:
                    outcomes.append((await transport.send(outgoing)).status)
                except TransportError as error:
                    outcomes.append(error.kind)
            await transport.close()
            return outcomes, sink

    return uvloop.run(body())


def test_connections_are_used_again():
    """Keep-alive works."""
    outcomes, sink = send(repeat=3)
    assert (outcomes, sink.connections) == ([200] * 3, 1)


@pytest.mark.parametrize("then", ["reset", "drop"])
def test_a_stale_connection_is_replaced(then):
    """A used connection that breaks without an answer costs nothing."""
    outcomes, sink = send(Step(), Step(then=then, when="reused"), repeat=2)
    assert (outcomes, sink.count) == ([200, 200], 3)


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (Step(chunked=True), 200),
        (Step(gzip=True), 200),
        (Step(size=5_000_000), 200),
        (Step(raw="HTTP/1.1 200 OK\r\n\r\n{}", then="close"), 200),
        (Step(then="reset"), "reset"),
        (Step(then="drop"), "reset"),
        (Step(headers={"Content-Length": "10"}, then="close"), "reset"),
        (Step(then="hang"), "timeout"),
        (Step(raw="nonsense\r\n\r\n"), "protocol"),
    ],
)
def test_outcomes_are_those_of_the_other_loop(step, outcome):
    """Answers and failures have the same names."""
    assert send(step)[0] == [outcome]


def test_a_refused_connection_is_named():
    """Whichever exception the loop has for it."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert send(request=Request("POST", f"http://127.0.0.1:{port}/"))[0] == ["refused"]


def test_large_requests_arrive_whole():
    """A body larger than the socket's buffers is written in pieces."""

    async def body():
        async with Sink() as sink:
            transport = HttpTransport(LOOPBACK)
            await transport.send(Request("POST", sink.url, body=b"x" * 5_000_000))
            await transport.close()
            return sink.requests[0].body

    assert uvloop.run(body()) == b"x" * 5_000_000


def test_tls_is_verified(tmp_path):
    """Also over this loop's own TLS."""
    context, certificate = self_signed(tmp_path)
    assert send(tls=context)[0] == ["tls"]
    outcomes, sink = send(tls=context, trust=ssl.create_default_context(cafile=certificate), repeat=2)
    assert (outcomes, sink.connections) == ([200, 200], 1)
