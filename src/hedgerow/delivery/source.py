"""Where a worker's destinations come from: the repository, compiled with the instance's keys."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from hedgerow.delivery.identity import text
from hedgerow.destinations import CompiledDestination, DestinationError, Keyring, Project, repository
from hedgerow.store import Connection

log = logging.getLogger(__name__)

PROJECTS = "SELECT id, name, settings FROM projects"


class RepositorySource:
    """The destinations of the state database."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def version(self, connection: Connection) -> int:
        """See ``Source.version``."""
        return repository.config_version(connection)

    def projects(self, connection: Connection) -> Iterable[Project]:
        """See ``Source.projects``."""
        return [Project.from_row(*row) for row in connection.execute(PROJECTS)]

    def enabled(self, connection: Connection) -> Iterable[tuple[bytes, int]]:
        """See ``Source.enabled``."""
        return repository.enabled(connection)

    def compiled(
        self,
        connection: Connection,
        destination_id: bytes,
        revision: int | None,
        projects: dict[int, Project],
    ) -> CompiledDestination | None:
        """See ``Source.compiled``."""
        destination = repository.load(connection, destination_id, revision)
        if destination is None:
            return None
        try:
            return CompiledDestination(destination, self._keyring, projects[destination.project_id])
        except DestinationError as error:
            # Saving refuses such a revision; one of an older release may still not compile any more.
            log.error("destination_uncompilable id=%s error=%s", text(destination_id), error)  # noqa: TRY400
            return None

    def status(self, connection: Connection, destination_id: bytes) -> str:
        """See ``Source.status``."""
        return repository.status(connection, destination_id)
