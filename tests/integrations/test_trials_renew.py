"""A trial that really sends renews a refused token, as a delivery does; one that does not leaves tokens alone."""

from __future__ import annotations

import random
import time

import pytest

from hedgerow.delivery import standby
from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.sandbox import Sandbox
from hedgerow.delivery.world import World
from hedgerow.destinations import Project, builtin, validate
from hedgerow.destinations.secrets import Keyring
from hedgerow.integrations import accounts
from hedgerow.integrations.renewing import Renewer
from hedgerow.integrations.vendors import Grant
from hedgerow.log.memory import MemoryLog
from hedgerow.replay.trial import Trial, Trials, prepared
from hedgerow.replay.trial_event import Setting, given
from hedgerow.store import Database
from support.store import fresh_store
from support.vendor import vendors_of

PROGRAM = """
let answer := fetch(f'{inputs.url}/me', {'method': 'GET', 'headers': {'Authorization': f'Bearer {inputs.account.access_token}'}});
return answer.status
"""
FORM = [
    {"key": "url", "type": "string", "required": True},
    {"key": "account", "type": "integration", "integration": "acme", "required": True},
]


class Desk:
    """A web process: a store, an account whose token the vendor has just taken back, and a destination that uses it."""

    def __init__(self, folder, server, grant):
        fresh_store(folder)
        self.store, self.keyring = Database(folder / "state.db"), Keyring(["a key that is long enough"])
        self.vendors = vendors_of(server)
        world = World(
            time.time, random.Random(1), MemoryLog(), self.store, self.vendors.transport, self.keyring
        )
        self.renewer = Renewer(world, self.vendors, self.keyring)
        self.trials = Trials(
            Sandbox(size=1),
            connect=lambda: HttpTransport(EgressPolicy(("127.0.0.0/8",))),
            renew=self.renewer.renew,
        )
        kept = {"keyring": self.keyring, "user_id": None, "now": int((time.time() - 120) * 1000)}
        self.number = self.store.write_now(lambda c: accounts.put(c, 1, "acme", grant, **kept)).id
        self.store.read_now(lambda c: self.keyring.connections.refresh(c, self.keyring))
        self.url = server.url

    async def tried(self, *, real):
        inputs = {"url": {"value": self.url}, "account": {"value": self.number}}
        payload = {"hog": PROGRAM, "inputs_schema": FORM, "inputs": inputs}
        valid = validate(payload, project=Project(1), templates=builtin())
        compiled = prepared(valid.unsaved(1, self.keyring), self.keyring, Project(1), self.trials.limits)
        subject = given({"event": {"event": "paid"}}, Setting(Project(1), "http://h", 1_780_000_000_000, {}))
        (ran,) = (await self.trials.run(Trial(compiled, subject, real=real))).runs
        return ran

    async def close(self):
        await self.trials.close()
        await self.vendors.transport.close()
        self.store.close()


@pytest.fixture
async def desk(tmp_path, server, vendors, service_key):
    found = await vendors.service_account(vendors.kind("acme"), service_key)
    server.revoke()
    made = Desk(tmp_path, server, Grant(found.external_id, found.name, found.config, found.secrets, 3600.0))
    yield made
    await made.close()


async def test_a_real_trial_gets_another_token(desk, server):
    """The vendor says 401, the token is renewed, the call is made once more and answered."""
    ran = await desk.tried(real=True)
    assert [attempt.status for outcome in ran.outcomes for attempt in outcome.attempts] == [401, 200]
    assert (ran.outcomes[-1].verdict, ran.value) == ("delivered", 200)
    assert any("The token was renewed" in line.message for line in ran.outcomes[0].lines)
    assert not any("sleep" in line.message for outcome in ran.outcomes for line in outcome.lines)
    assert len(server.tokens) == 2


async def test_a_trial_that_sends_nothing_renews_nothing(desk, server):
    """Its calls never reach the vendor, so nobody has refused anything."""
    ran = await desk.tried(real=False)
    assert ran.outcomes[-1].verdict == "delivered"
    assert len(server.tokens) == 1


async def test_nothing_is_renewed_while_the_instance_stands_by(desk, server):
    """The tokens may be another copy's by now; the refusal is shown as it is."""
    desk.store.write_now(lambda c: standby.begin(c, 1))
    ran = await desk.tried(real=True)
    assert [attempt.status for outcome in ran.outcomes for attempt in outcome.attempts] == [401]
    assert len(server.tokens) == 1
