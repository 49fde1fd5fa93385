"""What the work of this room needs from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hedgerow.accounts.passwords import Passwords
from hedgerow.accounts.throttle import Limit, key, network
from hedgerow.destinations.secrets import Keyring
from hedgerow.settings import Settings
from hedgerow.store import Database

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request comes from: address, browser, and the token of the session it carries."""

    address: str = ""
    agent: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """The world of accounts: store, hashes, keys, clock, settings."""

    database: Database
    passwords: Passwords
    keyring: Keyring
    now: Callable[[], int]
    settings: Settings

    @property
    def session_ms(self) -> int:
        """How long a session lasts."""
        return self.settings.session_hours * HOUR_MS

    @property
    def link_ms(self) -> int:
        """How long a one-time link is good."""
        return self.settings.link_hours * HOUR_MS

    def account_limit(self, email: str) -> Limit:
        """How often the password of an account may be tried, whether there is such an account or not."""
        return Limit(key("account", email), self.settings.login_tries, self._window)

    def address_limit(self, address: str) -> Limit:
        """How often somebody at an address may try any."""
        return Limit(key("address", network(address)), self.settings.login_address_tries, self._window)

    @property
    def _window(self) -> int:
        return int(self.settings.login_window_s * 1000)
