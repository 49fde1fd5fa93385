"""Links that let somebody in once: the first owner, whoever is invited, whoever forgot their password.

What is stored is a hash. A link is used up in the transaction that does what it is for, so that of two who open it at the
same moment one is late. A new link of the same kind for the same person takes the place of the one before.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from hedgerow.accounts.credentials import Random
from hedgerow.accounts.roles import Role
from hedgerow.store import Connection

FIRST_OWNER, INVITATION, RESET = "first_owner", "invitation", "reset"
ENTROPY_BYTES = 32

_COLUMNS = """
SELECT id, kind, email, project_id, role, is_owner, user_id, created_by, created_at, expires_at FROM one_time_links
"""
_CREATE = """
INSERT INTO one_time_links
  (hash, kind, email, project_id, role, is_owner, user_id, created_by, created_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REPLACE = """
DELETE FROM one_time_links
WHERE kind = ? AND email = ? AND project_id IS ? AND user_id IS ? AND used_at IS NULL
"""


class DeadLink(ValueError):
    """The link was used, replaced or withdrawn, its time is over, or it never was one. Nobody is told which."""

    def __init__(self) -> None:
        super().__init__("This link is not valid any more. Ask for a new one.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A link to be made.

    Attributes:
        kind: ``first_owner``, ``invitation`` or ``reset``.
        created_by: who makes it.
        email: whom it is for; empty for the first owner.
        project_id: where an invitation leads.
        role: as what.
        is_owner: whether they will own the instance.
        user_id: whose password may be set.
    """

    kind: str
    created_by: str
    email: str = ""
    project_id: int | None = None
    role: Role | None = None
    is_owner: bool = False
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link, which is not its token. Times are milliseconds since the epoch."""

    id: int
    kind: str
    email: str
    project_id: int | None
    role: Role | None
    is_owner: bool
    user_id: int | None
    created_by: str
    created_at: int
    expires_at: int


def make(
    conn: Connection, wanted: Wanted, *, now: int, lasts_ms: int, random: Random = secrets.token_urlsafe
) -> tuple[str, Link]:
    """Make a link.

    Args:
        conn: inside a writing transaction.
        wanted: what it is for.
        now: milliseconds since the epoch.
        lasts_ms: how long it is good.
        random: where the token comes from.

    Returns:
        The token, which cannot be read again, and what is known of it.
    """
    token = random(ENTROPY_BYTES)
    conn.execute(_REPLACE, (wanted.kind, wanted.email, wanted.project_id, wanted.user_id))
    conn.execute(
        _CREATE,
        (_hash(token), wanted.kind, wanted.email, wanted.project_id, wanted.role.word if wanted.role else None,
         wanted.is_owner, wanted.user_id, wanted.created_by, now, now + lasts_ms),
    )  # fmt: skip
    return token, peek(conn, token, now)


def peek(conn: Connection, token: str, now: int) -> Link:
    """What a token is for, without using it.

    Raises:
        DeadLink: it opens nothing.
    """
    sql = f"{_COLUMNS} WHERE hash = ? AND used_at IS NULL AND expires_at > ?"
    row = conn.execute(sql, (_hash(token), now)).fetchone()
    if row is None:
        raise DeadLink
    return _link(row)


def use(conn: Connection, token: str, now: int, *kinds: str) -> Link:
    """Use a link up.

    Raises:
        DeadLink: it opens nothing, or something else.
    """
    found = peek(conn, token, now)
    if found.kind not in kinds:
        raise DeadLink
    conn.execute("UPDATE one_time_links SET used_at = ? WHERE id = ?", (now, found.id))
    return found


def invitations(conn: Connection, project_id: int) -> list[Link]:
    """The open invitations to a project, expired ones included, the latest first."""
    sql = f"{_COLUMNS} WHERE project_id = ? AND kind = ? AND used_at IS NULL ORDER BY id DESC"
    return [_link(row) for row in conn.execute(sql, (project_id, INVITATION))]


def withdraw(conn: Connection, project_id: int, link_id: int) -> Link | None:
    """Make an open invitation void; None when there was none."""
    found = next((link for link in invitations(conn, project_id) if link.id == link_id), None)
    if found is not None:
        conn.execute("DELETE FROM one_time_links WHERE id = ?", (link_id,))
    return found


def _hash(token: str) -> str:
    """A plain hash, as for API keys: there is nothing to guess."""
    return hashlib.sha256(b"link\0" + token.encode("utf-8", "surrogatepass")).hexdigest()


def _link(row: Any) -> Link:
    id_, kind, email, project_id, role, is_owner, user_id, created_by, created_at, expires_at = row
    return Link(
        id_,
        kind,
        email,
        project_id,
        Role.named(role),
        bool(is_owner),
        user_id,
        created_by,
        created_at,
        expires_at,
    )
