"""People with an account."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hedgerow.store import Connection

LONGEST_EMAIL, LONGEST_NAME = 254, 200

_COLUMNS = """
SELECT id, uuid, email, name, is_owner, is_active, totp_confirmed_at, current_project, created_at, last_login_at
FROM users
"""
_CREATE = """
INSERT INTO users (uuid, email, name, password, is_owner, created_at) VALUES (?, ?, ?, ?, ?, ?)
"""
_UPDATE = (
    "UPDATE users SET email = ?, name = ?, is_owner = ?, is_active = ?, current_project = ? WHERE id = ?"
)


class BadField(ValueError):
    """A field cannot have this value; ``name`` is the field."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account. Times are milliseconds since the epoch.

    Attributes:
        is_owner: owns the instance: an owner in every project, in charge of users and projects.
        is_active: may come in.
        has_second_factor: needs a code besides the password.
        current_project: what ``@current`` means to them, if they chose.
    """

    id: int
    uuid: uuid.UUID
    email: str
    name: str
    is_owner: bool
    is_active: bool
    has_second_factor: bool
    current_project: int | None
    created_at: int
    last_login_at: int | None


def plain_email(text: object) -> str:
    """An email address in the one form that addresses are compared in.

    Raises:
        BadField: it is none.
    """
    folded = unicodedata.normalize("NFKC", text).strip().casefold() if isinstance(text, str) else ""
    name, at, host = folded.rpartition("@")
    clean = not any(char.isspace() or not char.isprintable() for char in folded)
    if not (name and at and host and clean and len(folded) <= LONGEST_EMAIL) or "@" in name:
        raise BadField("email", "Enter a valid email address.")
    return folded


def plain_name(text: object) -> str:
    """A name as it is kept.

    Raises:
        BadField: it is none.
    """
    if not isinstance(text, str) or len(text) > LONGEST_NAME or not text.replace("\n", "?").isprintable():
        raise BadField("first_name", f"Must be a text of at most {LONGEST_NAME} characters.")
    return text.strip()


def create_user(
    conn: Connection, *, email: str, name: str, password: str, is_owner: bool, now: int, identity: bytes
) -> User:
    """Make an account.

    Args:
        conn: inside a writing transaction.
        email: as ``plain_email`` returns it.
        name: how they are called.
        password: its hash.
        is_owner: of the instance.
        now: milliseconds since the epoch.
        identity: 16 random bytes.

    Raises:
        BadField: somebody has this address already.
    """
    if by_email(conn, email) is not None:
        raise BadField("email", "There is already an account with this email address.")
    made = uuid.UUID(bytes=identity, version=4)
    conn.execute(_CREATE, (made.bytes, email, name, password, is_owner, now))
    found = get_user(conn, conn.last_insert_rowid())
    assert found is not None
    return found


def get_user(conn: Connection, user_id: int) -> User | None:
    """The user with an id."""
    return _first(conn, f"{_COLUMNS} WHERE id = ?", user_id)


def by_email(conn: Connection, email: str) -> User | None:
    """The user with an address, which must be in its plain form."""
    return _first(conn, f"{_COLUMNS} WHERE email = ?", email)


def by_uuid(conn: Connection, identity: uuid.UUID) -> User | None:
    """The user with a public id."""
    return _first(conn, f"{_COLUMNS} WHERE uuid = ?", identity.bytes)


def list_users(conn: Connection) -> list[User]:
    """Everybody, the oldest account first."""
    return [_user(row) for row in conn.execute(f"{_COLUMNS} ORDER BY id")]


def anybody(conn: Connection) -> bool:
    """Whether there is any account."""
    return conn.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None


def save_user(conn: Connection, user: User) -> None:
    """Write what may change about somebody."""
    conn.execute(
        _UPDATE, (user.email, user.name, user.is_owner, user.is_active, user.current_project, user.id)
    )


def owners_left(conn: Connection, without: int) -> bool:
    """Whether somebody else could still run the instance if this one no longer did."""
    sql = "SELECT 1 FROM users WHERE is_owner AND is_active AND id <> ? LIMIT 1"
    return conn.execute(sql, (without,)).fetchone() is not None


def delete_user(conn: Connection, user_id: int) -> None:
    """Remove an account with everything that opens a door by it. What they did stays in the audit log."""
    for table in ("members", "sessions", "api_keys", "recovery_codes", "one_time_links"):
        conn.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608 - names from above
    conn.execute("DELETE FROM users WHERE id = ?", (user_id,))


def shown(user: User) -> Mapping[str, Any]:
    """What the audit log compares."""
    return {
        "email": user.email,
        "first_name": user.name,
        "is_owner": user.is_owner,
        "is_active": user.is_active,
        "second_factor": user.has_second_factor,
    }


def _first(conn: Connection, sql: str, value: int | str | bytes) -> User | None:
    row = conn.execute(sql, (value,)).fetchone()
    return None if row is None else _user(row)


def _user(row: Any) -> User:
    id_, identity, email, name, is_owner, is_active, confirmed, current, created, last = row
    key = uuid.UUID(bytes=identity)
    return User(
        id_, key, email, name, bool(is_owner), bool(is_active), confirmed is not None, current, created, last
    )
