"""Reading people: lists and look-ups for those who look, apart from the folding that writes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from hedgerow.people.model import PersonState
from hedgerow.store import Connection

SELECT = "SELECT id, uuid, properties, created_at, is_identified FROM persons WHERE project_id = :project "
# The plus keeps SQLite from going through all of a project along an index that begins with it, and sorting that.
BY_NUMBER = SELECT.replace("project_id = ", "+project_id = ")
PAGE = " ORDER BY id DESC LIMIT :limit OFFSET :offset"
IDS = "SELECT distinct_id FROM person_distinct_ids WHERE person_id = ? AND project_id = ? ORDER BY distinct_id LIMIT 1000"
BY_DISTINCT_ID = (
    "SELECT person_id FROM person_distinct_ids WHERE project_id = :project AND distinct_id = :distinct_id"
)

CONDITIONS = {
    "distinct_id": f"id IN ({BY_DISTINCT_ID})",
    "email": "lower(json_extract(properties, '$.email')) = :email",
    "uuid": "uuid = :uuid",
    "before": "id < :before",
    "text": "(instr(lower(properties), :text) OR id IN (SELECT person_id FROM person_distinct_ids"
    " WHERE project_id = :project AND instr(lower(distinct_id), :text)))",
}


@dataclass(frozen=True, slots=True)
class PersonSearch:
    """Which persons; None means any. ``before`` is the number of a person: go on behind them."""

    distinct_id: str | None = None
    email: str | None = None
    uuid: bytes | None = None
    text: str | None = None
    before: int | None = None
    limit: int = 100
    offset: int = 0

    def parameters(self) -> dict[str, Any]:
        """The conditions that are set, as values for the statement."""
        raw = {
            "distinct_id": self.distinct_id,
            "email": self.email.lower() if self.email else None,
            "uuid": self.uuid,
            "before": self.before,
            "text": self.text.lower() if self.text else None,
        }
        return {name: value for name, value in raw.items() if value is not None}


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A person with the distinct ids that stand for them (the first thousand). Later persons have higher numbers."""

    number: int
    uuid: str
    properties: dict[str, Any]
    created_at: int
    is_identified: bool
    distinct_ids: list[str]


def find_persons(connection: Connection, project_id: int, wanted: PersonSearch) -> list[FoundPerson]:
    """Persons of a project, the newest first."""
    given = wanted.parameters()
    where = "".join(f" AND {CONDITIONS[name]}" for name in given)
    values = {**given, "project": project_id, "limit": wanted.limit, "offset": wanted.offset}
    select = SELECT if "uuid" in given else BY_NUMBER
    rows = connection.execute(select + where + PAGE, values).fetchall()
    return [_person(connection, project_id, row) for row in rows]


def person_with_id(connection: Connection, project_id: int, identity: bytes) -> FoundPerson | None:
    """The person with a uuid."""
    return next(iter(find_persons(connection, project_id, PersonSearch(uuid=identity, limit=1))), None)


def person_of(connection: Connection, project_id: int, distinct_id: str) -> FoundPerson | None:
    """The person for whom a distinct id stands."""
    wanted = PersonSearch(distinct_id=distinct_id, limit=1)
    return next(iter(find_persons(connection, project_id, wanted)), None)


WHO = """
SELECT d.distinct_id, p.uuid, p.properties, p.created_at, p.is_identified
FROM json_each(?2) AS wanted
CROSS JOIN person_distinct_ids AS d ON d.project_id = ?1 AND d.distinct_id = wanted.value
CROSS JOIN persons AS p ON p.id = d.person_id
"""


def persons_of(
    connection: Connection, project_id: int, distinct_ids: Iterable[str]
) -> dict[str, PersonState]:
    """The persons for whom some distinct ids stand; those who stand for nobody are left out."""
    wanted = orjson.dumps(sorted(set(distinct_ids))).decode()
    rows: list[Any] = connection.execute(WHO, (project_id, wanted)).fetchall()
    return {
        name: PersonState(str(uuid.UUID(bytes=identity)), orjson.loads(text), created_at, bool(identified))
        for name, identity, text, created_at, identified in rows
    }


WALK_END = "SELECT max(id) FROM (SELECT id FROM persons WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)"
WALK = """
SELECT p.id, p.uuid, p.properties, p.created_at, p.is_identified, p.version, (
    SELECT min(distinct_id) FROM person_distinct_ids d WHERE d.person_id = p.id AND d.project_id = p.project_id
)
FROM persons p WHERE p.id > ? AND p.id <= ? AND +p.project_id = ? ORDER BY p.id
"""
NEWEST = "SELECT max(id) FROM persons"
HOW_MANY = "SELECT count(*) FROM persons WHERE project_id = ?"


class WalkedPerson(NamedTuple):
    """A person as walking through all of them shows them; ``version`` changes whenever the person does."""

    number: int
    identity: bytes
    text: str
    created_at: int
    is_identified: int
    version: int
    known_as: str | None

    @property
    def state(self) -> PersonState:
        """The person as filters and programs see them."""
        name = str(uuid.UUID(bytes=self.identity))
        return PersonState(name, orjson.loads(self.text), self.created_at, bool(self.is_identified))


def walk(
    connection: Connection, project_id: int, *, after: int, last: int, most: int
) -> tuple[list[WalkedPerson], int | None]:
    """The next persons of a project, in the order of their numbers.

    Args:
        connection: inside a transaction.
        project_id: whose; others' are passed over.
        after: the number to go on behind, 0 at the beginning.
        last: the highest number that is wanted.
        most: look at no more than so many.

    Returns:
        The persons, and behind which number to go on; None at the end.
    """
    end = connection.execute(WALK_END, (after, last, most)).get
    if end is None:
        return [], None
    rows: list[Any] = connection.execute(WALK, (after, end, project_id)).fetchall()
    return [WalkedPerson(*row) for row in rows], None if end >= last else int(end)


def newest(connection: Connection) -> int:
    """The highest number of a person so far, 0 without any."""
    return int(connection.execute(NEWEST).get or 0)


def how_many(connection: Connection, project_id: int) -> int:
    """How many persons a project has."""
    return int(connection.execute(HOW_MANY, (project_id,)).get or 0)


def _person(connection: Connection, project_id: int, row: Sequence[Any]) -> FoundPerson:
    number, identity, properties, created_at, is_identified = row
    ids = [str(name) for (name,) in connection.execute(IDS, (number, project_id))]
    return FoundPerson(
        number, str(uuid.UUID(bytes=identity)), orjson.loads(properties), created_at, bool(is_identified), ids
    )


GROUPS = """
SELECT t.name, g.type_index, g.key, g.properties, g.created_at
FROM groups g JOIN group_types t ON t.project_id = g.project_id AND t.idx = g.type_index
WHERE g.project_id = :project """
GROUP_CONDITIONS = {
    "index": " AND g.type_index = :index",
    "key": " AND g.key = :key",
    "text": " AND (instr(lower(g.key), :text) OR instr(lower(g.properties), :text))",
}
GROUP_PAGE = " ORDER BY g.type_index, g.key LIMIT :limit OFFSET :offset"
GROUP_TYPES = "SELECT idx, name FROM group_types WHERE project_id = ? ORDER BY idx"


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A group: ``type`` is the name of its type, ``index`` the number of it."""

    type: str
    index: int
    key: str
    properties: dict[str, Any]
    created_at: int


@dataclass(frozen=True, slots=True)
class GroupSearch:
    """Which groups; None means any."""

    index: int | None = None
    key: str | None = None
    text: str | None = None
    limit: int = 100
    offset: int = 0


def find_groups(connection: Connection, project_id: int, wanted: GroupSearch) -> list[FoundGroup]:
    """Groups of a project, by type and key."""
    raw = {
        "index": wanted.index,
        "key": wanted.key,
        "text": wanted.text.lower() if wanted.text else None,
    }
    given = {name: value for name, value in raw.items() if value is not None}
    where = "".join(GROUP_CONDITIONS[name] for name in given)
    values = {**given, "project": project_id, "limit": wanted.limit, "offset": wanted.offset}
    rows: list[Any] = connection.execute(GROUPS + where + GROUP_PAGE, values).fetchall()
    return [FoundGroup(row[0], row[1], row[2], orjson.loads(row[3]), row[4]) for row in rows]


def find_group(connection: Connection, project_id: int, index: int, key: str) -> FoundGroup | None:
    """The group of a type with a key."""
    return next(iter(find_groups(connection, project_id, GroupSearch(index, key, limit=1))), None)


def group_types(connection: Connection, project_id: int) -> list[tuple[int, str]]:
    """A project's types of groups: number and name."""
    return [(int(index), str(name)) for index, name in connection.execute(GROUP_TYPES, (project_id,))]
