"""What filters may refer to while they are built, and the facts that are worked out beside them at run time.

Hog's library has no function for every thing a filter needs (replacing by regular expression, membership in a long list).
Such facts become extra filter globals, worked out in Python once per event for the destinations that ask for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import re2

from hedgerow.destinations.errors import ValidationError
from hedgerow.destinations.filters.operators import check_pattern
from hedgerow.destinations.filters.trees import name
from hedgerow.destinations.project import PathCleaning, Project
from hedgerow.hog import ast
from hedgerow.hog.ast import Expr

LONGEST_PATH: Final = 100_000


@dataclass(slots=True)
class Context:
    """One filter in the making.

    Attributes:
        project: actions, cohorts and rules it may refer to.
        derived: extra globals of this filter: name -> how to work it out from the others.
        open_cohorts: cohorts being inlined just now, to notice circles.
    """

    project: Project
    derived: dict[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    open_cohorts: tuple[str, ...] = ()

    def clean(self, path: str) -> str:
        """A path after the project's rules."""
        return clean_path(path, self.project.path_cleaning)

    def cleaned(self, operand: Expr) -> Expr:
        """The operand after the project's rules, as an extra global."""
        keys = _path(operand)
        for position, rule in enumerate(self.project.path_cleaning):
            try:
                check_pattern(rule.regex)
            except ValidationError as error:
                raise ValidationError(f"Path rule {position + 1} of the project: {error.detail}") from error
        rules = tuple(self.project.path_cleaning)
        return self.derive("cleaned:" + "\0".join(keys), lambda found: _cleaned_at(found, keys, rules))

    def derive(self, label: str, work_out: Callable[[Mapping[str, Any]], Any]) -> Expr:
        """An extra global; the same label is worked out once."""
        self.derived[label] = work_out
        return name(label)


def clean_path(path: str, rules: Sequence[PathCleaning]) -> str:
    """Apply the rules in order; each replaces everything its expression finds."""
    for rule in rules:
        path = re2.sub(rule.regex, rule.alias.replace("\\", "\\\\"), path)
    return path


def _cleaned_at(found: Mapping[str, Any], keys: Sequence[str], rules: Sequence[PathCleaning]) -> str | None:
    value: Any = found
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    if not isinstance(value, str) or len(value) > LONGEST_PATH:
        return None
    return clean_path(value, rules)


def _path(operand: Expr) -> tuple[str, ...]:
    """The keys that lead to an operand from the filter globals."""
    keys: list[str] = []
    while isinstance(operand, ast.Property):
        keys.append(operand.name)
        operand = operand.object
    assert isinstance(operand, ast.Name)
    return (operand.name, *reversed(keys))
