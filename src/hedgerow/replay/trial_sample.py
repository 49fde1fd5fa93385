"""An event made up for a destination: one that its filters should take, with a person who could be somebody.

Conditions that name a value are met by that value; those that cannot be met so (regular expressions, free expressions) are left
alone, and the explanation of the filter then tells what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from hedgerow.delivery import ticks
from hedgerow.destinations import CompiledDestination
from hedgerow.hog.ops import text_number

DEFAULT_EVENT: Final = "$pageview"
_PAGE: Final[Mapping[str, Any]] = {
    "$current_url": "https://example.com/pricing?plan=pro",
    "$host": "example.com",
    "$pathname": "/pricing",
    "$browser": "Firefox",
    "$os": "Linux",
    "$lib": "web",
}
_PERSON: Final[Mapping[str, Any]] = {"email": "ada@example.com", "name": "Ada Lovelace"}
_ASKED: Final = re.compile(r"\b(event|person)\.properties\.([A-Za-z_]\w*)")
_PARTS: Final = frozenset({"icontains", "icontains_multi"})
_NAMED_BY_VALUE: Final = frozenset(
    {"exact", "in", "icontains", "icontains_multi", "gte", "min", "lte", "max"}
)


def sample(compiled: CompiledDestination) -> dict[str, Any]:
    """Globals of a made-up event: ``event``, ``person`` and ``groups``."""
    event = _Maker(compiled)
    for filters in _chosen(compiled):
        event.meet(filters)
    made = event.globals()
    _fill(made, _texts(compiled))
    return made


def _texts(compiled: CompiledDestination) -> str:
    """Program and inputs, for looking up which properties they ask for."""
    config = compiled.destination.config
    inputs = [config.inputs, *(item["inputs"] for item in config.mappings or ())]
    return config.hog + orjson.dumps(inputs).decode()


def _fill(made: dict[str, Any], texts: str) -> None:
    """Properties that are asked for by name, and are not there yet, say their name."""
    for owner, name in _ASKED.findall(texts):
        if made[owner] is not None:
            made[owner]["properties"].setdefault(name, f"<{name}>")


def _chosen(compiled: CompiledDestination) -> Iterator[Mapping[str, Any]]:
    """The destination's filter, and that of its first mapping that is on."""
    config = compiled.destination.config
    yield config.filters
    mappings = (item for item in config.mappings or () if not item.get("disabled"))
    if (first := next(mappings, None)) is not None:
        yield first["filters"] or {}


class _Maker:
    """An event in the making."""

    def __init__(self, compiled: CompiledDestination) -> None:
        self._actions = compiled.project.actions
        self._about_nobody = compiled.stream == "internal"
        self._name: str | None = ticks.NAME if compiled.stream == ticks.STREAM else None
        self._properties: dict[str, Any] = {}
        self._person: dict[str, Any] = {}
        self._groups: dict[int, dict[str, Any]] = {}

    def meet(self, filters: Mapping[str, Any]) -> None:
        """Give the event what a filter asks for."""
        for entry in [*(filters.get("events") or ())][:1]:
            self._named(entry.get("id"))
            self._conditions(entry.get("properties"))
        if self._name is None:
            for entry in [*(filters.get("actions") or ())][:1]:
                self._action(self._actions.get(str(entry.get("id"))) or {})
                self._conditions(entry.get("properties"))
        self._conditions(filters.get("properties"))

    def _named(self, name: str | None) -> None:
        self._name = self._name or name

    def _action(self, action: Mapping[str, Any]) -> None:
        for step in [*(action.get("steps") or ())][:1]:
            self._named(step.get("event"))
            if step.get("url") and step.get("url_matching") != "regex":
                self._properties["$current_url"] = step["url"]
            self._conditions(step.get("properties"))

    def _conditions(self, raw: Any) -> None:
        """All of a list; of alternatives the first."""
        if isinstance(raw, Mapping):
            values = raw.get("values") or []
            raw = values[:1] if str(raw.get("type")).upper() == "OR" else values
        for item in raw or ():
            if "values" in item and "key" not in item:
                self._conditions(item)
            elif (value := _value(item)) is not None:
                self._place(item, value if item.get("operator") not in _PARTS else _around(item, str(value)))

    def _place(self, item: Mapping[str, Any], value: Any) -> None:
        kind, key = item.get("type", "event"), item.get("key")
        if kind == "person":
            self._person[str(key)] = value
        elif kind == "group":
            self._groups.setdefault(item.get("group_type_index") or 0, {})[str(key)] = value
        elif kind == "event":
            self._properties[str(key)] = value
        elif kind == "event_metadata" and key == "event":
            self._named(str(value))

    def globals(self) -> dict[str, Any]:
        """The event with its person and groups."""
        name = self._name or DEFAULT_EVENT
        page = _PAGE if name == DEFAULT_EVENT else {}
        event = {"event": name, "distinct_id": "ada", "properties": {**page, **self._properties}}
        groups = {
            f"group_{index}": {"id": "example", "index": index, "properties": properties}
            for index, properties in self._groups.items()
        }
        if self._about_nobody:
            return {"event": event, "person": None, "groups": {}}
        return {"event": event, "person": {"properties": {**_PERSON, **self._person}}, "groups": groups}


def _around(item: Mapping[str, Any], part: str) -> str:
    """A text that has a part in it, and looks like what it is called."""
    usual = str({**_PAGE, **_PERSON}.get(str(item.get("key")), ""))
    if part.lower() in usual.lower():
        return usual
    return f"ada{part}" if part.startswith("@") else part


def _value(item: Mapping[str, Any]) -> Any:
    """A value that meets a condition; None when that cannot be told from the condition alone."""
    operator, value = item.get("operator") or "exact", item.get("value")
    value = value[0] if isinstance(value, list) and value else value
    if operator in _NAMED_BY_VALUE or operator == "between":
        return value
    if operator == "is_set":
        return "something"
    if operator in ("gt", "lt"):
        number = text_number(str(value))
        return None if number != number else number + (1 if operator == "gt" else -1)  # noqa: PLR0124 - NaN
    return None
