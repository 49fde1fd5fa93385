"""Removing what deleted projects leave behind, in small steps, beside everything else.

Events that were accepted just before may still make persons, so a project is gone over again and again until a day has
passed and nothing was found.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from hedgerow.store import Connection, Database, StoreError

logger = logging.getLogger(__name__)

# Whatever belongs to a project alone and does not expire by itself.
TABLES = (
    "person_distinct_ids", "persons", "personless_distinct_ids", "groups", "group_types", "ingestion_warnings", "cohorts",
    "actions", "configuration_keys", "alert_rules", "alert_incidents", "alert_notices", "alert_mails",
)  # fmt: skip
BATCH = 500
SETTLED_MS = 86_400_000
PAUSE_S = 600.0
STEP_S = 0.05

_OPEN = "SELECT project_id, deleted_at FROM deleted_projects WHERE emptied_at IS NULL ORDER BY project_id"


class Emptier:
    """Looks every ten minutes whether there is something to remove."""

    def __init__(self, state: Database, now: Callable[[], int]) -> None:
        self._state = state
        self._now = now

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                await self.once()
            except StoreError as error:
                logger.warning("deleted projects are emptied later: %s", error)
            await asyncio.sleep(PAUSE_S)

    async def once(self) -> None:
        """Go over all deleted projects that are not known to be empty."""
        for project_id, deleted_at in await self._state.read(_open):
            found = 0
            while removed := await self._step(project_id):
                found += removed
                await asyncio.sleep(STEP_S)
            if not found and self._now() - deleted_at >= SETTLED_MS:
                await self._finish(project_id)

    async def _step(self, project_id: int) -> int:
        return await self._state.write(lambda conn: remove_some(conn, project_id), durable=False)

    async def _finish(self, project_id: int) -> None:
        sql, values = (
            "UPDATE deleted_projects SET emptied_at = ? WHERE project_id = ?",
            (self._now(), project_id),
        )
        await self._state.write(lambda conn: conn.execute(sql, values))


def remove_some(conn: Connection, project_id: int) -> int:
    """Remove some rows of a project; 0 when there are none left."""
    for table in TABLES:
        sql = f"DELETE FROM {table} WHERE {_some(conn, table)}"  # noqa: S608 - names from above
        conn.execute(sql, (project_id, BATCH))
        if conn.changes():
            return int(conn.changes())
    return 0


def _some(conn: Connection, table: str) -> str:
    """Which rows: by their key, whatever it consists of."""
    rows = conn.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))
    key = ", ".join(str(row[0]) for row in rows)
    return f"({key}) IN (SELECT {key} FROM {table} WHERE project_id = ? LIMIT ?)"  # noqa: S608 - names of the schema


def _open(conn: Connection) -> list[tuple[int, int]]:
    rows: list[Any] = list(conn.execute(_OPEN))
    return [(row[0], row[1]) for row in rows]
