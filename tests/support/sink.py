"""An HTTP server that takes what deliveries send, remembers it, and misbehaves on command.

In a test, on the test's own loop::

    async with Sink() as sink:
        sink.script("/hook", Step(status=429, headers={"Retry-After": "2"}), Step(status=200))
        ...
        assert [r.body for r in sink.requests] == [...]

As a process of its own (prints its port, serves until it is terminated)::

    python tests/support/sink.py --port 0

where it is steered over paths below ``/__sink__/``: ``POST script`` (``{"path": ..., "steps": [{"status": 500}, ...]}``),
``GET requests?path=&since=``, ``GET count``, ``POST reset``. Without a script it answers every request with 200 and an
empty JSON object, as fast as a protocol on uvloop can, because benchmarks stand on it. For them ``--mark KEY`` keeps of each request
nothing but its time of arrival, its path and the value of that JSON key: ``GET marks?path=``, ``GET arrived?path=``.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import gc
import gzip
import json
import re
import signal
import socket
import ssl
import struct
import sys
import time
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Self
from urllib.parse import parse_qs

import httptools

CONTROL = "/__sink__/"
WHOLE = re.compile(
    rb"POST (?!/__sink__/)([^ ?]*)[^ ]* HTTP/1\.1\r\n(?:.+\r\n)*?content-length: *(\d+)\r\n(?:.+\r\n)*\r\n",
    re.IGNORECASE,
)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
REASONS = {
    200: "OK",
    201: "Created",
    301: "Moved Permanently",
    302: "Found",
    404: "Not Found",
    429: "Too Many Requests",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with one request.

    Attributes:
        status: of the answer.
        headers: added to the answer; ``Content-Length`` here replaces the true one.
        body: of the answer, as text.
        delay: seconds before the first byte of the answer.
        drip: seconds between single bytes of the body.
        size: send this many bytes of body instead of ``body``.
        gzip: compress the body (a bomb, with a large ``size``).
        chunked: frame the body in chunks instead of stating its length.
        raw: these bytes instead of an HTTP answer.
        then: what becomes of the connection: ``keep``, ``close`` (after the answer), ``half-close`` (stop sending but go on reading),
            ``reset`` (RST in place of an answer), ``drop`` (FIN in place of an answer), ``hang`` (no answer at all).
        when: ``always``, or ``reused``: only when the connection served a request before (else the plain answer, and the step is kept).
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "{}"
    delay: float = 0.0
    drip: float = 0.0
    size: int = 0
    gzip: bool = False
    chunked: bool = False
    raw: str = ""
    then: str = "keep"
    when: str = "always"


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived; header names are lower case."""

    arrived: float
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        """The body, decoded."""
        return json.loads(self.body)


class Book:
    """What was received and what is scripted. Bodies are kept up to ``keep_bytes``; beyond it only counts go on."""

    def __init__(self, keep_bytes: int = 64_000_000, mark: str = "") -> None:
        self.keep_bytes = keep_bytes
        self.requests: list[Received] = []
        self.marks: dict[str, list[tuple[float, str]]] = {}
        self.count = 0
        self.dropped = 0
        self.connections = 0
        self.open = 0
        self._mark = re.compile(rb'"%s"\s*:\s*"([^"]*)"' % re.escape(mark.encode())) if mark else None
        self._kept = 0
        self._scripts: dict[str, deque[Step]] = {}
        self._forever: dict[str, Step] = {}

    def reset(self) -> None:
        """Forget requests and scripts."""
        self.requests.clear()
        self.marks.clear()
        self.count = self.dropped = self._kept = 0
        self._scripts.clear()
        self._forever.clear()

    def script(self, path: str, *steps: Step, forever: bool = False) -> None:
        """Answer the next requests to a path with these steps, then as before; the last one for ever if asked. ``*`` is any path."""
        self._scripts.setdefault(path, deque()).extend(steps[:-1] if forever else steps)
        if forever:
            self._forever[path] = steps[-1]

    def calm(self) -> None:
        """Forget the scripts, keep what was received."""
        self._scripts.clear()
        self._forever.clear()

    def record(self, request: Received) -> None:
        self.count += 1
        if self._mark is not None:
            self._keep_mark(request)
            return
        if self._kept + len(request.body) > self.keep_bytes:
            self.dropped += 1
            return
        self._kept += len(request.body) + 300
        self.requests.append(request)

    def _keep_mark(self, request: Received) -> None:
        self._note(request.path.partition("?")[0], request.arrived, self._mark.search(request.body))

    def _note(self, path: str, arrived: float, found: re.Match[bytes] | None) -> None:
        self.marks.setdefault(path, []).append((arrived, found[1].decode() if found else ""))

    def mark_whole(self, data: bytes) -> bool:
        """Take a POST that came in one piece without parsing more of it than its mark; False when it has to be parsed."""
        if self._mark is None or self.scripted or (head := WHOLE.match(data)) is None:
            return False
        if len(data) != head.end() + int(head[2]):
            return False
        self.count += 1
        self._note(head[1].decode("latin-1"), time.monotonic(), self._mark.search(data, head.end()))
        return True

    @property
    def scripted(self) -> bool:
        return bool(self._scripts or self._forever)

    def step_for(self, path: str, reused: bool) -> Step | None:
        for key in (path.partition("?")[0], "*"):
            queue = self._scripts.get(key)
            if queue:
                return None if queue[0].when == "reused" and not reused else queue.popleft()
            if key in self._forever:
                return self._forever[key]
        return None


class SinkProtocol(asyncio.Protocol):
    """One connection. Requests are answered in order; a slow answer holds back those pipelined behind it."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport
        self.served = 0
        self.half_closed = False
        self.number = 0
        self.work: asyncio.Task[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.waiting: deque[tuple[Received, Step | None]] = deque()
        self.between = True
        self._clear()

    def _clear(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.book.connections += 1
        self.book.open += 1
        self.number = self.book.connections

    def connection_lost(self, exc) -> None:
        self.book.open -= 1
        self.writable.set()
        if self.work:
            self.work.cancel()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        quiet = self.between and self.work is None and not self.half_closed
        if quiet and self.book.mark_whole(data):
            self.served += 1
            self.transport.write(OK)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            self.transport.close()

    def on_message_begin(self) -> None:
        self.between = False
        self._clear()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.between = True
        path = self.url.decode("latin-1")
        if path.startswith(CONTROL):
            self.transport.write(control(self.book, path.removeprefix(CONTROL), b"".join(self.body)))
            return
        method = self.parser.get_method().decode("latin-1")
        request = Received(time.monotonic(), self.number, method, path, self.headers, b"".join(self.body))
        self.book.record(request)
        self.served += 1
        if self.half_closed:
            self.transport.close()
            return
        step = self.book.step_for(path, self.served > 1) if self.book.scripted else None
        if step is None and self.work is None:
            self.transport.write(OK if method != "HEAD" else OK[:-2])
            return
        self.waiting.append((request, step))
        if self.work is None:
            self.work = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self.waiting and not self.transport.is_closing():
            request, step = self.waiting.popleft()
            await self._perform(request, step or Step())
        self.work = None

    async def _perform(self, request: Received, step: Step) -> None:
        await asyncio.sleep(step.delay)
        match step.then:
            case "reset":
                self._reset()
            case "drop":
                self.transport.close()
            case "hang":
                await asyncio.sleep(3600)
            case _:
                await self._answer(request, step)

    async def _answer(self, request: Received, step: Step) -> None:
        async for piece in answer(request, step):
            if self.transport.is_closing():
                return
            self.transport.write(piece)
            await self.writable.wait()
        if step.then == "close":
            self.transport.close()
        elif step.then == "half-close":
            self.transport.write_eof()
            self.half_closed = True

    def _reset(self) -> None:
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


async def answer(request: Received, step: Step) -> AsyncIterator[bytes]:
    """The bytes of an answer, with the pauses in between."""
    if step.raw:
        yield step.raw.encode("latin-1")
        return
    yield head(step)
    if request.method == "HEAD":
        return
    for piece in pieces(step):
        if step.drip:
            await asyncio.sleep(step.drip)
        yield b"%x\r\n%s\r\n" % (len(piece), piece) if step.chunked else piece
    if step.chunked:
        yield b"0\r\n\r\n"


def head(step: Step) -> bytes:
    """Status line and headers."""
    headers = {"Content-Type": "application/json"}
    if step.chunked:
        headers["Transfer-Encoding"] = "chunked"
    else:
        headers["Content-Length"] = str(sum(map(len, pieces(step))))
    if step.gzip:
        headers["Content-Encoding"] = "gzip"
    headers |= step.headers
    lines = [f"HTTP/1.1 {step.status} {REASONS.get(step.status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def pieces(step: Step) -> Iterator[bytes]:
    """The body in the pieces in which it is sent."""
    if step.gzip:
        yield bomb(step.size) if step.size else gzip.compress(step.body.encode())
    elif step.size:
        full, rest = divmod(step.size, 65_536)
        yield from (b"x" * 65_536 for _ in range(full))
        yield b"x" * rest
    elif step.drip:
        yield from (bytes([byte]) for byte in step.body.encode())
    else:
        yield step.body.encode()


def bomb(size: int) -> bytes:
    """``size`` equal bytes, compressed without holding them."""
    out = bytearray()
    squeeze = zlib.compressobj(9, wbits=31)
    for _ in range(size // 1_000_000):
        out += squeeze.compress(b"x" * 1_000_000)
    return bytes(out + squeeze.flush())


def control(book: Book, path: str, body: bytes) -> bytes:
    """Answer a request for the sink itself."""
    command, _, query = path.partition("?")
    asked = {key: values[-1] for key, values in parse_qs(query).items()}
    given = json.loads(body) if body else {}
    match command:
        case "script":
            steps = [Step(**step) for step in given["steps"]]
            book.script(given["path"], *steps, forever=given.get("forever", False))
            result: object = {}
        case "reset":
            book.reset()
            result = {}
        case "count":
            paths = Counter(request.path for request in book.requests)
            result = {
                "count": book.count,
                "dropped": book.dropped,
                "connections": book.connections,
                "paths": paths,
            }
        case "requests":
            since = int(asked.get("since", 0))
            chosen = [r for r in book.requests[since:] if r.path == asked.get("path", r.path)]
            result = [as_json(request) for request in chosen]
        case "marks":
            result = book.marks.get(asked["path"], [])
        case "arrived":
            result = len(book.marks.get(asked["path"], ()))
        case _:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    payload = json.dumps(result).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(payload),
        payload,
    )


def as_json(request: Received) -> dict[str, object]:
    """A request for a reader in another process; a body that is not text is base64."""
    record = asdict(request)
    try:
        record["body"] = request.body.decode()
    except UnicodeDecodeError:
        record["body_base64"] = base64.b64encode(record.pop("body")).decode()
    return record


class Sink(Book):
    """The server on the running loop, as an async context manager.

    Args:
        host: address to listen on.
        port: 0 for any.
        tls: serve TLS with this context (``support.certificates`` makes one).
        keep_bytes: how much of what was received is kept.
        mark: keep nothing but the value of this JSON key, as benchmarks need it.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        keep_bytes: int = 64_000_000,
        mark: str = "",
    ) -> None:
        super().__init__(keep_bytes, mark)
        self.host = host
        self.port = port
        self.tls = tls

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._protocols: set[SinkProtocol] = set()
        self._server = await loop.create_server(
            self._protocol, self.host, self.port, ssl=self.tls, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _protocol(self) -> SinkProtocol:
        protocol = SinkProtocol(self)
        self._protocols.add(protocol)
        return protocol

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        self.drop_connections()
        await asyncio.sleep(0)

    def drop_connections(self) -> None:
        """Close every open connection, as a server does with those idle for too long."""
        for protocol in self._protocols:
            if hasattr(protocol, "transport"):
                protocol.transport.abort()
        self._protocols.clear()


async def serve(host: str, port: int, keep_bytes: int, mark: str) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Sink(host, port, keep_bytes=keep_bytes, mark=mark) as sink:
        print(sink.port, flush=True)
        await stop.wait()


def main() -> None:
    """Run the sink as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--keep-bytes", type=int, default=512_000_000)
    parser.add_argument("--mark", default="", metavar="KEY")
    given = parser.parse_args()
    if given.mark:
        gc.disable()  # a pause of the sink would be counted as latency of what is measured
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(given.host, given.port, given.keep_bytes, given.mark))


if __name__ == "__main__":
    sys.exit(main())
