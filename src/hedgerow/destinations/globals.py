"""The variables that templates, programs and filters see for one event.

Two shapes, both PostHog's: *globals* for inputs and programs (``event``, ``person``, ``groups``, ``project``, ``source``),
and the flatter *filter globals* (``event`` is the name there, ``properties`` the event's). Both spellings that PostHog's
documents use exist side by side: ``event.event`` and ``event.name``, ``person.id`` and ``person.uuid``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol
from urllib.parse import quote

import orjson

from hedgerow.destinations.elements import DERIVED
from hedgerow.destinations.model import Destination
from hedgerow.events import Event, timestamps

GROUP_TYPES: Final = 5


class Project(Protocol):
    """What is asked of a project."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def display_name_properties(self) -> Sequence[str]:
        """Person properties that may name a person, best first."""


class Person(Protocol):
    """What is asked of a person."""

    @property
    def uuid(self) -> str:
        """The person's id."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """The person's properties after the event's own changes."""


class Group(Protocol):
    """What is asked of a group."""

    @property
    def id(self) -> str:
        """The key the application gave it."""

    @property
    def type(self) -> str:
        """The name of its type."""

    @property
    def index(self) -> int:
        """The number of its type, 0 to 4."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """The group's properties."""


class Folded(Protocol):
    """What the people room knows about an event once its changes are folded in."""

    @property
    def person(self) -> Person | None:
        """Whose event it is; None without person processing."""

    @property
    def properties(self) -> dict[str, Any]:
        """The event's properties as they go on."""

    @property
    def groups(self) -> Mapping[str, Any]:
        """Groups of the event by the name of their type; each a ``Group``."""


def person_name(person: Person, distinct_id: str, keys: Sequence[str]) -> str:
    """What to call a person: the first of these properties that says something, else the distinct id."""
    for key in keys:
        value = person.properties.get(key)
        if value:
            return (value if isinstance(value, str) else orjson.dumps(value).decode()).strip()
    return distinct_id.strip()


def build_globals(event: Event, folded: Folded, project: Project, public_url: str) -> dict[str, Any]:
    """The globals of one event, shared by all destinations that want it.

    Args:
        event: as captured.
        folded: what folding made of it.
        project: whose it is.
        public_url: what links start with, without a slash at the end.

    Returns:
        ``project``, ``event``, ``person`` (null without one) and ``groups``; ``source`` is added per destination.
    """
    home = f"{public_url}/project/{project.id}"
    return {
        "project": {"id": project.id, "name": project.name, "url": home},
        "event": {
            "uuid": event.uuid,
            "event": event.event,
            "name": event.event,
            "distinct_id": event.distinct_id,
            "properties": folded.properties,
            "elements_chain": _elements_chain(folded.properties),
            "timestamp": event.timestamp,
            "captured_at": timestamps.write(event.captured_at),
            "url": f"{home}/events/{event.uuid}/{event.timestamp.replace(':', '%3A')}",
        },
        "person": _person(event, folded.person, project, home),
        "groups": {kind: _group(group, home) for kind, group in folded.groups.items()}
        if folded.groups
        else {},
    }


def _person(event: Event, person: Person | None, project: Project, home: str) -> dict[str, Any] | None:
    if person is None:
        return None
    return {
        "id": person.uuid,
        "uuid": person.uuid,
        "name": person_name(person, event.distinct_id, project.display_name_properties),
        "url": f"{home}/person/{_escaped(event.distinct_id)}",
        "properties": person.properties,
        "distinct_id": event.distinct_id,
    }


def _group(group: Group, home: str) -> dict[str, Any]:
    return {
        "id": group.id,
        "type": group.type,
        "index": group.index,
        "url": f"{home}/groups/{group.index}/{_escaped(group.id)}",
        "properties": group.properties,
    }


@lru_cache(maxsize=4096)
def _escaped(name: str) -> str:
    """As a part of a path. Who does something now did something a moment ago, as a rule."""
    return quote(name, safe="")


def _elements_chain(properties: Mapping[str, Any]) -> str:
    chain = properties.get("$elements_chain")
    return chain if isinstance(chain, str) else ""


def with_source(
    globals_: Mapping[str, Any], destination: Destination, summary: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The globals as one destination sees them: with ``source``, the destination itself.

    Args:
        globals_: of an event.
        destination: who is to see them.
        summary: ``events`` and ``digest`` of a delivery that carries several events. One with a digest sees them also where it is
            sent a single one.
    """
    config, identity = destination.config, destination.id
    url = f"{globals_['project']['url']}/functions/{identity}/configuration/"
    found = {**globals_, "source": {"name": config.name or f"Destination {identity}", "url": url}}
    if summary is not None:
        found.update(summary)
    elif config.digest is not None:
        found.update(summary_of([listed(globals_)], 1, is_summary=False))
    return found


def listed(globals_: Mapping[str, Any]) -> dict[str, Any]:
    """An event as it stands in the list of a summary: as ``event``, with its person and its groups."""
    return {**globals_["event"], "person": globals_.get("person"), "groups": globals_.get("groups") or {}}


def summary_of(events: Sequence[Mapping[str, Any]], count: int, *, is_summary: bool = True) -> dict[str, Any]:
    """What the templates of a destination with a digest see besides.

    Args:
        events: those that are listed.
        count: how many there were.
        is_summary: False for the event that is sent at once.
    """
    return {
        "events": list(events),
        "digest": {"count": count, "listed": len(events), "is_summary": is_summary},
    }


class FilterGlobals(dict[str, Any]):
    """Filter globals. What few filters ask for is worked out when it is first read."""

    def __missing__(self, name: str) -> Any:
        value = self._derive(name)
        self[name] = value
        return value

    def _derive(self, name: str) -> Any:
        if name in DERIVED:
            return DERIVED[name](self["elements_chain"])
        if name == "elements_chain":
            return _elements_chain(self["properties"])
        if name == "variables":
            return {}
        if name == "pdi":
            return self._pdi()
        if name.startswith("$group_") and name[7:] in _INDEXES:
            return None
        if name.startswith("group_") and name[6:] in _INDEXES:
            return {"properties": {}}
        raise KeyError(name)

    def _pdi(self) -> dict[str, Any] | None:
        person = self["person"]
        if person is None:
            return None
        return {"distinct_id": self["distinct_id"], "person_id": person["id"], "person": person}


_INDEXES: Final = frozenset(map(str, range(GROUP_TYPES)))


def filter_globals(event: Event, folded: Folded) -> FilterGlobals:
    """The variables that filters see for one event, shared by all destinations."""
    person = folded.person
    found = FilterGlobals(
        event=event.event,
        uuid=event.uuid,
        timestamp=event.timestamp,
        distinct_id=event.distinct_id,
        properties=folded.properties,
        person=None
        if person is None
        else {"id": person.uuid, "uuid": person.uuid, "properties": person.properties},
    )
    for group in folded.groups.values():
        found[f"$group_{group.index}"] = group.id
        found[f"group_{group.index}"] = {"properties": group.properties}
    return found


def filter_globals_of(globals_: Mapping[str, Any]) -> FilterGlobals:
    """The same, from globals that were stored, or came with a test invocation."""
    event, person = globals_.get("event") or {}, globals_.get("person")
    properties = event.get("properties") or {}
    found = FilterGlobals(
        event=event.get("event", event.get("name")),
        uuid=event.get("uuid"),
        timestamp=event.get("timestamp"),
        distinct_id=event.get("distinct_id"),
        properties=properties,
        person=None if person is None else _filter_person(person),
    )
    if event.get("elements_chain"):
        found["elements_chain"] = event["elements_chain"]
    for group in (globals_.get("groups") or {}).values():
        found[f"$group_{group.get('index')}"] = group.get("id")
        found[f"group_{group.get('index')}"] = {"properties": group.get("properties") or {}}
    return found


def _filter_person(person: Mapping[str, Any]) -> dict[str, Any]:
    identity = person.get("id", person.get("uuid"))
    return {"id": identity, "uuid": identity, "properties": person.get("properties") or {}}
