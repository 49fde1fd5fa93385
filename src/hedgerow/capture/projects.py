"""Whose events these are: the seam to whatever knows the project tokens, and a short memory before it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Project:
    """What capture needs to know of a project.

    Attributes:
        id: its number.
        settings: of these capture reads ``anonymize_ips``, ``dropped_properties``, ``hashed_properties``, ``hash_salt``
            (see ``capture.privacy``), ``events_per_second`` and ``events_burst`` (see ``capture.limits``), and
            ``segment_group_type`` (see ``capture.segment``).
    """

    id: int
    settings: Mapping[str, Any] = field(default_factory=dict)


Projects: TypeAlias = Callable[[str], Awaitable[Project | None]]


class CachedProjects:
    """Remembers for a moment what a lookup said, misses included, so that a flood of requests costs few lookups.

    Args:
        load: finds the project of a token.
        seconds: how long an answer is believed; a new or changed project is noticed that late.
        size: how many tokens are remembered; wrong tokens must not fill the memory.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        load: Projects,
        *,
        seconds: float = 2.0,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._known: dict[str, tuple[float, Project | None]] = {}

    async def __call__(self, token: str) -> Project | None:
        """The project of a token, or None."""
        now = self._clock()
        known = self._known.get(token)
        if known is not None and known[0] > now:
            return known[1]
        project = await self._load(token)
        if len(self._known) >= self._size:
            self._known.clear()
        self._known[token] = (now + self._seconds, project)
        return project
