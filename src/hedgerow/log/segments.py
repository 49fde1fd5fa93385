"""Hourly SQLite files, the embedded event log's storage: plain blocking code for one thread.

A position is ``hour << 32 | row``: it names the file and the row, so that reading by position is one look-up, and
retention deletes whole files. A file is *sealed* in a transaction before a later one is begun; a writer that finds its
file sealed moves on. So nothing is ever added behind a reader's back, even with several writing processes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import apsw
import orjson

from hedgerow.events import TOMBSTONE, Draft, Record, partition_key, written
from hedgerow.store import Connection, open_connection
from hedgerow.store.database import emptied, transact
from hedgerow.store.syncing import sync

HOUR_MS = 3_600_000
ROW_BITS = 32
ROW_MASK = (1 << ROW_BITS) - 1
FORMAT = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    n INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    captured_at INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS records_by_partition ON records (partition, n);
CREATE TABLE IF NOT EXISTS seal (sealed INTEGER NOT NULL);
PRAGMA user_version = 1;
"""
INSERT = "INSERT INTO records (partition, project_id, captured_at, payload) VALUES "
COLUMNS = 4
# Rows of one statement: between statements the interpreter changes hands, which takes longer than to insert a row.
ROWS_AT_ONCE = 64
READ = """
SELECT n, project_id, captured_at, payload FROM records
WHERE partition = ? AND n > ? ORDER BY n LIMIT ?
"""
# Of all partitions at once: most of the time there is little in each, and a statement for each would cost more than that.
READ_TOGETHER = """
SELECT r.partition, r.n, r.project_id, r.captured_at, r.payload
FROM json_each(?1) AS wanted
CROSS JOIN records AS r ON r.partition = wanted.value ->> 0 AND r.n > wanted.value ->> 1 AND r.n <= ?2
LIMIT ?3
"""
# Who has read all there was goes on where that ended: what is new stands together, whatever its partition.
READ_ON = """
SELECT partition, n, project_id, captured_at, payload FROM records WHERE n > ? ORDER BY n LIMIT ?
"""
AT = "SELECT project_id, captured_at, payload FROM records WHERE n = ? AND partition = ?"
LAST = "SELECT n FROM records WHERE partition = ? ORDER BY n DESC LIMIT 1"
NEWEST = "SELECT coalesce(max(n), 0) FROM records"
# Bytes are looked for before anything is decoded: most records of a partition are somebody else's.
SUSPECTS = """
SELECT n, payload FROM records
WHERE partition = ? AND n > ? AND project_id = ? AND captured_at <= ? AND instr(payload, ?) ORDER BY n LIMIT ?
"""
OVERWRITE = "UPDATE records SET payload = ? WHERE n = ?"
ERASED_AT_A_TIME = 200

# Looking for files takes longer than reading a few records. New ones are noticed when the newest known is sealed; this often those
# that somebody else deleted are, whose space is free only once they are closed.
LOOKS = 64

# Each open file has a page cache; a search through old hours must not keep them all.
OPEN_FILES = 8


def partition_of(project_id: int, distinct_id: str, partitions: int) -> int:
    """The partition of a key: stable for the life of a log."""
    return zlib.crc32(partition_key(project_id, distinct_id)) % partitions


@dataclass(slots=True)
class _Front:
    """How far several partitions were read: of each there is nothing between its end and a row of the newest hour."""

    hour: int
    row: int
    ends: dict[int, int]


class Segments:
    """The files of one log, as one thread sees them. Connections stay open while their file is in use."""

    def __init__(
        self, folder: Path, partitions: int, *, synchronous: str = "FULL", vfs: str | None = None
    ) -> None:
        self.folder = folder
        self.partitions = partitions
        self._synchronous = synchronous
        self._vfs = vfs
        self._open: dict[int, Connection] = {}
        self._hours: list[int] = []
        self._sealed: set[int] = set()
        self._looks = 0
        self._front: _Front | None = None

    # ------------------------------------------------------------ files

    def hours(self) -> list[int]:
        """The hours that have a file, oldest first."""
        self._hours = sorted(int(file.stem) for file in self.folder.glob("*.db") if file.stem.isdigit())
        for gone in self._open.keys() - set(
            self._hours
        ):  # deleted by another process; the disk is free once it is closed
            self.forget(gone)
        return self._hours

    def connection(self, hour: int) -> Connection:
        """The open file of an hour; makes it when it is new."""
        if hour in self._open:
            self._open[hour] = self._open.pop(hour)  # the latest used is the last
        else:
            while len(self._open) >= OPEN_FILES:
                self.forget(next(iter(self._open)))
            path = self.folder / f"{hour}.db"
            connection = open_connection(path, synchronous=self._synchronous, vfs=self._vfs)
            if connection.pragma("user_version") != FORMAT:
                transact(connection, _make_schema)
                sync(self.folder)  # a new file's name must be as durable as its content
            self._open[hour] = connection
        return self._open[hour]

    def close(self) -> None:
        """Close all files."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def forget(self, hour: int) -> None:
        """Close one file, because it is no longer needed or is about to be deleted."""
        if connection := self._open.pop(hour, None):
            connection.close()

    def delete(self, hour: int) -> None:
        """Remove an hour's file for good."""
        self.forget(hour)
        for suffix in (".db", ".db-wal", ".db-shm"):
            (self.folder / f"{hour}{suffix}").unlink(missing_ok=True)

    def is_sealed(self, hour: int) -> bool:
        """Whether an hour can get no more records, because it is complete or gone. Once true, always true."""
        if hour not in self._sealed and (not self._exists(hour) or _sealed(self.connection(hour))):
            self._sealed.add(hour)
        return hour in self._sealed

    def _exists(self, hour: int) -> bool:
        return hour in self._open or (self.folder / f"{hour}.db").exists()

    def look(self) -> None:
        """Learn of new hours, if there can be any; reading does not by itself."""
        self._looks += 1
        if not self._hours or self._looks % LOOKS == 0 or self.is_sealed(self._hours[-1]):
            self.hours()

    # ---------------------------------------------------------- writing

    def append(self, drafts: Sequence[Draft], now_ms: int) -> None:
        """Add records to the open hour in one transaction, moving to a new hour when it is time."""
        values: list[Any] = []
        for project_id, distinct_id, captured_at, payload in drafts:
            partition = partition_of(project_id, distinct_id, self.partitions)
            values += (partition, project_id, captured_at, payload)
        hour = self._writing_hour(now_ms)
        while not transact(self.connection(hour), lambda connection: _insert(connection, values)):
            self._sealed.add(hour)
            hour = self._writing_hour(now_ms)

    def _writing_hour(self, now_ms: int) -> int:
        wanted = now_ms // HOUR_MS
        last = (self._hours or self.hours() or [0])[-1]
        if last and last not in self._sealed:  # if somebody else has sealed it, inserting will tell
            if last >= wanted:  # the clock may have gone back; the log does not
                return last
            transact(self.connection(last), _seal)
            self._sealed.add(last)
        last = (self.hours() or [0])[-1]
        if last and not self.is_sealed(last):
            return last
        fresh = max(wanted, last + 1)
        self.connection(fresh)
        self.hours()
        return fresh

    # ---------------------------------------------------------- reading

    def read(self, partition: int, after: int, *, records: int, size: int) -> list[Record]:
        """Records of a partition after a position, in order, across the files that ``look`` knows of."""
        found: list[Record] = []
        hour, row = after >> ROW_BITS, after & ROW_MASK
        for current in [known for known in self._hours if known >= hour]:
            # The seal is read before the rows: what a sealed file shows then is all it will ever have.
            complete = current != self._hours[-1] and self.is_sealed(current)
            rows = self.connection(current).execute(
                READ, (partition, row if current == hour else 0, records - len(found))
            )
            for n, project_id, captured_at, payload in rows:
                found.append(Record(partition, current << ROW_BITS | n, project_id, captured_at, payload))
                size -= len(payload)
                if size <= 0:
                    return found
            if len(found) >= records or not complete:
                break
        return found

    def read_many(self, after: Mapping[int, int], *, records: int, size: int) -> list[Record]:
        """Records of several partitions, those of each in order; see ``EventLog.read_many``. It looks for new hours by itself."""
        found = self._further(after, records, size)
        if found:
            return found
        self.look()
        if not self._hours:
            return []
        newest = self._hours[-1]
        if found is not None and self._front is not None and self._front.hour == newest:
            return []
        near = {partition: place for partition, place in after.items() if place >> ROW_BITS == newest}
        found = self._together(newest, near, records, size)
        if found is None:
            found, near = [], {}
        size -= sum(len(record.payload) for record in found)
        for partition, place in after.items():
            if size <= 0:
                break
            if partition not in near:
                some = self.read(partition, place, records=records, size=size)
                found += some
                size -= sum(len(record.payload) for record in some)
                if not some and self._front is not None:
                    self._front.ends[partition] = place
        return found

    def _further(self, after: Mapping[int, int], records: int, size: int) -> list[Record] | None:
        """What came since the last reading; None when somebody has not read all of that, or when it is much."""
        front = self._front
        if front is None or not after.items() <= front.ends.items():
            return None
        rows = self.connection(front.hour).execute(READ_ON, (front.row, records))
        return self._gather(_Front(front.hour, front.row, dict(after)), rows, records, size)

    def _together(self, hour: int, after: Mapping[int, int], records: int, size: int) -> list[Record] | None:
        """What several partitions have in the newest hour; None when it is so much that each must be read by itself."""
        wanted = orjson.dumps([(partition, place & ROW_MASK) for partition, place in after.items()]).decode()
        connection = self.connection(hour)
        newest = int(connection.execute(NEWEST).get or 0)
        rows = connection.execute(READ_TOGETHER, (wanted, newest, records))
        return self._gather(_Front(hour, newest, dict(after)), rows, records, size)

    def _gather(self, front: _Front, rows: Iterable[Any], records: int, size: int) -> list[Record] | None:
        """Records of rows that are all there are behind a front, which moves on with them.

        Where some are left out, because there are ``records`` or more of them (None) or ``size`` is spent, nobody knows the front.
        """
        self._front = None
        found: list[Record] = []
        seen = 0
        for partition, n, project_id, captured_at, payload in rows:
            seen += 1
            front.row = max(front.row, n)
            if partition not in front.ends:
                continue
            position = front.ends[partition] = front.hour << ROW_BITS | n
            found.append(Record(partition, position, project_id, captured_at, payload))
            size -= len(payload)
            if size <= 0:
                break
        if size > 0:
            if seen >= records:
                return None
            self._front = front
        found.sort(key=attrgetter("position"))
        return found

    def at(self, partition: int, position: int) -> Record | None:
        """One record by position."""
        hour, row = position >> ROW_BITS, position & ROW_MASK
        if hour not in self._hours and hour not in self.hours():
            return None
        for project_id, captured_at, payload in self.connection(hour).execute(AT, (row, partition)):
            return Record(partition, position, project_id, captured_at, payload)
        return None

    def end(self, partition: int) -> int:
        """Position of the last record of a partition, 0 when it has none."""
        for hour in reversed(self.hours()):
            for (n,) in self.connection(hour).execute(LAST, (partition,)):
                return int(hour << ROW_BITS | n)
        return 0

    def size(self, hour: int) -> int:
        """Bytes that an hour takes on the disk."""
        return sum(self._sizes(hour))

    def _sizes(self, hour: int) -> tuple[int, int]:
        files = (self.folder / f"{hour}{suffix}" for suffix in (".db", ".db-wal"))
        main, ahead = (file.stat().st_size if file.exists() else 0 for file in files)
        return main, ahead

    def size_after(self, after: Mapping[int, int]) -> int:
        """About how many bytes lie behind positions: rows of all partitions are mixed evenly, so their share is enough."""
        total = 0.0
        first = min(after.values(), default=0) >> ROW_BITS
        self.look()
        for hour in [known for known in self._hours if known >= first]:
            newest = int(self.connection(hour).execute(NEWEST).get or 0)
            behind = sum(_behind(place, hour, newest) for place in after.values())
            # A write-ahead log repeats what is in the file, or is about to be.
            total += max(self._sizes(hour)) * behind / self.partitions
        return int(total)

    # ---------------------------------------------------------- erasing

    def erase(self, hour: int, project_id: int, distinct_id: str, until_ms: int) -> int:
        """Overwrite an hour's events of a distinct id, accepted up to a time, by records that say nothing.

        Returns:
            How many there were.
        """
        partition = partition_of(project_id, distinct_id, self.partitions)
        connection, row, erased = self.connection(hour), 0, 0
        while True:
            wanted = (partition, row, project_id, until_ms, written(distinct_id), ERASED_AT_A_TIME)
            suspects: list[Any] = connection.execute(SUSPECTS, wanted).fetchall()
            mine = [n for n, payload in suspects if orjson.loads(payload)["distinct_id"] == distinct_id]
            transact(connection, lambda c, rows=mine: _overwrite(c, rows))  # type: ignore[misc]
            erased += len(mine)
            if len(suspects) < ERASED_AT_A_TIME:
                return erased
            row = suspects[-1][0]

    def flush(self, hour: int) -> bool:
        """Bring an hour's write-ahead log into its file and empty it; False while somebody reads from it."""
        return emptied(self.connection(hour))


def _behind(place: int, hour: int, newest: int) -> float:
    """Which share of a partition's rows of an hour lies behind a position."""
    if place >> ROW_BITS > hour or not newest:
        return 0.0
    return (newest - (place & ROW_MASK)) / newest if place >> ROW_BITS == hour else 1.0


def _overwrite(connection: Connection, rows: Sequence[int]) -> None:
    connection.executemany(OVERWRITE, [(TOMBSTONE, n) for n in rows])


def _make_schema(connection: Connection) -> None:
    connection.execute(SCHEMA)


def _sealed(connection: Connection) -> bool:
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM seal)").get)


def _seal(connection: Connection) -> None:
    connection.execute("INSERT INTO seal VALUES (1)")


def _insert(connection: Connection, values: Sequence[Any]) -> bool:
    """Insert rows, given as their values in one list. False when the file was sealed meanwhile; nothing is written then."""
    if _sealed(connection):
        return False
    for at in range(0, len(values), COLUMNS * ROWS_AT_ONCE):
        some = values[at : at + COLUMNS * ROWS_AT_ONCE]
        connection.execute(_insert_of(len(some) // COLUMNS), some)
    return True


@lru_cache(ROWS_AT_ONCE)
def _insert_of(rows: int) -> str:
    return INSERT + ", ".join(["(?, ?, ?, ?)"] * rows)


ERRORS = (apsw.Error, OSError)
