"""The persons that a batch of events is about: read with one statement, changed in memory, written back once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from hedgerow.people.identity import person_uuid, uuid_text
from hedgerow.people.model import PersonState
from hedgerow.store import Connection

_LOAD = """
SELECT d.distinct_id, p.id, p.uuid, p.properties, p.created_at, p.is_identified, p.version
FROM json_each(?2) AS wanted
CROSS JOIN person_distinct_ids AS d ON d.project_id = ?1 AND d.distinct_id = wanted.value
CROSS JOIN persons AS p ON p.id = d.person_id
"""
_INSERT = """
INSERT INTO persons (id, project_id, uuid, properties, created_at, is_identified, version)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = "UPDATE persons SET properties = ?, created_at = ?, is_identified = ?, version = ? WHERE id = ?"
_DELETE = "DELETE FROM persons WHERE id = ?"
_POINT = "INSERT INTO person_distinct_ids (person_id, project_id, distinct_id) VALUES (?, ?, ?)"
_REPOINT = "UPDATE person_distinct_ids SET person_id = ? WHERE person_id = ?"
_PERSONLESS = """
INSERT INTO personless_distinct_ids (project_id, distinct_id) VALUES (?, ?) ON CONFLICT DO NOTHING
"""
_WAS_PERSONLESS = "SELECT 1 FROM personless_distinct_ids WHERE project_id = ? AND distinct_id = ?"


class Person:
    """One person in memory. ``properties`` is replaced, never written into: snapshots share it."""

    __slots__ = (
        "created_at", "id", "is_identified", "merged_into", "project_id", "properties", "stored", "text", "uuid",
        "uuid_text", "version",
    )  # fmt: skip

    def __init__(
        self, id_: int, project_id: int, uuid: bytes, text: str, created_at: int, *, version: int = 0
    ) -> None:
        self.id = id_
        self.project_id = project_id
        self.uuid = uuid
        self.uuid_text = uuid_text(uuid)
        self.text = text
        self.properties: dict[str, Any] = orjson.loads(text)
        self.created_at = created_at
        self.is_identified = False
        self.version = version
        self.stored = False
        self.merged_into: Person | None = None

    def snapshot(self, properties: dict[str, Any] | None = None) -> PersonState:
        """The person now, or as one event sees them."""
        shown = self.properties if properties is None else properties
        return PersonState(self.uuid_text, shown, self.created_at, self.is_identified)


class WorkingSet:
    """The persons of a batch, and what became of them; ``changes`` counts those who were made or changed."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._by_id: dict[int, Person] = {}
        self._people: dict[tuple[int, str], Person] = {}
        self._next_id = 0
        self._created: list[Person] = []
        self._changed: dict[int, Person] = {}
        self._merged: list[Person] = []
        self._pointed: dict[tuple[int, str], Person] = {}
        self._personless: dict[tuple[int, str], None] = {}
        self.changes = 0

    def read(self, project_id: int, distinct_ids: Iterable[str]) -> None:
        """Fetch whoever some distinct ids stand for."""
        wanted = orjson.dumps(list(distinct_ids)).decode()
        for distinct_id, id_, uuid, text, created_at, identified, version in self._conn.execute(
            _LOAD, (project_id, wanted)
        ):
            person = self._by_id.get(id_)
            if person is None:
                person = Person(id_, project_id, uuid, text, created_at, version=version)
                person.is_identified, person.stored = bool(identified), True
                self._by_id[id_] = person
            self._people[project_id, distinct_id] = person

    def find(self, project_id: int, distinct_id: str) -> Person | None:
        """Who a distinct id stands for now."""
        person = self._people.get((project_id, distinct_id))
        while person is not None and person.merged_into is not None:
            person = person.merged_into
        return person

    def create(self, project_id: int, distinct_id: str, text: str, created_at: int) -> Person:
        """A new person, named after a distinct id."""
        if not self._next_id:
            # The transaction holds the write lock, so that nobody else can take the ids from here on.
            self._next_id = self._newest()
        self._next_id += 1
        person = Person(self._next_id, project_id, person_uuid(project_id, distinct_id), text, created_at)
        self._created.append(person)
        self.changes += 1
        self.point(distinct_id, person)
        return person

    def _newest(self) -> int:
        ((newest,),) = self._conn.execute("SELECT coalesce(max(id), 0) FROM persons")
        return int(newest)

    def point(self, distinct_id: str, person: Person) -> None:
        """Let a distinct id that stood for nobody stand for a person."""
        key = (person.project_id, distinct_id)
        self._people[key] = self._pointed[key] = person

    def change(self, person: Person) -> None:
        """Note that a person is to be written; call once per event."""
        person.version += 1
        self.changes += 1
        if person.stored:
            self._changed[person.id] = person

    def merge(self, other: Person, into: Person) -> None:
        """Let everything that stood for one person stand for another, and forget the one."""
        other.merged_into = into
        self._changed.pop(other.id, None)
        if other.stored:
            self._merged.append(other)

    def note_personless(self, project_id: int, distinct_id: str) -> None:
        """Remember that events named the person this id would make, though nobody was made."""
        self._personless[project_id, distinct_id] = None

    def was_personless(self, project_id: int, distinct_id: str) -> bool:
        """Whether ``note_personless`` was ever called for an id."""
        key = (project_id, distinct_id)
        return key in self._personless or self._conn.execute(_WAS_PERSONLESS, key).fetchone() is not None

    def write(self) -> None:
        """Write what became of everybody, in an order in which no unique key is met twice."""
        write = self._conn.executemany
        if self._merged:
            write(_REPOINT, [(_last(person).id, person.id) for person in self._merged])
            write(_DELETE, [(person.id,) for person in self._merged])
        write(_INSERT, [_row(person) for person in self._created if person.merged_into is None])
        write(
            _UPDATE,
            [(p.text, p.created_at, p.is_identified, p.version, p.id) for p in self._changed.values()],
        )
        write(_POINT, [(_last(person).id, *key) for key, person in self._pointed.items()])
        write(_PERSONLESS, self._personless)


def _last(person: Person) -> Person:
    while person.merged_into is not None:
        person = person.merged_into
    return person


def _row(person: Person) -> tuple[Any, ...]:
    return (
        person.id, person.project_id, person.uuid, person.text, person.created_at, person.is_identified,
        person.version,
    )  # fmt: skip
