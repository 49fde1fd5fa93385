"""Which HTTP server carries capture: requests per second of the same raw ASGI application, side by side.

The application reads a body of 700 bytes and answers ``{"status":"Ok"}``; in the second column it first waits for a
group commit as capture does (one timer of a millisecond wakes all who came meanwhile). The client is a process of its
own with 64 keep-alive connections and one request in flight on each. Peers that are not installed are left out:

    python bench/choices/servers.py            # what is in this environment
    python bench/choices/servers.py --seconds 2 --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

BODY = b'{"api_key":"phc_x","batch":[{"event":"e","properties":{"filler":"' + b"x" * 626 + b'"}}]}'
ANSWER = b'{"status":"Ok"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
CONNECTIONS = 64


class App:
    """Reads the body and answers; with ``commit`` it waits for a shared wake-up before that."""

    def __init__(self, *, commit: bool) -> None:
        self._commit = commit
        self._waiting: asyncio.Future[None] | None = None

    def _durable(self) -> asyncio.Future[None]:
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            loop.call_later(0.001, self._flush)
        return self._waiting

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set_result(None)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        message = await receive()
        parts = [message["body"]]
        while message.get("more_body"):
            message = await receive()
            parts.append(message["body"])
        body = b"".join(parts)
        if self._commit:
            await self._durable()
        status = 200 if len(body) == len(BODY) else 400
        await send({"type": "http.response.start", "status": status, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER})


app_bare = App(commit=False)
app_commit = App(commit=True)


def serve_embedded(port: int, app: str) -> None:
    """Granian inside our own event loop."""
    import uvloop
    from granian.server.embed import Server

    async def main() -> None:
        server = Server(
            globals()[app],
            address="127.0.0.1",
            port=port,
            interface="asginl",  # type: ignore[arg-type]
            websockets=False,
            log_enabled=False,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
        await server.serve()

    uvloop.run(main())


def serve_workers(port: int, app: str) -> None:
    """Granian with a worker process that it starts itself."""
    from granian import Granian

    Granian(
        f"servers:{app}",
        address="127.0.0.1",
        port=port,
        interface="asginl",  # type: ignore[arg-type]
        loop="uvloop",  # type: ignore[arg-type]
        websockets=False,
        log_enabled=False,
    ).serve()


def serve_uvicorn(port: int, app: str, http: str = "httptools", loop: str = "uvloop") -> None:
    """The usual server."""
    import uvicorn

    uvicorn.run(
        globals()[app],
        host="127.0.0.1",
        port=port,
        http=http,
        loop=loop,
        lifespan="off",
        log_level="critical",
    )


def serve_uvicorn_plain(port: int, app: str) -> None:
    """The usual server without its optional accelerators."""
    serve_uvicorn(port, app, "h11", "asyncio")


PEERS: dict[str, tuple[str, Callable[[int, str], None]]] = {
    "granian, embedded": ("granian", serve_embedded),
    "granian, own worker": ("granian", serve_workers),
    "uvicorn, httptools+uvloop": ("uvicorn", serve_uvicorn),
    "uvicorn, h11+asyncio": ("uvicorn", serve_uvicorn_plain),
}


class Client(asyncio.Protocol):
    """One connection that sends its next request when an answer is complete."""

    done = 0
    request = (
        b"POST /batch/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(BODY)).encode()
        + b"\r\n\r\n"
        + BODY
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count an answer and go on."""
        if data.endswith(ANSWER):
            if not data.startswith(b"HTTP/1.1 200") and data != ANSWER:
                raise SystemExit(f"unexpected answer: {data[:200]!r}")
            Client.done += 1
            self._transport.write(self.request)


async def load(port: int, seconds: float, rounds: int) -> list[float]:
    """Requests per second in each round, after a short warm-up."""
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Client, "127.0.0.1", port))[0] for _ in range(CONNECTIONS)]
    await asyncio.sleep(min(seconds, 0.5))
    rates = []
    for _ in range(rounds):
        before, began = Client.done, time.perf_counter()
        await asyncio.sleep(seconds)
        rates.append((Client.done - before) / (time.perf_counter() - began))
    for transport in connections:
        transport.abort()
    return rates


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_open(port: int, timeout: float = 10.0) -> None:
    """Return when something accepts connections."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start")


def measure(peer: str, app: str, seconds: float, rounds: int) -> float:
    """The best round of one server in a process of its own."""
    port = free_port()
    here = Path(__file__).resolve().parent
    server = subprocess.Popen([sys.executable, __file__, "--serve", peer, str(port), app], cwd=here)
    try:
        wait_until_open(port)
        client = [sys.executable, __file__, "--load", str(port), str(seconds), str(rounds)]
        output = subprocess.run(client, check=True, capture_output=True, text=True, timeout=60).stdout
        return max(map(float, output.split()))
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()


def report(seconds: float, rounds: int) -> None:
    """Measure all and print them beside each other."""
    print(f"{'requests/s, best of ' + str(rounds):28}{'bare answer':>14}{'group commit':>14}")
    for peer, (module, _) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            print(f"{peer:28}{'not installed':>14}")
            continue
        rates = [measure(peer, app, seconds, rounds) for app in ("app_bare", "app_commit")]
        print(f"{peer:28}{rates[0]:14,.0f}{rates[1]:14,.0f}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", nargs=3, metavar=("PEER", "PORT", "APP"), help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=3, metavar=("PORT", "SECONDS", "ROUNDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        peer, port, app = options.serve
        PEERS[peer][1](int(port), app)
    elif options.load:
        port, seconds, rounds = options.load
        try:
            import uvloop as runner
        except ImportError:
            import asyncio as runner  # type: ignore[no-redef]
        print(*runner.run(load(int(port), float(seconds), int(rounds))))
    else:
        report(options.seconds, options.rounds)


if __name__ == "__main__":
    main()
