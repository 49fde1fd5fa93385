"""The options of a project, each with the form it must have. PostHog's names where it has the same option."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hedgerow.destinations import ValidationError
from hedgerow.destinations.filters.operators import check_pattern

LONGEST_LIST = 1000
LONGEST_TEXT = 400


class BadOption(ValueError):
    """An option cannot have this value; ``name`` is the option, or that of a field that is none."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


Check: TypeAlias = Callable[[str, Any], Any]


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadOption(name, "Must be true or false.")
    return value


def _names(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(_is_text(item) for item in value) or len(value) > LONGEST_LIST:
        raise BadOption(
            name, f"Must be a list of at most {LONGEST_LIST} names, each of 1 to {LONGEST_TEXT} characters."
        )
    return list(dict.fromkeys(value))


def _text(name: str, value: Any) -> str:
    if not _is_text(value):
        raise BadOption(name, f"Must be a text of 1 to {LONGEST_TEXT} characters.")
    return str(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT


def _filters(name: str, value: Any) -> list[dict[str, Any]]:
    """Property filters; whether they can be judged is for who knows the project's cohorts to say."""
    if not _are_objects(value):
        raise BadOption(name, f"Must be a list of at most {LONGEST_LIST} property filters.")
    return [dict(item) for item in value]


def _rules(name: str, value: Any) -> list[dict[str, Any]]:
    if not _are_objects(value) or not all(_is_text(item.get("regex")) for item in value):
        raise BadOption(
            name, f'Must be a list of at most {LONGEST_LIST} rules {{"regex": ..., "alias": ...}}.'
        )
    for item in value:
        _check_rule(name, item)
    return [dict(item) for item in value]


def _check_rule(name: str, rule: Mapping[str, Any]) -> None:
    if not isinstance(rule.get("alias", ""), str):
        raise BadOption(name, "An alias must be a text.")
    try:
        check_pattern(rule["regex"])
    except ValidationError as error:
        raise BadOption(name, error.detail) from error


def _are_objects(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= LONGEST_LIST
        and all(isinstance(item, Mapping) for item in value)
    )


def _rate(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadOption(name, "Must be a number, 0 for no limit.")
    return value


# What each option is without a word about it, and how a value is checked.
OPTIONS: Mapping[str, tuple[Any, Check]] = {
    "anonymize_ips": (False, _flag),
    "dropped_properties": ([], _names),
    "hashed_properties": ([], _names),
    "hash_salt": (None, _text),
    "events_per_second": (0, _rate),
    "events_burst": (0, _rate),
    "person_display_name_properties": (None, _names),
    "person_processing_opt_out": (False, _flag),
    "path_cleaning_filters": ([], _rules),
    "test_account_filters": ([], _filters),
    "segment_group_type": ("segment_group", _text),
}
SECRET = frozenset({"hash_salt"})


def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they may be stored; None takes one back to its default.

    Raises:
        BadOption: one is not known, or cannot have its value.
    """
    for name in changes:
        if name not in OPTIONS:
            raise BadOption(name, f"There is no such option. Known ones: {', '.join(sorted(OPTIONS))}.")
    return {name: None if value is None else OPTIONS[name][1](name, value) for name, value in changes.items()}


def shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All options with what holds for each; a secret only shows that it is there."""
    values = {name: settings.get(name, default) for name, (default, _) in OPTIONS.items()}
    return {name: bool(value) if name in SECRET else value for name, value in values.items()}
