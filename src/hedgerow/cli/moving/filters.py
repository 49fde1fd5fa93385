"""Filters of another instance with the numbers that actions, cohorts and kinds of groups have here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

COHORTS: Final = ("cohort", "static-cohort", "precalculated-cohort")
COMPILED: Final = frozenset({"bytecode", "bytecode_error", "transpiled", "order_bytecode"})
NOWHERE: Final = "posthog:"
"""Begins what stands for the number of something that did not come: no number of something else here can be meant."""


@dataclass(slots=True)
class Numbers:
    """What has which number here.

    Attributes:
        actions: theirs -> ours.
        cohorts: likewise.
        groups: the kinds of groups, theirs -> ours; None where this instance has not met the kind.
        known: whether the kinds of groups could be read at all.
        names: what people call actions and cohorts there, by kind and number.
    """

    actions: dict[str, int] = field(default_factory=dict)
    cohorts: dict[str, int] = field(default_factory=dict)
    groups: dict[int, int | None] = field(default_factory=dict)
    known: bool = True
    names: dict[tuple[str, str], str] = field(default_factory=dict)


def renumbered(filters: Any, numbers: Numbers) -> Any:
    """A filter as it is written here: numbers exchanged, what PostHog compiled left out.

    What did not come keeps a name instead of a number, so that the filter is refused until somebody decides; it would
    otherwise let through something else, or everything.
    """
    if not isinstance(filters, Mapping):
        return filters
    found = {key: value for key, value in filters.items() if key not in COMPILED}
    for kind in ("events", "actions"):
        if isinstance(found.get(kind), list):
            found[kind] = [_entry(item, kind, numbers) for item in found[kind]]
    if "properties" in found:
        found["properties"] = properties(found["properties"], numbers)
    return found


def _entry(item: Any, kind: str, numbers: Numbers) -> Any:
    if not isinstance(item, Mapping):
        return item
    found = dict(item)
    if kind == "actions":
        found["id"] = ours(item.get("id"), numbers.actions)
    if "properties" in found:
        found["properties"] = properties(found["properties"], numbers)
    return found


def ours(theirs: Any, known: Mapping[str, int]) -> Any:
    """The number that something has here, or a name that nothing has."""
    return known.get(str(theirs), f"{NOWHERE}{theirs}")


def properties(raw: Any, numbers: Numbers) -> Any:
    """The same for property filters: a list of them, a group of groups, or one."""
    if isinstance(raw, list):
        return [properties(item, numbers) for item in raw]
    if not isinstance(raw, Mapping):
        return raw
    if isinstance(raw.get("values"), list) and "key" not in raw:
        return {**raw, "values": properties(raw["values"], numbers)}
    return _property(raw, numbers)


def _property(raw: Mapping[str, Any], numbers: Numbers) -> dict[str, Any]:
    found = {key: value for key, value in raw.items() if key not in COMPILED}
    if raw.get("type") in COHORTS:
        value = raw.get("value")
        if isinstance(value, list):
            found["value"] = [ours(one, numbers.cohorts) for one in value]
        else:
            found["value"] = ours(value, numbers.cohorts)
    elif raw.get("type") == "group" and numbers.known:
        found["group_type_index"] = numbers.groups.get(raw.get("group_type_index", -1))
    return found


# --------------------------------------------------------------- looking


def each_property(raw: Any) -> Iterator[Mapping[str, Any]]:
    """Every property filter anywhere in a filter, an action or a cohort."""
    if isinstance(raw, list):
        for item in raw:
            yield from each_property(item)
    elif isinstance(raw, Mapping):
        if "key" in raw and "type" in raw:
            yield raw
        for value in raw.values():
            yield from each_property(value)


def cohorts_in(raw: Any) -> set[str]:
    """The cohorts that something refers to."""
    values = [one.get("value") for one in each_property(raw) if one.get("type") in COHORTS]
    return {str(one) for value in values for one in (value if isinstance(value, list) else [value])}


def actions_in(filters: Mapping[str, Any]) -> set[str]:
    """The actions that a filter refers to."""
    return {str(one.get("id")) for one in filters.get("actions") or () if isinstance(one, Mapping)}


def groups_in(raw: Any) -> set[int]:
    """The kinds of groups that something refers to."""
    found = (one.get("group_type_index") for one in each_property(raw) if one.get("type") == "group")
    return {one for one in found if isinstance(one, int)}


def filters_of(destination: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A destination's own filter and those of its mappings."""
    mappings = destination.get("mappings") or ()
    found = [
        destination.get("filters"),
        *(one.get("filters") for one in mappings if isinstance(one, Mapping)),
    ]
    return [one for one in found if isinstance(one, Mapping)]
