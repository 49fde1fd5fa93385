"""Persons that changed, as events of their own, for destinations whose ``filters.source`` is ``person-updates``.

The fold that changes a person leaves the event in the outbox of its own transaction, so there is exactly one for each change however
often the record is read. It says whose it is and no more: who the person is then is looked up when it is delivered, so that
nothing is kept here that could outlive the person. The names and shapes are PostHog's.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, Final

from hedgerow.delivery.internal import PUT
from hedgerow.events import Event, Record
from hedgerow.people import Folded
from hedgerow.store import Connection

STREAM: Final = "person-updates"
NAME: Final = "$person_updated"


def is_update(event: Event) -> bool:
    """Whether an event tells of a person; only Hedgerow itself makes internal ones."""
    return event.internal and event.event == NAME


def emit(connection: Connection, record: Record, event: Event, folded: Folded) -> None:
    """Leave the event of a change in the outbox, to be read after the one that made the change.

    Args:
        connection: inside the folding transaction.
        record: that was folded.
        event: the one in it.
        folded: what it amounted to.
    """
    if folded.person is None or not folded.changed:
        return
    identity = str(uuid.uuid5(uuid.UUID(folded.person.uuid), event.uuid))
    told = Event(identity, NAME, event.distinct_id, {}, event.timestamp, record.captured_at, internal=True)
    connection.execute(PUT, (record.partition, record.project_id, record.captured_at, told.encode()))


def shown(event: Event, folded: Folded) -> Event:
    """The event as filters and programs see it: its distinct id is the person's id."""
    if not is_update(event) or folded.person is None:
        return event
    return replace(event, distinct_id=folded.person.uuid)


def complete(event: Event, globals_: dict[str, Any]) -> dict[str, Any]:
    """The globals of an event; that of a person leads to the person."""
    if is_update(event) and globals_["person"] is not None:
        globals_["event"]["url"] = globals_["person"]["url"]
    return globals_
