"""From an empty folder to an instance that can be used: schema, the first project, a key, a link for the first owner."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from hedgerow.accounts import Project, create_key, first_project, list_keys
from hedgerow.accounts.context import HOUR_MS
from hedgerow.accounts.joining import first_owner_link
from hedgerow.accounts.keys import forget_operator_keys
from hedgerow.delivery import standby
from hedgerow.destinations.secrets import Keyring
from hedgerow.log.sqlite import SqliteLog
from hedgerow.settings import Settings
from hedgerow.store import Connection, Database, migrate

KEY_FILE = "api.key"
KEY_LABEL = "made at the first start"
FIXED_LABEL = "HEDGEROW_API_KEY"


@dataclass(frozen=True, slots=True)
class Instance:
    """What ``serve`` tells its user.

    Attributes:
        project: the first project.
        key: a key that was made just now, to be shown this once; empty otherwise.
        key_file: where this machine's owner finds it later.
        partitions: of the event log, fixed when it was made.
        invitation: what opens the account of the first owner, as long as nobody has one; empty otherwise.
        standby: whether it sends nothing until it is told to.
    """

    project: Project
    key: str
    key_file: Path
    partitions: int
    invitation: str = ""
    standby: bool = False


def prepare(settings: Settings, folder: Path) -> Instance:
    """Bring a data folder to this release's schema and see that somebody can use it.

    Raises:
        MalformedCredential: a fixed token or key cannot be one.
        TokenTaken: another project has the fixed token.
        SecretsError: the keys for secrets are unusable.
        StoreError: the files cannot be used.
    """
    migrate(folder)
    Keyring.load(settings.secret_keys.get_secret_value(), folder)
    log = SqliteLog(folder / "events", settings.partitions, clock=time.time)
    partitions = log.partitions
    log.close()
    state = Database(folder / "state.db")
    try:
        project, key, invitation = state.write_now(lambda connection: _credentials(connection, settings))
        stands_by = state.read_now(standby.since) is not None
    finally:
        state.close()
    if key:
        write_private(folder / KEY_FILE, key)
    return Instance(project, key, folder / KEY_FILE, partitions, invitation, stands_by)


def _credentials(connection: Connection, settings: Settings) -> tuple[Project, str, str]:
    now = time.time_ns() // 1_000_000
    project = first_project(connection, now=now, token=settings.project_token or None)
    key = _key(connection, settings, now)
    invitation = first_owner_link(connection, now=now, lasts_ms=settings.link_hours * HOUR_MS)
    return project, key, invitation or ""


def _key(connection: Connection, settings: Settings, now: int) -> str:
    """A key to be shown, if one is made. A fixed one takes the place of those that were fixed before."""
    fixed = settings.api_key.get_secret_value()
    if fixed:
        forget_operator_keys(connection, FIXED_LABEL, but=fixed)
        create_key(connection, label=FIXED_LABEL, now=now, key=fixed)
        return ""
    return "" if list_keys(connection) else create_key(connection, label=KEY_LABEL, now=now)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
