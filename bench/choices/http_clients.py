"""Which HTTP client carries deliveries: posts per second and CPU per post, side by side, each with the egress guard on.

Every client posts 700 bytes of JSON to one host at concurrency 64, checks the URL and the address by the same policy, limits the time
of each request and the size of each answer, follows no redirect and uses no proxy: what a delivery needs, no less. The sink
is a process of its own. The floor beside them is a bare connection that writes prepared bytes and waits for the next read.

    python bench/choices/http_clients.py
    python bench/choices/http_clients.py --seconds 2 --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.resolver import CachedResolver
from hedgerow.delivery.transport import Request

SINK = Path(__file__).parents[2] / "tests" / "support" / "sink.py"
BODY = b'{"event":"$pageview","filler":"' + b"x" * 667 + b'"}'
HOST = "sink.example"
CONCURRENCY = 64
LIMIT = 1_000_000
POLICY = EgressPolicy(["127.0.0.0/8"])

Post = Callable[[], Awaitable[None]]
Client = Callable[[int], contextlib.AbstractAsyncContextManager[Post]]


@contextlib.asynccontextmanager
async def hedgerow(port: int) -> AsyncIterator[Post]:
    """The transport of the product."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    transport = HttpTransport(POLICY, resolver=CachedResolver(lambda _host, _port: rows))
    url = f"http://{HOST}:{port}/hook"

    async def post() -> None:
        headers = {"Content-Type": "application/json", "webhook-id": "0193"}
        answer = await transport.send(Request("POST", url, headers, BODY, max_body=LIMIT))
        assert answer.status == 200

    yield post
    await transport.close()


@contextlib.asynccontextmanager
async def aiohttp_guarded(port: int) -> AsyncIterator[Post]:
    """The client aiohttp, as lean as it goes: no cookies, no automatic headers, guard in resolver and socket factory."""
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
    from yarl import URL

    class Resolver(AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
            assert family in {socket.AF_UNSPEC, socket.AF_INET}
            POLICY.check_address("127.0.0.1", host=host)
            return [
                ResolveResult(
                    hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
                )
            ]

        async def close(self) -> None: ...

    def guarded(info: Any) -> socket.socket:
        POLICY.check_address(info[4][0])
        return socket.socket(info[0], info[1], info[2])

    connector = aiohttp.TCPConnector(limit=0, resolver=Resolver(), socket_factory=guarded)
    skipped = ["User-Agent", "Accept", "Accept-Encoding", "Content-Type"]
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=skipped
    )
    url, timeout = f"http://{HOST}:{port}/hook", aiohttp.ClientTimeout(total=10, sock_connect=3)

    async def post() -> None:
        target = URL(POLICY.check_url(url).url, encoded=True)
        headers = {"Content-Type": "application/json", "webhook-id": "0193", "User-Agent": "Hedgerow"}
        async with session.post(
            target, data=BODY, headers=headers, allow_redirects=False, timeout=timeout
        ) as answer:
            assert len(await answer.content.read(LIMIT)) == 2
            assert answer.status == 200

    yield post
    await session.close()


@contextlib.asynccontextmanager
async def pyreqwest_guarded(port: int) -> AsyncIterator[Post]:
    """The client pyreqwest, with a client per origin, pinned to the address that was judged."""
    from pyreqwest.client import ClientBuilder

    POLICY.check_address("127.0.0.1", host=HOST)
    builder = ClientBuilder().no_proxy().follow_redirects(enable=False).resolve(HOST, "127.0.0.1", port)
    builder = builder.connect_timeout(dt.timedelta(seconds=3)).http1_only()
    timeout, url = dt.timedelta(seconds=10), f"http://{HOST}:{port}/hook"
    async with builder.build() as client:

        async def post() -> None:
            target = POLICY.check_url(url)
            request = client.post(target.url).timeout(timeout).body_bytes(BODY)
            request = request.headers({"Content-Type": "application/json", "webhook-id": "0193"})
            async with request.build_streamed() as answer:
                assert len(await answer.body_reader.read(LIMIT)) == 2
                assert answer.status == 200

        yield post


@contextlib.asynccontextmanager
async def bare(port: int) -> AsyncIterator[Post]:
    """The floor: no parsing, no checks, no limits."""
    loop = asyncio.get_running_loop()
    idle: list[Bare] = []
    head = f"POST /hook HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    message = head.encode() + BODY

    async def post() -> None:
        connection = idle.pop() if idle else (await loop.create_connection(Bare, "127.0.0.1", port))[1]
        connection.answer = loop.create_future()
        connection.transport.write(message)
        await connection.answer
        idle.append(connection)

    yield post
    for connection in idle:
        connection.transport.abort()


class Bare(asyncio.Protocol):
    """One connection; any bytes are an answer."""

    transport: asyncio.Transport
    answer: asyncio.Future[None]

    def connection_made(self, transport: Any) -> None:
        """Remember where to write."""
        self.transport = transport

    def data_received(self, _data: bytes) -> None:
        """Whatever it is, it counts."""
        if not self.answer.done():
            self.answer.set_result(None)


CLIENTS: dict[str, Client] = {
    "hedgerow": hedgerow,
    "pyreqwest + guard": pyreqwest_guarded,
    "aiohttp + guard": aiohttp_guarded,
    "bare connection": bare,
}


async def measure(client: Client, port: int, seconds: float) -> tuple[float, float]:
    """Posts per second, and microseconds of CPU per post in this process (all threads)."""
    async with client(port) as post:
        await run(post, min(seconds / 4, 0.5))
        cpu, began = time.process_time(), time.perf_counter()
        count = await run(post, seconds)
        return count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6


async def run(post: Post, seconds: float) -> int:
    """Post at full concurrency for a time; how often."""
    end = time.perf_counter() + seconds

    async def worker() -> int:
        count = 0
        while time.perf_counter() < end:
            await post()
            count += 1
        return count

    return sum(await asyncio.gather(*(worker() for _ in range(CONCURRENCY))))


@contextlib.contextmanager
def sink():
    """The sink in its own process; yields its port."""
    process = subprocess.Popen([sys.executable, SINK, "--keep-bytes", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(5)


def main() -> None:
    """Run all clients in turn, several rounds, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
    with sink() as port:
        for _ in range(given.rounds):
            for name, client in CLIENTS.items():
                results[name].append(uvloop.run(measure(client, port, given.seconds)))
    print(
        f"{'client':<20} {'posts/s':>9} {'CPU us/post':>12} {'CPU beside hedgerow':>20}   ({os.cpu_count()} cores)"
    )
    own = statistics.median(cpu for _, cpu in results["hedgerow"])
    for name, rounds in results.items():
        rate, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:<20} {rate:>9,.0f} {cpu:>12.0f} {cpu / own:>19.1f}x")


if __name__ == "__main__":
    main()
