"""Who is what in a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hedgerow.accounts.roles import Role
from hedgerow.accounts.users import User, get_user
from hedgerow.store import Connection

_SET = """
INSERT INTO members (project_id, user_id, role, created_at, updated_at) VALUES (:project, :user, :role, :now, :now)
ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role, updated_at = excluded.updated_at
"""
_COLUMNS = "SELECT user_id, role, created_at, updated_at FROM members"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a project. Times are milliseconds since the epoch."""

    user: User
    role: Role
    created_at: int
    updated_at: int


def list_members(conn: Connection, project_id: int) -> list[Member]:
    """Everybody in a project, the first to come first. Owners of the instance need not be among them."""
    sql = f"{_COLUMNS} WHERE project_id = ? ORDER BY created_at, user_id"
    rows: list[Any] = list(conn.execute(sql, (project_id,)))
    found = [(get_user(conn, row[0]), row) for row in rows]
    return [Member(user, Role[row[1].upper()], row[2], row[3]) for user, row in found if user is not None]


def get_member(conn: Connection, project_id: int, user_id: int) -> Member | None:
    """What somebody is in a project; None when nothing."""
    return next((one for one in list_members(conn, project_id) if one.user.id == user_id), None)


def set_role(conn: Connection, project_id: int, user_id: int, role: Role, now: int) -> None:
    """Make somebody a member, or something else than they were."""
    conn.execute(_SET, {"project": project_id, "user": user_id, "role": role.word, "now": now})


def remove_member(conn: Connection, project_id: int, user_id: int) -> bool:
    """Take somebody out of a project; False when they were not in it."""
    conn.execute("DELETE FROM members WHERE project_id = ? AND user_id = ?", (project_id, user_id))
    return conn.changes() > 0
