"""Destinations in the store: plain functions of a connection, to be run inside a transaction.

Every change is a new row of ``destination_revisions`` and moves the counter ``config``, in the same transaction: a worker
that reads the counter knows whether what it has compiled is still what people saved.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from hedgerow.destinations.model import RUNNABLE_TYPES, Author, Config, Destination, Secrets, new_id
from hedgerow.destinations.secrets import Keyring
from hedgerow.store.database import Connection

COUNTER = "config"
NOBODY = Author()

SELECT = """
    SELECT d.id, d.project_id, r.number, r.config, r.secrets, d.created_at, d.updated_at,
           (SELECT author FROM destination_revisions WHERE destination_id = d.id AND number = 1), d.created_by
    FROM destinations d JOIN destination_revisions r ON r.destination_id = d.id
"""
CURRENT = SELECT + " AND r.number = d.revision "
_AMONG = CURRENT + " WHERE d.id IN (SELECT unhex(value) FROM json_each(?))"  # noqa: S608 - our own words


_NAMES = """
SELECT d.id, d.name FROM json_each(?1) AS wanted CROSS JOIN destinations AS d ON d.id = unhex(wanted.value) AND d.project_id = ?2
"""


def from_row(row: Sequence[Any]) -> Destination:
    """A destination from a row of ``SELECT``."""
    identity, project, number, config, sealed, created, updated, author, creator = row
    return Destination(
        str(uuid.UUID(bytes=identity)),
        project,
        number,
        Config.decode(config),
        sealed,
        created,
        updated,
        author,
        creator,
    )


def config_version(conn: Connection) -> int:
    """How many configuration changes this instance has seen; 0 before the first."""
    row = conn.execute("SELECT value FROM counters WHERE name = ?", (COUNTER,)).fetchone()
    return int(row[0]) if row else 0


def touch(conn: Connection) -> None:
    """Say that compiled destinations may be out of date (also for a change of project settings)."""
    conn.execute(
        "INSERT INTO counters (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (COUNTER,),
    )


def create(
    conn: Connection,
    project_id: int,
    config: Config,
    secrets: Secrets,
    *,
    keyring: Keyring,
    now: int,
    author: Author = NOBODY,
    message: str | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> Destination:
    """Save a new destination as its revision 1.

    Args:
        conn: a connection inside a writing transaction.
        project_id: whose it is.
        config: validated configuration.
        secrets: its secret inputs in clear.
        keyring: what seals them.
        now: milliseconds since the epoch.
        author: who does this.
        message: why, for the history.
        random: source of the id's randomness.

    Returns:
        The saved destination.
    """
    identity = new_id(now, random(10))
    sealed = secrets.seal(keyring, identity)
    destination = Destination(identity, project_id, 1, config, sealed, now, now, author.name, author.user_id)
    conn.execute(
        "INSERT INTO destinations (id, project_id, type, name, enabled, deleted, template_id, revision,"
        " execution_order, created_by, created_at, updated_at) VALUES (?, ?, ?, '', 0, 0, NULL, 0, NULL, ?, ?, ?)",
        (uuid.UUID(identity).bytes, project_id, config.type, author.user_id, now, now),
    )
    _write(conn, destination, author, message)
    return destination


def update(
    conn: Connection,
    destination: Destination,
    config: Config,
    secrets: Secrets,
    *,
    keyring: Keyring,
    now: int,
    author: Author = NOBODY,
    message: str | None = None,
) -> Destination:
    """Save the next revision of a destination; also how it is deleted and brought back (``config.deleted``).

    Args:
        conn: a connection inside a writing transaction.
        destination: as read in the same transaction.
        config: the whole validated configuration.
        secrets: all its secret inputs in clear, kept ones included.
        keyring: what seals them.
        now: milliseconds since the epoch.
        author: who does this.
        message: why, for the history.
    """
    changed = replace(
        destination,
        revision=destination.revision + 1,
        config=config,
        sealed=secrets.seal(keyring, destination.id),
        updated_at=max(now, destination.updated_at + 1),
    )
    _write(conn, changed, author, message)
    return changed


def _write(conn: Connection, destination: Destination, author: Author, message: str | None) -> None:
    identity, config = uuid.UUID(destination.id).bytes, destination.config
    conn.execute(
        "INSERT INTO destination_revisions (destination_id, number, config, secrets, status, author, author_id,"
        " message, created_at) VALUES (?, ?, ?, ?, 'published', ?, ?, ?, ?)",
        (identity, destination.revision, config.encode(), destination.sealed, author.name, author.user_id, message,
         destination.updated_at),
    )  # fmt: skip
    conn.execute(
        "UPDATE destinations SET name = ?, enabled = ?, deleted = ?, template_id = ?, revision = ?,"
        " execution_order = ?, updated_at = ? WHERE id = ?",
        (config.name, config.enabled, config.deleted, config.template_id, destination.revision,
         config.execution_order, destination.updated_at, identity),
    )  # fmt: skip
    touch(conn)


def id_bytes(text: str) -> bytes | None:
    """The ledger's form of an id; None for a text that is none."""
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return None


def get(
    conn: Connection, project_id: int, destination_id: str, *, deleted: bool = False
) -> Destination | None:
    """One destination at its current revision, or None.

    Args:
        conn: a connection inside a transaction.
        project_id: whose it must be.
        destination_id: its UUID in any spelling; text that is none finds nothing.
        deleted: find a deleted one too.
    """
    row = conn.execute(
        CURRENT + " WHERE d.id = ? AND d.project_id = ? AND d.deleted <= ?",
        (id_bytes(destination_id), project_id, deleted),
    ).fetchone()
    return from_row(row) if row else None


def names(conn: Connection, project_id: int, destination_ids: Iterable[str]) -> dict[str, str]:
    """The names of some destinations of a project by id, deleted ones too; their configuration is not read."""
    wanted = orjson.dumps([key.hex() for one in destination_ids if (key := id_bytes(one))]).decode()
    rows = conn.execute(_NAMES, (wanted, project_id))
    return {str(uuid.UUID(bytes=key)): name for key, name in rows}


def enabled(conn: Connection, *, types: Sequence[str] = RUNNABLE_TYPES) -> list[tuple[bytes, int]]:
    """Id and revision of every destination that takes live events, of all projects, in order of execution, then of age."""
    places = ", ".join("?" * len(types))
    return list(
        conn.execute(
            f"SELECT id, revision FROM destinations WHERE enabled = 1 AND deleted = 0 AND type IN ({places})"  # noqa: S608 - only marks
            " ORDER BY project_id, execution_order IS NULL, execution_order, created_at, id",
            tuple(types),
        )
    )


def load(conn: Connection, destination_id: bytes, revision: int | None = None) -> Destination | None:
    """A destination by the ledger's id, at a revision or as it is now, deleted or not."""
    if revision is None:
        row = conn.execute(CURRENT + " WHERE d.id = ?", (destination_id,)).fetchone()
    else:
        row = conn.execute(SELECT + " WHERE d.id = ? AND r.number = ?", (destination_id, revision)).fetchone()
    return from_row(row) if row else None


def load_many(conn: Connection, destination_ids: Iterable[bytes]) -> Iterator[Destination]:
    """Destinations by the ledger's ids as they are now, deleted or not; an id that never was is passed over."""
    wanted = orjson.dumps([identity.hex() for identity in destination_ids]).decode()
    for row in conn.execute(_AMONG, (wanted,)):
        yield from_row(row)


def status(conn: Connection, destination_id: bytes) -> str:
    """``enabled``, ``disabled`` or ``deleted``; one that never was counts as deleted."""
    row = conn.execute("SELECT enabled, deleted FROM destinations WHERE id = ?", (destination_id,)).fetchone()
    if row is None or row[1]:
        return "deleted"
    return "enabled" if row[0] else "disabled"


def templates_in_use(conn: Connection, project_id: int) -> dict[str, int]:
    """How many destinations of a project that are on were made from each template."""
    return dict(
        conn.execute(
            "SELECT template_id, count(*) FROM destinations WHERE project_id = ? AND deleted = 0 AND enabled = 1"
            " AND template_id IS NOT NULL GROUP BY template_id",
            (project_id,),
        )
    )
