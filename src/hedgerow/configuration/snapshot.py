"""The configuration of a project as it is at one moment, with the names of everything in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from hedgerow.configuration.keys import KINDS, assign, stored_keys
from hedgerow.configuration.names import Names, unique_labels
from hedgerow.destinations import Project, config_version
from hedgerow.destinations.definitions import Action, Cohort, list_actions, list_cohorts
from hedgerow.destinations.listing import list_destinations
from hedgerow.destinations.model import Destination
from hedgerow.store import Connection

Thing: TypeAlias = Destination | Action | Cohort

_ACCOUNTS = "SELECT kind, id, name, external_id FROM integrations WHERE project_id = ? ORDER BY kind, id"
_NEXT = "SELECT max((SELECT coalesce(max(id), 0) FROM {0}), (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{0}')) + 1"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is.

    Attributes:
        project: whose it is; its actions and cohorts are those below.
        version: of the configuration; as long as the store's is the same, this is what the store has.
        things: by kind, then by id (as text); nothing that is deleted.
        keys: by kind, then by id: what files call them.
        stored: likewise, of those only that were applied from a file.
        accounts: by kind of vendor, then by number: what files call them.
        next_ids: the numbers that the next action and the next cohort get.
    """

    project: Project
    version: int
    things: Mapping[str, Mapping[str, Thing]]
    keys: Mapping[str, Mapping[str, str]]
    stored: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    next_ids: Mapping[str, int] = field(default_factory=lambda: {"actions": 1, "cohorts": 1})

    @property
    def names(self) -> Names:
        """What things are called in files."""
        return Names(self.keys["actions"], self.keys["cohorts"], self.accounts)

    @classmethod
    def read(cls, conn: Connection, project: Project) -> Snapshot:
        """The configuration as it is now.

        Args:
            conn: inside a transaction.
            project: whose, as it was read shortly before.
        """
        things = _things(conn, project.id)
        stored = stored_keys(conn, project.id)
        keys = {kind: assign(_named(things[kind]), stored[kind], kind) for kind in KINDS}
        return cls(
            project, config_version(conn), things, keys, stored,
            _accounts(conn, project.id),
            {kind: _next(conn, kind) for kind in ("actions", "cohorts")},
        )  # fmt: skip


def empty(project: Project) -> Snapshot:
    """A project in which there is nothing yet."""
    return Snapshot(project, 0, {kind: {} for kind in KINDS}, {kind: {} for kind in KINDS})


def _things(conn: Connection, project_id: int) -> dict[str, dict[str, Thing]]:
    """Everything by kind, the oldest first."""
    found: dict[str, Iterable[Thing]] = {
        "cohorts": list_cohorts(conn, project_id),
        "actions": list_actions(conn, project_id),
        "destinations": list_destinations(conn, project_id, limit=-1).items,
    }
    return {kind: {str(one.id): one for one in sorted(some, key=_age)} for kind, some in found.items()}


def _age(one: Thing) -> tuple[int, str]:
    """What was made first comes first; numbers are compared as numbers."""
    return one.created_at, str(one.id).zfill(40)


def _named(things: Mapping[str, Thing]) -> list[tuple[str, str]]:
    return [(identity, one.name) for identity, one in things.items()]


def _accounts(conn: Connection, project_id: int) -> dict[str, dict[int, str]]:
    rows = list(conn.execute(_ACCOUNTS, (project_id,)))
    return {
        kind: unique_labels([row[1:] for row in some]) for kind, some in groupby(rows, key=lambda row: row[0])
    }


def _next(conn: Connection, table: str) -> int:
    """The number that the next row of a table gets; numbers of rows that are gone are not given out again."""
    row = conn.execute(_NEXT.format(table)).fetchone()
    assert row is not None
    return int(row[0])
