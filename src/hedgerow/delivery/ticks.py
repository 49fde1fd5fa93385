"""Events that a schedule makes up: one for each person that a tick chose, for the one destination whose schedule it is.

Such an event is in no log. Its deliveries stand in the ledger under a *place of their own*: the partition of the person, so that
everything that goes by partitions finds them, and a position below zero, where no record is. The tick's number and the person's
make the position, so no two events share one; the destination, the tick and the person make the uuid, so that it is the same event
whoever makes it, whenever.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from hedgerow.delivery.invocation import Invocation
from hedgerow.destinations import CompiledDestination
from hedgerow.destinations.schedule import SOURCE
from hedgerow.events import Event, timestamps
from hedgerow.store import Connection

STREAM: Final = SOURCE
NAME: Final = "$schedule"
FIRST_POSITION: Final = -(1 << 63)
PERSON_BITS: Final = 33

# Ticks of all destinations are numbered through, for their positions.
NUMBER: Final = """
INSERT INTO counters (name, value) VALUES ('ticks', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value
"""


def next_number(connection: Connection) -> int:
    """A number that no tick has had."""
    return int(connection.execute(NUMBER).get or 0)


def position(number: int, person: int) -> int:
    """The place of an event, in its person's partition.

    Args:
        number: of the tick.
        person: number of the person.
    """
    return -(number << PERSON_BITS | person)


def is_tick(invocation_position: int) -> bool:
    """Whether a delivery is a tick's."""
    return invocation_position < 0


def suits(compiled: CompiledDestination, invocation: Invocation) -> bool:
    """Whether a destination still takes what an invocation comes from: a schedule, or events."""
    return (compiled.stream == STREAM) == is_tick(invocation.position)


def event(destination_id: str, tick: int, person: str, distinct_id: str, captured_at: int) -> Event:
    """The event of one person.

    Args:
        destination_id: whose schedule.
        tick: the moment of the schedule, milliseconds.
        person: id of the person.
        distinct_id: one that stands for the person.
        captured_at: when the tick began.
    """
    identity = str(uuid.uuid5(uuid.UUID(destination_id), f"{tick}:{person}"))
    return Event(identity, NAME, distinct_id, {}, timestamps.write(tick), captured_at, internal=True)


def is_made_up(event: Event) -> bool:
    """Whether an event is a schedule's; only Hedgerow itself makes internal ones."""
    return event.internal and event.event == NAME


def complete(event: Event, globals_: dict[str, Any]) -> dict[str, Any]:
    """The globals of an event; one of a schedule has no page of its own, but leads to the person."""
    if is_made_up(event) and globals_["person"] is not None:
        globals_["event"]["url"] = globals_["person"]["url"]
    return globals_
