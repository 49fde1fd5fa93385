"""Copies of databases that other processes write to, all of one moment.

The order makes the moment. State and telemetry are frozen together: what is on its way from one to the other is in exactly one
of the copies. The log is copied after them, so it has every record that the positions in the state speak of, and perhaps some
more, which are simply not read yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from hedgerow.store import Connection
from hedgerow.store.database import check_library
from hedgerow.store.syncing import sync
from hedgerow.upkeep.errors import UpkeepError

BUSY_MS: Final = 10_000
PAGES: Final = 2000
SEE: Final = "SELECT count(*) FROM sqlite_master"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Two connections in reading transactions that began at the same moment."""

    state: Connection
    telemetry: Connection


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """A database that is there already; never makes one.

    Raises:
        UpkeepError: it is not there, or is none.
    """
    check_library()
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as error:
        raise UpkeepError(f"{path} cannot be opened: {error}.") from error
    try:
        connection.set_busy_timeout(BUSY_MS)
        yield connection
    except apsw.Error as error:
        raise UpkeepError(f"{path} cannot be read: {error}.") from error
    finally:
        connection.close()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """A database that nobody writes to, without making files beside it."""
    check_library()
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        connection = apsw.Connection(f"{path.absolute().as_uri()}?immutable=1", flags=flags)
    except apsw.Error as error:
        raise UpkeepError(f"{path} cannot be opened: {error}.") from error
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def frozen(folder: Path) -> Iterator[Frozen]:
    """State and telemetry of a data folder as they are now, for as long as the context lasts; others go on writing."""
    with (
        opened(folder / "telemetry.db") as gate,
        opened(folder / "telemetry.db") as telemetry,
        opened(folder / "state.db") as state,
    ):
        # Nothing moves from the outbox in one file into the other while this lock is held: a moment.
        gate.execute("BEGIN IMMEDIATE")
        for connection in (telemetry, state):
            _freeze(connection)
        gate.execute("ROLLBACK")
        yield Frozen(state, telemetry)


def _freeze(connection: Connection) -> None:
    """Begin a reading transaction; it sees what is there now, until it ends."""
    connection.execute("BEGIN")
    connection.execute(SEE).fetchall()


def copy(source: Connection, target: Path) -> None:
    """Write what a connection sees into a new file, and see that it is on the disk.

    Raises:
        UpkeepError: the copy could not be written.
    """
    out = apsw.Connection(str(target))
    try:
        # Nobody looks at the file before it is whole.
        out.execute("PRAGMA journal_mode=OFF").fetchall()
        out.execute("PRAGMA synchronous=OFF")
        with out.backup("main", source, "main") as running:
            while not running.done:
                running.step(PAGES)
    except (apsw.FullError, apsw.IOError) as error:
        raise UpkeepError(
            f"{target.name} could not be copied: {error}. Is there room on the disk?"
        ) from error
    finally:
        out.close()
    sync(target)


def copy_segment(path: Path, target: Path) -> bool:
    """Copy an hour of the log; False when retention has just deleted it."""
    if not path.exists():
        return False
    with opened(path) as connection:
        _freeze(connection)
        copy(connection, target)
    return True
