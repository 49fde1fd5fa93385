"""Cohorts in filters: those that can be decided from the event at hand.

A dynamic cohort made of person properties becomes those conditions, judged on the person as it is at the event. A static
cohort is a list of persons. What depends on behaviour over time cannot be known while events arrive, and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.context import Context
from hedgerow.destinations.filters.operators import condition
from hedgerow.destinations.filters.trees import every, name, negate, prop, some
from hedgerow.hog.ast import Expr


def cohort_filter(cohort_id: str, context: Context) -> Expr:
    """The person belongs to a cohort.

    Raises:
        ValidationError: there is no such cohort, or it cannot be decided while events arrive.
    """
    cohort = context.project.cohorts.get(cohort_id)
    if cohort is None:
        raise ValidationError(f"There is no cohort {cohort_id} in this project.", attr="value")
    if cohort_id in context.open_cohorts:
        raise ValidationError(f"Cohort {cohort_id} refers to itself.", attr="value")
    if cohort.get("is_static"):
        members = frozenset(map(str, cohort.get("persons") or ()))
        ids = frozenset(map(str, cohort.get("distinct_ids") or ()))
        return context.derive(
            f"cohort:{cohort_id}",
            lambda found: _person_id(found) in members or found["distinct_id"] in ids,
        )
    definition = (cohort.get("filters") or {}).get("properties")
    if not definition:
        raise ValidationError(f"Cohort {cohort_id} has no conditions.", attr="value")
    inner = replace(context, open_cohorts=(*context.open_cohorts, cohort_id))
    return _part(definition, inner, cohort_id)


def _person_id(found: Mapping[str, Any]) -> str | None:
    person = found["person"]
    return None if person is None else person["id"]


def _part(raw: Any, context: Context, cohort_id: str) -> Expr:
    if isinstance(raw, Mapping) and isinstance(raw.get("values"), list) and "key" not in raw:
        parts = [_part(item, context, cohort_id) for item in raw["values"]]
        return some(parts) if str(raw.get("type")).upper() == "OR" and parts else every(parts)
    return _leaf(raw, context, cohort_id)


def _leaf(raw: Any, context: Context, cohort_id: str) -> Expr:
    kind = raw.get("type") if isinstance(raw, Mapping) else None
    if kind == "cohort":
        test = cohort_filter(str(raw.get("value")), context)
    elif kind == "person" and raw.get("key"):
        operand = prop(name("person"), "properties", raw["key"])
        test = condition(operand, raw.get("operator"), raw.get("value"))
    else:
        raise ValidationError(
            f"Cohort {cohort_id} depends on more than person properties ({kind}), which is not known as events arrive.",
            attr="value",
        )
    return negate(test) if raw.get("negation") else test
