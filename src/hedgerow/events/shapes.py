"""From JSON to events: the shapes of a request body, and the fields of one event.

Sources: the reference of PostHog's capture (shapes, distinct id, clock) and of its ingestion (where top-level ``$set``
and its siblings go). One event that cannot be accepted fails the whole request, as it does there: the sender then knows
that nothing of it was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.events import tokens
from hedgerow.events.errors import BadRequest, not_events, too_large, unparsable
from hedgerow.events.ids import Random, canonical, uuid7
from hedgerow.events.model import Event
from hedgerow.events.timestamps import parse, resolve, write

MAX_NAME = 200
MAX_DISTINCT_ID = 200
# Deep enough for anything meant; shallow enough for every JSON library that will meet the event after us.
MAX_DEPTH = 128
# Names that are not events to send on: recordings, heat maps and the SDKs' own measurements.
NOT_SENT_ON = frozenset(
    {"$performance_event", "$snapshot", "$snapshot_items", "$$heatmap", "$$client_ingestion_warning"}
)
_CAPTURE_INTERNAL_IP = "127.0.0.1"


@dataclass(slots=True)
class Source:
    """What the request around an event says about it.

    Attributes:
        now: when it was received, milliseconds since the epoch.
        random: for uuids that the sender did not give.
        ip: the client's address, empty when it is not to be recorded.
        sent_at: from the query; a batch's own takes its place.
        unnamed: the name of events without one (old ``/engage`` bodies), else None.
    """

    now: int
    random: Random
    ip: str = ""
    sent_at: int | None = None
    unnamed: str | None = None


def read(document: Any, source: Source) -> tuple[str, list[Event]]:
    """The token and the events of a request.

    Args:
        document: the parsed JSON: a list of events, a batch object or one event. It is taken over and changed.
        source: what is known besides.

    Raises:
        WireError: something is missing or has the wrong type; nothing of the request is to be kept.
    """
    token, raw, sent_at = _unpack(document, source)
    if not raw:
        raise BadRequest("no_events", "request holds no event")
    token = tokens.check(tokens.of_events(raw) if token is None else token)
    try:
        return token, [read_event(event, source, sent_at) for event in raw]
    except BadRequest as refused:
        refused.token = token
        raise


def _unpack(document: Any, source: Source) -> tuple[str | None, list[Any], int | None]:
    """The token of a batch, the events as they are, and when they were sent."""
    if type(document) is list:
        return None, document, source.sent_at
    if type(document) is not dict:
        raise not_events("neither an object nor a list")
    if "batch" in document:
        events = document["batch"]
        if type(events) is not list:
            raise unparsable('"batch" must be a list of events')
        return tokens.stated(document), events, _batch_sent_at(document, source)
    if "event" not in document and source.unnamed is None:
        raise not_events('neither "event" nor "batch" is in the object')
    return None, [document], source.sent_at


def _batch_sent_at(document: dict[str, Any], source: Source) -> int | None:
    stated = document.get("sent_at")
    sent_at = parse(stated) if type(stated) is str else None
    return source.sent_at if sent_at is None else sent_at


def read_event(raw: Any, source: Source, sent_at: int | None) -> Event:
    """One event, checked and brought into its stored form.

    Raises:
        BadRequest: a field is missing or has the wrong type.
    """
    if type(raw) is not dict:
        raise unparsable("an event must be an object")
    name = _name(raw, source)
    properties = raw.get("properties", _ABSENT)
    if type(properties) is not dict:
        if properties is not _ABSENT:
            raise unparsable(f'"properties" of event {name[:80]!r} must be an object')
        properties = {}
    distinct_id = _distinct_id(raw, properties)
    uuid = _uuid(raw, source)
    when = _when(raw, properties, source, sent_at)
    if "$set" in raw or "$set_once" in raw or "$unset" in raw:
        _merge_person_changes(raw, properties)
    if "$cookieless_mode" in properties and type(properties["$cookieless_mode"]) is not bool:
        raise BadRequest("bad_cookieless", "event submitted with invalid cookieless mode")
    if source.ip and "$ip" not in properties:
        properties["$ip"] = _CAPTURE_INTERNAL_IP if "capture_internal" in properties else source.ip
    return Event(uuid, name, distinct_id, properties, write(when), source.now)


_ABSENT: Any = object()


def _name(raw: dict[str, Any], source: Source) -> str:
    name = raw.get("event", source.unnamed)
    if type(name) is not str:
        raise unparsable(
            '"event" must be a string' if "event" in raw else 'an event without the field "event"'
        )
    if not name:
        raise BadRequest("no_name", "event submitted with an empty event name")
    if "\0" in name:
        name = name.replace("\0", "\ufffd")
    return name[:MAX_NAME]


def _distinct_id(raw: dict[str, Any], properties: dict[str, Any]) -> str:
    value = raw.get("distinct_id")
    if value is None:
        value = raw.get("$distinct_id")
    if value is None:
        value = properties.get("distinct_id")
    text = distinct_id_text(value)
    if text is None:
        raise BadRequest("no_distinct_id", "event submitted without a distinct_id")
    return text


def distinct_id_text(value: Any) -> str | None:
    """A distinct id as text: other JSON values are written as JSON; None when there is nothing in it."""
    if value is None:
        return None
    if type(value) is not str:
        value = _json_text(value)
    if not value or value.isspace():
        return None
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    return str(value[:MAX_DISTINCT_ID])


def _json_text(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        raise unparsable("a distinct_id is nested too deeply") from error


def _uuid(raw: dict[str, Any], source: Source) -> str:
    stated = raw.get("uuid")
    if stated is None or stated == "":
        return uuid7(source.now, source.random)
    uuid = canonical(stated) if type(stated) is str else None
    if uuid is None:
        raise unparsable('"uuid" must be a UUID')
    return uuid


def _when(raw: dict[str, Any], properties: dict[str, Any], source: Source, sent_at: int | None) -> int:
    timestamp = raw.get("timestamp")
    if timestamp is not None and type(timestamp) is not str:
        raise unparsable('"timestamp" must be a string in ISO 8601')
    offset = raw.get("offset")
    if offset is not None and type(offset) is not int:
        raise unparsable('"offset" must be a whole number of milliseconds')
    if sent_at is not None and properties.get("$ignore_sent_at") is True:
        sent_at = None
    return resolve(timestamp, offset, sent_at, source.now)


def _merge_person_changes(raw: dict[str, Any], properties: dict[str, Any]) -> None:
    """Top-level person changes go over those in the properties."""
    for name in ("$set", "$set_once"):
        change = raw.get(name)
        if change is None:
            continue
        if type(change) is not dict:
            raise unparsable(f'"{name}" must be an object')
        below = properties.get(name)
        properties[name] = {**below, **change} if type(below) is dict else change
    unset = raw.get("$unset")
    if type(unset) in (list, dict) and unset:
        below = properties.get("$unset")
        properties["$unset"] = [*below, *unset] if type(below) in (list, dict) and below else unset


def encode(event: Event, *, limit: int) -> bytes:
    """The bytes for the log.

    Raises:
        TooLarge: more than ``limit`` bytes.
        BadRequest: values nested deeper than ``MAX_DEPTH``.
    """
    try:
        payload = event.encode()
    except TypeError as error:
        raise _too_deep(event) from error
    if len(payload) > limit:
        raise too_large(f"event {event.event[:80]!r} has {len(payload)} bytes, {limit} are allowed")
    if _may_be_deep(payload) and _deeper_than(event.properties, MAX_DEPTH):
        raise _too_deep(event)
    return payload


def _too_deep(event: Event) -> BadRequest:
    return unparsable(f"properties of event {event.event[:80]!r} are nested deeper than {MAX_DEPTH} levels")


def _may_be_deep(payload: bytes) -> bool:
    """Whether one kind of bracket opens often enough. Most events have no list, which is seen sooner than counted."""
    most = MAX_DEPTH // 2
    return payload.count(b"{") > most or (b"[" in payload and payload.count(b"[") > most)


def _deeper_than(value: Any, depth: int) -> bool:
    """Whether containers stand in each other more than ``depth`` times; level by level, without recursion."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True
