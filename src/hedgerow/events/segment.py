"""Segment's messages as PostHog events.

The mapping keeps Segment's meaning: ``identify`` sets person properties and joins the anonymous id, ``group`` describes a
group, ``page`` and ``screen`` are views, ``alias`` joins two ids, ``track`` is an event of its own name. The context stays
with the event as ``context``, and what PostHog has a name for (address, browser, page, campaign, library) gets that name too.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hedgerow.events.ids import Random, canonical, uuid7
from hedgerow.events.model import Event
from hedgerow.events.shapes import MAX_NAME, distinct_id_text
from hedgerow.events.timestamps import parse, resolve, write

Message: TypeAlias = dict[str, Any]

KINDS = ("track", "identify", "page", "screen", "group", "alias")
# Segment has one kind of group; this is the name under which PostHog's own users of Segment find it, unless a project chooses another.
GROUP_TYPE = "segment_group"
# Message ids that are no UUID become one, always the same, so that a re-sent message is known as such.
_NAMESPACE = uuids.UUID("5f4fbb6e-6a0d-5f57-9f63-0b6a4c1c7a11")

_CONTEXT: tuple[tuple[str, str], ...] = (
    ("userAgent", "$raw_user_agent"),
    ("locale", "$locale"),
    ("timezone", "$timezone"),
    ("library.name", "$lib"),
    ("library.version", "$lib_version"),
    ("page.url", "$current_url"),
    ("page.path", "$pathname"),
    ("page.referrer", "$referrer"),
    ("page.title", "title"),
    ("campaign.source", "utm_source"),
    ("campaign.medium", "utm_medium"),
    ("campaign.name", "utm_campaign"),
    ("campaign.term", "utm_term"),
    ("campaign.content", "utm_content"),
    ("os.name", "$os"),
    ("os.version", "$os_version"),
    ("app.name", "$app_name"),
    ("app.version", "$app_version"),
    ("app.build", "$app_build"),
    ("app.namespace", "$app_namespace"),
    ("device.type", "$device_type"),
    ("device.model", "$device_model"),
    ("device.manufacturer", "$device_manufacturer"),
    ("screen.width", "$screen_width"),
    ("screen.height", "$screen_height"),
)
_PAGE: tuple[tuple[str, str], ...] = (
    ("url", "$current_url"),
    ("path", "$pathname"),
    ("referrer", "$referrer"),
)


class BadMessage(ValueError):
    """A message that is no event; the text says why."""


@dataclass(slots=True)
class Source:
    """What the request says about its messages.

    Attributes:
        now: when it was received, milliseconds since the epoch.
        random: for uuids.
        ip: the client's address; ``context.ip`` wins.
        sent_at: of the batch, as sent; a message's own wins.
        context: of the batch, under that of each message.
        group_type: what kind of group Segment's groups are.
    """

    now: int
    random: Random
    ip: str = ""
    sent_at: Any = None
    context: Any = None
    group_type: str = GROUP_TYPE


def read_message(message: Any, kind: str | None, source: Source) -> Event:
    """One message as an event.

    Args:
        message: as parsed; it is not changed.
        kind: from the path, None if the message says it itself (``type``).
        source: the request around it.

    Raises:
        BadMessage: it is not an object, of an unknown type, or lacks what its type needs.
    """
    if type(message) is not dict:
        raise BadMessage("a message must be an object")
    kind = kind or message.get("type")
    if kind not in _READERS:
        raise BadMessage(f"the type must be one of {', '.join(KINDS)}")
    name, properties = _READERS[kind](message, source)
    _add_context(_context(message, source), properties, source)
    return Event(
        _uuid(message, source),
        name[:MAX_NAME].replace("\0", "\ufffd"),
        _distinct_id(message),
        properties,
        write(_when(message, source)),
        source.now,
    )


def _object(message: Message, name: str) -> dict[str, Any]:
    value = message.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise BadMessage(f'"{name}" must be an object')
    return dict(value)


def _required_text(message: Message, name: str) -> str:
    value = distinct_id_text(message.get(name))
    if value is None:
        raise BadMessage(f'"{name}" is missing')
    return value


def _track(message: Message, _source: Source) -> tuple[str, dict[str, Any]]:
    name = message.get("event")
    if type(name) is not str or not name:
        raise BadMessage('"event" must be the name of the event')
    return name, _object(message, "properties")


def _identify(message: Message, _source: Source) -> tuple[str, dict[str, Any]]:
    properties: dict[str, Any] = {"$set": _object(message, "traits")}
    user, anonymous = (distinct_id_text(message.get(name)) for name in ("userId", "anonymousId"))
    if user is not None and anonymous is not None and user != anonymous:
        properties["$anon_distinct_id"] = anonymous
    return "$identify", properties


def _view(message: Message) -> dict[str, Any]:
    properties = _object(message, "properties")
    for name in ("name", "category"):
        if message.get(name) is not None:
            properties.setdefault(name, message[name])
    return properties


def _page(message: Message, _source: Source) -> tuple[str, dict[str, Any]]:
    properties = _view(message)
    for name, ours in _PAGE:
        if properties.get(name) is not None:
            properties.setdefault(ours, properties[name])
    return "$pageview", properties


def _screen(message: Message, _source: Source) -> tuple[str, dict[str, Any]]:
    properties = _view(message)
    if properties.get("name") is not None:
        properties.setdefault("$screen_name", properties["name"])
    return "$screen", properties


def _group(message: Message, source: Source) -> tuple[str, dict[str, Any]]:
    key = _required_text(message, "groupId")
    return "$groupidentify", {
        "$group_type": source.group_type,
        "$group_key": key,
        "$group_set": _object(message, "traits"),
        "$groups": {source.group_type: key},
    }


def _alias(message: Message, _source: Source) -> tuple[str, dict[str, Any]]:
    _required_text(message, "userId")
    return "$create_alias", {"alias": _required_text(message, "previousId")}


_READERS: dict[Any, Callable[[Message, Source], tuple[str, dict[str, Any]]]] = {
    "track": _track,
    "identify": _identify,
    "page": _page,
    "screen": _screen,
    "group": _group,
    "alias": _alias,
}


def _distinct_id(message: Message) -> str:
    for name in ("userId", "anonymousId"):
        distinct_id = distinct_id_text(message.get(name))
        if distinct_id is not None:
            return distinct_id
    raise BadMessage('neither "userId" nor "anonymousId" is given')


def _uuid(message: Message, source: Source) -> str:
    stated = message.get("messageId")
    if type(stated) is not str or not stated:
        return uuid7(source.now, source.random)
    return canonical(stated) or str(uuids.uuid5(_NAMESPACE, stated))


def _when(message: Message, source: Source) -> int:
    timestamp = message.get("originalTimestamp") or message.get("timestamp")
    sent_at = message.get("sentAt") or source.sent_at
    return resolve(
        timestamp if type(timestamp) is str else None,
        None,
        parse(sent_at) if type(sent_at) is str else None,
        source.now,
    )


def _context(message: Message, source: Source) -> dict[str, Any]:
    context = _object(message, "context")
    return {**source.context, **context} if type(source.context) is dict else context


def _add_context(context: dict[str, Any], properties: dict[str, Any], source: Source) -> None:
    """The context itself, and its fields under PostHog's names where the sender has not set those."""
    ip = context["ip"] if type(context.get("ip")) is str else source.ip
    if ip:
        properties.setdefault("$ip", ip)
    if not context:
        return
    for path, name in _CONTEXT:
        outer, _, inner = path.partition(".")
        value = context.get(outer)
        if inner:
            value = value.get(inner) if type(value) is dict else None
        if value is not None:
            properties.setdefault(name, value)
    group = distinct_id_text(context.get("groupId"))
    if group is not None:
        properties.setdefault("$groups", {source.group_type: group})
    properties.setdefault("context", context)
