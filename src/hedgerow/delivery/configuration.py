"""The destinations as the worker sees them: compiled once per revision, renewed when the configuration changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Protocol

from hedgerow.delivery.identity import raw
from hedgerow.delivery.matching import Plan
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
        revision: int,
        projects: dict[int, Project],
    ) -> CompiledDestination | None:
        """A revision compiled; None when it does not exist or does not compile."""

    def current(
        self, connection: Connection, destination_ids: Collection[bytes], projects: dict[int, Project]
    ) -> dict[bytes, CompiledDestination]:
        """The published revisions of many destinations, compiled; those that do not compile are left out."""

    def status(self, connection: Connection, destination_id: bytes) -> str:
        """``enabled``, ``disabled`` or ``deleted`` (also when it never was)."""


class ConfigurationStale(Exception):
    """So much was edited that compiling it would keep others from writing: compile it outside of the transaction first."""


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

    def refresh(self, connection: Connection, *, most: int | None = None) -> None:
        """Bring the plans up to date if the configuration changed.

        Args:
            connection: inside a transaction.
            most: compile no more than so many destinations.

        Raises:
            ConfigurationStale: there are more; nothing was changed.
        """
        version = self._source.version(connection)
        if version == self._version:
            return
        projects = {project.id: project for project in self._source.projects(connection)}
        kept: dict[bytes, CompiledDestination] = {}
        edited: list[bytes] = []
        enabled = list(self._source.enabled(connection))
        for destination_id, revision in enabled:
            compiled = self._compiled.get(destination_id)
            if compiled is not None and self._is_current(compiled, revision, projects):
                kept[destination_id] = compiled
            else:
                edited.append(destination_id)
        if most is not None and len(edited) > most:
            raise ConfigurationStale
        kept |= self._source.current(connection, edited, projects) if edited else {}
        live = {one: kept[one] for one, _ in enabled if one in kept}
        self._compiled, self.plans = live, self._plans(live.values(), projects)
        self._projects, self._version = projects, version

    def _plans(self, live: Collection[CompiledDestination], projects: dict[int, Project]) -> dict[int, Plan]:
        """One plan per project; where nothing changed, the one there was."""
        grouped: dict[int, list[CompiledDestination]] = {project: [] for project in projects}
        for compiled in live:
            grouped[compiled.destination.project_id].append(compiled)
        plans: dict[int, Plan] = {}
        for number, some in grouped.items():
            old = self.plans.get(number)
            same = old is not None and old.project == projects[number] and old.destinations == some
            plans[number] = old if old is not None and same else Plan(projects[number], some)
        return plans

    def _is_current(self, compiled: CompiledDestination, revision: int, projects: dict[int, Project]) -> bool:
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
