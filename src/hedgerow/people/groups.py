"""Groups: a project has up to five types of them, each a set of keys with properties."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.people.display import truthy
from hedgerow.people.identity import as_text
from hedgerow.people.model import GroupState
from hedgerow.people.plan import GROUP_IDENTIFY, LONGEST_GROUP_KEY, Plan, occurred_at
from hedgerow.people.size import fits
from hedgerow.store import Connection

MOST_TYPES = 5

_TYPES = "SELECT name, idx FROM group_types WHERE project_id = ? ORDER BY idx"
_LOAD = """
SELECT g.type_index, g.key, g.properties, g.created_at, g.version
FROM json_each(?2) AS wanted
CROSS JOIN groups AS g
  ON g.project_id = ?1 AND g.type_index = wanted.value ->> 0 AND g.key = wanted.value ->> 1
"""
_ADD_TYPE = "INSERT INTO group_types (project_id, name, idx) VALUES (?, ?, ?)"
_WRITE = """
INSERT INTO groups (project_id, type_index, key, properties, created_at, version) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, type_index, key) DO UPDATE SET properties = excluded.properties, version = excluded.version
"""

Key = tuple[int, int, str]


@dataclass(slots=True)
class Group:
    """One group in memory. ``properties`` is replaced, never written into."""

    properties: dict[str, Any]
    text: str
    created_at: int
    version: int


class Groups:
    """The groups that a batch of events is about."""

    def __init__(self, conn: Connection, *, learn: bool) -> None:
        """``learn``: an unknown type takes the next free place; otherwise it stays unknown."""
        self._conn = conn
        self._learn = learn
        self._types: dict[int, dict[str, int]] = {}
        self._groups: dict[Key, Group] = {}
        self._changed: dict[Key, Group] = {}

    def read(self, project_id: int, plans: Iterable[Plan]) -> None:
        """Fetch the types of a project and the groups that some of its events name."""
        mentioned = {pair for made in plans if made.profile for pair in _mentioned(made)}
        if not mentioned:
            return
        types = self._types[project_id] = dict(self._conn.execute(_TYPES, (project_id,)))
        wanted = sorted((types[name], key) for name, key in mentioned if name in types)
        for index, key, text, created_at, version in self._conn.execute(
            _LOAD, (project_id, orjson.dumps(wanted).decode())
        ):
            self._groups[project_id, index, key] = Group(orjson.loads(text), text, created_at, version)

    def attach(self, made: Plan, properties: dict[str, Any]) -> dict[str, GroupState]:
        """Give an event its groups, and its properties their ``$group_<index>``.

        ``$groupidentify`` changes its group first.
        """
        if made.event.event == GROUP_IDENTIFY:
            self._identify(made, properties)
        named = properties.get("$groups")
        if not isinstance(named, dict):
            if named:
                made.warn("invalid_groups")
            return {}
        found = {}
        for name, key in named.items():
            index = self._index(made, name)
            if index is not None:
                properties[f"$group_{index}"] = key
                if _is_key(key):
                    found[name] = self._state(made.project_id, name, index, as_text(key))
                else:
                    made.warn("invalid_group_key", groupType=name)
        return found

    def _state(self, project_id: int, name: str, index: int, key: str) -> GroupState:
        group = self._groups.get((project_id, index, key))
        return GroupState(key, name, index, group.properties if group else {})

    def _index(self, made: Plan, name: str) -> int | None:
        types = self._types[made.project_id]
        index = types.get(name)
        if index is not None or not self._learn:
            return index
        if len(types) >= MOST_TYPES or len(name) > LONGEST_GROUP_KEY:
            made.warn("group_type_refused", groupType=name[:LONGEST_GROUP_KEY], maxTypes=MOST_TYPES)
            return None
        # Types are only ever added, so that the next free place is their number.
        types[name] = len(types)
        self._conn.execute(_ADD_TYPE, (made.project_id, name, types[name]))
        return types[name]

    def _identify(self, made: Plan, properties: dict[str, Any]) -> None:
        name, key, wishes = (properties.get(k) for k in ("$group_type", "$group_key", "$group_set"))
        if not (truthy(name) and truthy(key)):
            made.warn("invalid_group_key", groupType=as_text(name)[:LONGEST_GROUP_KEY])
            return
        index = self._index(made, as_text(name))
        if index is None or not self._learn:
            return
        if wishes is not None and not isinstance(wishes, dict):
            made.warn("invalid_group_properties", groupKey=as_text(key))
        self._upsert(made, (made.project_id, index, as_text(key)), wishes if isinstance(wishes, dict) else {})

    def _upsert(self, made: Plan, at: Key, wishes: dict[str, Any]) -> None:
        known = self._groups.get(at)
        before = known.properties if known else {}
        after = {**before, **wishes}
        text = orjson.dumps(after).decode()
        if not fits(text):
            made.warn("group_properties_size_violation", groupKey=at[2])
            return
        if known is not None and known.text == text:
            return
        created_at = known.created_at if known else occurred_at(made.event)
        version = known.version + 1 if known else 0
        self._groups[at] = self._changed[at] = Group(after, text, created_at, version)

    def write(self) -> None:
        """Write the groups that changed."""
        self._conn.executemany(
            _WRITE,
            [(*at, group.text, group.created_at, group.version) for at, group in self._changed.items()],
        )


def _is_key(value: Any) -> bool:
    # PostHog leaves groups with a number for a key out of what destinations see, though it stores them.
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _mentioned(made: Plan) -> Iterable[tuple[str, str]]:
    properties = made.event.properties
    named = properties.get("$groups")
    pairs = [(name, as_text(key)) for name, key in named.items()] if isinstance(named, dict) else []
    if made.event.event == GROUP_IDENTIFY:
        pairs.append((as_text(properties.get("$group_type")), as_text(properties.get("$group_key"))))
    return pairs
