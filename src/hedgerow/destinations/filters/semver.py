"""Versions in filters: ``1.2.3`` by number, part by part; what follows a hyphen is left out, missing parts are zero."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.trees import array, binary, call, concat, every, is_set, literal
from hedgerow.hog.ast import Expr

PARTS: Final = 4
_VERSION: Final = re.compile(r"\s*[vV=]?\s*(\d+(?:\.\d+){0,3})(?:[-+].*)?\s*")
_WILDCARD: Final = re.compile(r"\s*[vV]?(\d+(?:\.\d+){0,2})\.[*xX]\s*")


def parse(text: Any) -> list[int]:
    """The numbers of a version, one to four of them.

    Raises:
        ValidationError: it is no version.
    """
    found = _VERSION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValidationError(f"{text!r} is no version. Write it as 1.2.3.", attr="value")
    return [int(part) for part in found.group(1).split(".")]


def _padded(parts: list[int]) -> list[int]:
    return [*parts, *[0] * (PARTS - len(parts))]


def _sortable(operand: Expr) -> Expr:
    """The operand as a list of exactly four numbers; an empty list when there is no version in it."""
    found = call("extractRegex", call("toString", operand), literal(r"\d+(?:\.\d+)*"))
    padded = concat(found, literal(".0" * (PARTS - 1)))
    return call("sortableSemver", call("extractRegex", padded, literal(r"^\d+(?:\.\d+){3}")))


def _compare(operand: Expr, op: str, parts: list[int]) -> Expr:
    return every([is_set(operand), binary(op, _sortable(operand), array(_padded(parts)))])


def _is_version(operand: Expr) -> Expr:
    """There is a version; without one an empty list would be less than any."""
    return call("match", call("toString", operand), literal(r"\d"))


def _below(operand: Expr, op: str, parts: list[int]) -> Expr:
    return every([_is_version(operand), _compare(operand, op, parts)])


def _range(operand: Expr, low: list[int], high: list[int]) -> Expr:
    return every([_compare(operand, ">=", low), _compare(operand, "<", high)])


def _raised(parts: list[int], place: int) -> list[int]:
    """The least version that differs from this one at ``place``."""
    return [*parts[:place], parts[place] + 1]


def _tilde(operand: Expr, value: Any) -> Expr:
    parts = parse(value)
    return _range(operand, parts, _raised(parts, 0 if len(parts) == 1 else 1))


def _caret(operand: Expr, value: Any) -> Expr:
    parts = parse(value)
    bound = next((place for place, part in enumerate(parts) if part), len(parts) - 1)
    return _range(operand, parts, _raised(parts, bound))


def _wildcard(operand: Expr, value: Any) -> Expr:
    found = _WILDCARD.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValidationError(f"{value!r} is no version with a wildcard. Write it as 1.2.*", attr="value")
    parts = [int(part) for part in found.group(1).split(".")]
    return _range(operand, parts, _raised(parts, len(parts) - 1))


SEMVER: Final[dict[str, Callable[[Expr, Any], Expr]]] = {
    "semver_eq": lambda operand, value: _compare(operand, "==", parse(value)),
    "semver_gt": lambda operand, value: _compare(operand, ">", parse(value)),
    "semver_gte": lambda operand, value: _compare(operand, ">=", parse(value)),
    "semver_lt": lambda operand, value: _below(operand, "<", parse(value)),
    "semver_lte": lambda operand, value: _below(operand, "<=", parse(value)),
    "semver_tilde": _tilde,
    "semver_caret": _caret,
    "semver_wildcard": _wildcard,
}
"""What each version operator means. A text without a version is neither equal, above nor below."""
