"""What one event costs a worker, without server: CPU per event from the log to its verdict.

    python bench/worker.py --events 20000
    python bench/worker.py --events 20000 --network

Without ``--network`` every request is answered at once. Prints microseconds of CPU per event for the whole pipeline, beside the floor of reading, decoding and one row per event.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
import uuid
from pathlib import Path

import uvloop

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.pipeline import Pipeline
from hedgerow.delivery.sandbox import Sandbox
from hedgerow.delivery.source import RepositorySource
from hedgerow.delivery.transport import Request, Response
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import Keyring, Project, builtin, repository, validate
from hedgerow.events import Draft, Event
from hedgerow.log.sqlite import SqliteLog
from hedgerow.serve.interpreter import tune
from hedgerow.store import Database, migrate
from rig import sink

FILLER = {f"prop_{n}": f"value {n} of some length" for n in range(12)}


class NoNetwork:
    """Answers at once."""

    async def send(self, _request: Request) -> Response:
        """Take any request."""
        return Response(200, {"content-type": "application/json"}, b"{}")

    async def close(self) -> None:
        """Nothing to close."""


def event(number: int, chance: random.Random) -> Event:
    """About 700 bytes; one in five carries ``$set``."""
    properties = {**FILLER, "$current_url": "https://example.com/pricing", "n": number}
    if number % 5 == 0:
        properties["$set"] = {"plan": "pro", "n": number}
    who = f"user-{chance.randint(0, 2000)}"
    return Event(
        str(uuid.uuid4()), "$pageview", who, properties, "2026-01-02T03:04:05.000Z", int(time.time() * 1000)
    )


async def fill(log: SqliteLog, count: int) -> None:
    """Put events into the log."""
    chance = random.Random(1)
    for start in range(0, count, 500):
        events = [event(start + n, chance) for n in range(500)]
        await log.append([Draft(1, e.distinct_id, e.captured_at, e.encode()) for e in events])


def prepare(folder: Path, port: int) -> Keyring:
    """A migrated folder with one project and one webhook of three templated inputs."""
    migrate(folder)
    keyring = Keyring.load("", folder)
    store = Database(folder / "state.db")
    payload = {
        "name": "hook",
        "enabled": True,
        "template_id": "template-webhook",
        "inputs": {
            "url": {"value": f"http://127.0.0.1:{port}/{{event.event}}"},
            "headers": {"value": {"X-User": "{event.distinct_id}"}},
            "body": {"value": {"event": "{event}", "text": "{event.name} by {person.name}"}},
        },
    }
    valid = validate(payload, project=Project(1), templates=builtin())
    store.write_now(
        lambda c: c.execute(
            "INSERT INTO projects (id, name, token, created_at) VALUES (1, 'Bench', 'phc_bench', 0)"
        )
    )
    store.write_now(
        lambda c: repository.create(
            c, 1, valid.config, valid.secrets, keyring=keyring, now=int(time.time() * 1000)
        )
    )
    store.close()
    return keyring


async def run(folder: Path, count: int, port: int) -> None:
    """Fill, run, report."""
    tune()
    keyring = prepare(folder, port)
    log = SqliteLog(folder / "events", 16, clock=time.time)
    await fill(log, count)
    store = Database(folder / "state.db")
    transport = HttpTransport(EgressPolicy(["127.0.0.0/8"])) if port else NoNetwork()
    sandbox = Sandbox(size=1)
    world = World(
        now=time.time,
        chance=random.Random(1),
        log=log,
        store=store,
        transport=transport,
        sealer=keyring,
        sandbox=sandbox,
    )
    pipeline = Pipeline(world, Options(), RepositorySource(keyring))
    expected = sum([await log.end(partition) for partition in range(16)])
    stop = asyncio.Event()
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(pipeline.run(range(16), stop))
    while True:
        await asyncio.sleep(0.05)
        settled = await store.read(lambda c: c.execute("SELECT SUM(settled_to) FROM positions").get)
        if settled == expected:
            break
    spent, took = time.process_time() - cpu, time.perf_counter() - began
    stop.set()
    await running
    await transport.close()
    await sandbox.close()
    log.close()
    store.close()
    print(
        json.dumps(
            {
                "events": count,
                "cpu_us_per_event": round(spent / count * 1e6),
                "events_per_s": round(count / took),
            }
        )
    )


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--network", action="store_true", help="send to a sink in a process of its own")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        port = stack.enter_context(sink("n"))[0] if arguments.network else 0
        uvloop.run(run(Path(folder), arguments.events, port))


if __name__ == "__main__":
    main()
