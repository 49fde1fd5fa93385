"""Making and changing projects. What a project is stands in ``people``, since folding needs to know it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import apsw
import orjson

from hedgerow.accounts.credentials import Random, check_token, new_token
from hedgerow.accounts.users import BadField
from hedgerow.destinations.repository import touch
from hedgerow.people.projects import Project, get_project, list_projects, project_by_token
from hedgerow.store import Connection

FIRST_PROJECT = "Default project"

HOUR_MS = 3_600_000
LONGEST_NAME = 200
LONGEST_GRACE_H = 24 * 90

_CREATE = "INSERT INTO projects (name, token, settings, created_at) VALUES (?, ?, ?, ?)"

__all__ = [
    "FIRST_PROJECT",
    "Project",
    "TokenTaken",
    "change_settings",
    "check_name",
    "create_project",
    "delete_project",
    "first_project",
    "get_project",
    "list_projects",
    "project_by_token",
    "rename",
    "rotate_token",
]


def check_name(text: object) -> str:
    """A project's name as it is kept.

    Raises:
        BadField: it cannot be one.
    """
    if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST_NAME:
        raise BadField("name", f"Must be a text of 1 to {LONGEST_NAME} characters.")
    return text.strip()


class TokenTaken(ValueError):
    """Another project has this token. For the operator."""


def create_project(
    conn: Connection,
    *,
    name: str,
    now: int,
    token: str | None = None,
    settings: Mapping[str, Any] | None = None,
    random: Random = secrets.token_urlsafe,
) -> Project:
    """Make a project.

    Args:
        conn: inside a writing transaction.
        name: how people call it.
        now: milliseconds since the epoch.
        token: a fixed one, such as ``HEDGEROW_PROJECT_TOKEN``; random when None.
        settings: options that differ from the defaults.
        random: where a random token comes from.

    Raises:
        MalformedCredential: the fixed token has a wrong form.
        TokenTaken: another project has it.
    """
    chosen = check_token(token) if token else new_token(random)
    options = dict(settings or {})
    try:
        conn.execute(_CREATE, (name, chosen, orjson.dumps(options).decode(), now))
    except apsw.ConstraintError:
        raise TokenTaken(f"Another project already has the token {chosen}.") from None
    return Project(conn.last_insert_rowid(), name, chosen, options, now)


def first_project(conn: Connection, *, now: int, token: str | None = None) -> Project:
    """The project that is there from the start; it gets the token that the settings fix.

    Args:
        conn: inside a writing transaction.
        now: milliseconds since the epoch.
        token: ``HEDGEROW_PROJECT_TOKEN``, or nothing to keep what is there or make a random one.

    Raises:
        MalformedCredential: the fixed token has a wrong form.
        TokenTaken: a later project has it.
    """
    projects = list_projects(conn)
    if not projects:
        return create_project(conn, name=FIRST_PROJECT, now=now, token=token)
    first = projects[0]
    if not token or token == first.token:
        return first
    try:
        conn.execute("UPDATE projects SET token = ? WHERE id = ?", (check_token(token), first.id))
    except apsw.ConstraintError:
        raise TokenTaken(f"Another project already has the token {token}.") from None
    return Project(first.id, first.name, token, first.settings, first.created_at)


def change_settings(conn: Connection, project_id: int, changes: Mapping[str, Any]) -> Project | None:
    """Change some of a project's options; None takes one back to its default.

    Returns:
        The project as it is now, None when there is no such project.
    """
    project = get_project(conn, project_id)
    if project is None:
        return None
    merged = {key: value for key, value in {**project.settings, **changes}.items() if value is not None}
    conn.execute("UPDATE projects SET settings = ? WHERE id = ?", (orjson.dumps(merged).decode(), project_id))
    return Project(project.id, project.name, project.token, merged, project.created_at)


def rename(conn: Connection, project_id: int, name: str) -> None:
    """Call a project something else."""
    conn.execute("UPDATE projects SET name = ? WHERE id = ?", (name, project_id))


def rotate_token(
    conn: Connection,
    project: Project,
    *,
    grace_hours: float,
    now: int,
    random: Random = secrets.token_urlsafe,
) -> Project:
    """Give a project another token.

    Args:
        conn: inside a writing transaction.
        project: which one.
        grace_hours: how long events with the present token are still taken: pages and apps need a while to change.
        now: milliseconds since the epoch.
        random: where the token comes from.

    Returns:
        The project with its new token.
    """
    token = new_token(random)
    conn.execute("DELETE FROM former_tokens WHERE until <= ?", (now,))
    if grace_hours > 0:
        until = now + int(grace_hours * HOUR_MS)
        conn.execute("INSERT INTO former_tokens VALUES (?, ?, ?)", (project.token, project.id, until))
    conn.execute("UPDATE projects SET token = ? WHERE id = ?", (token, project.id))
    return replace(project, token=token)


def former_tokens(conn: Connection, project_id: int, now: int) -> list[tuple[str, int]]:
    """Former tokens of a project that still work, and until when."""
    sql = "SELECT token, until FROM former_tokens WHERE project_id = ? AND until > ? ORDER BY until"
    return [(str(token), int(until)) for token, until in conn.execute(sql, (project_id, now))]


def delete_project(conn: Connection, project_id: int, now: int) -> None:
    """Close a project for good.

    From this transaction on no event is taken for it, nothing is delivered for it, and nobody finds it. What was waiting
    becomes ``discarded``. Its people are removed behind that (see ``emptying``); what stands in log and ledger goes when its
    time there is over.
    """
    conn.execute("INSERT INTO deleted_projects (project_id, deleted_at) VALUES (?, ?)", (project_id, now))
    conn.execute("UPDATE projects SET token = ? WHERE id = ?", (f"deleted {project_id}", project_id))
    conn.execute("UPDATE destinations SET deleted = 1, enabled = 0 WHERE project_id = ?", (project_id,))
    for table in ("former_tokens", "members", "one_time_links"):
        conn.execute(f"DELETE FROM {table} WHERE project_id = ?", (project_id,))  # noqa: S608 - names from above
    touch(conn)
