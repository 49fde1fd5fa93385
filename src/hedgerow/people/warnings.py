"""The trace of what ingestion refused, ignored or dropped: counted by the hour, with the latest as a sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.people.model import IngestionWarning
from hedgerow.store import Connection

HOUR = 3_600_000

_RECORD = """
INSERT INTO ingestion_warnings (project_id, kind, hour, count, last_at, sample) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, kind, hour) DO UPDATE SET
  count = ingestion_warnings.count + excluded.count,
  sample = CASE WHEN excluded.last_at >= ingestion_warnings.last_at
    THEN excluded.sample ELSE ingestion_warnings.sample END,
  last_at = max(ingestion_warnings.last_at, excluded.last_at)
"""
_LIST = """
SELECT kind, hour, count, last_at, sample FROM ingestion_warnings
WHERE project_id = ? AND hour > ? - 3600000 ORDER BY last_at DESC, kind LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The warnings of one kind in one hour; times in milliseconds since the epoch."""

    kind: str
    hour: int
    count: int
    last_at: int
    sample: dict[str, Any]


def record_warnings(conn: Connection, warnings: Iterable[tuple[int, int, IngestionWarning]]) -> None:
    """Count warnings.

    Args:
        conn: inside the transaction that causes them.
        warnings: project, time in milliseconds, and the warning.
    """
    hours: dict[tuple[int, str, int], tuple[int, int, IngestionWarning]] = {}
    for project_id, at, warning in warnings:
        key = (project_id, warning.kind, at - at % HOUR)
        count, last_at, sample = hours.get(key, (0, at, warning))
        hours[key] = (count + 1, max(last_at, at), warning if at >= last_at else sample)
    conn.executemany(
        _RECORD,
        [
            (*key, count, last_at, orjson.dumps(dict(sample.details)).decode())
            for key, (count, last_at, sample) in hours.items()
        ],
    )


def list_warnings(conn: Connection, project_id: int, *, after: int = 0, limit: int = 100) -> list[Recorded]:
    """A project's warnings of the hours that end after a time, the latest first."""
    rows = conn.execute(_LIST, (project_id, after, limit))
    return [Recorded(kind, hour, count, at, orjson.loads(sample)) for kind, hour, count, at, sample in rows]
