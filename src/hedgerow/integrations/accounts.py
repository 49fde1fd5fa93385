"""Connected accounts in the store: made, listed, renewed and removed; their tokens sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.destinations import connections
from hedgerow.destinations.secrets import Keyring
from hedgerow.integrations.vendors import Grant, Token
from hedgerow.store import Connection

COLUMNS = """
SELECT id, project_id, kind, external_id, name, config, expires_at, refreshed_at, errors, created_by, created_at, failures
FROM integrations
"""
PUT = """
INSERT INTO integrations (project_id, kind, external_id, name, config, created_by, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, kind, external_id) DO UPDATE SET
    name = excluded.name, config = excluded.config, updated_at = excluded.updated_at
RETURNING id
"""
SEAL = """
UPDATE integrations SET
    secrets = ?, expires_at = ?, refreshed_at = ?, refreshing_to = 0, errors = '', failures = 0
WHERE id = ?
"""
FAILED = "TOKEN_REFRESH_FAILED"
"""What ``errors`` says of an account that has to be connected again, as in PostHog."""


@dataclass(frozen=True, slots=True)
class Account:
    """A connected account, without its tokens. Times in milliseconds; ``failures`` of renewals since the last good one."""

    id: int
    project_id: int
    kind: str
    external_id: str
    name: str
    config: Mapping[str, Any]
    expires_at: int | None
    refreshed_at: int | None
    errors: str
    created_by: int | None
    created_at: int
    failures: int = 0


def put(
    connection: Connection,
    project_id: int,
    kind: str,
    grant: Grant,
    *,
    keyring: Keyring,
    user_id: int | None,
    now: int,
) -> Account:
    """Keep what a vendor granted; an account that is connected again keeps its number."""
    values = (
        project_id,
        kind,
        grant.external_id,
        grant.name,
        orjson.dumps(grant.config).decode(),
        user_id,
        now,
        now,
    )
    (number,) = connection.execute(PUT, values).fetchone()  # type: ignore[misc]
    renew(connection, number, Token(grant.secrets, grant.lasts), keyring=keyring, now=now)
    found = get(connection, project_id, number)
    assert found is not None
    return found


def renew(connection: Connection, number: int, token: Token, *, keyring: Keyring, now: int) -> None:
    """Keep a token that works: whatever was wrong with the account before is over."""
    sealed = keyring.seal_json(token.secrets, connections.context_of(number))
    ends = None if token.lasts is None else now + int(token.lasts * 1000)
    connection.execute(SEAL, (sealed, ends, now, number))
    connections.changed(connection)


def get(connection: Connection, project_id: int, number: int) -> Account | None:
    """An account of a project."""
    row = connection.execute(f"{COLUMNS} WHERE id = ? AND project_id = ?", (number, project_id)).fetchone()
    return None if row is None else _account(row)


def listed(connection: Connection, project_id: int, kind: str = "") -> list[Account]:
    """The accounts of a project, the oldest first."""
    rows = connection.execute(
        f"{COLUMNS} WHERE project_id = ? AND (? = '' OR kind = ?) ORDER BY id", (project_id, kind, kind)
    )
    return [_account(row) for row in rows]


def remove(connection: Connection, project_id: int, number: int) -> bool:
    """Forget an account; its tokens are overwritten. False: there is none."""
    connection.execute("DELETE FROM integrations WHERE id = ? AND project_id = ?", (number, project_id))
    gone = connection.changes() > 0
    connections.changed(connection)
    return gone


def secrets_of(connection: Connection, number: int, keyring: Keyring) -> dict[str, Any]:
    """The tokens of an account; empty when it is gone.

    Raises:
        SecretsError: they cannot be read with the keys at hand.
    """
    row = connection.execute("SELECT secrets FROM integrations WHERE id = ?", (number,)).fetchone()
    if row is None or row[0] is None:
        return {}
    found = keyring.open_json(row[0], connections.context_of(number))
    assert isinstance(found, dict)
    return found


def _account(row: tuple[Any, ...]) -> Account:
    number, project_id, kind, external_id, name, config, *rest = row
    return Account(number, project_id, kind, external_id, name, orjson.loads(config), *rest)
