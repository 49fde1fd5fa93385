"""Persons to try a scheduled destination on: what a tick would make of them now, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hedgerow.delivery import ticks
from hedgerow.delivery.recent import Entry, EventSearch
from hedgerow.destinations import CompiledDestination
from hedgerow.events import Record
from hedgerow.people import Folded, PersonState
from hedgerow.people.queries import FoundPerson, PersonSearch, find_persons
from hedgerow.replay.variables import Seen
from hedgerow.store import Database


async def recent_persons(
    state: Database, compiled: CompiledDestination, wanted: EventSearch, now: int
) -> list[tuple[Entry, Seen]]:
    """Persons with the event that a tick at this moment would make of each.

    Args:
        state: has the persons.
        compiled: the destination, with a schedule.
        wanted: how many, and behind which one to go on; the position of an entry is the person's number.
        now: milliseconds since the epoch.
    """
    behind = wanted.cursor[1] if wanted.cursor else None
    search = PersonSearch(before=behind, limit=wanted.limit)
    project_id = compiled.destination.project_id
    found: Sequence[FoundPerson] = await state.read(
        partial(find_persons, project_id=project_id, wanted=search)
    )
    return [_made_up(compiled, one, now) for one in found]


def _made_up(compiled: CompiledDestination, one: FoundPerson, now: int) -> tuple[Entry, Seen]:
    known_as = one.distinct_ids[0] if one.distinct_ids else one.uuid
    event = ticks.event(compiled.destination.id, now, one.uuid, known_as, now)
    folded = Folded(PersonState(one.uuid, one.properties, one.created_at, one.is_identified), {})
    entry = Entry(0, one.number, event.uuid, event.event, known_as, one.created_at)
    record = Record(0, one.number, compiled.destination.project_id, now, b"")
    return entry, Seen(record, event, folded)
