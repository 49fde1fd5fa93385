"""How a person is called where people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hedgerow.people.model import PersonState
from hedgerow.people.projects import DISPLAY_NAME_PROPERTIES


def display_name(
    person: PersonState | None, distinct_id: str, keys: Sequence[str] = DISPLAY_NAME_PROPERTIES
) -> str:
    """The name of a person: the first of some properties that says something, else the distinct id.

    Args:
        person: who, or None when nothing is known.
        distinct_id: what the event called them.
        keys: the properties to try, in order; a project may choose its own.

    Returns:
        Text without surrounding blanks; a value that is no text is written as JSON. PostHog's rule.
    """
    properties: Mapping[str, Any] = person.properties if person else {}
    for key in keys:
        value = properties.get(key)
        if truthy(value):
            return (value if isinstance(value, str) else orjson.dumps(value).decode()).strip()
    return distinct_id.strip()


def truthy(value: Any) -> bool:
    """Whether JavaScript takes a JSON value for true: empty lists and objects are."""
    return bool(value) or isinstance(value, (list, dict))
