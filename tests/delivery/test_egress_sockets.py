"""The guard where it counts: real listeners on this machine that no delivery may reach."""

import asyncio
import contextlib
import errno
import itertools
import socket

import pytest

from hedgerow.delivery.egress import EgressPolicy, EgressRefused
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.resolver import CachedResolver
from hedgerow.delivery.transport import Request, TransportError
from support.sink import Sink, Step
from support.ssrf import FORMS


@pytest.fixture
async def listener():
    """A sink on every loopback address of this machine, on one port."""
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Sink("0.0.0.0"))
        with contextlib.suppress(OSError):  # a machine without IPv6
            await stack.enter_async_context(Sink("::1", sink.port))
        yield sink


@contextlib.asynccontextmanager
async def transport_to(*answers, allow=(), ttl=0.0):
    """A transport whose names resolve to each of the answers in turn, the last for ever."""
    turns = itertools.chain(answers, itertools.repeat(answers[-1] if answers else ()))

    def lookup(host, port):
        return [row(address, port) for address in next(turns)]

    transport = HttpTransport(EgressPolicy(allow), resolver=CachedResolver(lookup, ttl=ttl))
    yield transport
    await transport.close()


def row(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


async def refusal(transport, url):
    with pytest.raises(TransportError) as raised:
        await transport.send(Request("POST", url, timeout=2, connect_timeout=1))
    return raised.value


async def test_no_form_reaches_a_listener(listener):
    """Sent through the real transport, not one of the forms so much as opens a connection."""
    async with transport_to(["127.0.0.1"]) as transport:
        for url in FORMS:
            error = await refusal(transport, url.replace("{port}", str(listener.port)))
            assert (error.kind in {"egress", "invalid_url"}, error.retriable) == (True, False), url
    assert listener.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["127.0.0.2"],
        ["0.0.0.0"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%lo"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2606:4700:4700::1111", "::1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
    ],
)
async def test_a_name_is_refused_when_any_of_its_addresses_is(listener, answer):
    """One inner address among outer ones is enough: which one would be used is chance."""
    async with transport_to(answer) as transport:
        error = await refusal(transport, f"http://innocent.example:{listener.port}/")
    assert (error.kind, error.retriable) == ("egress", False)
    assert "innocent.example resolves to" in str(error)
    assert listener.connections == 0


async def test_a_name_that_changes_its_answer_is_judged_by_each_answer(listener):
    """What was allowed a moment ago says nothing about the next connection."""
    async with transport_to(["127.0.0.1"], ["127.0.0.2"], allow=["127.0.0.1"]) as transport:
        url = f"http://rebind.example:{listener.port}/"
        listener.script("*", Step(then="close"))
        assert (await transport.send(Request("POST", url))).status == 200
        await asyncio.sleep(0.02)
        error = await refusal(transport, url)
    assert (error.kind, listener.connections) == ("egress", 1)


async def test_the_connected_address_is_the_judged_one(listener):
    """There is one look-up per connection, and the socket goes to its answer: a second answer is never asked for."""
    asked = []

    def lookup(host, port):
        asked.append(host)
        return [row("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port)]

    transport = HttpTransport(EgressPolicy(["127.0.0.1"]), resolver=CachedResolver(lookup, ttl=0))
    await transport.send(Request("POST", f"http://pinned.example:{listener.port}/"))
    await transport.close()
    assert asked == ["pinned.example"]


async def test_the_socket_itself_is_guarded(listener):
    """Were everything before it bypassed, the socket factory would still refuse."""
    transport = HttpTransport(EgressPolicy())
    with pytest.raises(OSError, match="loopback") as refused:
        transport._make_socket(row("127.0.0.1", listener.port))
    await transport.close()
    assert refused.value.errno == errno.EACCES
    assert isinstance(refused.value.refusal, EgressRefused)


async def test_a_redirect_inwards_is_not_followed(listener):
    """A public host cannot send us to an inner one: its answer is just an answer."""
    listener.script(
        "/out", Step(status=307, headers={"Location": f"http://127.0.0.2:{listener.port}/secret"})
    )
    async with transport_to(["127.0.0.1"], allow=["127.0.0.1"]) as transport:
        answer = await transport.send(Request("POST", f"http://public.example:{listener.port}/out"))
    assert (answer.status, listener.count) == (307, 1)


async def test_a_connection_is_not_shared_between_names(listener):
    """Two names at one address have a connection each: what one may do says nothing about the other."""
    async with transport_to(["127.0.0.1"], allow=["127.0.0.1"]) as transport:
        for name in ("one.example", "two.example", "one.example"):
            await transport.send(Request("POST", f"http://{name}:{listener.port}/"))
    assert listener.connections == 2


async def test_an_allowed_network_is_reached(listener):
    """The operator's word counts for names and for literals."""
    async with transport_to(["127.0.0.1"], allow=["127.0.0.0/8"]) as transport:
        for host in ("127.0.0.1", "127.1", "2130706433", "local.example"):
            assert (await transport.send(Request("POST", f"http://{host}:{listener.port}/"))).status == 200


async def test_the_next_address_is_tried_when_the_first_does_not_answer(listener):
    """A host with a dead address is still reached."""
    async with transport_to(["::1", "127.0.0.1"], allow=["127.0.0.0/8", "::1"]) as transport:
        with socket.create_server(("127.0.0.1", 0)) as alone:
            port = alone.getsockname()[1]
            with pytest.raises(TransportError) as raised:
                await transport.send(Request("POST", f"http://both.example:{port}/", timeout=0.2))
            assert raised.value.kind == "timeout"  # it was connected, and nobody answers there
