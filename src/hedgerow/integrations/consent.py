"""Connecting at a vendor's page: what is begun here must come back here, from the same person, once and soon."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from hedgerow.destinations.secrets import Keyring
from hedgerow.integrations.errors import IntegrationError
from hedgerow.store import Connection

LASTS_MS = 10 * 60_000
PUT = "INSERT INTO integration_states (hash, project_id, kind, user_id, verifier, next, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
TAKE = """
DELETE FROM integration_states WHERE hash = ? RETURNING project_id, kind, user_id, verifier, next, ends_at
"""
FORGET = "DELETE FROM integration_states WHERE ends_at < ?"
CONTEXT = "integration state"


@dataclass(frozen=True, slots=True)
class Begun:
    """A connection that was begun."""

    project_id: int
    kind: str
    user_id: int | None
    verifier: str
    next: str


def begin(connection: Connection, begun: Begun, *, keyring: Keyring, now: int) -> str:
    """Note it; returns the state that the vendor gives back."""
    state = secrets.token_urlsafe(32)
    sealed = keyring.seal(begun.verifier.encode(), CONTEXT)
    connection.execute(FORGET, (now,))
    connection.execute(
        PUT, (_hash(state), begun.project_id, begun.kind, begun.user_id, sealed, begun.next, now + LASTS_MS)
    )
    return state


def finish(
    connection: Connection, state: object, user_id: int | None, *, keyring: Keyring, now: int
) -> Begun:
    """What was begun with a state; it is used up.

    Raises:
        IntegrationError: nothing was, it is too long ago, or somebody else began it: their consent page may have been
            put before a victim.
    """
    row = connection.execute(TAKE, (_hash(state if isinstance(state, str) else ""),)).fetchone()
    if row is None or row[5] < now:
        raise IntegrationError(
            "This connection was not begun here, or too long ago. Begin it again.", field="state"
        )
    project_id, kind, owner, sealed, after, _ = row
    if owner != user_id:
        raise IntegrationError("Somebody else began this connection. Begin it yourself.", field="state")
    return Begun(project_id, kind, owner, keyring.open(sealed, CONTEXT).decode(), after)


def new_verifier() -> str:
    """The proof of RFC 7636."""
    return secrets.token_urlsafe(48)


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()
