"""Keeping tokens fresh: ahead of their end, and at once when a vendor says no. One renewal at a time, over all processes."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Collection, Iterable
from typing import Any, Final

from hedgerow.delivery import internal, standby
from hedgerow.delivery.invocation import Outcome
from hedgerow.delivery.world import World
from hedgerow.destinations import connections
from hedgerow.destinations.errors import SecretsError
from hedgerow.destinations.secrets import Keyring
from hedgerow.events import Event, timestamps
from hedgerow.integrations import accounts
from hedgerow.integrations.errors import IntegrationError, NothingToRenew
from hedgerow.integrations.vendors import Token, Vendors
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

EVERY_S: Final = 15.0
LEASE_MS: Final = 60_000
AHEAD_MS: Final = 10 * 60_000
"""A token is renewed so long before it ends, or after half of its life when that is shorter."""
JUST_NOW_MS: Final = 30_000
"""A token younger than this is not the reason why a vendor says no."""
FIRST_REST_MS: Final = 10_000
LONGEST_REST_MS: Final = 5 * 60_000
WARN_AT: Final = 3
WAIT_S: Final = 0.2
EVENT: Final = "$integration_state_changed"

DUE: Final = """
SELECT id FROM integrations
WHERE expires_at IS NOT NULL AND errors = '' AND refreshing_to <= :now
  AND expires_at - MIN(:ahead, (expires_at - refreshed_at) / 2) <= :now
ORDER BY expires_at LIMIT 50
"""
CLAIM: Final = """
UPDATE integrations SET refreshing_to = :until
WHERE id = :id AND refreshing_to <= :now AND errors = '' RETURNING project_id, kind, name, expires_at, failures
"""
STATE: Final = "SELECT refreshed_at, refreshing_to, errors FROM integrations WHERE id = ?"
REST: Final = "UPDATE integrations SET failures = failures + 1, refreshing_to = ?, errors = ? WHERE id = ?"


class Renewer:
    """Renews the tokens of an instance; any number of processes may have one."""

    def __init__(self, world: World, vendors: Vendors, keyring: Keyring) -> None:
        """Work in the world of a process, whose deliveries may ask for other tokens from now on.

        Args:
            world: of a worker, or of trials.
            vendors: who are asked for tokens.
            keyring: what knows the accounts, and seals their tokens.
        """
        self._world = world
        self._vendors = vendors
        self._keyring = keyring
        self._leads = False
        world.renew = self.renew

    def own(self, partitions: Iterable[int]) -> None:
        """The owner of the first partition looks after all; the others renew when a vendor says no."""
        self._leads = 0 in set(partitions)

    def settled(self, outcome: Outcome) -> None:
        """Nothing to do."""

    async def run(self) -> None:
        """Look for tokens that end soon, until cancelled."""
        while True:
            if self._leads:
                try:
                    await self.renew_due()
                except StoreError as error:
                    log.warning("renewal_failed error=%s", error)
            await asyncio.sleep(EVERY_S)

    async def renew_due(self) -> int:
        """Renew what ends soon; returns how many tokens were looked at."""
        given = {"now": self._world.now_ms(), "ahead": AHEAD_MS}
        due = await self._world.store.read(lambda c: _due(c, given))
        for number in due:
            await self._renewed(number)
        return len(due)

    async def renew(self, numbers: Collection[int]) -> bool:
        """A vendor said no to the token of one of these accounts.

        Returns:
            Whether there is another token now, so that it may be asked again.
        """
        return any([await self._other(number) for number in numbers])

    async def _other(self, number: int) -> bool:
        now = self._world.now_ms()
        state = await self._state(number)
        if state is None or state[2]:
            return False
        if state[0] is not None and now - state[0] < JUST_NOW_MS:
            return await self._world.store.read(lambda c: self._knows_less(c, number))
        if not await self._renewed(number, refused=True):
            await self._wait(number)
        after = await self._state(number)
        if after is None or after[2] or after[0] == state[0]:
            return False
        await self._world.store.read(lambda c: self._knows_less(c, number))  # this process has it at once
        return True

    def _knows_less(self, connection: Connection, number: int) -> bool:
        """Whether the token that was refused is older than the one in the store."""
        seen = self._keyring.connections.known(number)
        self._keyring.connections.refresh(connection, self._keyring)
        return seen != self._keyring.connections.known(number)

    async def _state(self, number: int) -> tuple[Any, ...] | None:
        return await self._world.store.read(lambda c: _state_of(c, number))

    async def _wait(self, number: int) -> None:
        """Until whoever renews the token now is done."""
        end = asyncio.get_running_loop().time() + LEASE_MS / 1000
        while asyncio.get_running_loop().time() < end:
            state = await self._state(number)
            if state is None or state[1] <= self._world.now_ms() or state[2]:
                return
            await asyncio.sleep(WAIT_S)

    async def _renewed(self, number: int, *, refused: bool = False) -> bool:
        """Renew a token unless somebody else does; False: somebody else does, or it cannot be renewed.

        Args:
            number: of the account.
            refused: the vendor has said no to the present token.
        """
        now = self._world.now_ms()
        claim = {"id": number, "now": now, "until": now + LEASE_MS}
        row = await self._world.store.write(lambda c: c.execute(CLAIM, claim).fetchone())
        if row is None:
            return False
        try:
            secrets = await self._world.store.read(lambda c: accounts.secrets_of(c, number, self._keyring))
            token = await self._vendors.renewed(self._vendors.kind(row[1]), secrets)
        except (IntegrationError, SecretsError) as error:
            fault, hopeless = error, _hopeless(error, refused=refused)
            await self._world.insist(
                "renewal", lambda c: self._failed(c, number, row, fault, hopeless=hopeless)
            )
            return False
        await self._world.insist("renewal", lambda c: self._kept(c, number, row, token))
        return True

    def _kept(self, connection: Connection, number: int, row: tuple[Any, ...], token: Token) -> None:
        accounts.renew(connection, number, token, keyring=self._keyring, now=self._world.now_ms())
        if row[4] >= WARN_AT:
            self._tell(connection, number, row, "failing", "connected", "")

    def _failed(
        self, connection: Connection, number: int, row: tuple[Any, ...], error: Exception, *, hopeless: bool
    ) -> None:
        """Try again later; give up when that cannot help, or when the token has ended."""
        _, kind, _, ends, failures = row
        now = self._world.now_ms()
        over = hopeless or (ends is not None and ends <= now)
        log.warning(
            "renewal_failed integration=%d kind=%s failures=%d error=%s", number, kind, failures + 1, error
        )
        rest = min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** min(failures, 10))
        connection.execute(REST, (now + rest, accounts.FAILED if over else "", number))
        if over:
            connections.changed(connection)
            self._tell(
                connection,
                number,
                row,
                "failing" if failures >= WARN_AT else "connected",
                "failed",
                str(error),
            )
        elif failures + 1 == WARN_AT:
            self._tell(connection, number, row, "connected", "failing", str(error))

    def _tell(
        self, connection: Connection, number: int, row: tuple[Any, ...], previous: str, new: str, error: str
    ) -> None:
        """Put it before the owner: an event that destinations of type ``internal_destination`` get."""
        project_id, kind, name, _, _ = row
        now = self._world.now_ms()
        about = f"integration-{number}"
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{about}:{project_id}:{new}:{now}"))
        properties = {
            "integration_id": number, "kind": kind, "name": name, "previous": previous, "new": new, "error": error,
        }  # fmt: skip
        event = Event(identity, EVENT, about, properties, timestamps.write(now), now, internal=True)
        home = number % self._world.log.partitions
        connection.execute(internal.PUT, (home, project_id, now, event.encode()))


def _hopeless(error: Exception, *, refused: bool) -> bool:
    """Whether there will be no other token. One that nothing can renew still serves until it ends or is refused."""
    if isinstance(error, NothingToRenew):
        return refused
    return isinstance(error, IntegrationError) and error.final


def _state_of(connection: Connection, number: int) -> tuple[Any, ...] | None:
    """How it stands with an account; None when it is gone, or its tokens are another copy's while the instance stands by."""
    if standby.since(connection) is not None:
        return None
    return connection.execute(STATE, (number,)).fetchone()


def _due(connection: Connection, given: dict[str, int]) -> list[int]:
    """What ends soon; nothing while the instance stands by: another copy of it may have the tokens, and lose them by this."""
    if standby.since(connection) is not None:
        return []
    return [int(row[0]) for row in connection.execute(DUE, given)]
