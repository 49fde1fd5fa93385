"""The fault matrix: a tool that misbehaves in every way we know, over real sockets, and what becomes of a delivery to it.

What each fault leads to is written in ``docs/faults.md`` for people; this test holds the server to that page, row by row.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.pipeline import Pipeline
from hedgerow.delivery.resolver import CachedResolver
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import Config, Keyring, Secrets, repository
from hedgerow.events import Draft, Event
from hedgerow.log.sqlite import SqliteLog
from hedgerow.store import Database
from hedgerow.telemetry import Batch
from support.certificates import self_signed
from support.sink import Sink, Step
from support.store import fresh_store

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
OPTIONS = Options(timeout_s=1.0, connect_timeout_s=0.3, max_response=100_000, flush_s=0.02, poll_s=0.02)
PROGRAM = "let answer := fetch('{url}'{more}); return answer.status"
RETRY = [0.05, 0.1]


@dataclass(frozen=True)
class Fault:
    """A row of the page."""

    name: str
    verdict: str
    kind: str
    status: str
    attempts: str
    log: str


def documented() -> list[Fault]:
    """The rows of the page's table."""
    rows = [line for line in PAGE.read_text().splitlines() if line.count("|") == 7]
    cells = [[cell.strip() for cell in re.split(r"\|", row)[1:-1]] for row in rows[2:]]
    return [Fault(name, *(cell.strip("`") for cell in rest)) for name, *rest in cells]


# How the sink plays each fault: the steps of its answers; the last one is repeated.
FAULTS: dict[str, tuple[Step, ...]] = {
    "answers 500": (Step(500),),
    "answers 503 twice, then 200": (Step(503), Step(503), Step(200)),
    "answers 404": (Step(404),),
    "answers 429 with `Retry-After: 1`, then 200": (Step(429, {"Retry-After": "1"}), Step(200)),
    "answers 429 again and again": (Step(429),),
    "sends no headers in time": (Step(delay=3),),
    "sends its body too slowly": (Step(body="x" * 100, drip=0.1),),
    "never answers": (Step(then="hang"),),
    "resets the connection": (Step(then="reset"),),
    "closes without an answer": (Step(then="drop"),),
    "answers, then closes its half of the connection": (Step(then="half-close"),),
    "announces more than it sends": (Step(headers={"Content-Length": "50"}, then="close"),),
    "announces two different lengths": (
        Step(raw="HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", then="close"),
    ),
    "speaks no HTTP": (Step(raw="220 mail.example ESMTP\r\n", then="close"),),
    "sends a huge body": (Step(size=5_000_000),),
    "sends a body that unpacks to something huge": (Step(size=3_000_000, gzip=True),),
    "redirects to a private address": (Step(302, {"Location": "http://10.0.0.1/"}),),
    "redirects to a private address, and is to be followed": (Step(302, {"Location": "http://10.0.0.1/"}),),
}
ELSEWHERE = {
    "has a certificate that nobody trusts": "https://127.0.0.1:{tls}/",
    "speaks no TLS where it should": "https://127.0.0.1:{port}/",
    "refuses the connection": "http://127.0.0.1:{closed}/",
    "has a name that does not exist": "http://gone.test:{port}/",
    "has a private address": "http://10.0.0.1/",
    "has a name that turns to a private address": "http://rebinding.test:{port}/rebinding",
}


class Names:
    """A resolver whose one name gives a good address first and a private one ever after."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, host, port):
        if host != "rebinding.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.asked += 1
        address = "127.0.0.1" if self.asked == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return opened.getsockname()[1]


def programs(sink: Sink, tls: Sink) -> dict[str, str]:
    """The program for each fault."""
    ports = {"port": sink.port, "tls": tls.port, "closed": free_port()}
    made = {name: PROGRAM.format(url=url.format(**ports), more="") for name, url in ELSEWHERE.items()}
    for number, (name, steps) in enumerate(FAULTS.items()):
        path = f"/{number}"
        sink.script(path, *steps, forever=True)
        more = ", {'follow_redirects': true}" if "followed" in name else ""
        made[name] = PROGRAM.format(url=sink.url + path, more=more)
    # The first look-up is good: one answer, then the name changes sides, and the retry needs a new connection.
    sink.script("/rebinding", Step(503, then="close"))
    return made


async def everything_final(store: Database, count: int, seconds: float = 20) -> None:
    """Wait until each delivery has its verdict."""
    end = time.monotonic() + seconds
    while True:
        done = await store.read(
            lambda c: (
                c.execute("SELECT count(*) FROM deliveries WHERE verdict IN ('delivered', 'failed')").get
            )
        )
        if done >= count:
            return
        assert time.monotonic() < end, f"{done} of {count}"
        await asyncio.sleep(0.05)


def prepare(folder: Path, sources: dict[str, str]) -> Keyring:
    """One destination for each fault, with two short retries."""
    fresh_store(folder)
    keyring = Keyring.load("", folder)
    store = Database(folder / "state.db")
    store.write_now(
        lambda c: c.execute("INSERT INTO projects (id, name, token, created_at) VALUES (1, 'P', 'phc_p', 0)")
    )
    for name, program in sources.items():
        config = Config(name=name, enabled=True, hog=program, retry=RETRY)
        store.write_now(
            lambda c, config=config: repository.create(c, 1, config, Secrets(), keyring=keyring, now=1)
        )
    store.close()
    return keyring


async def play(folder: Path) -> dict[str, tuple]:
    """One event for everybody; what the ledger and the log say afterwards, by fault."""
    (folder / "certificate").mkdir()
    context, _ = self_signed(folder / "certificate")
    async with Sink() as sink, Sink(tls=context) as tls:
        sources = programs(sink, tls)
        keyring = prepare(folder, sources)
        log = SqliteLog(folder / "events", 1, clock=time.time)
        store = Database(folder / "state.db")
        transport = HttpTransport(
            EgressPolicy(["127.0.0.0/8"]), resolver=CachedResolver(Names(), ttl=0.0), keep_alive=0.0
        )
        world = World(
            now=time.time, chance=random.Random(1), log=log, store=store, transport=transport, sealer=keyring
        )
        stop = asyncio.Event()
        running = asyncio.create_task(Pipeline(world, OPTIONS, RepositorySource(keyring)).run([0], stop))
        now = int(time.time() * 1000)
        event = Event("0190b1c0-0000-7000-8000-000000000001", "x", "ann", {}, "2026-01-02T03:04:05.000Z", now)
        await log.append([Draft(1, "ann", now, event.encode())])
        try:
            await everything_final(store, len(sources))
        finally:
            stop.set()
            await running
            await transport.close()
        found = await store.read(results)
        log.close()
        store.close()
    return found


def results(connection) -> dict[str, tuple]:
    """Verdict, kind, status, attempts and log lines by the destination's name."""
    told = Batch()
    for (body,) in connection.execute("SELECT body FROM telemetry_outbox ORDER BY seq"):
        told.add(Batch.decode(body))
    rows = connection.execute(
        "SELECT d.name, v.id, v.verdict, v.kind, v.status, v.attempts, (SELECT count(*) FROM delivery_attempts a"
        " WHERE a.delivery_id = v.id) FROM deliveries v JOIN destinations d ON d.id = v.destination_id"
    ).fetchall()
    lines = {
        row[1]: [f"{line.level}: {line.message}" for line in told.lines if line.delivery_id == row[1]]
        for row in rows
    }
    return {row[0]: (*row[2:], lines[row[1]]) for row in rows}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """All faults at once: one destination's trouble is no other's."""
    began = time.monotonic()
    found = asyncio.run(play(tmp_path_factory.mktemp("faults")))
    return found, time.monotonic() - began


def test_the_page_and_the_test_know_the_same_faults():
    """No fault is documented without being tried, none is tried without being documented."""
    assert {fault.name for fault in documented()} == {*FAULTS, *ELSEWHERE}


@pytest.mark.parametrize("fault", documented(), ids=lambda fault: fault.name)
def test_a_fault_ends_as_documented(fault, played):
    """Verdict, kind, status, attempts and log are those of the page; every attempt of a failure is kept."""
    verdict, kind, status, attempts, kept, lines = played[0][fault.name]
    assert (verdict, kind or "", str(status or ""), str(attempts)) == (
        fault.verdict, fault.kind, fault.status, fault.attempts,
    )  # fmt: skip
    assert kept == attempts, "each attempt can be looked at"
    assert re.search(fault.log, "\n".join(lines)), lines


def test_no_fault_delays_the_others(played):
    """All of them together take no longer than the slowest of them."""
    assert played[1] < 15
