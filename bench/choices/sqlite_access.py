"""Which door to SQLite: apsw or the standard library's module, each with ``synchronous=FULL`` in WAL mode.

Two questions: how many rows a second in transactions of 500 (events appended, deliveries settled), and how many durable commits a second of
one row each. Beside them stands the physical limit: how often this disk can be synced.

    python bench/choices/sqlite_access.py
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import apsw

TABLE = "CREATE TABLE log (position INTEGER PRIMARY KEY, project INTEGER, uuid BLOB, time INTEGER, body BLOB)"
INSERT = "INSERT INTO log (position, project, uuid, time, body) VALUES (?, ?, ?, ?, ?)"
PRAGMAS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 4000")
BODY = b"x" * 700
BATCH = 500

Write = Callable[[list[tuple[Any, ...]]], None]


@contextmanager
def with_apsw(path: Path) -> Iterator[Write]:
    """Transactions through apsw, as hedgerow.store does them."""
    connection = apsw.Connection(str(path))
    for pragma in PRAGMAS:
        connection.execute(pragma)
    connection.execute(TABLE)

    def write(rows: list[tuple[Any, ...]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, rows)
        connection.execute("COMMIT")

    yield write
    connection.close()


@contextmanager
def with_sqlite3(path: Path) -> Iterator[Write]:
    """The same through the standard library."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(pragma)
    connection.execute(TABLE)

    def write(rows: list[tuple[Any, ...]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, rows)
        connection.execute("COMMIT")

    yield write
    connection.close()


@contextmanager
def bare_file(path: Path) -> Iterator[Write]:
    """The floor: the same bytes appended to a file and synced."""
    with path.open("ab", buffering=0) as file:

        def write(rows: list[tuple[Any, ...]]) -> None:
            file.write(b"".join(row[4] for row in rows))
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())

        yield write


def measure(door: Callable[[Path], Any], size: int, seconds: float, folder: Path) -> float:
    """Transactions per second of ``size`` rows each."""
    positions = count()
    with tempfile.TemporaryDirectory(dir=folder) as place, door(Path(place) / "bench.db") as write:
        began = time.perf_counter()
        done = 0
        while time.perf_counter() - began < seconds:
            write([(next(positions), 1, os.urandom(16), done, BODY) for _ in range(size)])
            done += 1
        return done / (time.perf_counter() - began)


def main() -> None:
    """Print medians of several alternating rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(), help="a folder on the disk to measure")
    given = parser.parse_args()
    doors = {
        f"apsw (SQLite {apsw.sqlite_lib_version()})": with_apsw,
        f"sqlite3 (SQLite {sqlite3.sqlite_version})": with_sqlite3,
        "bare file, synced": bare_file,
    }
    results: dict[tuple[str, int], list[float]] = {(name, size): [] for name in doors for size in (BATCH, 1)}
    for _ in range(given.rounds):
        for (name, size), measured in results.items():
            measured.append(measure(doors[name], size, given.seconds, given.folder))
    print(f"{'door':<26} {'rows/s, ' + str(BATCH) + ' a commit':>22} {'commits/s, 1 row each':>22}")
    for name in doors:
        batched, single = (statistics.median(results[name, size]) for size in (BATCH, 1))
        print(f"{name:<26} {batched * BATCH:>22,.0f} {single:>22,.0f}")


if __name__ == "__main__":
    main()
