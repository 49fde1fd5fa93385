"""People as plain dictionaries, one event at a time: what folding must equal, written for reading, not for speed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from hedgerow.events import Event

NAMESPACE = UUID("932979b4-65c3-4424-8467-0b66ec27bc22")
ILLEGAL = {"null", "0", "undefined", "anonymous"}
QUIET = {"$current_url", "$browser"}
MERGES = {"$identify", "$create_alias", "$merge_dangerously"}


@dataclass
class Someone:
    """A person, with the ids that stand for them."""

    uuid: str
    ids: set[str]
    properties: dict[str, Any]
    created_at: int
    is_identified: bool = False
    version: int = 0


@dataclass
class PeopleModel:
    """One project's people."""

    project_id: int = 1
    everybody: list[Someone] = field(default_factory=list)
    personless: set[str] = field(default_factory=set)
    warnings: Counter[str] = field(default_factory=Counter)

    def who(self, distinct_id: str) -> Someone | None:
        return next((person for person in self.everybody if distinct_id in person.ids), None)

    def people(self) -> dict[tuple[str, ...], dict[str, Any]]:
        return {
            tuple(sorted(p.ids)): {
                "uuid": p.uuid,
                "properties": p.properties,
                "created_at": p.created_at,
                "is_identified": p.is_identified,
                "version": p.version,
            }
            for p in self.everybody
        }

    def feed(self, event: Event) -> dict[str, Any] | None:
        """Apply an event; returns the person it sees, None when it is dropped."""
        profile = event.properties.get("$process_person_profile", True)
        if profile is False and event.event in MERGES | {"$groupidentify"}:
            self.warnings["invalid_event_when_process_person_profile_is_false"] += 1
            return None
        if profile not in (True, False):
            self.warnings["invalid_process_person_profile"] += 1
        person = self.who(event.distinct_id)
        if event.event == "$feature_flag_called" and person is None:
            profile = event.properties.get("$process_person_profile") is True
        if profile is False:
            return self._without_profile(event, person)
        return self._with_profile(event, person)

    def _without_profile(self, event: Event, person: Someone | None) -> dict[str, Any]:
        if any(event.properties.get(key) for key in ("$set", "$set_once", "$unset")):
            self.warnings["person_properties_ignored"] += 1
        if person is None:
            self.personless.add(event.distinct_id)
            return {"uuid": self._uuid(event.distinct_id), "properties": {}}
        late = _ms(event) > person.created_at + 60_000
        return {"uuid": person.uuid, "properties": dict(person.properties) if late else {}}

    def _with_profile(self, event: Event, person: Someone | None) -> dict[str, Any]:
        other = self._other(event)
        if other is not None and (person is not None or self.who(other) is not None):
            person, changed = self._merge(event, other, person)
            return self._apply(event, person, changed=changed)
        if person is not None:
            return self._apply(event, person, changed=False)
        ids = [event.distinct_id] + ([] if other is None else [other])
        if other in self.personless and event.distinct_id not in self.personless:
            ids.reverse()
        return self._create(event, ids, is_identified=other is not None)

    def _other(self, event: Event) -> str | None:
        key = {"$identify": "$anon_distinct_id", "$create_alias": "alias", "$merge_dangerously": "alias"}.get(
            event.event
        )
        if key is None or key not in event.properties:
            return None
        other = event.properties[key]
        if other == event.distinct_id:
            return None
        if {other, event.distinct_id} & ILLEGAL:
            self.warnings["cannot_merge_with_illegal_distinct_id"] += 1
            return None
        return str(other)

    def _merge(self, event: Event, other_id: str, into: Someone | None) -> tuple[Someone, bool]:
        other = self.who(other_id)
        if into is None or other is None:
            person = into or other
            assert person is not None
            person.ids |= {event.distinct_id, other_id}
            return person, self._identify(person)
        if other is into:
            return into, self._identify(into)
        if other.is_identified and event.event != "$merge_dangerously":
            self.warnings["cannot_merge_already_identified"] += 1
            return into, self._identify(into)
        into.properties = {**other.properties, **into.properties}
        into.created_at = min(into.created_at, other.created_at)
        into.version = max(into.version, other.version)
        into.ids |= other.ids
        into.is_identified = True
        self.everybody.remove(other)
        return into, True

    @staticmethod
    def _identify(person: Someone) -> bool:
        before, person.is_identified = person.is_identified, True
        return not before

    def _create(self, event: Event, ids: list[str], *, is_identified: bool) -> dict[str, Any]:
        wanted, once = _asked(event)
        properties = {**once, **wanted, "$creator_event_uuid": event.uuid}
        person = Someone(self._uuid(ids[0]), set(ids), properties, _ms(event), is_identified)
        self.everybody.append(person)
        return {"uuid": person.uuid, "properties": properties}

    @staticmethod
    def _apply(event: Event, person: Someone, *, changed: bool) -> dict[str, Any]:
        before = person.properties
        wanted, once = _asked(event)
        first = {key: value for key, value in once.items() if key not in before}
        new = {key: value for key, value in wanted.items() if key not in before}
        other = {
            key: value
            for key, value in wanted.items()
            if key in before and (before[key] != value or isinstance(value, list))
        }
        gone = {key for key in event.properties.get("$unset", []) if key in before}
        if event.event == "$exception":
            first, new, other, gone = {}, {}, {}, set()
        after = {key: value for key, value in {**before, **first, **new, **other}.items() if key not in gone}
        about_the_person = event.event in MERGES | {"$set"}
        if first or new or gone or other.keys() - QUIET or (other and about_the_person):
            person.properties, changed = after, True
        if changed:
            person.version += 1
        return {"uuid": person.uuid, "properties": after}

    def _uuid(self, distinct_id: str) -> str:
        return str(uuid5(NAMESPACE, f"{self.project_id}:{distinct_id}"))


def _ms(event: Event) -> int:
    return round(datetime.fromisoformat(event.timestamp).timestamp() * 1000)


def _asked(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an event sets, and sets once, on its person, the automatic properties included."""
    automatic = {key: event.properties[key] for key in QUIET & event.properties.keys()}
    first = {"$initial_" + key[1:]: value for key, value in automatic.items()}
    return {**automatic, **event.properties.get("$set", {})}, {
        **first,
        **event.properties.get("$set_once", {}),
    }
