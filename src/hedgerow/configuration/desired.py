"""Documents read back: what the store should have where a file says so.

A document is the whole of its thing: what it leaves out is as a new one has it. Only secrets are different; one that is left out,
or written ``{secret: true}``, stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from hedgerow.configuration.keys import CASES
from hedgerow.configuration.names import Names
from hedgerow.configuration.portray import NOT_IN_FILES, Document, is_special
from hedgerow.destinations.catalogue import Template
from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.references import is_reference
from hedgerow.destinations.schedule import SOURCE
from hedgerow.destinations.validation import WRITABLE, fresh

_ACCOUNTS: Final = ("integration", "integration_multi")


def payload(document: Document, names: Names, templates: Mapping[str, Template]) -> dict[str, Any]:
    """A destination's document as the API takes it, with every field that it could have.

    Args:
        document: of a file.
        names: what it may refer to.
        templates: the catalogue.

    Raises:
        ValidationError: it refers to something that is not there; the attribute is one of the document.
    """
    template = templates.get(str(document.get("template") or ""))
    start = asdict(fresh(template))
    found = {name: start[name] for name in WRITABLE - NOT_IN_FILES if name in start}
    found |= {name: value for name, value in document.items() if name not in ("template", "events", CASES)}
    found |= {"template_id": document.get("template"), "enabled": document.get("enabled", True)}
    usual = {"source": SOURCE} if document.get("schedule") else start["filters"]
    found["filters"] = _filters(document, names, usual)
    found["inputs"] = _inputs(document.get("inputs"), found["inputs_schema"], names)
    if document.get("mappings") is not None:
        found["mappings"] = _each(document["mappings"], "mappings", names)
    return found


def _each(mappings: Any, place: str, names: Names) -> Any:
    if not isinstance(mappings, list):
        return mappings
    found = []
    for position, item in enumerate(mappings):
        try:
            found.append(_mapping(item, names) if isinstance(item, Mapping) else item)
        except ValidationError as error:
            raise error.under(place, position) from None
    return found


def _mapping(item: Mapping[str, Any], names: Names) -> dict[str, Any]:
    return {
        **{name: value for name, value in item.items() if name != "events"},
        "filters": _filters(item, names, None),
        "inputs": _inputs(item.get("inputs"), item.get("inputs_schema"), names),
    }


# ------------------------------------------------------------------ filters


def _filters(document: Mapping[str, Any], names: Names, otherwise: Any) -> Any:
    """What ``events`` and ``filters`` of a document say together."""
    events, filters = document.get("events"), document.get("filters")
    if events is None and filters is None:
        return otherwise
    if filters is not None and not isinstance(filters, Mapping):
        return filters
    found = dict(filters or {})
    if isinstance(found.get("actions"), list):
        found["actions"] = _listed(found["actions"], names, _action)
    for name in ("events", "properties"):
        if found.get(name) is not None:
            found[name] = _under("filters", name, names, found[name])
    if events is not None:
        some = [events] if isinstance(events, str) else events
        if not isinstance(some, list):
            raise ValidationError("'events' is a list of event names.", attr="events")
        found["events"] = [_event(entry, place, names) for place, entry in enumerate(some)]
    return found


def _under(outer: str, name: str, names: Names, value: Any) -> Any:
    try:
        return names.inward(value)
    except ValidationError as error:
        raise error.under(outer, name) from None


def _event(entry: Any, place: int, names: Names) -> dict[str, Any]:
    """An event of a filter: its name, or an object with ``id`` and what else must hold."""
    given = {"id": entry} if isinstance(entry, str) else entry
    if not isinstance(given, Mapping):
        raise ValidationError(
            "An event is written as its name, or as {id: name, properties: [...]}.", attr=f"events__{place}"
        )
    usual = {"name": given.get("id"), "type": "events", "order": place}
    return {**given, **{name: value for name, value in usual.items() if name not in given}} | _own(
        given, names, f"events__{place}"
    )


def _own(given: Mapping[str, Any], names: Names, place: str) -> dict[str, Any]:
    if "properties" not in given:
        return {}
    return {"properties": _under(place, "properties", names, given["properties"])}


def _listed(entries: Sequence[Any], names: Names, read: Any) -> list[Any]:
    return [read(entry, place, names) for place, entry in enumerate(entries)]


def _action(entry: Any, place: int, names: Names) -> Any:
    """An action of a filter: by the name of its file, or by its number where that is known to be right."""
    attr = f"filters__actions__{place}"
    given = {"action": entry} if isinstance(entry, str) else entry
    if not isinstance(given, Mapping) or "action" not in given:
        return given
    try:
        number = names.action(given["action"])
    except ValidationError as error:
        raise error.under(attr, "action") from None
    rest = {name: value for name, value in given.items() if name != "action"}
    usual = {"id": str(number), "name": given["action"], "type": "actions", "order": place}
    return {**usual, **rest, **_own(given, names, attr)}


# ------------------------------------------------------------------- inputs


def _inputs(given: Any, schema: Any, names: Names) -> Any:
    if not isinstance(given, Mapping):
        return given
    fields = {
        item.get("key"): item
        for item in (schema if isinstance(schema, list) else ())
        if isinstance(item, Mapping)
    }
    found = {}
    for key, value in given.items():
        try:
            found[str(key)] = _input(value, fields.get(key) or {}, names)
        except ValidationError as error:
            raise error.under("inputs", key) from None
    if strange := [key for key in found if fields and key not in fields]:
        known = ", ".join(map(str, fields))
        raise ValidationError(
            f"There is no input {strange[0]!r}. Known ones: {known}.",
            attr=f"inputs__{strange[0]}",
            code="unknown_field",
        )
    return found


def _input(value: Any, field: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """An input as the API has it; most are written as nothing but their value."""
    if not is_special(value):
        return {"value": value}
    if "account" in value and field.get("type") in _ACCOUNTS:
        return {"value": _account(value["account"], field, names)}
    forms = "value" in value or is_reference(value) or value in ({"secret": True}, {"missing": True})
    return dict(value) if forms else {"value": value}


def _account(named: Any, field: Mapping[str, Any], names: Names) -> int | list[int]:
    kind = str(field.get("integration") or "")
    if isinstance(named, list):
        return [names.account(kind, one) for one in named]
    return names.account(kind, named)
