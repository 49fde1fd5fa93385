"""A store with one project whose destinations fare as a test says, and evaluators and mailers over it, at a time of the test's own."""

from __future__ import annotations

import os
import uuid

import orjson

from hedgerow.accounts import create_project
from hedgerow.alerts import incidents, rules
from hedgerow.alerts.errors import MailError
from hedgerow.alerts.evaluator import Evaluator
from hedgerow.alerts.mailer import Mailer
from hedgerow.alerts.model import Rule, parsed
from hedgerow.events import Record
from hedgerow.store import Database
from hedgerow.telemetry import Batch
from hedgerow.telemetry.outbox import store

NOW = 1_780_000_000_000
DESTINATION = """
INSERT INTO destinations (id, project_id, type, name, enabled, created_at, updated_at) VALUES (?, 1, 'destination', ?, 1, 0, 0)
"""
HEALTH = """
INSERT INTO destination_health (destination_id, project_id, state, since, evidence) VALUES (?, 1, ?, 0, ?)
ON CONFLICT (destination_id) DO UPDATE SET state = excluded.state, evidence = excluded.evidence
"""
HELD = """
INSERT INTO deliveries (id, project_id, destination_id, revision, partition, position, event_uuid, event, distinct_id, verdict,
    captured_at, created_at, updated_at) VALUES (?, 1, ?, 1, 0, 1, x'00', 'e', 'ada', 'held', 0, 0, 0)
"""


class Letterbox:
    """Takes mails like a server; ``faults`` are raised before, one each."""

    domain = "example.com"
    sender = "hedgerow@example.com"
    longest_s = 40.0

    def __init__(self):
        self.messages, self.faults = [], []

    async def send(self, message, recipient):
        if self.faults:
            raise self.faults.pop(0)
        assert message["To"] == recipient
        self.messages.append(message)


class House:
    """The files, the clock, and whoever looks at the rules."""

    def __init__(self, folder):
        self.folder = folder
        self.state, self.telemetry = Database(folder / "state.db"), Database(folder / "telemetry.db")
        self.now, self.lag = NOW, 0.0
        self.post = Letterbox()
        self.state.write_now(lambda c: create_project(c, name="Shop", now=NOW, token="phc_shop_token"))
        self.evaluator, self.mailer = self.watchman("first"), self.postman()

    def watchman(self, holder):
        """An evaluator of another process."""

        async def lag():
            return self.lag

        return Evaluator(
            self.state, self.telemetry, lag=lag, now=lambda: self.now, random=os.urandom, partitions=4, every_s=10,
            holder=holder,
        )  # fmt: skip

    def postman(self, gap_s=0):
        """A mailer of another process."""
        return Mailer(
            self.state, self.post, now=lambda: self.now, random=os.urandom, gap_s=gap_s,
            base_url="https://hedgerow.example.com",
        )  # fmt: skip

    # ------------------------------------------------------------ what there is

    def destination(self, name="Hook"):
        """A new one; answers its id."""
        identity = uuid.uuid4()
        self.state.write_now(lambda c: c.execute(DESTINATION, (identity.bytes, name)))
        return str(identity)

    def results(self, destination, good=0, bad=0):
        """Deliveries that ended just now."""
        batch = Batch()
        for kind, name, count in (("success", "succeeded", good), ("failure", "failed", bad)):
            if count:
                batch.count(1, uuid.UUID(destination).bytes, self.now, kind, name, count)
        self.telemetry.write_now(lambda c: store(c, batch))

    def health(self, destination, state, reason=""):
        """How a destination fares."""
        values = (uuid.UUID(destination).bytes, state, orjson.dumps({"reason": reason}).decode())
        self.state.write_now(lambda c: c.execute(HEALTH, values))

    def hold(self, destination, count):
        """So many deliveries are held, no more."""
        owner = uuid.UUID(destination).bytes

        def work(connection):
            connection.execute("DELETE FROM deliveries WHERE destination_id = ?", (owner,))
            connection.executemany(HELD, [(os.urandom(16), owner) for _ in range(count)])

        self.state.write_now(work)

    def run(self, sql, *values):
        """Change something."""
        self.state.write_now(lambda c: c.execute(sql, values) and None)

    # ------------------------------------------------------------ what is watched

    def rule(self, kind, name="Rule", **fields):
        """A new rule."""
        config = parsed(kind, fields)
        made = Rule(0, 1, name, kind, True, config, self.now, None, self.now, self.now)
        return self.state.write_now(lambda c: rules.add(c, made, self.totals()))

    def totals(self):
        """What destinations counted so far."""
        from hedgerow.alerts.picture import totals

        return self.telemetry.read_now(lambda c: totals(c, [1]))

    async def look(self, seconds=10.0, *, steps=1):
        """Let time pass and look, so many times; answers what was decided, as ``opened`` and so on."""
        found = []
        for _ in range(steps):
            self.now += int(seconds * 1000)
            found += [decision.step for decision in await self.evaluator.tick()]
        return found

    async def send(self):
        """Send all mails that are due; answers their subjects."""
        before = len(self.post.messages)
        while await self.mailer.once():
            pass
        return [message["Subject"] for message in self.post.messages[before:]]

    def incidents(self, **wanted):
        """The newest first."""
        given = {"rule_id": None, "open_": None, "limit": 100, "offset": 0, **wanted}
        return self.state.read_now(lambda c: incidents.listed(c, 1, **given))[0]

    def events(self):
        """Events on their way into the log."""
        rows = self.state.read_now(
            lambda c: list(c.execute("SELECT payload FROM internal_outbox ORDER BY seq"))
        )
        return [Record(0, 0, 1, 0, row[0]).decode() for row in rows]

    def close(self):
        """Close the files."""
        self.state.close()
        self.telemetry.close()


def refused(text="no", *, final=False):
    """A mail server's no."""
    return MailError(text, final=final)
