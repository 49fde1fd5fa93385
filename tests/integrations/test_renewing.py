"""Tokens stay fresh: ahead of their end, one renewal at a time, and whoever owns them hears of trouble."""

import asyncio
import random
import time

import orjson
import pytest

from hedgerow.delivery.world import World
from hedgerow.destinations.errors import InputError
from hedgerow.destinations.secrets import Keyring
from hedgerow.integrations import accounts
from hedgerow.integrations.renewing import Renewer
from hedgerow.integrations.vendors import Grant, Token
from hedgerow.log.memory import MemoryLog
from hedgerow.store import Database
from support.store import fresh_store
from support.vendor import vendors_of

ROW = "SELECT expires_at, refreshed_at, refreshing_to, failures, errors FROM integrations WHERE id = ?"


class Process:
    """One worker: its own file handle, keys and renewer, over the folder that all share."""

    def __init__(self, folder, server, clock):
        self.store, self.keyring = Database(folder / "state.db"), Keyring(["a key that is long enough"])
        self.vendors = vendors_of(server)
        self.world = World(
            now=lambda: clock[0],
            chance=random.Random(1),
            log=MemoryLog(),
            store=self.store,
            transport=self.vendors.transport,
            sealer=self.keyring,
        )
        self.renewer = Renewer(self.world, self.vendors, self.keyring)

    def token(self, number):
        """What a program would get now."""
        self.store.read_now(lambda c: self.keyring.connections.refresh(c, self.keyring))
        return self.keyring.connections.read("k", number, 1)["access_token"]

    def row(self, number):
        return self.store.read_now(lambda c: c.execute(ROW, (number,)).fetchone())

    def told(self):
        sql = "SELECT payload FROM internal_outbox ORDER BY seq"
        rows = self.store.read_now(lambda c: c.execute(sql).fetchall())
        return [(p["previous"], p["new"]) for p in (orjson.loads(row[0])["properties"] for row in rows)]

    async def close(self):
        await self.vendors.transport.close()
        self.store.close()


@pytest.fixture
async def house(tmp_path, server):
    """A clock, and what makes processes."""
    fresh_store(tmp_path)
    clock, made = [time.time()], []

    def process():
        made.append(Process(tmp_path, server, clock))
        return made[-1]

    yield clock, process
    for one in made:
        await one.close()


async def connected(process, clock, service_key, lasts=3600.0):
    """An account with a real grant; its number."""
    vendors = process.vendors
    found = await vendors.service_account(vendors.kind("acme"), service_key)
    grant = Grant(found.external_id, found.name, found.config, found.secrets, lasts)
    now = int(clock[0] * 1000)
    keep = {"keyring": process.keyring, "user_id": None, "now": now}
    return process.store.write_now(lambda c: accounts.put(c, 1, "acme", grant, **keep)).id


async def test_a_token_is_renewed_ahead_of_its_end(house, service_key):
    """Not as long as it is fresh; ten minutes before its end it is, and every process gets the new one."""
    clock, process = house
    one, two = process(), process()
    number = await connected(one, clock, service_key)
    first = one.token(number)
    assert two.token(number) == first
    assert await one.renewer.renew_due() == 0
    clock[0] += 3600 - 9 * 60
    assert await one.renewer.renew_due() == 1
    assert one.token(number) != first
    assert two.token(number) == one.token(number)
    assert await one.renewer.renew_due() == 0


async def test_a_short_lived_token_is_renewed_after_half_of_its_life(house, service_key):
    """Ten minutes ahead would be at once, again and again."""
    clock, process = house
    one = process()
    await connected(one, clock, service_key, lasts=60.0)
    clock[0] += 20
    assert await one.renewer.renew_due() == 0
    clock[0] += 11
    assert await one.renewer.renew_due() == 1


async def test_two_processes_renew_once(house, server, service_key):
    """Both are refused at the same moment; one renews, the other waits for it, both go on with the same token."""
    clock, process = house
    one, two = process(), process()
    number = await connected(one, clock, service_key)
    first = one.token(number)
    assert two.token(number) == first
    clock[0] += 120
    before = len(server.tokens)
    assert await asyncio.gather(one.renewer.renew({number}), two.renewer.renew({number})) == [True, True]
    assert len(server.tokens) == before + 1
    assert one.token(number) == two.token(number) != first


async def test_a_token_that_was_just_renewed_is_not_the_reason(house, server, service_key):
    """A vendor that says no to everything is not asked for tokens all the time; who has the old one takes the new one."""
    clock, process = house
    one, two = process(), process()
    number = await connected(one, clock, service_key)
    assert one.token(number) == two.token(number)
    clock[0] += 120
    assert await one.renewer.renew({number})
    assert await two.renewer.renew({number}), "it had the old token in hand"
    before = len(server.tokens)
    assert not await two.renewer.renew({number})
    assert len(server.tokens) == before


async def test_trouble_is_told_once_and_so_is_its_end(house, server, service_key):
    """Renewal is tried again after a while; the third failure is told, and then that it works again."""
    clock, process = house
    one = process()
    number = await connected(one, clock, service_key)
    clock[0] += 3600 - 9 * 60
    server.trouble = 503
    for _ in range(4):
        assert await one.renewer.renew_due() == 1
        assert await one.renewer.renew_due() == 0, "it rests first"
        clock[0] += 81
    assert one.told() == [("connected", "failing")]
    assert one.token(number), "the old token still serves"
    server.trouble = 0
    await one.renewer.renew_due()
    assert one.told() == [("connected", "failing"), ("failing", "connected")]
    assert one.row(number)[3:] == (0, "")


async def test_an_end_is_told_and_shown(house, server, service_key):
    """When the vendor has forgotten us inputs say so, nothing is tried again, and connecting again mends it."""
    clock, process = house
    one = process()
    number = await connected(one, clock, service_key)
    clock[0] += 3600 - 9 * 60
    server.ended = True
    await one.renewer.renew_due()
    assert one.row(number)[4] == accounts.FAILED
    assert one.told() == [("connected", "failed")]
    with pytest.raises(InputError, match="connect it again"):
        one.token(number)
    assert not await one.renewer.renew({number})
    clock[0] += 86_400
    assert await one.renewer.renew_due() == 0
    server.ended = False
    assert await connected(one, clock, service_key) == number
    assert one.token(number)


async def test_a_token_that_ended_while_the_vendor_was_down_is_an_end(house, server, service_key):
    """As long as it lasts there is hope; after that, deliveries would only fail."""
    clock, process = house
    one = process()
    number = await connected(one, clock, service_key)
    clock[0] += 3601
    server.trouble = 503
    await one.renewer.renew_due()
    assert one.row(number)[4] == accounts.FAILED


async def test_a_clock_that_jumps_does_no_harm(house, service_key):
    """Back an hour: nothing is due. Then ahead: what is due is renewed."""
    clock, process = house
    one = process()
    number = await connected(one, clock, service_key)
    first = one.token(number)
    clock[0] -= 3600
    assert await one.renewer.renew_due() == 0
    clock[0] += 7190
    assert await one.renewer.renew_due() == 1
    assert one.token(number) != first


async def test_a_lease_of_a_dead_process_ends(house, service_key):
    """Whoever died while renewing keeps the others out for a minute, no longer."""
    clock, process = house
    one = process()
    await connected(one, clock, service_key)
    clock[0] += 3600 - 9 * 60
    until = int(clock[0] * 1000) + 60_000
    one.store.write_now(lambda c: c.execute("UPDATE integrations SET refreshing_to = ?", (until,)))
    assert await one.renewer.renew_due() == 0
    clock[0] += 61
    assert await one.renewer.renew_due() == 1


async def test_a_token_that_nothing_can_renew_serves_to_its_end(house, service_key):
    """Its owner is warned ahead of the end and told of it; refused earlier, it is over at once."""
    clock, process = house
    one = process()
    number = await connected(one, clock, service_key)
    bare = Token({"access_token": "no way to renew this"}, 3600.0)
    keep = {"keyring": one.keyring, "now": int(clock[0] * 1000)}
    one.store.write_now(lambda c: accounts.renew(c, number, bare, **keep))
    clock[0] += 3600 - 9 * 60
    for _ in range(4):
        await one.renewer.renew_due()
        assert one.token(number)
        clock[0] += 81
    assert one.told() == [("connected", "failing")]
    clock[0] += 600
    await one.renewer.renew_due()
    assert one.told()[1:] == [("failing", "failed")]
    assert one.row(number)[4] == accounts.FAILED
    one.store.write_now(lambda c: accounts.renew(c, number, bare, **{**keep, "now": int(clock[0] * 1000)}))
    clock[0] += 120
    assert not await one.renewer.renew({number})
    assert one.row(number)[4] == accounts.FAILED
