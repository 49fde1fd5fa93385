"""Person properties: which an event sets by itself, and what a change to them amounts to.

The lists and the rules are PostHog's. ``$initial_*`` keeps the first value ever seen of an automatic property.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

_FROM_EVENT = (
    "$app_build", "$app_name", "$app_namespace", "$app_version", "$browser", "$browser_version", "$device_type",
    "$current_url", "$pathname", "$os", "$os_name", "$os_version", "$referring_domain", "$referrer", "$screen_height",
    "$screen_width", "$viewport_height", "$viewport_width", "$raw_user_agent",
)  # fmt: skip
_CAMPAIGN = (
    "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_name", "utm_term", "gclid", "gad_source", "gclsrc",
    "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "twclid", "li_fat_id", "mc_cid", "igshid", "ttclid", "rdt_cid",
    "irclid", "_kx", "epik", "qclid", "sccid",
)  # fmt: skip

# Automatic properties in a fixed order (so that the stored JSON does not depend on hashing), each with its first-seen name.
AUTOMATIC = {key: "$initial_" + key.replace("$", "", 1) for key in _FROM_EVENT + _CAMPAIGN}

# They change with every page or network, and alone are not worth writing a person for.
QUIET = frozenset(_FROM_EVENT) - {"$app_build", "$app_name", "$app_namespace", "$app_version"} | {
    "$geoip_postal_code", "$geoip_time_zone", "$geoip_latitude", "$geoip_longitude", "$geoip_accuracy_radius",
    "$geoip_city_confidence", "$geoip_country_confidence", "$geoip_postal_code_confidence",
    *(f"$geoip_subdivision_{n}_{what}" for n in (1, 2, 3) for what in ("code", "name")),
    *(f"$geoip_subdivision_{n}_confidence" for n in (1, 2)),
}  # fmt: skip

# Server SDKs stamp the operating system of the server, which says nothing about the person.
SERVER_LIBRARIES = frozenset(
    "posthog-" + name
    for name in ("python", "node", "edge", "server", "go", "ruby", "php", "java", "dotnet", "elixir", "rs")
)
_OF_THE_HOST = frozenset({"$os", "$os_name", "$os_version"})

# Events of one kind have the same names of properties: which of them are automatic is decided once for each set of names, as
# long as there are not so many that remembering them would cost memory.
_MOST_NAMES = 64

WITHOUT_AUTOMATIC = frozenset({"$snapshot", "$performance_event"})
PERSON_EVENTS = frozenset({"$identify", "$create_alias", "$merge_dangerously", "$set"})
NEVER_CHANGE_PEOPLE = frozenset({"$exception", "$$heatmap"})


def automatic(properties: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an event's properties set on the person by themselves.

    Args:
        properties: the event's.

    Returns:
        Additions to ``$set`` and to ``$set_once``; the sender's own entries win over both.
    """
    names = _remembered(tuple(properties)) if len(properties) <= _MOST_NAMES else _automatic(properties)
    library = properties.get("$lib")
    if isinstance(library, str) and library in SERVER_LIBRARIES:
        names = tuple(pair for pair in names if pair[0] not in _OF_THE_HOST)
    now: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for key, initial in names:
        now[key] = first[initial] = properties[key]
    if "$os_name" in now:
        _rename_os(now, first)
    return now, first


def _automatic(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The automatic ones among the names of an event's properties, each with its first-seen name."""
    there = frozenset(names)
    return tuple((key, initial) for key, initial in AUTOMATIC.items() if key in there)


_remembered = lru_cache(1024)(_automatic)


def _rename_os(now: dict[str, Any], first: dict[str, Any]) -> None:
    """Some SDKs call ``$os`` ``$os_name``."""
    name = now.pop("$os_name")
    first.pop("$initial_os_name")
    if name:
        if now.get("$os") is None:
            now["$os"] = name
        if first.get("$initial_os") is None:
            first["$initial_os"] = name


_ABSENT = object()
_NEVER_SAME = frozenset({dict, list})
_NUMBERS = {int, float}


class Wishes(NamedTuple):
    """What one event asks of its person's properties."""

    event: str
    set: Mapping[str, Any]
    set_once: Mapping[str, Any]
    unset: tuple[str, ...]


class Outcome(NamedTuple):
    """Properties after an event; ``write`` says whether the change is worth keeping beyond this event."""

    properties: dict[str, Any]
    write: bool


def at_creation(wishes: Wishes, event_uuid: str) -> dict[str, Any]:
    """Properties of a person whom an event brings into being."""
    return {**wishes.set_once, **wishes.set, "$creator_event_uuid": event_uuid}


def apply(current: dict[str, Any], wishes: Wishes) -> Outcome:
    """Apply an event to its person's properties: ``$set_once``, then ``$set``, then ``$unset``.

    ``current`` is left alone and returned itself when nothing changes. Automatic properties that change all the time show
    in the result, but are no reason to write unless the event is about the person or the key is new.
    """
    if wishes.event in NEVER_CHANGE_PEOPLE:
        return Outcome(current, write=False)
    once = wishes.set_once
    fresh = {} if once.keys() <= current.keys() else {k: once[k] for k in once if k not in current}
    write = bool(fresh)
    always = wishes.event in PERSON_EVENTS
    for key, value in wishes.set.items():
        known = current.get(key, _ABSENT)
        if type(known) is str is type(value):  # nearly always, and then this is what ``same`` says
            if known == value:
                continue
        elif same(known, value):
            continue
        fresh[key] = value
        write = write or always or known is _ABSENT or key not in QUIET
    gone = [key for key in wishes.unset if key in current]
    if not fresh and not gone:
        return Outcome(current, write=False)
    after = {**current, **fresh}
    for key in gone:
        after.pop(key, None)
    return Outcome(after, write=write or bool(gone))


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same by JavaScript's ``===``: no two objects or lists are, nor ``1`` and ``true``."""
    if type(one) is type(other):
        return bool(one == other) and type(one) not in _NEVER_SAME
    return {type(one), type(other)} == _NUMBERS and bool(one == other)
