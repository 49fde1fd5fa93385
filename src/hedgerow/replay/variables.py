"""What a program sees of an event that is brought up again: as it was where the ledger has it, else as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hedgerow.delivery import internal, person_updates, ticks
from hedgerow.delivery.erasure import gone
from hedgerow.delivery.identity import raw
from hedgerow.destinations import Project, build_globals
from hedgerow.events import Event, Record
from hedgerow.log import EventLog
from hedgerow.people import Change, Folded, load
from hedgerow.store import Connection


@dataclass(frozen=True, slots=True)
class Seen:
    """An event with its person and groups as they are now.

    Attributes:
        record: where it is.
        event: as destinations see it.
        folded: person and groups.
    """

    record: Record
    event: Event
    folded: Folded

    @property
    def uuid(self) -> bytes:
        """The id of the event, 16 bytes."""
        return raw(self.event.uuid)

    def globals(self, project: Project, public_url: str) -> dict[str, Any]:
        """The variables that programs see."""
        globals_ = build_globals(self.event, self.folded, project, public_url)
        return ticks.complete(self.event, person_updates.complete(self.event, globals_))


async def records_at(log: EventLog, places: Sequence[tuple[int, int]]) -> list[Record | None]:
    """Records of the log; None for what retention or a deletion has taken."""
    found = await log.read_at(places) if places else []
    return [None if record is None or record.erased else record for record in found]


def has_person(event: Event) -> bool:
    """Whether an event is about a person; most of what Hedgerow tells about itself is not."""
    return not event.internal or person_updates.is_update(event)


def stream_of(event: Event) -> str:
    """Which destinations an event is offered to."""
    if person_updates.is_update(event):
        return person_updates.STREAM
    if ticks.is_made_up(event):
        return ticks.STREAM
    return internal.STREAM if event.internal else "events"


def as_now(connection: Connection, records: Sequence[Record]) -> list[Seen | None]:
    """Events with their persons as they are now; None for those that a deletion of their person covers.

    Args:
        connection: inside a transaction.
        records: of the log.
    """
    events = [record.decode() for record in records]
    erased = gone(
        connection,
        [(r.project_id, e.distinct_id, r.captured_at) for r, e in zip(records, events, strict=True)],
    )
    changes = [
        Change(record.project_id, event)
        for record, event in zip(records, events, strict=True)
        if has_person(event)
    ]
    people = iter(load(connection, changes))
    seen: list[Seen | None] = []
    for record, event, is_gone in zip(records, events, erased, strict=True):
        folded = next(people) if has_person(event) else internal.folded(event)
        lost = is_gone or folded.dropped
        seen.append(None if lost else Seen(record, person_updates.shown(event, folded), folded))
    return seen
