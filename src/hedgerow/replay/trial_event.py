"""What a destination is tried on: an event of the log, one that somebody wrote, or a row as ClickHouse has them.

Whatever is missing in what people write is filled in, so that ``{"event": {"event": "signed up"}}`` is enough.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson

from hedgerow.destinations import Project, ValidationError, filter_globals, filter_globals_of
from hedgerow.destinations.globals import GROUP_TYPES
from hedgerow.events import timestamps
from hedgerow.replay.variables import Seen, stream_of

NOBODY: Final = "test-user"
LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """An event with its person and groups.

    Attributes:
        globals: what programs see, but for ``source`` and ``inputs``.
        found: what filters see.
        origin: ``stored``, ``given`` or ``sample``.
        stream: where it comes from; None for where the destination listens.
    """

    globals: dict[str, Any]
    found: Mapping[str, Any]
    origin: str
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What an event that somebody wrote happens in.

    Attributes:
        project: whose it is.
        public_url: what links start with, without a slash at the end.
        now: milliseconds since the epoch.
        group_types: names of the project's types of groups by their number.
    """

    project: Project
    public_url: str
    now: int
    group_types: Mapping[int, str]

    @property
    def home(self) -> str:
        """The address of the project."""
        return f"{self.public_url}/project/{self.project.id}"


def stored(seen: Seen, setting: Setting) -> Subject:
    """An event of the log, with its person and groups as they are now."""
    found = filter_globals(seen.event, seen.folded)
    globals_ = seen.globals(setting.project, setting.public_url)
    return Subject(globals_, found, "stored", stream_of(seen.event))


def given(raw: Mapping[str, Any], setting: Setting, origin: str = "given") -> Subject:
    """An event that somebody wrote, as PostHog's ``globals`` have it.

    Args:
        raw: ``event``, and perhaps ``person``, ``groups`` and ``project``.
        setting: what the rest is filled in from.
        origin: who wrote it.

    Raises:
        ValidationError: with an attribute such as ``globals__event__properties``.
    """
    person = _object(raw.get("person"), "person")
    event = _event(raw.get("event"), person, setting)
    project = _object(raw.get("project"), "project") or {}
    globals_ = {
        "project": {"id": setting.project.id, "name": setting.project.name, "url": setting.home, **project},
        "event": event,
        "person": None if person is None else _person(person, event, setting),
        "groups": _groups(raw.get("groups"), setting),
    }
    return Subject(globals_, filter_globals_of(globals_), origin)


def clickhouse(raw: Mapping[str, Any], setting: Setting) -> Subject:
    """An event as a row of ClickHouse, which is how PostHog's own pages send it.

    Raises:
        ValidationError: with an attribute such as ``clickhouse_event__properties``.
    """
    properties = _json_object(raw, "properties")
    event = {
        name: raw[name] for name in ("uuid", "event", "distinct_id", "elements_chain") if raw.get(name)
    } | {"properties": properties}
    if raw.get("timestamp"):
        event["timestamp"] = str(raw["timestamp"])
    person = None
    if raw.get("person_id"):
        person = {"id": raw["person_id"], "properties": _json_object(raw, "person_properties")}
    groups = {
        name: {
            "id": properties[f"$group_{index}"],
            "index": index,
            "properties": _json_object(raw, f"group{index}_properties"),
        }
        for index, name in setting.group_types.items()
        if properties.get(f"$group_{index}")
    }
    return given({"event": event, "person": person, "groups": groups}, setting)


def _event(raw: Any, person: Mapping[str, Any] | None, setting: Setting) -> dict[str, Any]:
    event = {"event": raw} if isinstance(raw, str) else _object(raw, "event")
    name = (event or {}).get("event", (event or {}).get("name"))
    if event is None or not isinstance(name, str) or not name:
        raise ValidationError(
            "Say at least what the event is called.", attr="globals__event__event", code="required"
        )
    identity = str(event.get("uuid") or uuid.uuid4())
    properties = _object(event.get("properties"), "event__properties") or {}
    when = _time(event.get("timestamp"), setting.now)
    distinct_id = str(event.get("distinct_id") or (person or {}).get("distinct_id") or NOBODY)
    chain = event.get("elements_chain") or properties.get("$elements_chain")
    return {
        "captured_at": timestamps.write(setting.now),
        "url": f"{setting.home}/events/{quote(identity)}/{when.replace(':', '%3A')}",
        **event,
        "uuid": identity,
        "event": name[:LONGEST_NAME],
        "name": name[:LONGEST_NAME],
        "distinct_id": distinct_id[:LONGEST_NAME],
        "properties": properties,
        "elements_chain": chain if isinstance(chain, str) else "",
        "timestamp": when,
    }


def _time(raw: Any, now: int) -> str:
    if raw is None:
        return timestamps.write(now)
    found = timestamps.parse(raw) if isinstance(raw, str) else None
    if found is None:
        raise ValidationError(
            f"{raw!r} is no time. Write 2026-01-31T12:00:00Z.", attr="globals__event__timestamp"
        )
    return timestamps.write(found)


def _person(raw: Mapping[str, Any], event: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    properties = _object(raw.get("properties"), "person__properties") or {}
    identity = str(raw.get("id") or raw.get("uuid") or uuid.uuid5(uuid.NAMESPACE_URL, event["distinct_id"]))
    named = (properties.get(key) for key in setting.project.display_name_properties)
    return {
        "name": str(next(filter(None, named), event["distinct_id"])),
        "url": f"{setting.home}/person/{quote(event['distinct_id'], safe='')}",
        "distinct_id": event["distinct_id"],
        **raw,
        "id": identity,
        "uuid": identity,
        "properties": properties,
    }


def _groups(raw: Any, setting: Setting) -> dict[str, Any]:
    indexes = {name: index for index, name in setting.group_types.items()}
    groups: dict[str, Any] = {}
    for position, (name, item) in enumerate((_object(raw, "groups") or {}).items()):
        group = {"id": item} if isinstance(item, str) else _object(item, f"groups__{name}") or {}
        index = group.get("index", indexes.get(name, position))
        if not isinstance(index, int) or not 0 <= index < GROUP_TYPES:
            raise ValidationError(
                f"The number of a group's type is 0 to {GROUP_TYPES - 1}.", attr=f"globals__groups__{name}"
            )
        key = str(group.get("id", ""))
        groups[name] = {
            "type": name,
            "url": f"{setting.home}/groups/{index}/{quote(key, safe='')}",
            **group,
            "id": key,
            "index": index,
            "properties": _object(group.get("properties"), f"groups__{name}__properties") or {},
        }
    return groups


def _object(raw: Any, place: str) -> dict[str, Any] | None:
    if raw is None or isinstance(raw, dict):
        return raw
    raise ValidationError("Expected a dictionary.", attr=f"globals__{place}", code="invalid")


def _json_object(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field that holds an object, or its JSON text."""
    value = raw.get(name) or {}
    try:
        value = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise ValidationError(
            "Expected an object, or the JSON text of one.", attr=f"clickhouse_event__{name}", code="invalid"
        )
    return value
