"""What the API works with: handed in, never reached for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from hedgerow.accounts.context import Context
from hedgerow.accounts.passwords import Passwords
from hedgerow.alerts.smtp import Post
from hedgerow.destinations.catalogue import Catalogue, builtin
from hedgerow.destinations.secrets import Keyring
from hedgerow.insight import Tail
from hedgerow.integrations.hub import Hub
from hedgerow.log import EventLog
from hedgerow.replay.trial import Trials
from hedgerow.settings import Settings
from hedgerow.store import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The world of the API.

    Attributes:
        settings: all settings.
        state: configuration, people, the ledger.
        telemetry: log lines and metrics.
        log: the event log.
        keyring: what seals secret inputs.
        now: milliseconds since the epoch.
        changed: told after each change of configuration, so that workers look at once.
        templates: the destination templates.
        random: source of randomness for ids.
        tail: events as they are accepted.
        forget: told after somebody asked for a person to be erased.
        passwords: makes and compares their hashes.
        hub: connects accounts at vendors.
        post: takes the mails of alerts; None: the operator has set up none.
        trials: tries destinations out, in helper processes; so are all filters and programs that the API runs.
    """

    settings: Settings
    state: Database
    telemetry: Database
    log: EventLog
    keyring: Keyring
    now: Callable[[], int]
    changed: Callable[[], None] = lambda: None
    templates: Catalogue = field(default_factory=builtin)
    random: Callable[[int], bytes] = os.urandom
    tail: Tail = field(default_factory=Tail)
    forget: Callable[[], None] = lambda: None
    passwords: Passwords = field(default_factory=Passwords)
    trials: Trials = field(default_factory=Trials)
    hub: Hub = field(default_factory=lambda: Hub.of(Settings()))
    post: Post | None = None

    @property
    def accounts(self) -> Context:
        """What the work on accounts needs of this."""
        return Context(self.state, self.passwords, self.keyring, self.now, self.settings)
