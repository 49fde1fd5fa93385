"""What the store has, as documents: short where a default says the same, complete otherwise, always written alike.

A document leaves out what a new destination of the same template would have anyway, and everything that is true of this
instance only: numbers, times, health. Secrets are not in it; ``{secret: true}`` stands for the one that is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final, TypeAlias

from hedgerow.configuration.keys import KINDS
from hedgerow.configuration.names import Names
from hedgerow.configuration.snapshot import Snapshot, Thing
from hedgerow.destinations.catalogue import Catalogue, Template
from hedgerow.destinations.connections import numbers_of
from hedgerow.destinations.definitions import Action, Cohort
from hedgerow.destinations.model import CONFIG_FIELDS, Config, Inputs
from hedgerow.destinations.schema import templating_of
from hedgerow.destinations.validation import fresh

Document: TypeAlias = dict[str, Any]

NOT_IN_FILES: Final = frozenset({"deleted", "batch_export_id"})
ORDER: Final = (
    "name", "description", "type", "enabled", "template", "icon_url", "origin", "execution_order", "events", "filters", "masking",
    "threshold", "digest", "sampling", "inputs_schema", "inputs", "hog", "mappings", "retry", "rate_limit", "ordering", "fetch",
)  # fmt: skip
"""Of the fields of a destination's file; others follow, and its cases come last."""
_FIELD: Final = ("key", "type", "label", "description")
_FLAGS: Final = ("required", "secret", "hidden")
_SPECIAL: Final = (*("value", "templating", "secret", "missing", "from_env", "from_file", "account"),)
"""Keys that an input's own value must not consist of, or it would be read as something else."""


def portray(snapshot: Snapshot, templates: Catalogue) -> dict[str, dict[str, Document]]:
    """The whole configuration: by kind, then by key, in the order of the keys."""
    return {
        kind: {
            key: document(snapshot.things[kind][identity], snapshot.names, templates)
            for identity, key in sorted(snapshot.keys[kind].items(), key=lambda pair: pair[1])
        }
        for kind in KINDS
    }


def document(thing: Thing, names: Names, templates: Catalogue) -> Document:
    """One thing as its file has it."""
    if isinstance(thing, Action):
        return action(thing, names)
    if isinstance(thing, Cohort):
        return cohort(thing, names)
    return destination(thing.config, names, templates.get(thing.config.template_id or ""))


def action(item: Action, names: Names) -> Document:
    """An action."""
    steps = [{name: value for name, value in step.items() if value is not None} for step in item.steps]
    return {**_titled(item), "steps": names.outward(steps)}


def cohort(item: Cohort, names: Names) -> Document:
    """A cohort. Who is on the list of a static one is no configuration: people may ask to be forgotten."""
    if item.is_static:
        return {**_titled(item), "static": True}
    return {**_titled(item), "filters": names.outward(item.filters)}


def _titled(item: Action | Cohort) -> Document:
    said = {"description": item.description, "origin": item.origin}
    return {"name": item.name, **{name: value for name, value in said.items() if value}}


# ------------------------------------------------------------ destinations


def destination(config: Config, names: Names, template: Template | None) -> Document:
    """A destination.

    Args:
        config: what is decided about it.
        names: what it refers to.
        template: that it was made from, if this server has it.
    """
    start = asdict(fresh(template))
    found = {
        name: value
        for name, value in asdict(config).items()
        if name not in NOT_IN_FILES and _says_more(name, value, start)
    }
    found |= {"name": config.name, "enabled": config.enabled}
    if "template_id" in found or template is not None:
        found["template"] = found.pop("template_id", config.template_id)
    if "hog" in found:
        found["hog"] = config.hog + "\n"
    if "inputs_schema" in found:
        found["inputs_schema"] = [dict(_field(item)) for item in config.inputs_schema]
    if "filters" in found:
        said = _filters(found.pop("filters"), names, usual="schedule" if config.schedule else "events")
        plain = start["filters"] == {"source": "events"}
        found |= said if said or plain else {"filters": {"source": config.filters["source"]}}
    found["inputs"] = _inputs(config.inputs_schema, config.inputs, names)
    if config.mappings is not None:
        found["mappings"] = [dict(_mapping(item, names)) for item in config.mappings]
    return _ordered(found)


def _says_more(name: str, value: Any, start: Mapping[str, Any]) -> bool:
    """Whether a field has to be written: leaving it out would mean something else."""
    if name == "filters" and start["filters"] != {"source": "events"}:
        return True  # what a template brings may be written otherwise than what is kept
    if name == "hog":
        return bool(value.strip() != start["hog"].strip())
    return bool(value != start[name])


def _ordered(found: Mapping[str, Any]) -> Document:
    names = (*ORDER, *(name for name in CONFIG_FIELDS if name not in ORDER))
    return {name: found[name] for name in names if name in found and (name != "inputs" or found[name])}


def _field(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A field of a form, without what is no by default."""
    names = dict.fromkeys([*(name for name in _FIELD if name in item), *item])
    return ((name, item[name]) for name in names if name not in _FLAGS or item[name])


def _mapping(item: Mapping[str, Any], names: Names) -> Iterator[tuple[str, Any]]:
    """A mapping, found again by its name or its place: its id is of this instance."""
    for name in ("name", "disabled"):
        if item.get(name):
            yield name, item[name]
    yield from _filters(item["filters"] or {}, names).items()
    if item["inputs_schema"]:
        yield "inputs_schema", [dict(_field(one)) for one in item["inputs_schema"]]
    if inputs := _inputs(item["inputs_schema"], item["inputs"], names):
        yield "inputs", inputs


# ------------------------------------------------------------------ filters


def _filters(filters: Mapping[str, Any], names: Names, usual: str = "events") -> Document:
    """``events`` and ``filters``: the events by name, the rest where there is more."""
    rest = {name: value for name, value in filters.items() if name != "bytecode_error" and value}
    events = [_entry(one, place, names) for place, one in enumerate(rest.pop("events", ()))]
    if "actions" in rest:
        rest["actions"] = [_acted(one, place, names) for place, one in enumerate(rest["actions"])]
    if "properties" in rest:
        rest["properties"] = names.outward(rest["properties"])
    if rest.get("source") == usual:
        del rest["source"]
    return {**({"events": events} if events else {}), **({"filters": rest} if rest else {})}


def _entry(entry: Mapping[str, Any], place: int, names: Names) -> Any:
    """An event of a filter: its name, unless there is more to say."""
    usual = {"name": entry.get("id"), "type": "events", "order": place}
    more = {name: value for name, value in entry.items() if value != usual.get(name, _NEVER)}
    if "properties" in more:
        more["properties"] = names.outward(more["properties"])
        if not more["properties"]:
            del more["properties"]
    return more["id"] if set(more) == {"id"} and isinstance(more["id"], str) else {"id": None, **more}


def _acted(entry: Mapping[str, Any], place: int, names: Names) -> Any:
    """An action of a filter, by the name of its file."""
    key = names.actions.get(str(entry.get("id")))
    if key is None:
        return dict(entry)
    usual = {"type": "actions", "order": place}
    more = {
        name: names.outward(value)
        for name, value in entry.items()
        if name not in ("id", "name") and value and value != usual.get(name, _NEVER)
    }
    return {"action": key, **more}


_NEVER: Final = object()


# ------------------------------------------------------------------- inputs


def _inputs(schema: list[dict[str, Any]], items: Inputs, names: Names) -> Document:
    """The values of a form, in the order of the form."""
    return {
        field["key"]: _input(field, items[field["key"]], names) for field in schema if field["key"] in items
    }


def _input(field: Mapping[str, Any], item: Mapping[str, Any], names: Names) -> Any:
    """An input: its value, unless that could be read as something else."""
    if "value" not in item:
        return dict(item)
    value = item["value"]
    if numbers_of(field["type"], value) and (named := _accounts(field, value, names)):
        return {"account": named}
    usual = item.get("templating") == templating_of(field, {})
    return value if usual and not is_special(value) else dict(item)


def is_special(value: Any) -> bool:
    """Whether a value looks like one of the forms in which an input says more than its value."""
    return isinstance(value, Mapping) and bool(value) and set(value) <= set(_SPECIAL)


def _accounts(field: Mapping[str, Any], value: Any, names: Names) -> Any:
    """What the accounts of an input are called; None when one of them is not there."""
    known = names.accounts.get(field.get("integration") or "", {})
    found = [known.get(one) for one in (value if isinstance(value, list) else [value])]
    if not found or None in found:
        return None
    return found if isinstance(value, list) else found[0]
