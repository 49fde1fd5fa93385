"""The history of a destination: what each change made of it, who made it, when and why."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hedgerow.destinations.model import Author, Config, Secrets
from hedgerow.destinations.repository import id_bytes
from hedgerow.destinations.secrets import Keyring
from hedgerow.destinations.validation import Existing
from hedgerow.store.database import Connection

_SELECT = """
    SELECT destination_id, number, config, secrets, author, author_id, message, created_at
    FROM destination_revisions WHERE destination_id = ?
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """One state of a destination.

    Attributes:
        destination_id: whose.
        number: 1 for the first; every change makes the next.
        config: what it says.
        sealed: its secrets, encrypted.
        author: who made it.
        message: why, if they said so.
        created_at: when, in milliseconds.
    """

    destination_id: str
    number: int
    config: Config
    sealed: bytes | None = None
    author: Author = Author()  # noqa: RUF009 - frozen
    message: str | None = None
    created_at: int = 0

    def whole(self, keyring: Keyring) -> Existing:
        """Its configuration with its secrets in clear.

        Raises:
            SecretsError: they cannot be read with these keys.
        """
        return Existing(self.config, Secrets.open(self.sealed, keyring, self.destination_id))


def _from_row(row: Sequence[Any]) -> Revision:
    owner, number, config, sealed, author, author_id, message, at = row
    return Revision(
        str(uuid.UUID(bytes=owner)),
        number,
        Config.decode(config),
        sealed,
        Author(author, author_id),
        message,
        at,
    )


def history(conn: Connection, destination_id: str, *, limit: int = 50, offset: int = 0) -> list[Revision]:
    """Revisions of a destination, newest first."""
    rows = conn.execute(
        _SELECT + " ORDER BY number DESC LIMIT ? OFFSET ?", (id_bytes(destination_id), limit, offset)
    )
    return [_from_row(row) for row in rows]


def find(conn: Connection, destination_id: str, number: int) -> Revision | None:
    """One revision, or None."""
    row = conn.execute(_SELECT + " AND number = ?", (id_bytes(destination_id), number)).fetchone()
    return _from_row(row) if row else None


def restored(then: Existing, now: Existing, *, keep_secrets: bool) -> Existing:
    """What rolling back brings back: a former configuration, never its deletion.

    Args:
        then: the former state.
        now: the state of today.
        keep_secrets: take the values of secret inputs from today where today has them: a credential that was
            exchanged since should not come back.
    """
    secrets = then.secrets
    if keep_secrets:
        ids = {item["id"] for item in then.config.mappings or ()}
        secrets = Secrets(
            _today(then.secrets.inputs, now.secrets.inputs),
            {
                one: _today(then.secrets.mappings.get(one, {}), now.secrets.mappings.get(one, {}))
                for one in ids
                if one in then.secrets.mappings
            },
        )
    return Existing(replace(then.config, deleted=False), secrets)


def _today(then: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: now.get(key, item) for key, item in then.items()}
