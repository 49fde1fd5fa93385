"""Reading the vocabulary: events and properties by name, for lists and for choosing from."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.store import Connection

EVENTS = "SELECT name, created_at, last_seen_at FROM event_definitions WHERE project_id = :project"
PROPERTIES = """
SELECT owner, type_index, name, kind, created_at, last_seen_at, {seen} FROM property_definitions p
WHERE project_id = :project
"""
# Whether a property was seen in any of the events that are named.
SEEN = """
owner = 'event' AND EXISTS (SELECT 1 FROM event_properties s JOIN json_each(:events) wanted
    WHERE s.project_id = p.project_id AND s.event = wanted.value AND s.property = p.name)
"""
NAMED = {
    "search": "instr(lower(name), :search)",
    "names": "name IN (SELECT value FROM json_each(:names))",
    "hidden": "name NOT IN (SELECT value FROM json_each(:hidden))",
    "custom": "(substr(name, 1, 1) <> '$') = :custom",
    "owner": "owner = :owner",
    "type_index": "type_index = :type_index",
    "kind": "kind = :kind",
    "flags": "(name LIKE '$feature/%') = :flags",
}
# What ids are derived from, besides the name.
NAMESPACE = uuid.UUID("6b6f2f0e-5e0b-4d0a-9a5c-0d4f0a1c7e55")
ORDERS = {
    "name": "name",
    "-name": "name DESC",
    "created_at": "created_at, name",
    "-created_at": "created_at DESC, name",
    "last_seen_at": "last_seen_at, name",
    "-last_seen_at": "last_seen_at DESC, name",
}


@dataclass(frozen=True, slots=True)
class EventDefinition:
    """An event that was seen; times in milliseconds since the epoch."""

    id: str
    name: str
    created_at: int
    last_seen_at: int


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """A property that was seen; ``seen`` tells whether in one of the events asked for, None when none was named."""

    id: str
    owner: str
    type_index: int
    name: str
    kind: str | None
    created_at: int
    last_seen_at: int
    seen: bool | None


@dataclass(frozen=True, slots=True)
class DefinitionSearch:
    """Which definitions; None means any.

    Attributes:
        search: part of the name, in any case.
        names: these only.
        hidden: all but these.
        custom: only names that begin with no ``$``, or only those that do.
        owner: of properties: event, person or group.
        type_index: of properties of groups: the number of the type.
        kind: of properties: String, Numeric, Boolean or DateTime.
        flags: of properties: only those that tell of feature flags, or none of those.
        events: names of events: tell of each property whether it was seen there.
        only_seen: of properties: only those seen there, or only the others.
        order: one of ``ORDERS``.
    """

    search: str | None = None
    names: Sequence[str] | None = None
    hidden: Sequence[str] = ()
    custom: bool | None = None
    owner: str | None = None
    type_index: int | None = None
    kind: str | None = None
    flags: bool | None = None
    events: Sequence[str] | None = None
    only_seen: bool | None = None
    order: str = "name"
    limit: int = 100
    offset: int = 0

    def parameters(self) -> dict[str, Any]:
        """The conditions that are set, as values for a statement."""
        raw = {
            "search": self.search.lower() if self.search else None,
            "names": _json(self.names),
            "hidden": _json(self.hidden) if self.hidden else None,
            "custom": self.custom,
            "owner": self.owner,
            "type_index": self.type_index,
            "kind": self.kind,
            "flags": self.flags,
        }
        return {name: value for name, value in raw.items() if value is not None}


def event_definitions(
    connection: Connection, project_id: int, wanted: DefinitionSearch
) -> tuple[list[EventDefinition], int]:
    """A page of events, and how many there are in all."""
    given = {**wanted.parameters(), "project": project_id}
    rows, count = _page(connection, EVENTS, given, wanted, ORDERS[wanted.order])
    return [EventDefinition(identity(project_id, "event", -1, row[0]), *row) for row in rows], count


def property_definitions(
    connection: Connection, project_id: int, wanted: DefinitionSearch
) -> tuple[list[PropertyDefinition], int]:
    """A page of properties, those seen in the events asked for first, and how many there are in all."""
    given = {**wanted.parameters(), "project": project_id, "events": _json(wanted.events or [])}
    statement = PROPERTIES.format(seen=SEEN)
    if wanted.events and wanted.only_seen is not None:
        statement += f" AND ({SEEN}) = {int(wanted.only_seen)}"
    rows, count = _page(
        connection, statement, given, wanted, f"7 DESC, {ORDERS[wanted.order]}, owner, type_index"
    )
    return [_property(project_id, row, told=bool(wanted.events)) for row in rows], count


def find_event_definition(connection: Connection, project_id: int, wanted: str) -> EventDefinition | None:
    """The event with an id, or None. Ids are made of names, so all names are looked through."""
    found, _ = event_definitions(connection, project_id, DefinitionSearch(limit=-1))
    return next((one for one in found if one.id == wanted), None)


def find_property_definition(
    connection: Connection, project_id: int, wanted: str
) -> PropertyDefinition | None:
    """The property with an id, or None."""
    found, _ = property_definitions(connection, project_id, DefinitionSearch(limit=-1))
    return next((one for one in found if one.id == wanted), None)


def identity(project_id: int, owner: str, type_index: int, name: str) -> str:
    """The id of a definition: the same name has the same one for ever, on every worker."""
    return str(uuid.uuid5(NAMESPACE, f"{project_id}:{owner}:{type_index}:{name}"))


def _page(
    connection: Connection, statement: str, given: dict[str, Any], wanted: DefinitionSearch, order: str
) -> tuple[list[Any], int]:
    where = statement + "".join(f" AND {NAMED[name]}" for name in given if name in NAMED)
    count: Any = connection.execute(f"SELECT count(*) FROM ({where})", given).fetchone()  # noqa: S608 - our own words
    paged = {**given, "limit": wanted.limit, "offset": wanted.offset}
    rows = connection.execute(f"{where} ORDER BY {order} LIMIT :limit OFFSET :offset", paged).fetchall()
    return rows, count[0]


def _property(project_id: int, row: Sequence[Any], *, told: bool) -> PropertyDefinition:
    owner, index, name, kind, created_at, last_seen_at, seen = row
    key = identity(project_id, f"{owner} property", index, name)
    return PropertyDefinition(
        key, owner, index, name, kind, created_at, last_seen_at, bool(seen) if told else None
    )


def _json(values: Sequence[str] | None) -> str | None:
    return None if values is None else orjson.dumps(list(values)).decode()
