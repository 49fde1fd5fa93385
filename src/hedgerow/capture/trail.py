"""The trace of what capture refuses or drops, collected for a second and then written to ``ingestion_warnings``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any

from hedgerow.people import IngestionWarning, record_warnings
from hedgerow.store import Database, StoreError

log = logging.getLogger(__name__)


class Trail:
    """Collects warnings and writes them together.

    Args:
        database: the state store.
        seconds: how long warnings may wait.
    """

    def __init__(self, database: Database, *, seconds: float = 1.0) -> None:
        self._database = database
        self._seconds = seconds
        self._waiting: dict[tuple[int, str], tuple[int, int, IngestionWarning]] = {}
        self._flushing: asyncio.Task[None] | None = None

    def add(self, project_id: int, at: int, kind: str, details: Mapping[str, Any]) -> None:
        """Note one warning; returns at once.

        Args:
            project_id: whose event it was.
            at: milliseconds since the epoch.
            kind: a short stable name.
            details: a sample that helps to find the sender; no property values.
        """
        count = self._waiting.get((project_id, kind), (0,))[0]
        self._waiting[project_id, kind] = (count + 1, at, IngestionWarning(kind, dict(details)))
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush_later())

    async def _flush_later(self) -> None:
        await asyncio.sleep(self._seconds)
        self._flushing = None
        await self.flush()

    async def flush(self) -> None:
        """Write what waits; when that fails it is logged and given up, events matter more."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        rows = chain.from_iterable(
            repeat((project_id, at, warning), count)
            for (project_id, _), (count, at, warning) in waiting.items()
        )
        try:
            await self._database.write(lambda connection: record_warnings(connection, rows))
        except StoreError as error:
            log.warning("Ingestion warnings could not be written: %s", error)
