"""Bring a data folder's files to the schema of this release.

The libraries for it are loaded when they are used: only the first process of an instance migrates, the others start
half a second sooner without them.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from hedgerow.store.database import Connection, StoreError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
SCHEMAS = ("state", "telemetry")
HAS_VERSION = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"


def _config(schema: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / schema))
    return config


@cache
def known(schema: str) -> tuple[str, ...]:
    """All revisions of a schema that this release knows, oldest first."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config(schema))
    return tuple(found.revision for found in reversed(list(script.walk_revisions())))


def head(schema: str) -> str:
    """The newest of them."""
    return known(schema)[-1]


def revision_of(connection: Connection) -> str:
    """The revision that a file's schema is of; empty when it has none."""
    if not connection.execute(HAS_VERSION).get:
        return ""
    return str(connection.execute("SELECT version_num FROM alembic_version").get or "")


def migrate(folder: Path, *, revision: str = "head") -> None:
    """Create or upgrade ``state.db`` and ``telemetry.db`` of a data folder.

    Args:
        folder: the data folder; it must exist.
        revision: the schema revision to reach, the newest by default.
    """
    for schema in SCHEMAS:
        migrate_file(folder / f"{schema}.db", schema, revision=revision)


def migrate_file(path: Path, schema: str, *, revision: str = "head") -> None:
    """Create or upgrade one file.

    Raises:
        StoreError: the file is damaged, or a newer release made it.
    """
    _run("upgrade", path, schema, revision)


def downgrade_file(path: Path, schema: str, revision: str) -> None:
    """Bring one file to an earlier revision, or leave it there.

    Raises:
        StoreError: the file is damaged, or a newer release made it.
    """
    _run("downgrade", path, schema, revision)


def _run(what: str, path: Path, schema: str, revision: str) -> None:
    logging.getLogger("alembic").setLevel(
        logging.WARNING
    )  # before it is loaded: it tells of its plugins then
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    try:
        _migrate(what, path, schema, revision)
    except CommandError as error:
        raise StoreError(
            f"{path} was made by a newer release of Hedgerow. Run that release, or restore an older copy ({error})."
        ) from error
    except (DBAPIError, apsw.Error) as error:
        raise StoreError(f"{path} cannot be used: {error.__cause__ or error}.") from error


def _migrate(what: str, path: Path, schema: str, revision: str) -> None:
    from alembic import command
    from sqlalchemy import create_engine, event, pool

    import hedgerow.store.dialect  # noqa: F401 - registers the driver

    engine = create_engine(f"sqlite+hedgerow:///{path}", poolclass=pool.NullPool)
    # Our driver opens transactions itself; Alembic only needs to commit at the end.
    event.listen(engine, "begin", lambda _connection: None)
    config = _config(schema)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        {"upgrade": command.upgrade, "downgrade": command.downgrade}[what](config, revision)
    engine.dispose()
