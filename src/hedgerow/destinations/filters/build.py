"""One filter object as one Hog expression, with the facts an index can use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.actions import action_events, action_filter
from hedgerow.destinations.filters.context import Context
from hedgerow.destinations.filters.equality import is_plain
from hedgerow.destinations.filters.properties import property_list
from hedgerow.destinations.filters.trees import array, binary, every, is_constant, literal, name, some
from hedgerow.hog.ast import Expr

NESTED_EVENTS: Final = frozenset({"$activity_log_entry_created"})
"""Internal events whose properties are objects: dots in a filter's key lead into them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An equality at the top of a filter: no event matches whose property is not one of these texts.

    Attributes:
        scope: ``event`` or ``person``.
        key: the property.
        values: the texts.
    """

    scope: str
    key: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Built:
    """A filter as an expression.

    Attributes:
        expr: true for the events that are wanted.
        event_names: no other events are; None when any may be.
        conditions: equalities that must hold besides.
    """

    expr: Expr
    event_names: frozenset[str] | None
    conditions: tuple[Condition, ...]


def build(filters: Mapping[str, Any], context: Context) -> Built:
    """Put together: one of the events or actions, and every property, and every test-account filter.

    Args:
        filters: in PostHog's form, already normalised.
        context: the project's definitions.

    Raises:
        ValidationError: with the place of the fault, such as ``properties__0__value``.
    """
    branches = [*_event_branches(filters, context), *_action_branches(filters, context)]
    names = _event_names(filters, context)
    nested = names is not None and names <= NESTED_EVENTS
    try:
        common = property_list(filters.get("properties"), context, nested=nested)
    except ValidationError as error:
        raise error.under("properties") from None
    parts = [some(branches)] if branches else []
    parts += [common, _test_accounts(filters, context)]
    return Built(every(parts), names, () if nested else _conditions(filters.get("properties")))


def _event_branches(filters: Mapping[str, Any], context: Context) -> list[Expr]:
    """Events without properties of their own share one test of the name."""
    plain: list[str] = []
    branches: list[Expr] = []
    for position, entry in enumerate(filters.get("events") or ()):
        wanted = entry.get("id")
        own = _own_properties(entry, "events", position, context, nested=wanted in NESTED_EVENTS)
        if wanted is not None and is_constant(own, value=True):
            plain.append(wanted)
        else:
            branches.append(every([*_named([wanted] if wanted is not None else []), own]))
    return [*_named(plain), *branches]


def _named(names: Sequence[str]) -> list[Expr]:
    """The event has one of these names, compared as they stand."""
    if len(names) == 1:
        return [binary("==", name("event"), literal(names[0]))]
    return [binary("in", name("event"), array(names))] if names else []


def _action_branches(filters: Mapping[str, Any], context: Context) -> list[Expr]:
    branches: list[Expr] = []
    for position, entry in enumerate(filters.get("actions") or ()):
        try:
            matched = action_filter(str(entry.get("id")), context)
        except ValidationError as error:
            raise error.under("actions", position) from None
        branches.append(every([matched, _own_properties(entry, "actions", position, context)]))
    return branches


def _own_properties(
    entry: Mapping[str, Any], kind: str, position: int, context: Context, *, nested: bool = False
) -> Expr:
    try:
        return property_list(entry.get("properties"), context, nested=nested)
    except ValidationError as error:
        raise error.under(kind, position, "properties") from None


def _test_accounts(filters: Mapping[str, Any], context: Context) -> Expr:
    if not filters.get("filter_test_accounts"):
        return every([])
    try:
        return property_list(list(context.project.test_account_filters), context)
    except ValidationError as error:
        raise ValidationError(
            f"The project's filter of test accounts cannot be used: {error}", attr="filter_test_accounts"
        ) from error


def _event_names(filters: Mapping[str, Any], context: Context) -> frozenset[str] | None:
    """Every name that some branch may take; None when a branch takes any, or there is no branch."""
    events, actions = filters.get("events") or (), filters.get("actions") or ()
    sets: list[frozenset[str] | None] = [
        None if entry.get("id") is None else frozenset({str(entry["id"])}) for entry in events
    ]
    sets += [action_events(str(entry.get("id")), context) for entry in actions]
    return union(sets) if sets else None


def union(sets: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """All names of all sets; None, which stands for every name, swallows the others."""
    found: frozenset[str] = frozenset()
    for names in sets:
        if names is None:
            return None
        found |= names
    return found


def _conditions(properties: Any) -> tuple[Condition, ...]:
    """Equalities with texts that are ANDed with everything else."""
    if isinstance(properties, Mapping):
        properties = properties.get("values") if str(properties.get("type", "AND")).upper() == "AND" else ()
    found = (_equality(item) for item in properties or ())
    return tuple(item for item in found if item)


def _equality(raw: Mapping[str, Any]) -> Condition | None:
    scope = raw.get("type", "event")
    if scope not in ("event", "person") or (raw.get("operator") or "exact") != "exact":
        return None
    if (
        not isinstance(key := raw.get("key"), str)
        or key.startswith("$exception_")
        or key in ("distinct_id", "$elements_chain")
    ):
        return None
    value = raw.get("value")
    values = value if isinstance(value, list) else [value]
    return Condition(scope, key, frozenset(map(str, values))) if all(map(is_plain, values)) else None
