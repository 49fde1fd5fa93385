"""Recent events that a destination would want, for choosing one to try it on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from hedgerow.delivery import ticks
from hedgerow.delivery.recent import Entry, EventSearch, list_events
from hedgerow.delivery.sandbox import Sandbox
from hedgerow.destinations import CompiledDestination, filter_globals
from hedgerow.log import EventLog
from hedgerow.replay.tick_events import recent_persons
from hedgerow.replay.variables import Seen, as_now, records_at, stream_of
from hedgerow.store import Database

SCANNED: Final = 10_000
STEP: Final = 100
BATCH: Final = 2 * 1024 * 1024
LONGEST_S: Final = 5.0
"""A search that finds little ends here, and says where to go on."""


@dataclass(frozen=True, slots=True)
class Match:
    """An event that is wanted, and by which mappings (``[""]`` without mappings)."""

    seen: Seen
    mappings: list[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """Events to choose from, the latest first.

    Attributes:
        matches: the events.
        scanned: how many events were looked at.
        cursor: where to go on; None at the end.
    """

    matches: list[Match]
    scanned: int
    cursor: str | None


async def choose(
    state: Database, log: EventLog, sandbox: Sandbox, compiled: CompiledDestination, wanted: EventSearch
) -> Choice:
    """Find recent events that match a destination's filters, with their persons as they are now.

    Args:
        state: index and people.
        log: the events.
        sandbox: judges them.
        compiled: the destination.
        wanted: further conditions, and how many events.

    Raises:
        HogError: the filters take too long.
    """
    if compiled.stream == ticks.STREAM:
        return await _persons(state, sandbox, compiled, wanted)
    found: list[Match] = []
    scanned, cursor, deadline = 0, wanted.cursor, time.monotonic() + LONGEST_S
    step = replace(wanted, limit=STEP, event=wanted.event or _only_name(compiled))
    while scanned < SCANNED and time.monotonic() < deadline:
        here = replace(step, cursor=cursor)
        entries = await state.read(
            partial(list_events, project_id=compiled.destination.project_id, wanted=here)
        )
        scanned += len(entries)
        for entry, match in await _judged(state, log, sandbox, compiled, entries):
            found.append(match)
            if len(found) == wanted.limit:
                return Choice(found, scanned, entry.cursor)
        if len(entries) < STEP:
            return Choice(found, scanned, None)
        cursor = entries[-1].place
    return Choice(found, scanned, None if cursor is None else ".".join(map(str, cursor)))


async def _persons(
    state: Database, sandbox: Sandbox, compiled: CompiledDestination, wanted: EventSearch
) -> Choice:
    """The same of a destination with a schedule: the persons that it would choose now."""
    found: list[Match] = []
    scanned, cursor, deadline = 0, wanted.cursor, time.monotonic() + LONGEST_S
    while scanned < SCANNED and time.monotonic() < deadline:
        step = replace(wanted, limit=STEP, cursor=cursor)
        there = await recent_persons(state, compiled, step, int(time.time() * 1000))
        verdicts = await sandbox.matches(compiled, [filter_globals(s.event, s.folded) for _, s in there])
        for (entry, seen), mappings in zip(there, verdicts, strict=True):
            scanned += 1
            if mappings:
                found.append(Match(seen, mappings))
            if len(found) == wanted.limit:
                return Choice(found, scanned, entry.cursor)
        if len(there) < STEP:
            return Choice(found, scanned, None)
        cursor = there[-1][0].place
    return Choice(found, scanned, None if cursor is None else ".".join(map(str, cursor)))


def _only_name(compiled: CompiledDestination) -> str | None:
    names = compiled.event_names
    return next(iter(names)) if names is not None and len(names) == 1 else None


def _batches(seen: Sequence[Seen]) -> Iterator[list[Seen]]:
    """Events in portions that a helper can be told at one go."""
    batch: list[Seen] = []
    size = 0
    for one in seen:
        if batch and size + len(one.record.payload) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one.record.payload)
    if batch:
        yield batch


async def _judged(
    state: Database,
    log: EventLog,
    sandbox: Sandbox,
    compiled: CompiledDestination,
    entries: Sequence[Entry],
) -> Iterator[tuple[Entry, Match]]:
    """Those of some events that match, in their order."""
    named = [entry for entry in entries if compiled.wants(entry.event)]
    records = await records_at(log, [(entry.partition, entry.position) for entry in named])
    there = [(entry, record) for entry, record in zip(named, records, strict=True) if record is not None]
    if not there:
        return iter(())
    seen = await state.read(partial(as_now, records=[record for _, record in there]))
    known = [
        (entry, one)
        for (entry, _), one in zip(there, seen, strict=True)
        if one is not None and stream_of(one.event) == compiled.stream
    ]
    verdicts: list[list[str] | None] = []
    for some in _batches([one for _, one in known]):
        verdicts += await sandbox.matches(compiled, [filter_globals(one.event, one.folded) for one in some])
    return (
        (entry, Match(one, mappings))
        for (entry, one), mappings in zip(known, verdicts, strict=True)
        if mappings
    )
