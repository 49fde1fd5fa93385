"""Events that ticks make up, outside of ticks: those of persons to try a destination on, and those of deliveries of the past."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hedgerow.delivery import queries, ticks
from hedgerow.delivery.identity import raw
from hedgerow.delivery.queries import Delivery
from hedgerow.delivery.recent import Entry, EventSearch
from hedgerow.destinations import CompiledDestination
from hedgerow.events import Event, Record
from hedgerow.people import Folded, PersonState
from hedgerow.people.queries import FoundPerson, PersonSearch, find_persons, persons_of
from hedgerow.replay import runs
from hedgerow.replay.variables import Seen
from hedgerow.store import Connection, Database

# Nothing leads from an event to its deliveries but the event's name: so many of the latest are looked through.
FIND = """
SELECT id FROM (SELECT id, event_uuid FROM deliveries WHERE project_id = ? AND event = ? ORDER BY id DESC LIMIT 100000)
WHERE event_uuid = ? LIMIT 1
"""


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


def again(connection: Connection, project_id: int, rows: Sequence[Delivery]) -> dict[tuple[int, int], Seen]:
    """The events of deliveries of ticks, by their places: the same as they were, with their persons as they are now.

    Args:
        connection: inside a transaction.
        project_id: whose.
        rows: the deliveries; those whose person is no more are left out.
    """
    people = persons_of(connection, project_id, [row.distinct_id for row in rows])
    found: dict[tuple[int, int], Seen] = {}
    for row in rows:
        person = people.get(row.distinct_id)
        if person is None:
            continue
        run = runs.find(connection, project_id, raw(row.run[:36]))
        at = row.captured_at if run is None else run.wanted.get("at", row.captured_at)
        event = ticks.event(row.destination_id, at, person.uuid, row.distinct_id, row.captured_at)
        event.uuid = row.event_uuid  # the id may stand for another person by now
        record = Record(row.partition, row.position, project_id, row.captured_at, b"")
        found[row.partition, row.position] = Seen(record, event, Folded(person, {}))
    return found


def find_delivery(connection: Connection, project_id: int, event_uuid: bytes) -> Delivery | None:
    """A delivery of a tick by its event; None when there is none among the latest."""
    identity = connection.execute(FIND, (project_id, ticks.NAME, event_uuid)).get
    found = None if identity is None else queries.find(connection, project_id, identity)
    return found if found is not None and ticks.is_tick(found.position) else None


def event_of(connection: Connection, project_id: int, event_uuid: bytes) -> tuple[int, int, Event] | None:
    """An event that a tick made up, with the place that it stands for; None when there is none, or its person is no more."""
    row = find_delivery(connection, project_id, event_uuid)
    if row is None:
        return None
    place = row.partition, row.position
    seen = again(connection, project_id, [row]).get(place)
    return None if seen is None else (*place, seen.event)
