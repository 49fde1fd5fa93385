"""The destinations as the worker sees them: compiled once per revision, renewed when the configuration changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from hedgerow.delivery.identity import raw
from hedgerow.destinations import CompiledDestination, Project
from hedgerow.store import Connection


class Source(Protocol):
    """Where destinations come from; functions of a connection inside a transaction."""

    def version(self, connection: Connection) -> int:
        """A number that changes with every change of configuration."""

    def projects(self, connection: Connection) -> Iterable[Project]:
        """All projects."""

    def enabled(self, connection: Connection) -> Iterable[tuple[bytes, int]]:
        """Id and revision of every destination that is live."""

    def compiled(
        self,
        connection: Connection,
        destination_id: bytes,
        revision: int | None,
        projects: dict[int, Project],
    ) -> CompiledDestination | None:
        """A revision compiled; None when it does not exist or does not compile."""

    def status(self, connection: Connection, destination_id: bytes) -> str:
        """``enabled``, ``disabled`` or ``deleted`` (also when it never was)."""


@dataclass(slots=True)
class Plan:
    """The live destinations of one project, findable by event name."""

    project: Project
    destinations: list[CompiledDestination] = field(default_factory=list)
    _by_name: dict[str, tuple[CompiledDestination, ...]] = field(default_factory=dict)
    _others: dict[str, tuple[CompiledDestination, ...]] = field(default_factory=dict)

    def candidates(self, event: str) -> tuple[CompiledDestination, ...]:
        """Destinations whose event names allow this one."""
        if event not in self._by_name:
            self._remember(event)
        return self._by_name[event]

    def others(self, event: str) -> tuple[CompiledDestination, ...]:
        """Destinations whose event names rule this one out."""
        if event not in self._others:
            self._remember(event)
        return self._others[event]

    def _remember(self, event: str) -> None:
        if len(self._by_name) > 10_000:  # names are the sender's; the cache must not be
            self._by_name.clear()
            self._others.clear()
        wanted = [d.event_names is None or event in d.event_names for d in self.destinations]
        self._by_name[event] = tuple(d for d, wants in zip(self.destinations, wanted, strict=True) if wants)
        self._others[event] = tuple(
            d for d, wants in zip(self.destinations, wanted, strict=True) if not wants
        )


class Configuration:
    """All plans of a worker.

    ``refresh`` is called in every folding transaction, after the log was read, so that an event that was acknowledged
    after a save is matched with what was saved.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._version = -1
        self._compiled: dict[bytes, CompiledDestination] = {}
        self._projects: dict[int, Project] = {}
        self.plans: dict[int, Plan] = {}

    def refresh(self, connection: Connection) -> None:
        """Bring the plans up to date if the configuration changed."""
        version = self._source.version(connection)
        if version == self._version:
            return
        projects = {project.id: project for project in self._source.projects(connection)}
        plans = {project.id: Plan(project) for project in projects.values()}
        live: dict[bytes, CompiledDestination] = {}
        for destination_id, revision in self._source.enabled(connection):
            compiled = self._compiled.get(destination_id)
            if compiled is None or not self._current(compiled, revision, projects):
                compiled = self._source.compiled(connection, destination_id, revision, projects)
            if compiled is not None:
                live[destination_id] = compiled
                plans[compiled.destination.project_id].destinations.append(compiled)
        self._compiled, self.plans, self._projects, self._version = live, plans, projects, version

    def _current(self, compiled: CompiledDestination, revision: int, projects: dict[int, Project]) -> bool:
        """Whether what is compiled is what was saved, of the destination and of its project (whose settings filters use)."""
        project_id = compiled.destination.project_id
        return (
            compiled.destination.revision == revision
            and self._projects.get(project_id) == projects[project_id]
        )

    def live(self, destination_id: bytes) -> CompiledDestination | None:
        """The published revision of a destination that is enabled, or None."""
        return self._compiled.get(destination_id)

    def revision(
        self, connection: Connection, destination_id: bytes, revision: int
    ) -> CompiledDestination | None:
        """A past revision."""
        return self._source.compiled(connection, destination_id, revision, self._projects)

    def status(self, connection: Connection, destination_id: bytes) -> str:
        """See ``Source.status``."""
        return self._source.status(connection, destination_id)


@lru_cache(maxsize=20_000)
def _key(destination_id: str) -> bytes:
    return raw(destination_id)


def key(compiled: CompiledDestination) -> bytes:
    """The ledger's id of a destination."""
    return _key(compiled.destination.id)
