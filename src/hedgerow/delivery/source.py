"""Where a worker's destinations come from: the repository, compiled with the instance's keys."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from hedgerow.delivery.identity import raw
from hedgerow.destinations import (
    CompiledDestination,
    Destination,
    DestinationError,
    Keyring,
    Project,
    builtin,
    definitions,
    repository,
)
from hedgerow.hog import Limits
from hedgerow.store import Connection

log = logging.getLogger(__name__)


class RepositorySource:
    """The destinations of the state database."""

    def __init__(self, keyring: Keyring, limits: Limits | None = None) -> None:
        """Read from the state database.

        Args:
            keyring: opens the secrets.
            limits: bounds of every run of a program; the language's own when absent.
        """
        self._keyring = keyring
        self._limits = limits or Limits()
        builtin()  # reads the templates now, not when the first destination needs one

    def version(self, connection: Connection) -> int:
        """See ``Source.version``. Tokens of integrations are renewed more often than anything else changes."""
        self._keyring.connections.refresh(connection, self._keyring)
        return repository.config_version(connection)

    def projects(self, connection: Connection) -> Iterable[Project]:
        """See ``Source.projects``."""
        return definitions.projects(connection)

    def enabled(self, connection: Connection) -> Iterable[tuple[bytes, int]]:
        """See ``Source.enabled``."""
        return repository.enabled(connection)

    def compiled(
        self,
        connection: Connection,
        destination_id: bytes,
        revision: int,
        projects: dict[int, Project],
    ) -> CompiledDestination | None:
        """See ``Source.compiled``."""
        destination = repository.load(connection, destination_id, revision)
        return None if destination is None else self._compile(destination, projects)

    def current(
        self, connection: Connection, destination_ids: Collection[bytes], projects: dict[int, Project]
    ) -> dict[bytes, CompiledDestination]:
        """See ``Source.current``."""
        found = repository.load_many(connection, destination_ids)
        compiled = {raw(destination.id): self._compile(destination, projects) for destination in found}
        return {one: made for one, made in compiled.items() if made is not None}

    def _compile(self, destination: Destination, projects: dict[int, Project]) -> CompiledDestination | None:
        try:
            compiled = CompiledDestination(destination, self._keyring, projects[destination.project_id])
        except DestinationError as error:
            # Saving refuses such a revision; one of an older release may still not compile any more.
            log.error("destination_uncompilable id=%s error=%s", destination.id, error)  # noqa: TRY400
            return None
        compiled.limits = self._limits
        return compiled

    def status(self, connection: Connection, destination_id: bytes) -> str:
        """See ``Source.status``."""
        return repository.status(connection, destination_id)
