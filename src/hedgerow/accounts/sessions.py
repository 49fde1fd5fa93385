"""Sessions of people at a browser: a random token in a cookie, its hash in the store.

A token is made by the server alone, anew at each login, and means nothing before it: there is no session that somebody
could prepare for another. The token that protects against forged requests is derived from it, so that it is as new as
the session and fits no other.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from hedgerow.accounts.credentials import Random
from hedgerow.store import Connection

ENTROPY_BYTES = 32
# How exactly the last use is known; a write per request would be too much to pay for more.
USE_GRAIN_MS = 60_000
LONGEST_AGENT = 300

_COLUMNS = "SELECT id, user_id, created_at, last_used_at, expires_at, address, agent FROM sessions"
_CREATE = """
INSERT INTO sessions (hash, user_id, created_at, last_used_at, expires_at, address, agent) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session, which is not its token. Times are milliseconds since the epoch."""

    id: int
    user_id: int
    created_at: int
    last_used_at: int
    expires_at: int
    address: str
    agent: str

    def stale(self, now: int) -> bool:
        """Whether its last use is worth writing down again."""
        return self.last_used_at <= now - USE_GRAIN_MS


def start(
    conn: Connection,
    user_id: int,
    *,
    now: int,
    lasts_ms: int,
    address: str,
    agent: str,
    random: Random = secrets.token_urlsafe,
) -> str:
    """Begin a session; what has expired of anybody is cleared away.

    Returns:
        The token for the cookie. It cannot be read again.
    """
    token = random(ENTROPY_BYTES)
    conn.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
    conn.execute(_CREATE, (_hash(token), user_id, now, now, now + lasts_ms, address, agent[:LONGEST_AGENT]))
    return token


def find(conn: Connection, token: str, now: int) -> Session | None:
    """The session of a token, unless it is over."""
    row = conn.execute(f"{_COLUMNS} WHERE hash = ? AND expires_at > ?", (_hash(token), now)).fetchone()
    return None if row is None else Session(*row)


def touch(conn: Connection, session_id: int, now: int) -> None:
    """Note that a session was used."""
    conn.execute("UPDATE sessions SET last_used_at = ? WHERE id = ?", (now, session_id))


def of_user(conn: Connection, user_id: int, now: int) -> list[Session]:
    """Somebody's sessions, the last used first."""
    sql = f"{_COLUMNS} WHERE user_id = ? AND expires_at > ? ORDER BY last_used_at DESC, id DESC"
    return [Session(*row) for row in conn.execute(sql, (user_id, now))]


def end(conn: Connection, user_id: int, session_id: int) -> bool:
    """End one of somebody's sessions; False when there was none."""
    conn.execute("DELETE FROM sessions WHERE user_id = ? AND id = ?", (user_id, session_id))
    return conn.changes() > 0


def end_token(conn: Connection, token: str) -> None:
    """End the session of a token, if there is one."""
    conn.execute("DELETE FROM sessions WHERE hash = ?", (_hash(token),))


def end_all(conn: Connection, user_id: int, *, but: int | None = None) -> int:
    """End all of somebody's sessions, or all but one; returns how many."""
    conn.execute("DELETE FROM sessions WHERE user_id = ? AND id IS NOT ?", (user_id, but))
    return int(conn.changes())


def csrf_token(token: str) -> str:
    """What a page must send with each change, besides the cookie that the browser sends by itself."""
    return hashlib.sha256(b"csrf\0" + _bytes(token)).hexdigest()


def is_csrf_token(token: str, given: str) -> bool:
    """Whether this is it."""
    return hmac.compare_digest(csrf_token(token).encode(), _bytes(given))


def _hash(token: str) -> str:
    """A plain hash, as for API keys: there is nothing to guess."""
    return hashlib.sha256(b"session\0" + _bytes(token)).hexdigest()


def _bytes(text: Any) -> bytes:
    return str(text).encode("utf-8", "surrogatepass")
