"""Property filters: where each kind of property is found, and groups of filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hedgerow import hog
from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.context import Context
from hedgerow.destinations.filters.operators import NEGATIVE, condition
from hedgerow.destinations.filters.selectors import selector_pattern
from hedgerow.destinations.filters.trees import any_of, binary, every, literal, name, negate, prop, some
from hedgerow.destinations.globals import GROUP_TYPES
from hedgerow.destinations.templating import free_names
from hedgerow.hog.ast import Expr

DEEPEST: Final = 20
METADATA: Final = ("event", "distinct_id", "timestamp", "uuid", "elements_chain")
ROOTS: Final = frozenset(
    {
        *METADATA, "properties", "person", "pdi", "variables", "elements_chain_href", "elements_chain_texts",
        "elements_chain_ids", "elements_chain_elements",
        *(f"{prefix}group_{index}" for prefix in ("", "$") for index in range(GROUP_TYPES)),
    }
)  # fmt: skip
"""The variables a filter may read."""

LISTS: Final = frozenset(
    {"$exception_types", "$exception_values", "$exception_sources", "$exception_functions"}
)
"""Event properties that hold several texts; a filter on one holds when it holds for any of them."""

_ITEM: Final = "item"


def property_list(raw: Any, context: Context, *, nested: bool = False) -> Expr:
    """All filters of a list, or of a group ``{"type": "AND" | "OR", "values": [...]}``.

    Args:
        raw: the list or group; null means none.
        context: the project's definitions.
        nested: dots in event property names lead into objects.

    Raises:
        ValidationError: with the place of the fault, such as ``0__value``.
    """
    return _group(raw, context, nested, 0)


def _group(raw: Any, context: Context, nested: bool, depth: int) -> Expr:
    if depth > DEEPEST:
        raise ValidationError(f"Groups of filters are nested more than {DEEPEST} deep.")
    if raw is None:
        return every([])
    if isinstance(raw, list):
        return every(_each(raw, context, nested, depth))
    kind = str(raw.get("type", "AND")).upper() if isinstance(raw, Mapping) else ""
    if kind not in ("AND", "OR") or not isinstance(raw.get("values"), list):
        raise ValidationError('Expected a list of filters or {"type": "AND" or "OR", "values": [...]}.')
    values = _each(raw["values"], context, nested, depth)
    return some(values) if kind == "OR" and values else every(values)


def _each(values: Sequence[Any], context: Context, nested: bool, depth: int) -> list[Expr]:
    found: list[Expr] = []
    for position, item in enumerate(values):
        try:
            is_group = isinstance(item, Mapping) and "values" in item and "key" not in item
            found.append(
                _group(item, context, nested, depth + 1)
                if is_group
                else property_filter(item, context, nested=nested)
            )
        except ValidationError as error:
            raise error.under(position) from None
    return found


def property_filter(raw: Any, context: Context, *, nested: bool = False) -> Expr:
    """One property filter ``{"key", "value", "operator", "type"}``.

    Raises:
        ValidationError: it is incomplete, or cannot be judged as events arrive.
    """
    if not isinstance(raw, Mapping):
        raise ValidationError("A filter is a dictionary with key, value, operator and type.", code="invalid")
    kind, key = raw.get("type", "event"), raw.get("key")
    if not isinstance(raw.get("operator"), str | None):
        raise ValidationError("Not a valid string.", attr="operator", code="invalid")
    if kind in ("cohort", "static-cohort", "precalculated-cohort"):
        return _cohort(raw, context)
    if kind == "flag":
        return literal(True)
    if not isinstance(key, str) or not key:
        raise ValidationError("The filter is incomplete: choose a property.", attr="key", code="required")
    if kind == "hogql":
        return hogql(key)
    if kind == "element":
        return _element(key, raw)
    operand = operand_of(kind, key, raw, nested)
    if raw.get("operator") == "is_cleaned_path_exact":
        return _cleaned(operand, raw.get("value"), context)
    if kind in ("event", "feature") and key in LISTS:
        return _any_item(operand, raw)
    text_only = kind == "event_metadata" and key == "event"
    return condition(operand, raw.get("operator"), raw.get("value"), text_only=text_only)


def operand_of(kind: Any, key: str, raw: Mapping[str, Any], nested: bool) -> Expr:
    """Where a property of this kind is found.

    Args:
        kind: ``event``, ``person``, ``group``...
        key: its name.
        raw: the filter, for the number of a group's type.
        nested: dots in the key lead into objects.

    Raises:
        ValidationError: it is not known as events arrive.
    """
    match kind:
        case "event" | "feature":
            if key == "$elements_chain":
                return name("elements_chain")
            return prop(name("properties"), *(key.split(".") if nested else [key]))
        case "person" if key == "distinct_id":
            return name("distinct_id")
        case "person":
            return prop(name("person"), "properties", key)
        case "group":
            return prop(name(f"group_{_group_index(raw)}"), "properties", key)
        case "event_metadata" if key in ROOTS:
            return name(key)
        case "event_metadata":
            raise ValidationError(f"An event has no field {key!r}. It has {', '.join(METADATA)}.", attr="key")
        case "workflow_variable":
            return prop(name("variables"), key)
    raise ValidationError(
        f"Properties of type {kind!r} are not known while events arrive. "
        "Use event, person, group, event_metadata, element, cohort or hogql.",
        attr="type",
        code="invalid_choice",
    )


def _group_index(raw: Mapping[str, Any]) -> int:
    index = raw.get("group_type_index")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < GROUP_TYPES:
        raise ValidationError(
            f"The filter is incomplete: choose a group type, 0 to {GROUP_TYPES - 1}.",
            attr="group_type_index",
            code="required",
        )
    return index


def _any_item(items: Expr, raw: Mapping[str, Any]) -> Expr:
    """The condition on any item of a list; a negative one on none of them."""
    operator = raw.get("operator") or "exact"
    if operator in ("is_set", "is_not_set"):
        return condition(items, operator, None)
    positive = NEGATIVE.get(operator, operator)
    found = any_of(items, _ITEM, condition(name(_ITEM), positive, raw.get("value")))
    return negate(found) if operator in NEGATIVE else found


def _element(key: str, raw: Mapping[str, Any]) -> Expr:
    operator, value = raw.get("operator") or "exact", raw.get("value")
    if key == "href":
        return condition(name("elements_chain_href"), operator, value)
    if key == "text":
        return _any_item(name("elements_chain_texts"), raw)
    if key not in ("selector", "tag_name"):
        raise ValidationError(
            "Elements have selector, tag_name, href and text.", attr="key", code="invalid_choice"
        )
    if operator not in ("exact", "is_not"):
        raise ValidationError(f"{key} can be compared by exact and is_not only.", attr="operator")
    found = some([element_matches(item) for item in _texts(value, "value")])
    return negate(found) if operator == "is_not" else found


def element_matches(selector: str) -> Expr:
    """An element of the event's chain is chosen by this CSS selector."""
    return binary("=~", name("elements_chain"), literal(selector_pattern(selector)))


def _cleaned(operand: Expr, value: Any, context: Context) -> Expr:
    """Equal once the project's path rules have been applied to both."""
    values = _texts(value, "path")
    cleaned = context.cleaned(operand)
    return some([binary("==", cleaned, literal(context.clean(item))) for item in values])


def _texts(value: Any, wanted: str) -> list[str]:
    """One text or several."""
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(item, str) and item for item in values):
        raise ValidationError(f"The filter is incomplete: choose a {wanted}.", attr="value", code="required")
    return values


def _cohort(raw: Mapping[str, Any], context: Context) -> Expr:
    from hedgerow.destinations.filters.cohorts import cohort_filter

    values = raw.get("value") if isinstance(raw.get("value"), list) else [raw.get("value")]
    found = some([cohort_filter(str(item), context) for item in values or ()])
    negative = bool(raw.get("negation")) or raw.get("operator") in ("not_in", "is_not")
    return negate(found) if negative else found


def hogql(text: str) -> Expr:
    """A free expression over the filter globals.

    Raises:
        ValidationError: it does not compile, or reads a variable that filters do not have.
    """
    try:
        hog.compile_filter(text)
        expr = hog.parse_expression(text)
    except hog.HogError as error:
        raise ValidationError(error.render(), attr="key", line=error.line, column=error.column) from error
    for strange in free_names(expr) - ROOTS:
        raise ValidationError(
            f"Filters know no variable {strange!r}. They have {', '.join(sorted(ROOTS))}.", attr="key"
        )
    return expr
