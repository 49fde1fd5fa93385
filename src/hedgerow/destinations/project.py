"""What destinations need to know of the project they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class PathCleaning:
    """One rule of a project: what the regular expression finds in a path is replaced by the alias."""

    regex: str
    alias: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project as filters and templates see it.

    Attributes:
        id: its number.
        name: its name.
        display_name_properties: person properties that may serve as a name, best first.
        test_account_filters: property filters that leave out a team's own traffic.
        path_cleaning: rules for ``is_cleaned_path_exact``, applied in order.
        actions: saved matchers by id.
        cohorts: cohort definitions by id.
    """

    id: int
    name: str = ""
    display_name_properties: Sequence[str] = ("email", "name", "username")
    test_account_filters: Sequence[Mapping[str, Any]] = ()
    path_cleaning: Sequence[PathCleaning] = ()
    actions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cohorts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_row(cls, project_id: int, name: str, settings: str | None = None) -> Project:
        """A project from its row of the table ``projects``; ``settings`` is the JSON text kept there."""
        raw: dict[str, Any] = orjson.loads(settings) if settings else {}
        rules = raw.get("path_cleaning_filters") or ()
        return cls(
            id=project_id,
            name=name,
            display_name_properties=raw.get("person_display_name_properties") or cls.names(),
            test_account_filters=raw.get("test_account_filters") or (),
            path_cleaning=tuple(PathCleaning(rule["regex"], rule.get("alias", "")) for rule in rules),
            actions={str(key): value for key, value in (raw.get("actions") or {}).items()},
            cohorts={str(key): value for key, value in (raw.get("cohorts") or {}).items()},
        )

    @staticmethod
    def names() -> tuple[str, ...]:
        """The person properties that name a person when the project does not say."""
        return ("email", "name", "username")
