"""The world of a simulation: a log, a store and a network that outlive the processes that crash in them."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path

import apsw

from hedgerow.delivery.transport import Response, TransportError
from hedgerow.log.memory import MemoryLog
from hedgerow.store import StoreError, open_connection
from hedgerow.store.database import transact
from support.store import fresh_store

START = 1_767_323_045.0


def state_template(folder: Path) -> apsw.Connection:
    """A migrated state database to copy from."""
    fresh_store(folder)
    return open_connection(folder / "state.db")


def copy_of(template: apsw.Connection) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    with connection.backup("main", template, "main") as backup:
        backup.step()
    return connection


class Stage:
    """A database in memory that is used again for one run after the other: its prepared statements stay."""

    def __init__(self, template: apsw.Connection) -> None:
        self.connection = apsw.Connection(":memory:", statementcachesize=1000)
        self.connection.execute("ATTACH ':memory:' AS template")
        for name in ("main", "template"):
            with self.connection.backup(name, template, "main") as backup:
                backup.step()
        names = "SELECT name FROM template.sqlite_schema WHERE type = 'table'"
        self._tables = [row[0] for row in self.connection.execute(names)]
        some = "SELECT 1 FROM template.{} LIMIT 1"
        self._filled = [name for name in self._tables if self.connection.execute(some.format(name)).get]
        used = "SELECT '{0}' WHERE EXISTS (SELECT 1 FROM main.{0})"
        self._used = " UNION ALL ".join(used.format(name) for name in self._tables)

    def set(self) -> apsw.Connection:
        """As the template has it, whatever happened on it before."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        with self.connection:
            for (name,) in self.connection.execute(self._used).fetchall():
                self.connection.execute(f"DELETE FROM main.{name}")
            for name in self._filled:
                self.connection.execute(f"INSERT INTO main.{name} SELECT * FROM template.{name}")
        return self.connection


class PlainSealer:
    """Seals nothing: encryption has tests of its own."""

    def seal(self, plain: bytes, context: str) -> bytes:
        return plain

    def open(self, sealed: bytes, context: str) -> bytes:
        return sealed


class SimulatedStore:
    """Real transactions on a database in memory, with time passing around them and now and then a locked database."""

    def __init__(self, connection: apsw.Connection, chance: random.Random, *, busy: float = 0.02) -> None:
        self.connection = connection
        self.chance = chance
        self.busy = busy
        self._queue: asyncio.Lock | None = None

    def reborn(self) -> None:
        """A new process: nothing of the old one's waiting is left, an open transaction is undone."""
        self._queue = asyncio.Lock()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    async def write(self, work, *, durable=True):
        async with self._queue:
            await asyncio.sleep(self.chance.uniform(0, 0.004))
            if self.chance.random() < self.busy:
                raise StoreError("locked")
            result = transact(self.connection, work)
            await asyncio.sleep(self.chance.uniform(0, 0.004))
            return result

    async def read(self, work):
        return await self.write(work)


class SimulatedLog(MemoryLog):
    """A log whose reads take time."""

    def __init__(self, partitions: int, chance: random.Random) -> None:
        super().__init__(partitions)
        self._chance = chance

    async def read_many(self, after, *, records, size):
        await asyncio.sleep(self._chance.uniform(0, 0.002))
        return await super().read_many(after, records=records, size=size)


class SimulatedTransport:
    """A network with a receiver at its end. It fails as often as told, but never more than twice for one delivery."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.received: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.bodies: dict[str, dict] = {}
        self.failures: Counter[str] = Counter()
        self.story: list[tuple[str, str]] = []

    async def send(self, request):
        name = request.headers["webhook-id"]
        self.received[name] += 1
        self.story.append(("received", name))
        fate = self.chance.random()
        await asyncio.sleep(
            self.chance.expovariate(1 / 0.02) if fate > 0.05 else self.chance.uniform(0.2, 3.0)
        )
        if fate < 0.2 and self.failures[name] < 2:
            self.failures[name] += 1
            if fate < 0.1:
                raise TransportError("timeout", "timed out", retriable=True)
            return Response(503)
        self.accepted[name] += 1
        self.story.append(("accepted", name))
        body = json.loads(request.body)
        assert self.bodies.setdefault(name, body).get("uuids") == body.get("uuids"), (
            "repeated with other events"
        )
        return Response(200, {"content-type": "application/json"}, b'{"ok":true}')

    async def close(self):
        pass
