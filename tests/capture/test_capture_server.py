"""Capture behind its real HTTP server: slow and oversized bodies, broken requests, and an orderly end."""

import asyncio
import contextlib
import socket
import time

import orjson
import pytest
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from hedgerow.capture import CaptureApp, CaptureOptions, Project

BODY = orjson.dumps({"event": "e", "distinct_id": "u", "api_key": "phc_valid"})


def head(length, extra=b""):
    return b"POST /e/ HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n" % (extra, length)


class SlowLog:
    """A log whose commit takes a moment."""

    partitions = 1

    def __init__(self):
        self.drafts = []

    async def append(self, drafts):
        await asyncio.sleep(0.3)
        self.drafts += drafts


@contextlib.asynccontextmanager
async def serving(log):
    async def projects(_token):
        return Project(1)

    options = CaptureOptions(body_timeout=0.4, max_body=100_000)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(
        CaptureApp(log, projects, options=options),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
        http1_settings=HTTP1Settings(header_read_timeout=500, max_buffer_size=65_536),
    )
    running = asyncio.create_task(server.serve())
    for _ in range(100):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0.02)
    try:
        yield port, server
    finally:
        server.stop()
        await asyncio.wait_for(running, 5)


async def exchange(port, *pieces, pause=0.0):
    """Send pieces; status and body of the first answer, None if there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        lines = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = int(lines.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return int(lines.split()[1]), await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    finally:
        writer.close()


@pytest.fixture(scope="module")
def outcomes():
    """All exchanges with one server, side by side."""

    async def run():
        log = SlowLog()
        async with serving(log) as (port, _):
            names = {
                "good": exchange(port, head(len(BODY)), BODY),
                "chunked": exchange(
                    port,
                    b"POST /batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                    b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
                ),
                "no body": exchange(port, head(10)),
                "dripping body": exchange(
                    port, head(len(BODY)), *[BODY[i : i + 4] for i in range(0, 40, 4)], pause=0.2
                ),
                "too large": exchange(port, head(500_000), b"x" * 500_000),
                "silent": exchange(port),
                "half a head": exchange(port, b"POST /e/ HTTP/1.1\r\n"),
                "long headers": exchange(port, head(3, b"X: " + b"x" * 200_000 + b"\r\n")),
                "bad chunks": exchange(
                    port, b"POST /e/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
                ),
            }
            answers = await asyncio.gather(*names.values())
        return dict(zip(names, answers, strict=True)), log

    return asyncio.run(run())


def test_good_requests(outcomes):
    """Plain and chunked bodies are taken."""
    answers, log = outcomes
    assert answers["good"] == answers["chunked"] == (200, b'{"status":"Ok"}')
    assert len(log.drafts) == 2


def test_slow_bodies_are_timed_out(outcomes):
    """A body has a limited time in all, not per byte; who goes on sending may miss the answer."""
    late = (408, b"the request body took too long")
    assert outcomes[0]["no body"] == late
    assert outcomes[0]["dripping body"] in {late, None}


def test_oversized_bodies_are_answered(outcomes):
    """The client reads 413, not a broken connection, so that it can halve its batch."""
    assert outcomes[0]["too large"][0] == 413


@pytest.mark.parametrize("name", ["silent", "half a head", "bad chunks"])
def test_broken_requests_end(outcomes, name):
    """Connections that never become a request are closed."""
    answer = outcomes[0][name]
    assert answer is None or answer[0] in {400, 408, 500}


def test_long_headers(outcomes):
    """Headers have a limit."""
    assert outcomes[0]["long headers"][0] == 431


def test_stopping_answers_what_has_begun():
    """A request that waits for its commit when the server is told to stop still gets its answer."""

    async def run():
        log = SlowLog()
        async with serving(log) as (port, server):
            asking = asyncio.create_task(exchange(port, head(len(BODY)), BODY))
            await asyncio.sleep(0.15)
            began = time.monotonic()
            server.stop()
            answer = await asking
        return answer, len(log.drafts), time.monotonic() - began

    answer, kept, took = asyncio.run(run())
    assert answer == (200, b'{"status":"Ok"}')
    assert kept == 1
    assert took < 4
