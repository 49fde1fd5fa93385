"""One SQLite file: how it is opened, and transactions that run in a thread of its own.

A transaction is a plain function of a connection. It runs whole, on one thread, between ``BEGIN IMMEDIATE`` and
``COMMIT``; a coroutine awaits its result. So the code of a transaction has no await in it, and cannot be interrupted
in the middle by anything but the death of the process, which SQLite undoes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import apsw

from hedgerow.store.thread import OneThread

T = TypeVar("T")
Connection: TypeAlias = apsw.Connection

# The first release without the WAL-reset fault (a checkpoint racing a commit could lose pages).
OLDEST_SAFE_SQLITE = (3, 50, 0)

# Transactions take milliseconds; only who keeps the lock longer is asked less often.
_OFTEN_S, _SELDOM_S = 0.0005, 0.005
_SOON = 100


class StoreError(Exception):
    """The store could not do what was asked. The message says what the operator can do."""


class StoreBusy(StoreError):
    """Another process kept the store locked for longer than we wait."""


def check_library() -> None:
    """Refuse a SQLite library with known faults in its write-ahead log."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < OLDEST_SAFE_SQLITE:
        wanted = ".".join(map(str, OLDEST_SAFE_SQLITE))
        raise StoreError(
            f"SQLite {apsw.sqlite_lib_version()} is too old: {wanted} or newer is needed (package apsw)."
        )


def open_connection(
    path: str | Path, *, synchronous: str = "FULL", busy_ms: int = 10_000, vfs: str | None = None
) -> Connection:
    """Open a SQLite file the way every part of Hedgerow does.

    Args:
        path: the file, made when absent; ``:memory:`` for tests.
        synchronous: FULL waits until each commit is on the disk.
        busy_ms: how long a statement waits for another process's lock.
        vfs: name of a registered SQLite VFS, for failure tests.

    Returns:
        A connection in WAL mode, foreign keys off (rooms own their tables), with readable errors.
    """
    check_library()
    connection = apsw.Connection(str(path), vfs=vfs)
    connection.set_busy_handler(_patience(busy_ms / 1000))
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "fullfsync=1",
        "checkpoint_fullfsync=1",
        "cache_size=-65536",
        "secure_delete=ON",  # what is deleted is overwritten: people may ask to be forgotten
        "temp_store=MEMORY",
        "wal_autocheckpoint=4000",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _patience(seconds: float) -> Callable[[int], bool]:
    """A busy handler that looks again soon: SQLite's own sleeps up to 100 ms between two looks, however short the other's work."""
    waiting_since = 0.0

    def busy(tries: int) -> bool:
        nonlocal waiting_since
        now = time.monotonic()
        if not tries:
            waiting_since = now
        if now - waiting_since >= seconds:
            return False
        time.sleep(_OFTEN_S if tries < _SOON else _SELDOM_S)
        return True

    return busy


def emptied(connection: Connection) -> bool:
    """Bring the write-ahead log into its file and empty it, so that nothing of old states is left; False: somebody reads."""
    row: Any = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not row[0]


def transact(connection: Connection, work: Callable[[Connection], T], *, write: bool = True) -> T:
    """Run one transaction on the calling thread.

    Args:
        connection: an open connection without a transaction.
        work: the body; an exception from it rolls everything back.
        write: take the write lock at the start, so that the body never fails half-way for lack of it.

    Raises:
        StoreBusy: the lock was not to be had.
        StoreError: the disk is full, the file is damaged, and so on.
    """
    try:
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except apsw.BusyError as error:
        raise StoreBusy("The store is locked by another process for too long.") from error
    except apsw.FullError as error:
        raise StoreError(
            "The disk is full: free some space; nothing that was acknowledged is lost."
        ) from error
    except (apsw.IOError, apsw.CorruptError, apsw.ReadOnlyError, apsw.CantOpenError) as error:
        raise StoreError(f"The store cannot be used: {error}.") from error
    return result


class Database:
    """A file, its connection and the one thread that uses it."""

    def __init__(self, path: str | Path, *, synchronous: str = "FULL", vfs: str | None = None) -> None:
        self.path = str(path)
        self._synchronous = synchronous
        self._open = partial(open_connection, path, synchronous=synchronous, vfs=vfs)
        self._connection: Connection | None = None
        self._thread = OneThread(f"store-{Path(self.path).stem}")

    def _work(self, work: Callable[[Connection], T], write: bool, durable: bool = True) -> T:
        if self._connection is None:
            self._connection = self._open()
        if write and self._synchronous != "OFF":
            self._wait_for_disk(self._connection, "FULL" if durable else "NORMAL")
        return transact(self._connection, work, write=write)

    def _wait_for_disk(self, connection: Connection, synchronous: str) -> None:
        """Set how far commits go from now on; most follow one of their own kind."""
        if synchronous != self._synchronous:
            connection.execute(f"PRAGMA synchronous={synchronous}")
            self._synchronous = synchronous

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run a writing transaction and wait until it is on the disk.

        Args:
            work: the body, see ``transact``.
            durable: False for what may be undone by a power cut, whole, until a later durable transaction of this file is
                there to keep it. It never comes apart, and survives the death of the process all the same.
        """
        return await self._thread.run(partial(self._work, work, True, durable))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reading transaction: one consistent picture."""
        return await self._thread.run(partial(self._work, work, False))

    async def flush(self) -> bool:
        """Empty the write-ahead log, in which deleted content may still stand; False: somebody reads, try again."""

        def work() -> bool:
            self._connection = self._connection or self._open()
            return emptied(self._connection)

        return await self._thread.run(work)

    async def rebuild(self) -> None:
        """Write the file anew, without the bytes that old states left in places that no row uses any more; takes its time.

        Deleted rows are overwritten where they stood, but pages that were split keep copies that nothing refers to. Reading
        goes on meanwhile, writing waits.
        """
        await asyncio.to_thread(self._rebuild)

    def _rebuild(self) -> None:
        connection = self._open()
        try:
            connection.execute("PRAGMA temp_store=FILE")  # the copy may be larger than the memory
            connection.execute("VACUUM")
        except apsw.Error as error:
            raise StoreError(f"{self.path} could not be rebuilt: {error}.") from error
        finally:
            connection.close()

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Like ``write`` for callers without an event loop; blocks."""
        return self._thread.run_now(partial(self._work, work, True))

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Like ``read`` for callers without an event loop; blocks."""
        return self._thread.run_now(partial(self._work, work, False))

    def close(self) -> None:
        """Finish what runs, close the file, end the thread."""
        self._thread.run_now(self._close)
        self._thread.close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
