"""Personal API keys: made once, shown once, stored as a hash."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.accounts.credentials import API_KEY, Random, check_key, fingerprint, hint, new_key
from hedgerow.accounts.roles import EVERYTHING
from hedgerow.store import Connection

# How exactly the last use of a key is known; a write per request would be too much to pay for more.
USE_GRAIN_MS = 60_000

_COLUMNS = "SELECT id, label, hint, scopes, created_at, last_used_at, user_id, projects FROM api_keys"
_CREATE = """
INSERT INTO api_keys (label, hash, hint, scopes, created_at, user_id, projects) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (hash) DO UPDATE SET label = excluded.label, scopes = excluded.scopes
"""
_TOUCH = """
UPDATE api_keys SET last_used_at = :now
WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :now - :grain)
"""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key, which is not the key. Times are milliseconds since the epoch.

    Attributes:
        user_id: whose it is; None for the operator's own.
        projects: which ones it is limited to; None for all that its user may see.
    """

    id: int
    label: str
    hint: str
    scopes: tuple[str, ...]
    created_at: int
    last_used_at: int | None
    user_id: int | None = None
    projects: tuple[int, ...] | None = None

    def reaches(self, project_id: int) -> bool:
        """Whether the key is good for a project."""
        return self.projects is None or project_id in self.projects

    def allows(self, scope: str) -> bool:
        """Whether the key may do something like ``hog_function:read``; writing includes reading."""
        subject, _, verb = scope.partition(":")
        wanted = {EVERYTHING, scope} | ({f"{subject}:write"} if verb == "read" else set())
        return not wanted.isdisjoint(self.scopes)

    def stale(self, now: int) -> bool:
        """Whether its last use is worth writing down again."""
        return self.last_used_at is None or self.last_used_at <= now - USE_GRAIN_MS


def create_key(
    conn: Connection,
    *,
    label: str,
    scopes: Sequence[str] = (EVERYTHING,),
    now: int,
    key: str | None = None,
    user_id: int | None = None,
    projects: Sequence[int] | None = None,
    random: Random = secrets.token_urlsafe,
) -> str:
    """Make a key.

    Args:
        conn: inside a writing transaction.
        label: what its owner calls it.
        scopes: what it may do, ``*`` for everything.
        now: milliseconds since the epoch.
        key: a fixed one, such as ``HEDGEROW_API_KEY``; one that is there already gets the new label and scopes.
        user_id: whose it is; None for the operator's own, which may do all that its scopes allow.
        projects: which ones it is limited to; None for all.
        random: where a random one comes from.

    Returns:
        The key in clear text. It cannot be read again.

    Raises:
        MalformedCredential: the fixed key has a wrong form.
    """
    clear = check_key(key) if key else new_key(random)
    limits = None if projects is None else orjson.dumps(list(projects)).decode()
    told = orjson.dumps(list(scopes)).decode()
    conn.execute(_CREATE, (label, fingerprint(clear), hint(clear), told, now, user_id, limits))
    return clear


def verify(conn: Connection, key: str, *, now: int | None = None) -> ApiKey | None:
    """Find out which key this is.

    Args:
        conn: on the state file; a reading transaction is enough when ``now`` is None.
        key: what the request carried.
        now: milliseconds since the epoch, to note the use as well. Whoever serves many requests leaves it to
            ``actors.by_key``, which writes only when there is something to write.

    Returns:
        The key, None when it is none of ours.
    """
    if not key.startswith(API_KEY):
        return None
    row = conn.execute(f"{_COLUMNS} WHERE hash = ?", (fingerprint(key),)).fetchone()
    found = None if row is None else _key(row)
    if found is not None and now is not None and found.stale(now):
        touch(conn, found.id, now)
    return found


def touch(conn: Connection, key_id: int, now: int) -> None:
    """Note that a key was used, at most once a minute."""
    conn.execute(_TOUCH, {"id": key_id, "now": now, "grain": USE_GRAIN_MS})


def list_keys(conn: Connection) -> list[ApiKey]:
    """Every key, oldest first."""
    return [_key(row) for row in conn.execute(f"{_COLUMNS} ORDER BY id")]


def keys_of(conn: Connection, user_id: int | None) -> list[ApiKey]:
    """Somebody's keys, oldest first; the operator's own for None."""
    return [_key(row) for row in conn.execute(f"{_COLUMNS} WHERE user_id IS ? ORDER BY id", (user_id,))]


def change_key(
    conn: Connection, key_id: int, *, label: str, scopes: Sequence[str], projects: Sequence[int] | None
) -> None:
    """Call a key something else, or let it do other things."""
    limits = None if projects is None else orjson.dumps(list(projects)).decode()
    sql = "UPDATE api_keys SET label = ?, scopes = ?, projects = ? WHERE id = ?"
    conn.execute(sql, (label, orjson.dumps(list(scopes)).decode(), limits, key_id))


def roll_key(conn: Connection, key_id: int, random: Random = secrets.token_urlsafe) -> str:
    """Give a key another value; returns it in clear text. It cannot be read again."""
    clear = new_key(random)
    sql = "UPDATE api_keys SET hash = ?, hint = ?, last_used_at = NULL WHERE id = ?"
    conn.execute(sql, (fingerprint(clear), hint(clear), key_id))
    return clear


def forget_operator_keys(conn: Connection, label: str, *, but: str) -> None:
    """Take the power of keys without a user that are called so, all but one."""
    sql = "DELETE FROM api_keys WHERE user_id IS NULL AND label = ? AND hash <> ?"
    conn.execute(sql, (label, fingerprint(but)))


def delete_key(conn: Connection, key_id: int) -> bool:
    """Take a key's power away; False when there was none."""
    conn.execute("DELETE FROM api_keys WHERE id = ?", (key_id,))
    return conn.changes() > 0


def _key(row: Any) -> ApiKey:
    id_, label, shown, scopes, created_at, last_used_at, user_id, projects = row
    limits = None if projects is None else tuple(orjson.loads(projects))
    return ApiKey(id_, label, shown, tuple(orjson.loads(scopes)), created_at, last_used_at, user_id, limits)
