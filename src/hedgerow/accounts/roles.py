"""What people may do in a project, and what keys may be limited to.

Roles are for people, scopes for keys. A request must satisfy both: the key of an editor can do at most what the editor can,
and of that only what its scopes name.
"""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """What somebody is in a project. The numbers are PostHog's levels of membership: the higher may do more."""

    VIEWER = 1
    EDITOR = 8
    OWNER = 15

    @property
    def word(self) -> str:
        """The role as the API writes it."""
        return self.name.lower()

    @classmethod
    def named(cls, word: object) -> Role | None:
        """The role that is called so; None when none is."""
        return cls[word.upper()] if isinstance(word, str) and word.upper() in cls.__members__ else None


# What a scope may be about, named as PostHog names it where it has the same thing.
SUBJECTS = frozenset({
    "action", "activity_log", "alert", "cohort", "event", "event_definition", "group", "hog_function", "ingestion_warning",
    "integration", "organization", "organization_member", "person", "project", "property_definition", "query", "user",
})  # fmt: skip
VERBS = ("read", "write")
EVERYTHING = "*"


def is_scope(text: object) -> bool:
    """Whether a key can be limited to this."""
    if text == EVERYTHING:
        return True
    subject, _, verb = text.partition(":") if isinstance(text, str) else ("", "", "")
    return subject in SUBJECTS and verb in VERBS


def least_role(scope: str) -> Role:
    """The role that a scope asks for when nothing else is said: viewers read, editors write."""
    return Role.EDITOR if scope.endswith(":write") else Role.VIEWER
