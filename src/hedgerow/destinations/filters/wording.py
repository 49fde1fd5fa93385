"""Filters in words, for people who ask why an event matched or did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

MOST_VALUES: Final = 5
"""Values of a filter that are written out; of more the number is told."""
LONGEST_VALUE: Final = 80

_OWNERS: Final[Mapping[str, str]] = {
    "event": "event property",
    "feature": "event property",
    "person": "person property",
    "event_metadata": "event's",
    "element": "clicked element's",
    "workflow_variable": "variable",
}

_VERBS: Final[Mapping[str, str]] = {
    "exact": "is",
    "in": "is",
    "is_not": "is not",
    "not_in": "is not",
    "icontains": "contains",
    "icontains_multi": "contains",
    "not_icontains": "does not contain",
    "not_icontains_multi": "does not contain",
    "regex": "matches",
    "not_regex": "does not match",
    "gt": "is greater than",
    "gte": "is at least",
    "min": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "max": "is at most",
    "is_date_exact": "is on the date",
    "is_date_before": "is before",
    "is_date_after": "is after",
    "is_cleaned_path_exact": "is, as a cleaned path,",
    "semver_eq": "is version",
    "semver_neq": "is not version",
    "semver_gt": "is a version above",
    "semver_gte": "is version or above:",
    "semver_lt": "is a version below",
    "semver_lte": "is version or below:",
    "semver_tilde": "is a version within ~",
    "semver_caret": "is a version within ^",
    "semver_wildcard": "is a version within",
}


def property_words(raw: Mapping[str, Any]) -> str:
    """What a property filter asks for.

    Args:
        raw: ``{"key", "value", "operator", "type"}``, known to be valid.
    """
    if raw.get("type") == "hogql":
        return str(raw["key"])
    subject = f"{_owner(raw)} {raw.get('key')}"
    return f"{subject} {test_words(raw.get('operator'), raw.get('value'))}"


def test_words(operator: str | None, value: Any) -> str:
    """What an operator and its value ask of whatever stands before them."""
    operator = operator or "exact"
    if operator in ("is_set", "is_not_set"):
        return "is set" if operator == "is_set" else "is not set"
    if operator in ("between", "not_between") and isinstance(value, list) and len(value) == 2:
        word = "is between" if operator == "between" else "is not between"
        return f"{word} {quoted(value[0])} and {quoted(value[1])}"
    values = value if isinstance(value, list) else [value]
    return f"{_VERBS.get(operator, operator)} {_any(values)}"


def quoted(value: Any) -> str:
    """A value as people read it: texts in quotation marks, long ones cut."""
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _owner(raw: Mapping[str, Any]) -> str:
    kind = str(raw.get("type") or "event")
    return f"group {raw.get('group_type_index')} property" if kind == "group" else _OWNERS.get(kind, kind)


def _any(values: list[Any]) -> str:
    shown = [quoted(value) for value in values[:MOST_VALUES]]
    if len(values) > MOST_VALUES:
        shown.append(f"one of {len(values) - MOST_VALUES} more")
    return " or ".join(shown)
