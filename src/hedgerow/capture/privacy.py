"""What a project does not want to keep, taken out before anything is written.

Project settings:
    anonymize_ips: true: no ``$ip``, neither ours nor the sender's.
    dropped_properties: names that are removed from events and from ``$set`` and ``$set_once``.
    hashed_properties: names whose values are replaced by their SHA-256 in hexadecimal, in the same places. Equal values
        stay equal, so that joining and counting still work.
    hash_salt: text that goes before each value, so that nobody can try out all e-mail addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

_NESTED = ("$set", "$set_once")


def protect(properties: dict[str, Any], settings: Mapping[str, Any]) -> None:
    """Apply a project's settings to the properties of an event, in place."""
    if settings.get("anonymize_ips") is True:
        properties.pop("$ip", None)
    dropped = settings.get("dropped_properties") or ()
    hashed = settings.get("hashed_properties") or ()
    if not dropped and not hashed:
        return
    salt = str(settings.get("hash_salt", ""))
    places = [properties, *(properties[name] for name in _NESTED if type(properties.get(name)) is dict)]
    for place in places:
        for name in dropped:
            place.pop(name, None)
        for name in hashed:
            if place.get(name) is not None:
                place[name] = _digest(salt, place[name])


def _digest(salt: str, value: Any) -> str:
    text = value.encode() if type(value) is str else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(salt.encode() + text).hexdigest()
