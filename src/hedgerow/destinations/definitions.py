"""Actions and cohorts in the store: what a project's filters may refer to by id.

Plain functions of a connection, to be run inside a transaction. Every change moves the counter ``config``, so that workers compile
the filters of the project anew. The shapes are PostHog's: steps of an action, ``filters.properties`` of a cohort.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters import compile_filters
from hedgerow.destinations.model import Config
from hedgerow.destinations.project import Project
from hedgerow.destinations.repository import touch
from hedgerow.store import Connection

MOST_MEMBERS: Final = 10_000
"""Members of a static cohort: they are held in memory by every worker."""

_PROJECTS = "SELECT id, name, settings FROM projects"
_IN_USE = """
SELECT d.name, r.config FROM destinations d
JOIN destination_revisions r ON r.destination_id = d.id AND r.number = d.revision
WHERE d.project_id = ? AND d.enabled = 1 AND d.deleted = 0
  AND (instr(r.config, '"actions"') OR instr(r.config, 'cohort') OR instr(r.config, '"filter_test_accounts":true'))
"""


@dataclass(frozen=True, slots=True)
class Action:
    """A saved matcher; ``steps`` are alternatives. ``id`` is 0 until it is saved, ``origin`` where it was imported from."""

    id: int
    project_id: int
    name: str
    description: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)
    deleted: bool = False
    created_at: int = 0
    updated_at: int = 0
    origin: str | None = None

    def defined(self) -> dict[str, Any]:
        """What filters need of it."""
        return {"id": self.id, "name": self.name, "steps": self.steps}


@dataclass(frozen=True, slots=True)
class Cohort:
    """A group of persons: by ``filters`` on their properties, or, when it is static, by a list."""

    id: int
    project_id: int
    name: str
    description: str = ""
    is_static: bool = False
    filters: dict[str, Any] = field(default_factory=dict)
    persons: list[str] = field(default_factory=list)
    distinct_ids: list[str] = field(default_factory=list)
    deleted: bool = False
    created_at: int = 0
    updated_at: int = 0
    origin: str | None = None

    def defined(self) -> dict[str, Any]:
        """What filters need of it."""
        found: dict[str, Any] = {"id": self.id, "name": self.name, "is_static": self.is_static}
        if self.is_static:
            return found | {"persons": self.persons, "distinct_ids": self.distinct_ids}
        return found | {"filters": self.filters}


_ACTION = "id, project_id, name, description, steps, deleted, created_at, updated_at, origin"
_COHORT = "id, project_id, name, description, is_static, filters, persons, distinct_ids, deleted, created_at, updated_at, origin"
_ACTIONS = f"SELECT {_ACTION} FROM actions"  # noqa: S608 - our own names
_COHORTS = f"SELECT {_COHORT} FROM cohorts"  # noqa: S608 - our own names


# --------------------------------------------------------------- projects


def projects(conn: Connection) -> list[Project]:
    """All projects, with what their filters may refer to."""
    actions: dict[int, dict[str, Mapping[str, Any]]] = {}
    for action in map(_action, conn.execute(f"{_ACTIONS} WHERE deleted = 0")):
        actions.setdefault(action.project_id, {})[str(action.id)] = action.defined()
    cohorts: dict[int, dict[str, Mapping[str, Any]]] = {}
    for cohort in map(_cohort, conn.execute(f"{_COHORTS} WHERE deleted = 0")):
        cohorts.setdefault(cohort.project_id, {})[str(cohort.id)] = cohort.defined()
    return [
        replace(Project.from_row(*row), actions=actions.get(row[0], {}), cohorts=cohorts.get(row[0], {}))
        for row in conn.execute(_PROJECTS)
    ]


def with_definitions(conn: Connection, project: Project) -> Project:
    """One project, with what its filters may refer to."""
    return replace(
        project,
        actions={str(one.id): one.defined() for one in list_actions(conn, project.id)},
        cohorts={str(one.id): one.defined() for one in list_cohorts(conn, project.id)},
    )


# ---------------------------------------------------------------- actions


def list_actions(conn: Connection, project_id: int) -> list[Action]:
    """The actions of a project, by name."""
    sql = f"{_ACTIONS} WHERE project_id = ? AND deleted = 0 ORDER BY name, id"
    return [_action(row) for row in conn.execute(sql, (project_id,))]


def get_action(conn: Connection, project_id: int, action_id: int) -> Action | None:
    """One action, also a deleted one."""
    sql = f"{_ACTIONS} WHERE project_id = ? AND id = ?"
    row = conn.execute(sql, (project_id, action_id)).fetchone()
    return _action(row) if row else None


def save_action(conn: Connection, action: Action) -> Action:
    """Make an action, or change it when it has an id."""
    row = (
        action.project_id, action.name, action.description, _text(action.steps), action.deleted, action.created_at,
        action.updated_at, action.origin,
    )  # fmt: skip
    identity = _save(conn, "actions", _ACTION, action.id, row)
    return replace(action, id=identity)


def _action(row: Sequence[Any]) -> Action:
    identity, project_id, name, description, steps, deleted, *rest = row
    return Action(identity, project_id, name, description, orjson.loads(steps), bool(deleted), *rest)


# ---------------------------------------------------------------- cohorts


def list_cohorts(conn: Connection, project_id: int) -> list[Cohort]:
    """The cohorts of a project, by name."""
    sql = f"{_COHORTS} WHERE project_id = ? AND deleted = 0 ORDER BY name, id"
    return [_cohort(row) for row in conn.execute(sql, (project_id,))]


def get_cohort(conn: Connection, project_id: int, cohort_id: int) -> Cohort | None:
    """One cohort, also a deleted one."""
    sql = f"{_COHORTS} WHERE project_id = ? AND id = ?"
    row = conn.execute(sql, (project_id, cohort_id)).fetchone()
    return _cohort(row) if row else None


def save_cohort(conn: Connection, cohort: Cohort) -> Cohort:
    """Make a cohort, or change it when it has an id."""
    row = (
        cohort.project_id, cohort.name, cohort.description, cohort.is_static, _text(cohort.filters),
        _text(cohort.persons), _text(cohort.distinct_ids), cohort.deleted, cohort.created_at, cohort.updated_at,
        cohort.origin,
    )  # fmt: skip
    identity = _save(conn, "cohorts", _COHORT, cohort.id, row)
    return replace(cohort, id=identity)


def _cohort(row: Sequence[Any]) -> Cohort:
    identity, project_id, name, description, is_static, filters, persons, distinct_ids, deleted, *rest = row
    return Cohort(
        identity, project_id, name, description, bool(is_static), orjson.loads(filters), orjson.loads(persons),
        orjson.loads(distinct_ids), bool(deleted), *rest,
    )  # fmt: skip


# --------------------------------------------------------------- checking


def check(project: Project, filters: Mapping[str, Any]) -> None:
    """See that something that was just defined can be used in a filter.

    Args:
        project: with the new definition.
        filters: that use it.

    Raises:
        ValidationError: it cannot; the attribute leads to what is at fault in it.
    """
    try:
        compile_filters(filters, project)
    except ValidationError as error:
        raise ValidationError(error.detail, attr=None, code=error.code) from error


def broken_by(conn: Connection, before: Project, after: Project) -> list[str]:
    """Names of the destinations that are on and whose filters would not compile any more.

    Args:
        conn: for reading.
        before: the project as it is.
        after: as it would be.
    """
    rows = conn.execute(_IN_USE, (before.id,))
    some = [(name, Config.decode(text)) for name, text in rows]
    return [name for name, config in some if not compiles(config, after) and compiles(config, before)]


def compiles(config: Config, project: Project) -> bool:
    """Whether the filters of a destination can be used in a project as it is."""
    try:
        for filters in (config.filters, *(mapping["filters"] for mapping in config.mappings or ())):
            compile_filters(filters, project)
    except ValidationError:
        return False
    return True


# ---------------------------------------------------------------- writing


def _save(conn: Connection, table: str, columns: str, identity: int, row: Sequence[Any]) -> int:
    names = columns.split(", ")[1:]
    if identity:
        given = ", ".join(f"{name} = ?" for name in names)
        conn.execute(f"UPDATE {table} SET {given} WHERE id = ?", (*row, identity))  # noqa: S608 - our own names
    else:
        places = ", ".join("?" * len(names))
        conn.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", tuple(row))  # noqa: S608 - our own names
        identity = conn.last_insert_rowid()
    touch(conn)
    return identity


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
