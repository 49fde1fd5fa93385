"""Which events a destination wants: PostHog's filter objects, compiled through Hog to Python functions."""

from __future__ import annotations

from typing import Any

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.build import Condition, union
from hedgerow.destinations.filters.compiled import CompiledFilter, compile_filters, expression
from hedgerow.destinations.filters.normal import normalise
from hedgerow.destinations.project import Project

__all__ = [
    "CompiledFilter",
    "Condition",
    "compile_filters",
    "expression",
    "normalise",
    "union",
    "validate_filters",
]


def validate_filters(
    raw: Any, project: Project, *, mapped: bool = False, strict: bool = True
) -> dict[str, Any]:
    """Check a filter and bring it into its stored form.

    Args:
        raw: as sent; null means every event.
        project: what it may refer to.
        mapped: it is the common filter of a destination with mappings.
        strict: refuse what does not compile. A destination that is off may keep such a filter; the fault is then told in
            ``bytecode_error``, as PostHog does.

    Raises:
        ValidationError: with an attribute such as ``filters__properties__0__value``.
    """
    clean = normalise(raw, mapped=mapped)
    try:
        compile_filters(clean, project)
    except ValidationError as error:
        placed = error.under("filters")
        if strict:
            raise ValidationError(
                f"Invalid filter configuration: {error.detail}",
                attr=placed.attr,
                code=error.code,
                line=error.line,
                column=error.column,
            ) from error
        clean["bytecode_error"] = f"{placed.attr}: {error.detail}"
    return clean
