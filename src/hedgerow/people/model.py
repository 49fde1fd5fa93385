"""The values that go into folding and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hedgerow.events import Event


@dataclass(slots=True)
class Change:
    """One event that may change people or groups of a project. Folding never writes into the event."""

    project_id: int
    event: Event


class PersonState(NamedTuple):
    """A person at one moment. A tuple, since one is made for every event.

    Attributes:
        uuid: canonical lower-case text.
        properties: never changed after it was handed out; states between which nothing happened may share it.
        created_at: milliseconds since the epoch.
        is_identified: a merge event named this person.
    """

    uuid: str
    properties: Mapping[str, Any]
    created_at: int
    is_identified: bool


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group at one moment: ``id`` is its key, ``index`` the place (0-4) of its type in the project."""

    id: str
    type: str
    index: int
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IngestionWarning:
    """Something that was refused, ignored or dropped, and why. ``kind`` is PostHog's name where it has one."""

    kind: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class Folded:
    """What an event amounts to once it has been folded.

    Attributes:
        person: the person after the event's own changes; None for a dropped event.
        properties: the event's properties as they go on (``$set`` completed, ``$group_0`` added, and so on).
        groups: the event's groups by type.
        dropped: why the event goes no further, or None.
        warnings: what was refused or ignored on the way.
        changed: whether the event made the person or changed it; only folding knows, loading does not.
    """

    person: PersonState | None
    properties: dict[str, Any]
    groups: dict[str, GroupState] = field(default_factory=dict)
    dropped: str | None = None
    warnings: list[IngestionWarning] = field(default_factory=list)
    changed: bool = False
