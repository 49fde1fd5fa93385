"""Retention: old records, rows and lines go, in small steps, behind everything that is still needed.

A record outlives its retention as long as a partition has not settled it, an open row as long as it is open.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from hedgerow.delivery import vocabulary
from hedgerow.log.segments import HOUR_MS, ROW_BITS
from hedgerow.log.sqlite import SqliteLog
from hedgerow.settings import Settings
from hedgerow.store import Connection, Database, StoreError
from hedgerow.telemetry import prune, share

log = logging.getLogger(__name__)

EVERY_S = 60.0
STEP = 1000
REST_S = 0.05

STALE_INDEX = """
DELETE FROM event_index WHERE (partition, position) IN (
    SELECT partition, position FROM event_index WHERE project_id = ? AND captured_at < ? ORDER BY captured_at LIMIT ?
)
"""
# Ids begin with the capture time, so the oldest rows are the first of the table.
STALE_DELIVERIES = """
SELECT id FROM deliveries WHERE id < ? AND verdict NOT IN ('running', 'retrying', 'held', 'scheduled') ORDER BY id LIMIT ?
"""
# Looked through piece by piece: where much is held there are many, and hardly any of them is stale.
PAYLOADS = """
SELECT partition, position FROM delivery_payloads WHERE (partition, position) > (?, ?)
ORDER BY partition, position LIMIT ?
"""
STALE_PAYLOADS = """
DELETE FROM delivery_payloads WHERE (partition, position) > (?, ?) AND (partition, position) <= (?, ?) AND NOT EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.partition = delivery_payloads.partition AND d.position = delivery_payloads.position
)
"""
STALE_MASKS = """
DELETE FROM masks WHERE (destination_id, hash) IN (
    SELECT destination_id, hash FROM masks WHERE expires_at < ? ORDER BY expires_at LIMIT ?
)
"""
STALE_WINDOWS = """
DELETE FROM delivery_windows WHERE (destination_id, hash) IN (
    SELECT destination_id, hash FROM delivery_windows WHERE expires_at < ? ORDER BY expires_at LIMIT ?
)
"""
STALE_WARNINGS = """
DELETE FROM ingestion_warnings WHERE id IN (SELECT id FROM ingestion_warnings WHERE hour < ? LIMIT ?)
"""
# Runs of schedules come and go for ever; those that people ordered stay.
STALE_TICKS = """
DELETE FROM replays WHERE id IN (
    SELECT id FROM replays WHERE kind = 'schedule' AND finished_at IS NOT NULL AND project_id = ? AND created_at < ? LIMIT ?
)
"""
STALE_SCHEDULE_PERSONS = """
DELETE FROM schedule_persons WHERE (destination_id, person_id) IN (
    SELECT s.destination_id, s.person_id FROM destinations d JOIN schedule_persons s ON s.destination_id = d.id
    WHERE d.deleted = 1 LIMIT ?
)
"""
# Entries only ever come to the end, so the oldest are the first of the table.
STALE_AUDIT = """
DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT ?2) WHERE at < ?1)
"""
STALE_ERASURES = "DELETE FROM erasures WHERE until < ?"
DAY_MS = 86_400_000


class Housekeeping:
    """Keeps a data folder within its retention."""

    def __init__(self, settings: Settings, log_: SqliteLog, state: Database, telemetry: Database) -> None:
        self._settings = settings
        self._log = log_
        self._state = state
        self._telemetry = telemetry

    async def run(self) -> None:
        """Tidy up every minute until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.tidy(int(time.time() * 1000))
            except (StoreError, OSError) as error:
                log.warning("housekeeping_failed error=%s", error)

    async def tidy(self, now_ms: int) -> None:
        """Delete what is past its retention.

        Args:
            now_ms: milliseconds since the epoch.
        """
        settings = self._settings
        events_before = now_ms - settings.log_retention_hours * 3_600_000
        floor = await self._floor()
        await self._log.delete_before(
            events_before, lambda position: position <= floor, size=settings.log_max_bytes or None
        )
        # The index also tells what is a duplicate, so it may outlive the events.
        index_before = min(events_before, now_ms - settings.dedupe_window_hours * 3_600_000)
        for project_id in await self._state.read(_projects):
            await self._steps(
                self._state,
                lambda c, project=project_id: _changes(c, STALE_INDEX, (project, index_before, STEP)),  # type: ignore[misc]
            )
        deliveries_before = now_ms - settings.deliveries_retention_days * DAY_MS
        await self._steps(self._state, lambda c: _forget_deliveries(c, deliveries_before))
        await self._forget_payloads()
        await self._forget_ticks(deliveries_before)
        warnings_before = now_ms - settings.logs_retention_days * DAY_MS
        await self._steps(self._state, lambda c: _changes(c, STALE_WARNINGS, (warnings_before, STEP)))
        audit_before = now_ms - settings.audit_retention_days * DAY_MS
        await self._steps(self._state, lambda c: _changes(c, STALE_AUDIT, (audit_before, STEP)))
        await self._forget_names(now_ms)
        if floor >> ROW_BITS > events_before // HOUR_MS:  # nothing of that time can be read anew
            await self._state.write(lambda c: _changes(c, STALE_ERASURES, (events_before,)))
        await self._steps(self._state, lambda c: _changes(c, STALE_MASKS, (now_ms, STEP)))
        await self._steps(self._state, lambda c: _changes(c, STALE_WINDOWS, (now_ms, STEP)))
        await share(self._telemetry)
        await prune(
            self._telemetry,
            logs_before=now_ms - settings.logs_retention_days * DAY_MS,
            metrics_before=now_ms - settings.metrics_retention_days * DAY_MS,
        )

    async def _forget_payloads(self) -> None:
        """Variables of events that no delivery refers to any more."""
        place: tuple[int, int] | None = (-1, -1)
        while place is not None:
            place = await self._state.write(partial(_forget_payloads, after=place))
            await asyncio.sleep(REST_S)

    async def _forget_ticks(self, before_ms: int) -> None:
        """What schedules leave behind."""
        for project_id in await self._state.read(_projects):
            stale = partial(_changes, statement=STALE_TICKS, parameters=(project_id, before_ms, STEP))
            await self._steps(self._state, stale)
        gone = partial(_changes, statement=STALE_SCHEDULE_PERSONS, parameters=(STEP,))
        await self._steps(self._state, gone)

    async def _forget_names(self, now_ms: int) -> None:
        """Names of events and properties that are not seen any more."""
        unseen = now_ms - self._settings.definitions_retention_days * DAY_MS
        steps = [(statement, (unseen, STEP)) for statement in vocabulary.STALE]
        steps += [(statement, (now_ms - DAY_MS, STEP)) for statement in vocabulary.CROWDED]
        for statement, given in [*steps, (vocabulary.ORPHANED, (STEP,))]:
            await self._steps(self._state, partial(_changes, statement=statement, parameters=given))

    async def _floor(self) -> int:
        """Up to where everything is settled. A partition that is settled to its end does not hold the others back."""
        settled = await self._state.read(_settled)
        floor = 1 << 62
        for partition in range(self._log.partitions):
            place = settled.get(partition, 0)
            if place < await self._log.end(partition):
                floor = min(floor, place)
        return floor

    @staticmethod
    async def _steps(database: Database, step: Callable[[Connection], int]) -> None:
        """Repeat a deleting step until it has less than a step's worth to do, resting in between."""
        while await database.write(step) >= STEP:  # noqa: ASYNC110 - it rests so that others get the lock
            await asyncio.sleep(REST_S)


def _settled(connection: Connection) -> dict[int, int]:
    return dict(connection.execute("SELECT partition, settled_to FROM positions"))


def _projects(connection: Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM projects")]


def _changes(connection: Connection, statement: str, parameters: tuple[int, ...]) -> int:
    before = connection.total_changes()
    connection.execute(statement, parameters)
    return connection.total_changes() - before


def _forget_payloads(connection: Connection, after: tuple[int, int]) -> tuple[int, int] | None:
    """One step; where the next begins, None at the end."""
    places = connection.execute(PAYLOADS, (*after, STEP)).fetchall()
    if not places:
        return None
    connection.execute(STALE_PAYLOADS, (*after, *places[-1]))
    return places[-1] if len(places) == STEP else None  # type: ignore[return-value]


def _forget_deliveries(connection: Connection, before_ms: int) -> int:
    first_kept = (max(0, before_ms) << 80).to_bytes(16, "big")
    ids = [row[0] for row in connection.execute(STALE_DELIVERIES, (first_kept, STEP))]
    for statement in (
        "DELETE FROM delivery_attempts WHERE delivery_id = ?",
        "DELETE FROM delivery_carriers WHERE delivery_id = ?",
        "DELETE FROM deliveries WHERE id = ?",
    ):
        connection.executemany(statement, [(gone,) for gone in ids])
    return len(ids)
