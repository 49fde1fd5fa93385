"""What a project is, as far as any room needs to know it, and how to find one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.store import Connection

DISPLAY_NAME_PROPERTIES = ("email", "name", "username")

_COLUMNS = "SELECT id, name, token, settings, created_at FROM projects"
_THERE = "id NOT IN (SELECT project_id FROM deleted_projects)"
_FORMER = "id = (SELECT project_id FROM former_tokens WHERE token = ? AND until > ?)"


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``settings`` carries PostHog's names where it has the same option."""

    id: int
    name: str
    token: str
    settings: dict[str, Any]
    created_at: int

    @property
    def display_name_properties(self) -> tuple[str, ...]:
        """Person properties that name a person, the first one that is there winning."""
        chosen = self.settings.get("person_display_name_properties")
        return tuple(map(str, chosen)) if chosen and isinstance(chosen, list) else DISPLAY_NAME_PROPERTIES

    @property
    def person_processing_opt_out(self) -> bool:
        """No event of the project makes or changes a person."""
        return self.settings.get("person_processing_opt_out") is True


def get_project(conn: Connection, project_id: int) -> Project | None:
    """The project with an id, unless it was deleted."""
    return _first(conn, f"{_COLUMNS} WHERE id = ? AND {_THERE}", project_id)


def project_by_token(conn: Connection, token: str, now: int | None = None) -> Project | None:
    """The project whose SDKs use a token.

    Args:
        conn: on the state file.
        token: what came with an event.
        now: milliseconds since the epoch, to take a former token as well as long as it works; None for the present one alone.
    """
    found = _first(conn, f"{_COLUMNS} WHERE token = ? AND {_THERE}", token)
    if found is None and now is not None:
        return _first(conn, f"{_COLUMNS} WHERE {_FORMER} AND {_THERE}", token, now)
    return found


def list_projects(conn: Connection) -> list[Project]:
    """Every project that was not deleted, oldest first."""
    return [_project(row) for row in conn.execute(f"{_COLUMNS} WHERE {_THERE} ORDER BY id")]


def opted_out(conn: Connection, project_ids: Iterable[int]) -> frozenset[int]:
    """Those of some projects that process no people."""
    found = (get_project(conn, project_id) for project_id in project_ids)
    return frozenset(project.id for project in found if project and project.person_processing_opt_out)


def _first(conn: Connection, sql: str, *values: int | str) -> Project | None:
    row = conn.execute(sql, values).fetchone()
    return None if row is None else _project(row)


def _project(row: Any) -> Project:
    return Project(row[0], row[1], row[2], orjson.loads(row[3]), row[4])
