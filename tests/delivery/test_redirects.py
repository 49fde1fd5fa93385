"""Redirects: where they lead, what goes along, and where they end."""

from __future__ import annotations

import pytest

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.redirects import redirected, send_following
from hedgerow.delivery.transport import Request, TransportError
from support.sink import Sink, Step

HEADERS = {"Authorization": "secret", "X-Api-Key": "secret", "Content-Type": "text/plain", "webhook-id": "d"}


def request(url, method="POST", **more):
    return Request(method, url, HEADERS, b"body", follow_redirects=True, **more)


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [("POST", 301, "GET"), ("POST", 302, "GET"), ("PUT", 302, "PUT"), ("PUT", 303, "GET"), ("HEAD", 303, "HEAD"),
     ("POST", 307, "POST"), ("POST", 308, "POST")],
)  # fmt: skip
def test_methods(method, status, expected):
    """A method becomes GET as it does in browsers, and then without its body."""
    after = redirected(request("https://a.test/x", method), status, "../y?z=1")
    assert (after.method, after.url) == (expected, "https://a.test/y?z=1")
    assert (after.body is None) == (expected == "GET")
    assert ("Content-Type" in after.headers) == (expected != "GET")
    assert after.headers["Authorization"] == "secret"


@pytest.mark.parametrize("where", ["https://b.test/", "http://a.test/", "https://a.test:444/", "//b.test/x"])
def test_no_credential_leaves_the_origin(where):
    """Another host, scheme or port gets only headers that cannot be credentials."""
    after = redirected(request("https://a.test/"), 307, where)
    assert after.headers == {"Content-Type": "text/plain", "webhook-id": "d"}


async def test_it_is_followed_only_when_asked():
    """The answer of the last hop is the answer; without asking, the redirect itself is."""
    transport = HttpTransport(EgressPolicy(["127.0.0.0/8"]))
    async with Sink() as sink:
        sink.script("/a", *[Step(status=302, headers={"Location": "/b"})] * 2)
        asked = await send_following(transport, request(f"{sink.url}/a"))
        assert (asked.status, [r.path for r in sink.requests]) == (200, ["/a", "/b"])
        plain = await send_following(transport, Request("GET", f"{sink.url}/a"))
        assert plain.status == 302
    await transport.close()


async def test_a_private_address_behind_a_redirect_is_not_reached():
    """Each hop is judged like a first one."""
    transport = HttpTransport(EgressPolicy(["127.0.0.1/32"]))
    async with Sink() as sink:
        for where in (
            "http://10.0.0.1/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "file:///etc/passwd",
        ):
            sink.script("/a", Step(status=307, headers={"Location": where}))
            with pytest.raises(TransportError) as caught:
                await send_following(transport, request(f"{sink.url}/a"))
            assert caught.value.kind in {"egress", "invalid_url"}
            assert not caught.value.retriable
    await transport.close()


async def test_a_circle_ends():
    """After five redirects it is given up, for good."""
    transport = HttpTransport(EgressPolicy(["127.0.0.0/8"]))
    async with Sink() as sink:
        sink.script("/a", *[Step(status=308, headers={"Location": "/a"})] * 9)
        with pytest.raises(TransportError, match="more than 5") as caught:
            await send_following(transport, request(f"{sink.url}/a"))
        assert not caught.value.retriable
        assert len(sink.requests) == 6
    await transport.close()


async def test_the_time_limit_is_that_of_the_whole_way():
    """Hops that are quick each do not add up to more than the limit."""
    transport = HttpTransport(EgressPolicy(["127.0.0.0/8"]))
    async with Sink() as sink:
        sink.script("/a", *[Step(status=308, headers={"Location": "/a"}, delay=0.2)] * 9)
        with pytest.raises(TransportError) as caught:
            await send_following(transport, request(f"{sink.url}/a", timeout=0.5))
        assert caught.value.kind == "timeout"
    await transport.close()
