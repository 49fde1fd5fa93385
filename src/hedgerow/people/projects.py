"""What a project is, as far as any room needs to know it, and how to find one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.store import Connection

DISPLAY_NAME_PROPERTIES = ("email", "name", "username")

_COLUMNS = "SELECT id, name, token, settings, created_at FROM projects"


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
    """The project with an id."""
    return _first(conn, f"{_COLUMNS} WHERE id = ?", project_id)


def project_by_token(conn: Connection, token: str) -> Project | None:
    """The project whose SDKs use a token."""
    return _first(conn, f"{_COLUMNS} WHERE token = ?", token)


def list_projects(conn: Connection) -> list[Project]:
    """Every project, oldest first."""
    return [_project(row) for row in conn.execute(f"{_COLUMNS} ORDER BY id")]


def opted_out(conn: Connection, project_ids: Iterable[int]) -> frozenset[int]:
    """Those of some projects that process no people."""
    found = (get_project(conn, project_id) for project_id in project_ids)
    return frozenset(project.id for project in found if project and project.person_processing_opt_out)


def _first(conn: Connection, sql: str, value: int | str) -> Project | None:
    row = conn.execute(sql, (value,)).fetchone()
    return None if row is None else _project(row)


def _project(row: Any) -> Project:
    return Project(row[0], row[1], row[2], orjson.loads(row[3]), row[4])
