"""Filters ready to run: one Python function each, shared by all destinations that filter alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

import orjson

from hedgerow import hog
from hedgerow.destinations.errors import FilterError, ValidationError
from hedgerow.destinations.filters.build import Built, Condition, build
from hedgerow.destinations.filters.context import Context
from hedgerow.destinations.globals import FilterGlobals
from hedgerow.destinations.project import Project
from hedgerow.hog.ast import Expr
from hedgerow.hog.values import truthy

Derived = Mapping[str, Callable[[Mapping[str, Any]], Any]]


class CompiledFilter:
    """One filter.

    Attributes:
        event_names: names of the only events it can match, or None when it may match any.
        conditions: equalities that every matching event meets.
    """

    __slots__ = ("__weakref__", "_derived", "_function", "conditions", "event_names")

    def __init__(self, built: Built, derived: Derived) -> None:
        """Compile what was built.

        Raises:
            ValidationError: the expression cannot be compiled.
        """
        self.event_names: frozenset[str] | None = built.event_names
        self.conditions: tuple[Condition, ...] = built.conditions
        self._derived = dict(derived)
        try:
            # The bound method: calling it costs half of calling the object.
            self._function = hog.compile_filter(built.expr).__call__
        except hog.HogError as error:
            raise ValidationError(error.render(), line=error.line, column=error.column) from error

    def matches(self, found: Mapping[str, Any], host: hog.Host | None = None) -> bool:
        """Whether an event is wanted. Any value that Hog takes for true counts.

        Args:
            found: filter globals.
            host: clock and limits; the real clock when absent.

        Raises:
            FilterError: it could not be decided.
        """
        if self._derived:
            found = FilterGlobals(found)
            found.update({label: work_out(found) for label, work_out in self._derived.items()})
        try:
            answer = self._function(found, host)
        except hog.HogRuntimeError as error:
            raise FilterError(str(error), line=error.line, column=error.column) from error
        return answer if answer is True or answer is False else truthy(answer)


_SHARED: WeakValueDictionary[bytes, CompiledFilter] = WeakValueDictionary()


def compile_filters(filters: Mapping[str, Any], project: Project) -> CompiledFilter:
    """The compiled form of a normalised filter. Filters that need nothing of the project are compiled once for all.

    Raises:
        ValidationError: with the place of the fault, such as ``properties__0__value``.
    """
    text = orjson.dumps(filters, option=orjson.OPT_SORT_KEYS)
    if any(word in text for word in _PROJECT_WORDS):
        return _compile(filters, project)
    found = _SHARED.get(text)
    if found is None:
        found = _SHARED[text] = _compile(filters, project)
    return found


def expression(filters: Mapping[str, Any], project: Project) -> Expr:
    """A normalised filter as a Hog expression, for showing it in other forms.

    Raises:
        ValidationError: with the place of the fault.
    """
    return build(filters, Context(project)).expr


def _compile(filters: Mapping[str, Any], project: Project) -> CompiledFilter:
    context = Context(project)
    built = build(filters, context)
    return CompiledFilter(built, context.derived)


_PROJECT_WORDS: Final = (b'"actions"', b"cohort", b"is_cleaned_path_exact", b'"filter_test_accounts":true')
"""Where one of these stands in a filter, what it means may depend on the project."""
