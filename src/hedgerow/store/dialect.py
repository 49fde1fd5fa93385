"""SQLAlchemy on apsw: the few lines that let schema tools and cold queries use the one SQLite library we trust.

Two SQLite libraries in one process drop each other's file locks, so the standard library's ``sqlite3`` must not touch
our files. This module gives apsw the face of a DB-API driver, as far as SQLAlchemy and Alembic look at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

import apsw
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from hedgerow.store.database import open_connection


class Cursor:
    """A DB-API cursor over an apsw cursor."""

    arraysize = 1

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._rows: Iterator[Any] = iter(())
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Cursor:
        """Run one statement and fetch its rows."""
        before = self._connection.total_changes()
        cursor = self._connection.cursor()
        cursor.execute(sql, parameters)
        try:
            self.description = [
                (name, None, None, None, None, None, None) for name, _ in cursor.get_description()
            ]
        except apsw.ExecutionCompleteError:
            self.description = None
        self._rows = iter(cursor.fetchall())
        self.rowcount = self._connection.total_changes() - before
        self.lastrowid = self._connection.last_insert_rowid()
        return self

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """Run one statement for many rows of parameters."""
        before = self._connection.total_changes()
        self._connection.executemany(sql, rows)
        self.description, self._rows = None, iter(())
        self.rowcount = self._connection.total_changes() - before
        return self

    def fetchone(self) -> Any:
        """Next row or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Up to ``size`` rows."""
        wanted = size or self.arraysize
        return [row for row, _ in zip(self._rows, range(wanted), strict=False)]

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return list(self._rows)

    def close(self) -> None:
        """Forget the rows."""
        self._rows = iter(())


class DriverConnection:
    """A DB-API connection over an apsw connection: a transaction begins with the first statement."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.apsw = connection

    def cursor(self) -> Cursor:
        """A new cursor; opens a transaction if none is open."""
        if not self.apsw.in_transaction:
            self.apsw.execute("BEGIN IMMEDIATE")
        return Cursor(self.apsw)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement on a new cursor."""
        return self.cursor().execute(sql, parameters)

    def commit(self) -> None:
        """Commit what is open."""
        if self.apsw.in_transaction:
            self.apsw.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what is open."""
        if self.apsw.in_transaction:
            self.apsw.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self.apsw.close()


def _driver() -> ModuleType:
    module = ModuleType("hedgerow_apsw")
    module.__dict__.update(
        apilevel="2.0",
        paramstyle="qmark",
        threadsafety=1,
        sqlite_version=apsw.sqlite_lib_version(),
        sqlite_version_info=tuple(int(part) for part in apsw.sqlite_lib_version().split(".")),
        connect=lambda path, **_: DriverConnection(open_connection(path)),
        Binary=bytes,
    )
    for name in (
        "Warning", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError",
        "InternalError", "ProgrammingError", "NotSupportedError",
    ):  # fmt: skip
        module.__dict__[name] = {"IntegrityError": apsw.ConstraintError}.get(name, apsw.Error)
    module.__dict__["Error"] = apsw.Error
    return module


class Dialect(SQLiteDialect_pysqlite):
    """SQLite through apsw: ``sqlite+hedgerow:///path``."""

    driver = "hedgerow"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """The driver module SQLAlchemy talks to."""
        return _driver()

    def on_connect(self) -> Any:
        """No user functions to register: our queries use none."""
        return

    def is_disconnect(self, *_: Any) -> bool:
        """A file does not hang up."""
        return False


registry.register("sqlite.hedgerow", __name__, "Dialect")
