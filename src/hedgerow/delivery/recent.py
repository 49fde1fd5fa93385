"""Reading the event index: which events there were, newest first, and where the log has them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.store import Connection

COLUMNS = "partition, position, uuid, event, distinct_id, captured_at"
LIST = f"SELECT {COLUMNS} FROM event_index WHERE project_id = :project "  # noqa: S608 - our own names
PAGE = " ORDER BY captured_at DESC, position DESC, partition DESC LIMIT :limit"
PAGE_UPWARDS = " ORDER BY captured_at, position, partition LIMIT :limit"
FIND = f"SELECT {COLUMNS} FROM event_index WHERE uuid = ? AND project_id = ? ORDER BY captured_at LIMIT 1"  # noqa: S608
NAMES = """
SELECT event, count(*) FROM (SELECT event FROM event_index WHERE project_id = ? ORDER BY captured_at DESC LIMIT 10000)
GROUP BY event ORDER BY 2 DESC, 1 LIMIT ?
"""

CONDITIONS = {
    "event": "event = :event",
    "distinct_ids": "distinct_id IN (SELECT value FROM json_each(:distinct_ids))",
    "after": "captured_at > :after",
    "before": "captured_at < :before",
    "c_at": "(captured_at, position, partition) < (:c_at, :c_position, :c_partition)",
}
UPWARDS = {**CONDITIONS, "c_at": CONDITIONS["c_at"].replace("<", ">")}


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in the index: where the log has it and how it is found."""

    partition: int
    position: int
    uuid: str
    event: str
    distinct_id: str
    captured_at: int

    @property
    def cursor(self) -> str:
        """Where a list goes on behind this entry."""
        return ".".join(map(str, self.place))

    @property
    def place(self) -> tuple[int, int, int]:
        """The same as numbers, see ``EventSearch.cursor``."""
        return self.captured_at, self.position, self.partition


def place(cursor: str) -> tuple[int, int, int] | None:
    """The place that an entry's cursor names, None when it is no cursor."""
    parts = cursor.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
        return None
    captured_at, position, partition = map(int, parts)
    return captured_at, position, partition


@dataclass(frozen=True, slots=True)
class EventSearch:
    """Which events; None means any. Times are milliseconds; ``cursor`` is an entry's, ``oldest_first`` turns the order round."""

    event: str | None = None
    distinct_ids: Sequence[str] | None = None
    after: int | None = None
    before: int | None = None
    cursor: tuple[int, int, int] | None = None
    limit: int = 100
    oldest_first: bool = False

    def parameters(self) -> dict[str, Any]:
        """The conditions that are set, as values for the statement."""
        raw: dict[str, Any] = {"event": self.event, "after": self.after, "before": self.before}
        if self.distinct_ids is not None:
            raw["distinct_ids"] = orjson.dumps(list(self.distinct_ids)).decode()
        if self.cursor is not None:
            raw["c_at"], raw["c_position"], raw["c_partition"] = self.cursor
        return {name: value for name, value in raw.items() if value is not None}


def list_events(connection: Connection, project_id: int, wanted: EventSearch) -> list[Entry]:
    """Events of a project, newest first unless the search wants it otherwise."""
    given = wanted.parameters()
    conditions = UPWARDS if wanted.oldest_first else CONDITIONS
    where = "".join(f" AND {conditions[name]}" for name in given if name in conditions)
    values = {**given, "project": project_id, "limit": wanted.limit}
    order = PAGE_UPWARDS if wanted.oldest_first else PAGE
    return [_entry(row) for row in connection.execute(LIST + where + order, values)]


def find_event(connection: Connection, project_id: int, event_uuid: bytes) -> Entry | None:
    """The first event with a uuid, or None. Later ones with the same are duplicates of it."""
    row = connection.execute(FIND, (event_uuid, project_id)).fetchone()
    return _entry(row) if row else None


def event_names(connection: Connection, project_id: int, limit: int = 100) -> list[str]:
    """Names among the last 10,000 events, the most frequent first."""
    return [str(name) for name, _ in connection.execute(NAMES, (project_id, limit))]


def _entry(row: Sequence[Any]) -> Entry:
    partition, position, identity, event, distinct_id, captured_at = row
    return Entry(partition, position, str(uuid.UUID(bytes=identity)), event, distinct_id, captured_at)
