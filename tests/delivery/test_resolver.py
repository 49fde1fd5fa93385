"""Look-ups: shared, remembered briefly, never in the way."""

import asyncio
import socket
import threading

import pytest

from hedgerow.delivery.resolver import CachedResolver
from hedgerow.delivery.transport import TransportError

ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


class Counting:
    """A look-up that counts, and waits until it is let go."""

    def __init__(self):
        self.asked = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, host, port):
        self.asked.append(host)
        self.go.wait(5)
        if host.startswith("no"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ANSWER


async def test_an_answer_is_remembered_for_its_time():
    """Within the time one look-up serves all; after it the name is looked up again."""
    lookup = Counting()
    resolver = CachedResolver(lookup, ttl=0.1)
    assert [await resolver.resolve("a", 80) for _ in range(3)] == [ANSWER] * 3
    await asyncio.sleep(0.12)
    await resolver.resolve("a", 80)
    assert lookup.asked == ["a", "a"]
    resolver.close()


async def test_those_who_ask_together_share_one_lookup():
    """A hundred deliveries to a new host ask once; one that gives up does not spoil it for the others."""
    lookup = Counting()
    lookup.go.clear()
    resolver = CachedResolver(lookup)
    asking = [asyncio.create_task(resolver.resolve("a", 80)) for _ in range(100)]
    await asyncio.sleep(0.02)
    asking[0].cancel()
    lookup.go.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [ANSWER] * 99
    assert lookup.asked == ["a"]
    resolver.close()


async def test_failures_are_not_remembered():
    """The next attempt asks again."""
    lookup = Counting()
    resolver = CachedResolver(lookup)
    for _ in range(2):
        with pytest.raises(TransportError, match="nowhere cannot be resolved") as raised:
            await resolver.resolve("nowhere", 80)
        assert (raised.value.kind, raised.value.retriable) == ("dns", True)
    assert lookup.asked == ["nowhere", "nowhere"]
    resolver.close()


async def test_a_name_without_addresses_is_a_failure():
    """An empty answer is as good as none."""
    resolver = CachedResolver(lambda host, port: [])
    with pytest.raises(TransportError, match="it has no address"):
        await resolver.resolve("empty", 80)
    resolver.close()


async def test_the_number_of_remembered_names_is_bounded():
    """The oldest answers make room."""
    lookup = Counting()
    resolver = CachedResolver(lookup, max_names=2)
    for host in ("a", "b", "c", "c", "b", "a"):
        await resolver.resolve(host, 80)
    assert lookup.asked == ["a", "b", "c", "a"]
    resolver.close()


async def test_localhost_resolves_for_real():
    """The system's own look-up gives rows as sockets take them."""
    resolver = CachedResolver()
    rows = await resolver.resolve("localhost", 8080)
    assert {row[4][:2] for row in rows} & {("127.0.0.1", 8080), ("::1", 8080)}
    resolver.close()
