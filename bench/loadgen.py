"""Sends events as fast as a server takes them, or at a fixed rate, from a process of its own.

Reads a :class:`Plan` as JSON on standard input and prints a line ``measuring``, a line ``measured`` and a :class:`Report` as JSON on
standard output. The client is as lean as it can be, so that what is measured is the server: prepared bytes, raw
connections, and no more reading of an answer than its status.

*Closed loop*: each connection sends when its last request was answered, and all wait while more than ``window`` acknowledged events have
not arrived at the sink: the rate is what the whole way can carry, not what capture can swallow. *Open loop* (``rate``): requests
start by the clock, whether or not others were answered, and latency counts from the time they should have started.
"""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

PEOPLE = 5_000
FILLER = 700


@dataclass(slots=True)
class Plan:
    """What to send, to whom and for how long."""

    port: int
    sink_port: int
    token: str
    path: str
    first_id: int = 0
    batch: int = 1
    rate: float = 0.0
    warm_up: float = 3.0
    seconds: float = 30.0
    connections: int = 32
    window: int = 2_000


@dataclass(slots=True)
class Report:
    """What happened: times by ``time.monotonic``, which all processes of a machine share."""

    began: float = 0.0
    ended: float = 0.0
    sent: int = 0
    acknowledged: int = 0
    refused: list[int] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    late_starts: int = 0


class Connection(asyncio.Protocol):
    """One keep-alive connection; understands answers with a Content-Length."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        """Remember where to write."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer."""
        self.buffer += data
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark or self.answer is None:
            return
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if len(body) >= length and not self.answer.done():
            self.buffer = b""
            self.answer.set_result((int(head[9:12]), body))

    def connection_lost(self, _exc: Exception | None) -> None:
        """An answer will not come."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((0, b""))

    async def ask(self, message: bytes) -> tuple[int, bytes]:
        """Send a request; status and body of its answer, status 0 when the connection broke."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return await self.answer


class Load:
    """Carries out one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.report = Report()
        self.run_id = secrets.token_hex(4)
        self.next_id = plan.first_id
        self.idle: list[Connection] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = 0

    def event(self, number: int, sent: float) -> str:
        """One event of 700 bytes; every fifth changes its person."""
        text = (
            f'{{"uuid":"{self.run_id}-0000-7000-8000-{number:012x}","event":"bench viewed",'
            f'"distinct_id":"user-{number % PEOPLE}","properties":{{"bench":"{number}:{sent:.6f}","price":{number % 100}.5,'
            f'"$current_url":"https://example.com/products/{number % 1000}","$lib":"bench","plan":"pro"'
        )
        if number % 5 == 0:
            text += f',"$set":{{"email":"user{number % PEOPLE}@example.com","visits":{number}}}'
        return f'{text},"filler":"{"x" * (FILLER - len(text) - 13)}"}}}}'

    def message(self, sent: float) -> tuple[bytes, range]:
        """One request and the ids in it."""
        ids = range(self.next_id, self.next_id + self.plan.batch)
        self.next_id = ids.stop
        if self.plan.batch == 1:
            path, body = "/i/v0/e/", f'{{"api_key":"{self.plan.token}",{self.event(ids[0], sent)[1:]}'
        else:
            events = ",".join(self.event(number, sent) for number in ids)
            path, body = "/batch/", f'{{"api_key":"{self.plan.token}","batch":[{events}]}}'
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head + body).encode(), ids

    async def send(self, sent: float) -> None:
        """Send one request over an idle connection and count its answer."""
        connection = await self.connection()
        message, ids = self.message(sent)
        self.report.sent += len(ids)
        status, _ = await connection.ask(message)
        if status == 200:
            self.report.acknowledged += len(ids)
        else:
            self.report.refused += ids
        self.report.statuses[str(status)] = self.report.statuses.get(str(status), 0) + 1
        if status:
            self.idle.append(connection)

    async def connection(self) -> Connection:
        """An idle connection that the server has not closed meanwhile, as it does after some seconds, or a new one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                return connection
        return await connect(self.plan.port)

    async def watch(self) -> None:
        """Hold the load while too much of it is under way."""
        connection = await connect(self.plan.sink_port)
        question = f"GET /__sink__/arrived?path={self.plan.path} HTTP/1.1\r\nHost: sink\r\n\r\n".encode()
        while True:
            _, body = await connection.ask(question)
            self.arrived = int(body)
            (self.gate.clear if self.under_way > self.plan.window else self.gate.set)()
            await asyncio.sleep(0.01)

    @property
    def under_way(self) -> int:
        """Events acknowledged and not yet arrived."""
        return self.report.acknowledged - self.arrived

    async def closed(self, end: float) -> None:
        """Each connection sends when its last request was answered."""

        async def worker() -> None:
            while (now := time.monotonic()) < end:
                await self.gate.wait()
                await self.send(now)

        watcher = asyncio.create_task(self.watch())
        await asyncio.wait(
            [asyncio.create_task(worker()) for _ in range(self.plan.connections)],
            timeout=end - time.monotonic() + 5,
        )
        watcher.cancel()

    async def open(self, end: float) -> None:
        """Requests start by the clock."""
        under_way: set[asyncio.Task[None]] = set()
        start = time.monotonic()
        step = self.plan.batch / self.plan.rate
        count = 0
        while (due := start + count * step) < end:
            delay = due - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            elif delay < -0.1:
                self.report.late_starts += 1
            task = asyncio.create_task(self.send(due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            count += 1
        if under_way:
            await asyncio.wait(under_way, timeout=5)

    async def run(self) -> Report:
        """Warm up and measure in one go; only the time after the warm-up counts."""
        self.idle = [await connect(self.plan.port) for _ in range(self.plan.connections)]
        began = time.monotonic() + self.plan.warm_up
        self.report.began, self.report.ended = began, began + self.plan.seconds
        loop = asyncio.get_running_loop()
        for delay, word in (
            (self.plan.warm_up, "measuring"),
            (self.plan.warm_up + self.plan.seconds, "measured"),
        ):
            loop.call_later(delay, lambda word=word: print(word, flush=True))
        await (self.open if self.plan.rate else self.closed)(self.report.ended)
        # At a low rate the last request is answered before the time is over: first say that it is.
        await asyncio.sleep(max(0.0, self.report.ended - time.monotonic()) + 0.05)
        return self.report


async def connect(port: int) -> Connection:
    """A connection to this machine."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def main() -> None:
    """Carry out the plan on standard input."""
    gc.disable()
    report = await Load(Plan(**json.loads(sys.stdin.readline()))).run()
    print(json.dumps(asdict(report)), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
