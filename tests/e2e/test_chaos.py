"""Processes are killed in turn while events come in; nothing that was acknowledged may be lost.

Each round sends about a thousand events (with ``$set`` and identifies that merge) to a sink that fails, resets and hangs now and
then, and kills the web process, a worker or the supervisor in the middle with ``kill -9``. ``make chaos ROUNDS=200`` does more.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import signal
import time
import uuid
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from hedgerow.store import open_connection
from support.server import Server
from support.sink import Sink, Step

ROUNDS = int(os.environ.get("HEDGEROW_CHAOS_ROUNDS", "30"))
EVENTS = 1000
BATCH = 20
SEED = 20_260_102
VICTIMS = ("worker-1", "web", "supervisor")
# What one death may send again: what a lane has in flight, and what was done but not flushed yet.
IN_FLIGHT = 64
FLUSH = 600
IDLE_S = 120
# The sink has to remember all that arrives: a request is counted with its headers.
KEPT = ROUNDS * EVENTS * 1000


class Sender:
    """Sends batches until they are acknowledged, as an SDK does, and remembers what was."""

    def __init__(self, server: Server, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.acknowledged: dict[str, dict] = {}
        self.refused = 0

    def batch(self, number: int) -> list[dict]:
        return [self._event(number * BATCH + index) for index in range(BATCH)]

    def _event(self, number: int) -> dict:
        who = f"user-{self.chance.randint(0, 200)}"
        kind = self.chance.choices(["$pageview", "$set", "$identify"], [8, 2, 1])[0]
        properties: dict = {"n": number}
        if kind == "$set":
            properties["$set"] = {f"k{number}": number}
        if kind == "$identify":
            properties["$anon_distinct_id"] = f"anon-{number}"
        return {
            "event": kind,
            "distinct_id": who,
            "uuid": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
            "properties": properties,
        }

    def send(self, events: list[dict]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                status, answer = self.server.call(
                    "POST", "/batch/", {"api_key": self.server.token, "batch": events}
                )
                if status == 200:
                    self.acknowledged |= {event["uuid"]: event for event in events}
                    return
                assert status >= 500, (status, answer)
            self.refused += 1
            time.sleep(0.05)
        raise AssertionError("The server does not come back.")


def misbehaviour(chance: random.Random) -> list[Step]:
    """What the sink does with the next requests: mostly well, sometimes badly."""
    kinds = [Step(status=503), Step(status=500), Step(then="reset"), Step(delay=1.0), Step(then="hang")]
    return [chance.choice(kinds) if chance.random() < 0.06 else Step() for _ in range(EVENTS)]


def kill(server: Server, victim: str) -> None:
    if victim == "supervisor":
        server.process.kill()
        server.process.wait()
        server.start()
        return
    with suppress(KeyError, ProcessLookupError):  # it may be between two lives
        os.kill(server.children()[victim], signal.SIGKILL)


def one_round(sender: Sender, number: int) -> None:
    """Send while killing."""
    victim = VICTIMS[number % len(VICTIMS)]
    batches = EVENTS // BATCH
    moment = sender.chance.randint(5, batches - 5)
    for index in range(batches):
        if index == moment:
            kill(sender.server, victim)
        sender.send(sender.batch(number * batches + index))


@pytest.mark.e2e
@pytest.mark.chaos
@pytest.mark.timeout(60 + ROUNDS * 30)
@pytest.mark.xdist_group("heavy")
async def test_nothing_acknowledged_is_lost_when_processes_die(tmp_path):
    """After rounds of kill -9 each acknowledged event was delivered, or its row says what became of it."""
    chance = random.Random(SEED)
    # A short time-out keeps the rounds short: a hanging request would hold its row for the default ten seconds.
    server = Server(tmp_path / "instance", HEDGEROW_FETCH_TIMEOUT_S="2")
    async with Sink(keep_bytes=KEPT) as sink:
        with server:
            sender = Sender(server, chance)
            server.webhook(f"{sink.url}/hook", body={"uuid": "{event.uuid}"})
            for number in range(ROUNDS):
                sink.script("/hook", *misbehaviour(chance))
                await asyncio.to_thread(one_round, sender, number)
            sink.calm()
            await quiet(server.data / "state.db", len(sender.acknowledged))
            assert await asyncio.to_thread(server.stop) == 0
        kills = sum(number % len(VICTIMS) != 1 for number in range(ROUNDS))
        judge(sender, sink, server.data / "state.db", ROUNDS, kills)


async def quiet(path: Path, events: int) -> None:
    """Wait until every record is settled and no row is open, for as long as something happens."""
    seen, since = None, time.monotonic()
    while not settled(rows := await asyncio.to_thread(verdicts, path), events):
        if rows != seen:
            seen, since = rows, time.monotonic()
        if time.monotonic() - since > IDLE_S:
            raise AssertionError(
                f"For {IDLE_S} s nothing has happened: {rows}, {events} acknowledged.\n{picture(path)}"
            )
        await asyncio.sleep(0.5)


def verdicts(path: Path) -> dict[str, int]:
    """How many rows there are of each verdict."""
    with closing(open_connection(path)) as connection:
        return dict(connection.execute("SELECT verdict, COUNT(*) FROM deliveries GROUP BY verdict"))


def settled(rows: dict[str, int], events: int) -> bool:
    """Whether all have their verdict."""
    done = sum(rows.get(verdict, 0) for verdict in ("delivered", "failed"))
    return done >= events and not any(
        rows.get(verdict) for verdict in ("running", "retrying", "held", "scheduled")
    )


def picture(path: Path) -> str:
    """What may keep rows open, for whoever has to find out."""
    queries = (
        "SELECT * FROM positions",
        "SELECT * FROM destination_health",
        "SELECT * FROM deliveries WHERE verdict IN ('running', 'retrying', 'held', 'scheduled') LIMIT 10",
    )
    with closing(open_connection(path)) as connection:
        return "\n".join(repr(connection.execute(query).fetchall()) for query in queries)


def judge(sender: Sender, sink: Sink, path: Path, rounds: int, deaths: int) -> None:
    """No event is without a verdict, none is called delivered that was not, and few were sent twice."""
    received = Counter(json.loads(request.body)["uuid"] for request in sink.requests)
    connection = open_connection(path)
    rows = {
        str(uuid.UUID(bytes=event)): verdict
        for event, verdict in connection.execute(
            "SELECT event_uuid, verdict FROM deliveries WHERE verdict IN ('delivered', 'failed')"
        )
    }
    attempts = connection.execute("SELECT SUM(attempts) FROM deliveries").get
    people = {
        name: json.loads(properties)
        for name, properties in connection.execute(
            "SELECT d.distinct_id, p.properties FROM person_distinct_ids d JOIN persons p ON p.id = d.person_id"
        )
    }
    owners = dict(connection.execute("SELECT distinct_id, person_id FROM person_distinct_ids"))
    connection.close()
    assert sink.dropped == 0
    missing = [name for name in sender.acknowledged if name not in rows]
    assert not missing, f"{len(missing)} acknowledged events without a verdict"
    unseen = [name for name, verdict in rows.items() if verdict == "delivered" and not received[name]]
    assert not unseen, f"{len(unseen)} events called delivered that never arrived"
    judge_people(sender, people, owners)
    extra = sum(received.values()) - attempts
    print(
        f"\n{rounds} rounds, {len(sender.acknowledged)} events acknowledged ({sender.refused} requests repeated), "
        f"{sum(verdict == 'delivered' for verdict in rows.values())} delivered, "
        f"{sum(verdict == 'failed' for verdict in rows.values())} failed after retries, "
        f"{extra} requests sent again after {deaths} faults ({extra / max(1, deaths):.1f} each, "
        f"{extra / max(1, sum(received.values())):.2%} of all requests)"
    )
    assert extra <= deaths * (IN_FLIGHT + FLUSH)


def judge_people(sender: Sender, people: dict, owners: dict) -> None:
    """No ``$set`` is lost, and both ids of an identify are one person."""
    for event in sender.acknowledged.values():
        who = event["distinct_id"]
        assert who in people
        for key, value in event["properties"].get("$set", {}).items():
            assert people[who][key] == value
        if event["event"] == "$identify":
            assert owners[who] == owners[event["properties"]["$anon_distinct_id"]]
