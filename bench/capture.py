"""How fast events come in, durably: single requests and batches of 100, each beside its floor.

One server process (granian with the real capture application over the real event log, ``synchronous=FULL``), one client
process with keep-alive connections and prepared bytes. The floors, in the same run: the same server with an application
that reads the body and answers; and the event log alone, fed with ready records from a loop. Rates depend on what else the machine
does; the processor time of the server per event hardly does. The client's share of a core tells whether it was what held things up.

    python bench/capture.py                      # about 20 seconds
    python bench/capture.py --seconds 10 --rounds 3
    python bench/capture.py --memory 2000000     # memory while so many events come in
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from hedgerow.capture import CaptureApp, Project
from hedgerow.events import Draft, Event
from hedgerow.log.sqlite import SqliteLog

TOKEN = "phc_" + "b" * 43
SIZE = 700
BATCH = 100
# By size of the batch. Each waits for its answer before it goes on, so that with few of them the disk's latency would decide.
CONNECTIONS = {1: 256, BATCH: 32}
OK = b'{"status":"Ok"}'
# What caches and the allocator may still take once they are warm.
FLAT_MIB = 24
TICKS = os.sysconf("SC_CLK_TCK")


def event(number: int) -> dict[str, Any]:
    """One event of 700 bytes; every fifth changes its person."""
    made: dict[str, Any] = {
        "uuid": f"0190a5e0-0000-7000-8000-{number:012x}",
        "event": "bench viewed",
        "distinct_id": f"user-{number % 5000}",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": {"$current_url": f"https://example.com/{number}", "$lib": "bench", "price": number / 7},
    }
    if number % 5 == 0:
        made["$set"] = {"email": f"user{number}@example.com"}
    for key in range(12):
        made["properties"][f"property_{key}"] = "x" * 20
    missing = SIZE - len(orjson.dumps(made)) - len(',"filler":""')
    made["properties"]["filler"] = "x" * max(0, missing)
    return made


def requests(batch: int) -> list[bytes]:
    """Prepared requests, enough of them that nothing is served from a cache."""
    prepared = []
    for start in range(0, 2000 if batch == 1 else 2000 * 5, batch):
        events = [event(number) for number in range(start, start + batch)]
        body = (
            {"api_key": TOKEN, **events[0]}
            if batch == 1
            else {"api_key": TOKEN, "batch": events, "sent_at": "2026-01-02T03:04:06.000Z"}
        )
        data = orjson.dumps(body)
        prepared.append(
            b"POST /batch/ HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (len(data), data)
        )
    return prepared


# ---------------------------------------------------------------- servers


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The floor: read the body, answer."""
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(OK))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": OK})


async def serve(port: int, folder: str) -> None:
    """Serve capture over a log in a folder, or the floor without one."""
    application: Any = bare
    log = None
    if folder:
        log = SqliteLog(Path(folder), 16, clock=time.time)
        project = Project(1)

        async def projects(token: str) -> Project | None:
            return project if token == TOKEN else None

        application = CaptureApp(log, projects)
    server = Server(
        application,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    # As the web process does: events die by reference count, so that looking for cycles that often finds nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    sys.setswitchinterval(0.001)
    await server.serve()
    if log is not None:
        log.close()


@contextlib.contextmanager
def running(folder: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a server of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(port), folder])
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


# ----------------------------------------------------------------- client


class Clients:
    """Connections that each send their next request when an answer is complete: plain sockets, to take little from the server."""

    def __init__(self, port: int, batch: int) -> None:
        self._prepared = itertools.cycle(requests(batch))
        self._ready = select.epoll()
        self._sockets = {}
        for _ in range(CONNECTIONS[batch]):
            one = socket.create_connection(("127.0.0.1", port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20
            )  # a request never waits for the server
            self._sockets[one.fileno()] = one
            self._ready.register(one, select.EPOLLIN)
            one.sendall(next(self._prepared))

    def go_on(self, seconds: float) -> int:
        """How many answers came in this time."""
        done, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            for descriptor, _ in self._ready.poll(0.1):
                one = self._sockets[descriptor]
                data = one.recv(4096)
                if not data.endswith(OK):
                    sys.exit(f"unexpected answer: {data[:300]!r}")
                one.sendall(next(self._prepared))
                done += 1
        return done


def load(port: int, batch: int, seconds: float, rounds: int) -> list[float]:
    """How many events were sent in all, and how many per second in each round, after a warm-up."""
    clients = Clients(port, batch)
    total, rates = clients.go_on(1.0) * batch, []
    for _ in range(rounds):
        began = time.perf_counter()
        done = clients.go_on(seconds) * batch
        rates.append(done / (time.perf_counter() - began))
        total += done
    return [total, *rates]


# --------------------------------------------------------------- measuring


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int) -> int:
    """Memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def client_seconds() -> float:
    """Processor time of the clients that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(name: str, batch: int, seconds: float, rounds: int, *, floor: bool) -> None:
    """Run one server and one client; print the best round and the processor time."""
    with (
        tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder,
        running("" if floor else folder) as (port, pid),
    ):
        before, client_before, began = cpu_seconds(pid), client_seconds(), time.perf_counter()
        arguments = ["--load", str(port), str(batch), str(seconds), str(rounds)]
        client = [sys.executable, __file__, *arguments]
        out = subprocess.run(client, check=True, capture_output=True, text=True, timeout=600).stdout
        total, *rates = map(float, out.split())
        used, took = cpu_seconds(pid) - before, time.perf_counter() - began
        client_used = client_seconds() - client_before
        memory = resident_mib(pid)
    rates.sort()
    print(
        f"{name:34}{rates[-1]:12,.0f}{rates[len(rates) // 2]:12,.0f}{used / total * 1e6:9.1f} us"
        f"{100 * used / took:9.0f} %{100 * client_used / took:9.0f} %{memory:9} MiB",
        flush=True,
    )


def measure_memory(events: int) -> bool:
    """Send so many events and show the server's memory on the way; whether it is flat after the first fifth."""
    sizes: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder, running(folder) as (port, pid):
        done = 0
        while done < events:
            client = [sys.executable, __file__, "--load", str(port), str(BATCH), "4", "1"]
            out = subprocess.run(client, check=True, capture_output=True, text=True, timeout=600).stdout
            done += int(float(out.split()[0]))
            sizes.append((done, resident_mib(pid)))
            print(f"{'memory after so many events':34}{done:12,}{sizes[-1][1]:9} MiB", flush=True)
    settled = [size for done, size in sizes if done >= events / 5]
    growth = settled[-1] - settled[0]
    print(f"{'growth since the first fifth':34}{growth:21} MiB, {FLAT_MIB} are allowed", flush=True)
    return growth <= FLAT_MIB


def measure_log(name: str, group: int, seconds: float) -> None:
    """Events per second that the event log alone makes durable in groups."""
    drafts = []
    for number in range(group):
        raw = event(number)
        payload = Event(raw["uuid"], raw["event"], raw["distinct_id"], raw["properties"]).encode()
        drafts.append(Draft(1, raw["distinct_id"], 1, payload))
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        log = SqliteLog(Path(folder), 16, clock=time.time)
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            log.append_now(drafts)
            done += group
        print(f"{name:34}{done / (time.perf_counter() - began):12,.0f}", flush=True)
        log.close()


def report(seconds: float, rounds: int) -> None:
    """Measure everything and print it side by side."""
    print(
        f"{'events/s, durable':34}{'best':>12}{'median':>12}{'CPU/event':>12}{'server':>11}{'client':>11}{'memory':>13}"
    )
    measure("single requests", 1, seconds, rounds, floor=False)
    measure("  floor: bare answer", 1, seconds, rounds, floor=True)
    measure(f"batches of {BATCH}", BATCH, seconds, rounds, floor=False)
    measure("  floor: bare answer", BATCH, seconds, rounds, floor=True)
    for group in (1, 64, 1000):
        measure_log(f"  floor: the log alone, {group} a commit", group, min(seconds, 2.0))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--load", nargs=4, metavar=("PORT", "BATCH", "SECONDS", "ROUNDS"), help=argparse.SUPPRESS
    )
    parser.add_argument(
        "--memory", type=int, metavar="EVENTS", help="only watch the memory while so many come in"
    )
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(int(options.serve[0]), options.serve[1]))
    elif options.load:
        port, batch, seconds, rounds = options.load
        print(*load(int(port), int(batch), float(seconds), int(rounds)))
    elif options.memory:
        sys.exit(not measure_memory(options.memory))
    else:
        report(options.seconds, options.rounds)


if __name__ == "__main__":
    main()
