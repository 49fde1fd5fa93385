"""An API over a real store and a log in memory, called without a network."""

from __future__ import annotations

import asyncio
import uuid

from hedgerow.accounts import create_key, create_project
from hedgerow.api import Services, create_app
from hedgerow.delivery.transport import TransportError
from hedgerow.destinations.secrets import Keyring
from hedgerow.events import Draft, Event
from hedgerow.integrations.hub import Hub
from hedgerow.log.memory import MemoryLog
from hedgerow.replay.trial import Trials
from hedgerow.settings import Settings
from hedgerow.store import Database
from support.asgi import call

NOW = 1_780_000_000_000
# Reading the environment, and the machine's certificates for the hub, takes longer than most tests.
SETTINGS = Settings()
VENDORS = Hub.of(SETTINGS).vendors
CAPTURED = "INSERT INTO event_index VALUES (?, ?, ?, ?, ?, ?, ?)"


class Unplugged:
    """A transport to nowhere: no test of the API sends anything."""

    async def send(self, request):
        raise TransportError("refused", f"{request.url} is not called in a test.", retriable=False)

    async def close(self):
        pass


class Application:
    """The API over these services. All tests share one inside: to make its many routes takes longer than most tests."""

    _shared = None

    def __init__(self, services):
        self._services = services

    async def __call__(self, scope, receive, send):
        if Application._shared is None:
            Application._shared = create_app(self._services)
        Application._shared._app.state.services = self._services
        await Application._shared(scope, receive, send)


class Tidy:
    """An application whose helper processes end with the request that started them: each request has a loop of its own."""

    def __init__(self, app, services):
        self.app, self._services = app, services

    async def __call__(self, scope, receive, send):
        try:
            await self.app(scope, receive, send)
        finally:
            await self._services.trials.close()


class Api:
    """The application with one project, one key, and ways to put things into the store.

    Args:
        folder: where its files are.
        again: another one, of whose files these are copies; None: the files are empty.
    """

    def __init__(self, folder, again=None):
        self.state, self.telemetry = Database(folder / "state.db"), Database(folder / "telemetry.db")
        self.log = again.log if again else MemoryLog()
        self.now = again.now if again else NOW
        self.changes = 0
        self.services = Services(
            SETTINGS,
            self.state,
            self.telemetry,
            self.log,
            Keyring(["k" * 32]),
            lambda: self.now,
            self._changed,
            trials=Trials(connect=Unplugged),
            hub=Hub(VENDORS, SETTINGS.base_url),
        )
        self.app = Tidy(Application(self.services), self.services)
        self.project = again.project if again else self.state.write_now(self._make_project)
        self.key = again.key if again else self.make_key("*")

    @staticmethod
    def _make_project(connection):
        return create_project(connection, name="Shop", now=NOW, token="phc_shop_token")

    def _changed(self):
        self.changes += 1

    def make_key(self, *scopes):
        """A key with these scopes."""
        return self.state.write_now(lambda c: create_key(c, label="test", scopes=scopes, now=NOW))

    def call(self, method, path, body=None, *, key=None):
        """A request below the project, authenticated."""
        headers = {"authorization": f"Bearer {key or self.key}"}
        return asyncio.run(call(self.app, method, f"/api/projects/1/{path}", body, headers))

    def raw(self, method, target, body=None, **headers):
        """Any request."""
        return asyncio.run(call(self.app, method, target, body, headers))

    def get(self, path):
        """The answer of a request that must succeed."""
        answer = self.call("GET", path)
        assert answer.status == 200, answer.body
        return answer.json

    def webhook(self, **fields):
        """A new destination from the webhook template."""
        payload = {
            "template_id": "template-webhook", "name": "Hook", "inputs": {"url": {"value": "https://example.com/"}}, **fields
        }  # fmt: skip
        answer = self.call("POST", "hog_functions/", payload)
        assert answer.status == 201, answer.body
        return answer.json

    def capture(self, event, distinct_id="ada", **properties):
        """An event in log and index; returns its place and uuid."""
        self.now += 1000
        identity = str(uuid.uuid4())
        made = Event(identity, event, distinct_id, properties, "2026-05-28T20:26:40.000Z", self.now)
        asyncio.run(self.log.append([Draft(1, distinct_id, self.now, made.encode())]))
        record = max((r for part in self.log._records.values() for r in part), key=lambda r: r.position)
        row = (record.partition, record.position, 1, uuid.UUID(identity).bytes, event, distinct_id, self.now)
        self.state.write_now(lambda c: c.execute(CAPTURED, row))
        return record.partition, record.position, identity

    def deliver(self, destination, event="signed_up", verdict="delivered", distinct_id="ada", **columns):
        """A row of the ledger; returns its id."""
        partition, position, event_uuid = self.capture(event, distinct_id)
        identity = uuid.UUID(int=(self.now << 80) | 8 << 76 | 2 << 62 | position)
        row = {
            "id": identity.bytes, "project_id": 1, "destination_id": uuid.UUID(destination).bytes, "revision": 1,
            "partition": partition, "position": position, "event_uuid": uuid.UUID(event_uuid).bytes, "event": event,
            "distinct_id": distinct_id, "verdict": verdict, "attempts": 1, "status": 200, "duration_ms": 12,
            "captured_at": self.now, "created_at": self.now, "updated_at": self.now, **columns,
        }  # fmt: skip
        sql = f"INSERT INTO deliveries ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        self.state.write_now(lambda c: c.execute(sql, tuple(row.values())))
        return str(identity)

    def close(self):
        """Close the files."""
        self.state.close()
        self.telemetry.close()


def copied(source, folder):
    """A store's files, copied: migrating takes longer than most tests."""
    for name in ("state.db", "telemetry.db"):
        (folder / name).write_bytes((source / name).read_bytes())
    return folder
