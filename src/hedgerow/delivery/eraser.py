"""Carrying out deletions: a job for each, done in small steps, taken up again after a crash.

The pipeline honours a deletion from the first moment (``erasure.py``); this removes what stands in ledger, index, log lines
and event log, and then what the files still hold of it in places that SQLite no longer uses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from hedgerow.delivery.erasure import Trace, erase, scrub, scrub_index, traces
from hedgerow.delivery.ticks import FIRST_POSITION
from hedgerow.log import EventLog
from hedgerow.log.segments import partition_of
from hedgerow.people.forgetting import forget_samples
from hedgerow.store import Connection, Database, StoreError
from hedgerow.telemetry import drain

log = logging.getLogger(__name__)

BEGIN = "INSERT INTO erasure_jobs (project_id, requested_at, body) VALUES (?, ?, ?)"
# A job whose body is empty is done but for the bytes that the files still hold.
PENDING = """
SELECT id, project_id, requested_at, body FROM erasure_jobs WHERE finished_at IS NULL AND body <> '[]' ORDER BY id LIMIT 1
"""
DONE = "UPDATE erasure_jobs SET events = ?, deliveries = ?, body = '[]' WHERE id = ?"
UNFINISHED = "SELECT EXISTS (SELECT 1 FROM erasure_jobs WHERE finished_at IS NULL)"
FINISH = "UPDATE erasure_jobs SET finished_at = ? WHERE finished_at IS NULL AND body = '[]'"
LIST = "SELECT id, requested_at, finished_at, events, deliveries FROM erasure_jobs WHERE project_id = ? ORDER BY id DESC LIMIT ?"
LINES = "DELETE FROM log_entries WHERE delivery_id = ?"

STEP = 2000
REST_S = 0.01
# What was accepted just before a deletion may still be on its way to the log.
GRACE_MS = 5000
AGAIN_S = 5.0
FLUSHES = 100
FLUSH_AGAIN_S = 0.1
# Rebuilding large files takes long: rest so many times as long before the next one, for the deletions that come meanwhile.
REST_AFTER_REBUILD = 20


@dataclass(frozen=True, slots=True)
class Job:
    """A deletion to be carried out."""

    id: int
    project_id: int
    requested_at: int
    distinct_ids: list[str]


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion as it is shown: times in milliseconds; counts are 0 until it is finished."""

    id: int
    requested_at: int
    finished_at: int | None
    events: int
    deliveries: int


def request(connection: Connection, project_id: int, distinct_ids: Sequence[str], now_ms: int) -> int:
    """Ask for everything that came under some ids up to now to be erased; answers the job's number.

    Args:
        connection: inside a writing transaction.
        project_id: whose.
        distinct_ids: all those of a person.
        now_ms: milliseconds since the epoch.
    """
    erase(connection, project_id, distinct_ids, now_ms)
    connection.execute(BEGIN, (project_id, now_ms, orjson.dumps(list(distinct_ids)).decode()))
    return connection.last_insert_rowid()


def deletions(connection: Connection, project_id: int, limit: int = 100) -> list[Deletion]:
    """A project's deletions, the latest first."""
    rows: list[Any] = connection.execute(LIST, (project_id, limit)).fetchall()
    return [Deletion(*row) for row in rows]


class Eraser:
    """Carries out what ``request`` asked for. One process of an instance has one."""

    def __init__(self, state: Database, telemetry: Database, log_: EventLog, now: Callable[[], int]) -> None:
        """``now``: milliseconds since the epoch."""
        self._state = state
        self._telemetry = telemetry
        self._log = log_
        self._now = now
        self._wake = asyncio.Event()
        self._rebuild_from = 0.0

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Do what there is to do, then wait for more, until cancelled."""
        while True:
            self._wake.clear()
            try:
                while await self.work():
                    pass
                if await self._state.read(lambda c: c.execute(UNFINISHED).get):
                    await self._clean()
                    continue
            except (StoreError, OSError) as error:
                log.warning("erasing_failed error=%s", error)
                await asyncio.sleep(AGAIN_S)
                continue
            await self._wake.wait()

    async def work(self) -> bool:
        """Carry out one deletion; False when there is none. What a crash interrupts is simply done again."""
        job = await self._state.read(_pending)
        if job is None:
            return False
        wait_ms = min(GRACE_MS, job.requested_at + GRACE_MS - self._now())
        if wait_ms > 0:
            await asyncio.sleep(wait_ms / 1000)
        await drain(self._state, self._telemetry)  # log lines that are still on their way
        events = deliveries = 0
        for distinct_id in job.distinct_ids:
            who = (job.project_id, distinct_id, job.requested_at)
            deliveries += await self._ledger(who)
            await self._index(who)
            events += await self._log.erase(*who)
        await self._state.write(lambda c: forget_samples(c, job.project_id, job.distinct_ids))
        await self._state.write(lambda c: c.execute(DONE, (events, deliveries, job.id)))
        return True

    async def _clean(self) -> None:
        """Remove what the files still hold of everything that was erased, once for all jobs that are done by now."""
        time_of = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._rebuild_from - time_of()))
        began = time_of()
        await self._state.rebuild()
        await self._telemetry.rebuild()
        await self._flush()
        self._rebuild_from = time_of() + REST_AFTER_REBUILD * (time_of() - began)
        await self._state.write(lambda c: c.execute(FINISH, (self._now(),)))

    async def _ledger(self, who: tuple[int, str, int]) -> int:
        partition, after, count = partition_of(*who[:2], self._log.partitions), FIRST_POSITION, 0
        while True:
            look = partial(traces, partition=partition, after=after, who=who, step=STEP)
            after, found = await self._state.read(look)
            if not after:
                return count
            if found:  # lines first: after the scrubbing nothing would lead to them
                await self._telemetry.write(partial(_forget_lines, found=found))
                await self._state.write(partial(scrub, found=found, who=who))
                count += len(found)
            await asyncio.sleep(REST_S)

    async def _index(self, who: tuple[int, str, int]) -> None:
        partition, after = partition_of(*who[:2], self._log.partitions), 0
        while True:
            work = partial(scrub_index, partition=partition, after=after, who=who, step=STEP)
            after = await self._state.write(work)
            if not after:
                return
            await asyncio.sleep(REST_S)

    async def _flush(self) -> None:
        """Empty the write-ahead logs; readers may be in the way for a moment."""
        for flush in (self._state.flush, self._telemetry.flush, self._log.flush):
            for _ in range(FLUSHES):
                if await flush():
                    break
                await asyncio.sleep(FLUSH_AGAIN_S)
            else:
                log.warning(
                    "erasing_unfinished: a reader keeps old pages from being overwritten; they will be later"
                )


def _forget_lines(connection: Connection, found: Sequence[Trace]) -> None:
    connection.executemany(LINES, [(one,) for trace in found for one in (trace.id, *trace.senders)])


def _pending(connection: Connection) -> Job | None:
    row: Any = connection.execute(PENDING).fetchone()
    return Job(row[0], row[1], row[2], orjson.loads(row[3])) if row else None
