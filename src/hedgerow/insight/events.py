"""Recent events, searched in the index and read from the log, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import TypeAlias

from hedgerow.delivery.recent import Entry, EventSearch, list_events
from hedgerow.events import Event, Record
from hedgerow.log import EventLog
from hedgerow.store import Database

Keep: TypeAlias = Callable[[Sequence[Event]], Awaitable[Sequence[bool]]]

# A search that finds little must not read the whole log: it ends here, and says where to go on.
SCANNED = 10_000
STEP = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Events, and where the next page begins; None: there are no more."""

    events: list[Event]
    cursor: str | None


async def search(
    state: Database, log: EventLog, project_id: int, wanted: EventSearch, keep: Keep | None = None
) -> Page:
    """Events of a project, the latest accepted first; those that retention or a deletion took from the log are left out.

    Args:
        state: has the index.
        log: has the events.
        project_id: whose.
        wanted: what the index is asked for, and how many events a page has.
        keep: a further condition: told some events, it says of each whether it is wanted.

    Returns:
        A page. With a condition that few events meet it may hold less than was asked for, even nothing, and not be the last.
    """
    found: list[Event] = []
    cursor = wanted.cursor
    for _ in range(SCANNED // STEP):
        step = replace(wanted, cursor=cursor, limit=STEP if keep else max(1, wanted.limit - len(found)))
        entries = await state.read(partial(list_events, project_id=project_id, wanted=step))
        records = await log.read_at([(entry.partition, entry.position) for entry in entries])
        events = await asyncio.to_thread(_there, entries, records)
        if keep is not None:
            verdicts = await keep([event for _, event in events])
            events = list(compress(events, verdicts))
        for entry, event in events[: wanted.limit - len(found)]:
            found.append(event)
            cursor = entry.place
        if len(found) >= wanted.limit:
            return Page(found, ".".join(map(str, cursor or ())))
        if len(entries) < step.limit:
            return Page(found, None)
        cursor = entries[-1].place
    return Page(found, ".".join(map(str, cursor or ())))


def _there(entries: Sequence[Entry], records: Sequence[Record | None]) -> list[tuple[Entry, Event]]:
    return [
        (entry, record.decode())
        for entry, record in zip(entries, records, strict=True)
        if record is not None and not record.erased
    ]
