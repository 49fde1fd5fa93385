"""PostHog's bytecode of programs and filters, for clients that read it. Nothing here runs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from hedgerow import hog
from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.compiled import expression
from hedgerow.destinations.project import Project

# What a filter may take from its project: actions, cohorts, test accounts, rules for paths.
_PROJECTS = re.compile(rb'"actions":\[\{|cohort|"filter_test_accounts":true|cleaned')


@lru_cache(maxsize=256)
def of_program(source: str) -> list[Any] | None:
    """The bytecode of a program, or None for what has no form in it."""
    try:
        return hog.emit_bytecode(hog.parse_program(source))
    except hog.HogError:
        return None


def of_filters(filters: Mapping[str, Any], project: Project) -> list[Any] | None:
    """The bytecode of a filter, or None when it does not compile or has no form in it."""
    written = orjson.dumps(filters)
    return _of_filters(filters, project) if _PROJECTS.search(written) else _of_plain_filters(written)


@lru_cache(maxsize=4096)
def _of_plain_filters(written: bytes) -> list[Any] | None:
    """That of a filter which says the same in every project."""
    return _of_filters(orjson.loads(written), Project(0))


def _of_filters(filters: Mapping[str, Any], project: Project) -> list[Any] | None:
    try:
        return hog.emit_bytecode(expression(filters, project))
    except (hog.HogError, ValidationError):
        return None


def of_value(value: Any) -> Any:
    """The value of an input with the bytecode of each of its texts in its place."""
    if isinstance(value, str):
        return of_template(value)
    if isinstance(value, Mapping):
        return {key: of_value(item) for key, item in value.items()}
    return [of_value(item) for item in value] if isinstance(value, list) else value


@lru_cache(maxsize=4096)
def of_template(text: str) -> list[Any] | None:
    """The bytecode of a template, or None when it does not parse."""
    try:
        return hog.emit_bytecode(hog.parse_template(text))
    except hog.HogError:
        return None
