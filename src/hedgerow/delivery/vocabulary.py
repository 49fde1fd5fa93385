"""The names in the event stream: which events there are, which properties, and what kind of values those have.

People who write filters choose from them. Collecting must cost the stream next to nothing: a worker remembers what it has seen
in the last hour, and an event that brings no news costs two look-ups. News is written in the folding transaction that reads the
event, so nothing is forgotten in a crash. All is bounded, in memory, per batch and on the disk: a stream of
made-up names fills what a project may have and then changes nothing any more.

Kinds of values are inferred as PostHog does it: from the first value that tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hedgerow.events import Event
from hedgerow.store import Connection

HOUR_MS = 3_600_000

# What a project may have of each; a name that is not seen any more makes room in time, see ``STALE``.
MOST_EVENTS = 5_000
MOST_PROPERTIES = 10_000
MOST_PAIRS = 50_000
# Rows that one batch may write for a project: the rest is news again with the next event.
MOST_NEWS = 100
# What a worker remembers before it begins anew.
MOST_REMEMBERED = 200_000
LONGEST_NAME = 200

EVENT, PERSON, GROUP = "event", "person", "group"
NO_TYPE = -1
GROUP_IDENTIFY = "$groupidentify"

# Instructions to ingestion, not properties of anything.
SKIPPED = frozenset(
    {
        "$set",
        "$set_once",
        "$unset",
        "$groups",
        "$group_type",
        "$group_key",
        "$group_set",
        "distinct_id",
        "token",
    }
    | {f"$group_{index}" for index in range(5)}
)
DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
# Numbers of seconds or milliseconds that are times of this century.
TIMES = ((1_000_000_000, 5_000_000_000), (1_000_000_000_000, 5_000_000_000_000))

ADD_EVENT = """
INSERT INTO event_definitions (project_id, name, created_at, last_seen_at) VALUES (?1, ?2, ?3, ?3)
ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at WHERE last_seen_at <= excluded.last_seen_at - 3600000
"""
ADD_PROPERTY = """
INSERT INTO property_definitions (project_id, owner, type_index, name, kind, created_at, last_seen_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
ON CONFLICT DO UPDATE SET last_seen_at = max(last_seen_at, excluded.last_seen_at), kind = coalesce(kind, excluded.kind)
WHERE last_seen_at <= excluded.last_seen_at - 3600000 OR kind IS NULL AND excluded.kind IS NOT NULL
"""
ADD_PAIR = """
INSERT INTO event_properties (project_id, event, property, last_seen_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at WHERE last_seen_at <= excluded.last_seen_at - 3600000
"""
HAS_EVENT = "SELECT 1 FROM event_definitions WHERE project_id = ?1 AND name = ?2"
HAS_PROPERTY = """
SELECT 1 FROM property_definitions WHERE project_id = ?1 AND owner = ?2 AND type_index = ?3 AND name = ?4
"""
HAS_PAIR = "SELECT 1 FROM event_properties WHERE project_id = ?1 AND event = ?2 AND property = ?3"
TYPE_INDEX = "SELECT idx FROM group_types WHERE project_id = ? AND name = ?"

Place: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Table:
    """One of the three tables: how a row gets in, whether it is there, and how many there may be."""

    name: str
    add: str
    has: str
    most: int


EVENTS = Table("event_definitions", ADD_EVENT, HAS_EVENT, MOST_EVENTS)
PROPERTIES = Table("property_definitions", ADD_PROPERTY, HAS_PROPERTY, MOST_PROPERTIES)
PAIRS = Table("event_properties", ADD_PAIR, HAS_PAIR, MOST_PAIRS)


@dataclass(slots=True)
class Known:
    """What was seen of one event's name within the hour."""

    until: int
    names: set[str] = field(default_factory=set)
    others: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class News:
    """What an event brings that was not seen within the hour."""

    project_id: int
    event: Event
    names: list[str]
    # Properties of the person, or of the group whose type is named: ``("", name)`` and ``(type, name)``.
    others: list[tuple[str, str]]
    learned: bool = False


@dataclass(slots=True)
class _Room:
    """How much is left of a table for a project, as far as this worker knows."""

    left: int
    counted_at: int


class Vocabulary:
    """What one worker has seen."""

    def __init__(self) -> None:
        self._known: dict[Place, Known] = {}
        self._remembered = 0
        self._rooms: dict[tuple[int, str], _Room] = {}

    def news(self, project_id: int, event: Event) -> News | None:
        """What an event brings; None when all of it is known. This runs for every event."""
        known = self._known.get((project_id, event.event))
        properties = event.properties
        others = (
            _others(event)
            if "$set" in properties or "$set_once" in properties or "$group_set" in properties
            else ()
        )
        if known is None or known.until <= event.captured_at:
            return News(project_id, event, _usable(properties), [one for one in others if _fits(one[1])])
        if properties.keys() <= known.names and known.others.issuperset(others):
            return None
        names = [name for name in _usable(properties) if name not in known.names]
        rest = [one for one in others if one not in known.others and _fits(one[1])]
        return News(project_id, event, names, rest) if names or rest else None

    def collect(self, events: Iterable[tuple[int, Event]]) -> list[News]:
        """The news of a batch: of each project's event of one name the first that has any."""
        found: dict[Place, News] = {}
        for project_id, event in events:
            if (project_id, event.event) not in found and (news := self.news(project_id, event)):
                found[project_id, event.event] = news
        return list(found.values())

    def write(self, connection: Connection, some: Iterable[News]) -> None:
        """Write news, as much as there is room for; inside the transaction that reads its events."""
        spent: dict[int, int] = {}
        for news in some:
            budget = MOST_NEWS - spent.get(news.project_id, 0)
            if budget > 0:
                spent[news.project_id] = MOST_NEWS - budget + self._write(connection, news, budget)

    def _write(self, connection: Connection, news: News, budget: int) -> int:
        """One event's news; returns how many rows it took. What could not be written is taken off the news."""
        project, event, at = news.project_id, news.event, news.event.captured_at
        news.learned = self._add(connection, EVENTS, at, (project, event.event), (at,))
        if not news.learned:
            return 1
        del news.names[budget:], news.others[max(0, budget - len(news.names)) :]
        kept = [name for name in news.names if self._add_event_property(connection, news, name)]
        news.names = kept
        news.others = [one for one in news.others if self._add_other(connection, news, *one)]
        return 1 + len(news.names) + len(news.others)

    def _add_event_property(self, connection: Connection, news: News, name: str) -> bool:
        project, at = news.project_id, news.event.captured_at
        kind = kind_of(name, news.event.properties.get(name))
        there = self._add(connection, PROPERTIES, at, (project, EVENT, NO_TYPE, name), (kind, at))
        return self._add(connection, PAIRS, at, (project, news.event.event, name), (at,)) and there

    def _add_other(self, connection: Connection, news: News, group: str, name: str) -> bool:
        project, at = news.project_id, news.event.captured_at
        owner, index = PERSON, NO_TYPE
        if group:
            row: Any = connection.execute(TYPE_INDEX, (project, group)).fetchone()
            if row is None:
                return False
            owner, index = GROUP, row[0]
        kind = kind_of(name, _value(news.event.properties, name, group=bool(group)))
        return self._add(connection, PROPERTIES, at, (project, owner, index, name), (kind, at))

    def _add(
        self, connection: Connection, table: Table, at: int, key: tuple[Any, ...], rest: tuple[Any, ...]
    ) -> bool:
        """A row, if it is there already or there is room; False: neither."""
        if connection.execute(table.has, key).fetchone() is None:
            room = self._room(connection, table, key[0], at)
            if room.left <= 0:
                return False
            room.left -= 1
        connection.execute(table.add, (*key, *rest))
        return True

    def _room(self, connection: Connection, table: Table, project_id: int, at: int) -> _Room:
        """Counted once an hour; what other workers add in between may go beyond the bound by as much."""
        found = self._rooms.get((project_id, table.name))
        if found is None or at >= found.counted_at + HOUR_MS:
            count: Any = connection.execute(
                f"SELECT count(*) FROM {table.name} WHERE project_id = ?",  # noqa: S608 - our own names
                (project_id,),
            ).fetchone()
            found = self._rooms[project_id, table.name] = _Room(table.most - count[0], at)
        return found

    def learn(self, some: Iterable[News]) -> None:
        """Remember what was written, once its transaction is committed."""
        for news in some:
            if news.learned:
                self._learn(news)

    def _learn(self, news: News) -> None:
        if self._remembered > MOST_REMEMBERED:
            self._known.clear()
            self._remembered = 0
        place, at = (news.project_id, news.event.event), news.event.captured_at
        known = self._known.get(place)
        if known is None or known.until <= at:
            self._remembered -= 1 + len(known.names) + len(known.others) if known else 0
            # What is no property of the event is known from the start: it is in many events, and never news.
            known = self._known[place] = Known(at + HOUR_MS, set(SKIPPED))
            self._remembered += 1 + len(SKIPPED)
        known.names.update(news.names)
        known.others.update(news.others)
        self._remembered += len(news.names) + len(news.others)


def _fits(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME


def _usable(properties: Mapping[str, Any]) -> list[str]:
    """Names that are properties of the event."""
    return [name for name in properties if name not in SKIPPED and _fits(name)]


def _others(event: Event) -> list[tuple[str, str]]:
    """Names of the person's properties, or of the group's, that an event sets."""
    if event.event == GROUP_IDENTIFY:
        group = event.properties.get("$group_type")
        return (
            [(group, name) for name in _names(event.properties, "$group_set")]
            if isinstance(group, str)
            else []
        )
    return [("", name) for place in ("$set", "$set_once") for name in _names(event.properties, place)]


def _names(properties: Mapping[str, Any], place: str) -> Iterable[str]:
    found = properties.get(place)
    return found if isinstance(found, dict) else ()


def _value(properties: Mapping[str, Any], name: str, *, group: bool) -> Any:
    for place in ("$group_set",) if group else ("$set", "$set_once"):
        found = properties.get(place)
        if isinstance(found, dict) and name in found:
            return found[name]
    return None


def kind_of(name: str, value: Any) -> str | None:
    """The kind of a property as PostHog calls it, from one of its values; None when that tells nothing."""
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        time = any(word in name.lower() for word in ("time", "date", "_at")) and any(
            a <= value < b for a, b in TIMES
        )
        return "DateTime" if time else "Numeric"
    if not isinstance(value, str):
        return None
    if name.startswith(("utm_", "$feature/", "$survey_response")):
        return "String"
    if value.lower() in {"true", "false"}:
        return "Boolean"
    return "DateTime" if DATE.fullmatch(value) else "String"


# --------------------------------------------------------------- going again

# What was not seen for so long.
STALE = tuple(
    f"DELETE FROM {name} WHERE ({key}) IN (SELECT {key} FROM {name} WHERE last_seen_at < ? LIMIT ?)"  # noqa: S608
    for name, key in (
        ("event_definitions", "project_id, name"),
        ("property_definitions", "project_id, owner, type_index, name"),
        ("event_properties", "project_id, event, property"),
    )
)
# Where a project has all it may have, names that were seen within one hour only and not since make room: so do made-up ones.
CROWDED = tuple(
    f"""
    DELETE FROM {name} WHERE ({key}) IN (
        SELECT {key} FROM {name} WHERE last_seen_at < ? AND last_seen_at < created_at + {HOUR_MS}
        AND project_id IN (SELECT project_id FROM {name} GROUP BY project_id HAVING count(*) >= {most}) LIMIT ?)
    """  # noqa: S608 - our own names
    for name, key, most in (
        ("event_definitions", "project_id, name", MOST_EVENTS),
        ("property_definitions", "project_id, owner, type_index, name", MOST_PROPERTIES),
    )
)
# A pair goes with the name of its event.
ORPHANED = """
DELETE FROM event_properties WHERE (project_id, event, property) IN (
    SELECT project_id, event, property FROM event_properties p
    WHERE NOT EXISTS (SELECT 1 FROM event_definitions e WHERE e.project_id = p.project_id AND e.name = p.event) LIMIT ?)
"""
