"""Events that Hedgerow tells about itself: how they come into the event log, and who gets them.

They take the way of every other event, so that they are durable, delivered, retried and found like them, with three
differences: nobody outside can send one, they belong to no person, and only destinations of type ``internal_destination``
see them, which in turn see nothing else. A destination is never told about itself. An event may also be addressed to
destinations, of any type, which then get it whatever their filters say: alerts are.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.delivery.identity import text
from hedgerow.destinations import CompiledDestination
from hedgerow.events import Draft, Event, timestamps
from hedgerow.people import Folded
from hedgerow.store import Connection

STREAM = "internal"
STATE_CHANGED = "$destination_state_changed"
WARNED = "$destination_warning"
SUBJECT = "destination_id"
NOTIFY = "$notify"
"""Property of an event with the ids of the destinations that it is addressed to."""

PUT = "INSERT INTO internal_outbox (home, project_id, at, payload) VALUES (?, ?, ?, ?)"
WAITING = """
SELECT seq, project_id, at, payload FROM internal_outbox
WHERE home IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT 500
"""
MOST = 500
FORGET = "DELETE FROM internal_outbox WHERE seq = ?"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event on its way into the log."""

    seq: int
    draft: Draft


def emit(
    connection: Connection,
    *,
    home: int,
    project_id: int,
    subject: bytes,
    name: str,
    properties: Mapping[str, Any],
    now: int,
) -> None:
    """Leave an event in the outbox, in the transaction that it tells about.

    Args:
        connection: inside that transaction.
        home: the partition whose owner brings it into the log.
        project_id: whose.
        subject: the destination that it is about.
        name: of the event.
        properties: what happened.
        now: milliseconds.
    """
    about = text(subject)
    stamp = timestamps.write(now)
    # The same event whenever the outbox is read, so that a repeat after a crash is seen to be one.
    identity = str(uuid.uuid5(uuid.UUID(bytes=subject), f"{name}:{now}:{orjson.dumps(properties).decode()}"))
    event = Event(identity, name, about, {SUBJECT: about, **properties}, stamp, now, internal=True)
    connection.execute(PUT, (home, project_id, now, event.encode()))


def waiting(connection: Connection, homes: str) -> list[Waiting]:
    """What is to be brought into the log, of these partitions (a JSON list)."""
    return [
        Waiting(seq, Draft(project_id, orjson.loads(payload)["distinct_id"], at, payload))
        for seq, project_id, at, payload in connection.execute(WAITING, (homes,))
    ]


def forget(connection: Connection, done: Iterable[Waiting]) -> None:
    """Take events that are in the log now out of the outbox."""
    connection.executemany(FORGET, [(item.seq,) for item in done])


def folded(event: Event) -> Folded:
    """An internal event changes nobody."""
    return Folded(None, event.properties)


def audience(candidates: Sequence[CompiledDestination], event: Event) -> Sequence[CompiledDestination]:
    """Those of the candidates that are asked whether they want an event.

    A destination is not told about itself; one that an event is addressed to is not asked.
    """
    if not event.internal:
        return candidates
    settled = {event.properties.get(SUBJECT), *event.properties.get(NOTIFY, ())}
    return [one for one in candidates if one.destination.id not in settled]


def addressed(event: Event, destinations: Iterable[CompiledDestination]) -> list[CompiledDestination]:
    """Those of the destinations that get an internal event whatever their filters say."""
    ids = event.properties.get(NOTIFY, ())
    subject = event.properties.get(SUBJECT)
    return [one for one in destinations if one.destination.id in ids and one.destination.id != subject]


def is_addressed(globals_: Mapping[str, Any], destination_id: str) -> bool:
    """Whether what goes to a destination goes there because it was addressed to it, so that its filters have no say."""
    if globals_.get("person") is not None:
        return False
    ids = (globals_["event"].get("properties") or {}).get(NOTIFY)
    return isinstance(ids, list) and destination_id in ids
