"""Making a backup of an instance while it runs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hedgerow import __version__
from hedgerow.log.segments import ROW_BITS
from hedgerow.serve.resealing import PLACES, Place
from hedgerow.store import Connection
from hedgerow.store.migrate import SCHEMAS, revision_of
from hedgerow.upkeep import bundle, snapshot
from hedgerow.upkeep.bundle import Bundle
from hedgerow.upkeep.errors import UpkeepError
from hedgerow.upkeep.manifest import KEYS, Entry, Manifest

PRIVATE: Final = 0o077
LEAST: Final = "SELECT coalesce(min(settled_to), 0) FROM positions"
COLUMN: Final = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"


@dataclass(frozen=True, slots=True)
class Log:
    """The hours of the log that there were when the databases were frozen; from ``needed`` on not everything was settled."""

    hours: list[int]
    needed: int


def make(
    folder: Path, target: Path, *, keys: bool = True, told: Callable[[str, Entry], None] = lambda _n, _e: None
) -> Manifest:
    """Back up a data folder; the server may run, and need not.

    Args:
        folder: the data folder.
        target: a folder that is not there yet, or a file named ``.tar``, ``.tar.gz`` or ``.tar.zst``.
        keys: take the key files along, without which secrets in the backup cannot be opened.
        told: hears of each file once it is in.

    Returns:
        What the backup says of itself.

    Raises:
        UpkeepError: nothing was made.
    """
    if not (folder / "state.db").exists():
        raise UpkeepError(f"{folder} is no data folder of a server that has run. Name it with --data-dir.")
    before = os.umask(PRIVATE)
    try:
        with bundle.making(target) as made:
            described, log = _databases(folder, made, told)
            _segments(folder, made, told, log)
            kept = _keys(folder, made, told) if keys else _left_out(folder)
            whole = replace(described, keys=kept, files=made.files)
            made.finish(whole)
            return whole
    except OSError as error:
        raise UpkeepError(f"The backup could not be written: {error.strerror or error}.") from error
    finally:
        os.umask(before)


def _databases(folder: Path, made: Bundle, told: Callable[[str, Entry], None]) -> tuple[Manifest, Log]:
    """Copy state and telemetry; what is to be said of them, and which part of the log belongs to them."""
    hours = _hours(folder)
    with snapshot.frozen(folder) as frozen:
        at = bundle.stamp(time.time_ns() // 1_000_000)
        first = int(frozen.state.execute(LEAST).get or 0) >> ROW_BITS
        log = Log(sorted(hours | _hours(folder)), first)
        revisions = dict(zip(SCHEMAS, map(revision_of, (frozen.state, frozen.telemetry)), strict=True))
        described = Manifest(__version__, at, revisions, "none", tuple(sealed_under(frozen.state)))
        for name, connection in (("state.db", frozen.state), ("telemetry.db", frozen.telemetry)):
            snapshot.copy(connection, made.place(name))
            told(name, made.add(name))
    return described, log


def _hours(folder: Path) -> set[int]:
    return {int(file.stem) for file in (folder / "events").glob("*.db") if file.stem.isdigit()}


def _segments(folder: Path, made: Bundle, told: Callable[[str, Entry], None], log: Log) -> None:
    """Copy the log, oldest hour first: that one retention may take away meanwhile."""
    events = folder / "events"
    shutil.copyfile(events / "partitions", made.place("events/partitions"))
    told("events/partitions", made.add("events/partitions"))
    for hour in log.hours:
        name = f"events/{hour}.db"
        if snapshot.copy_segment(events / f"{hour}.db", made.place(name)):
            told(name, made.add(name))
        elif hour >= log.needed:
            raise UpkeepError("The log changed too much meanwhile. Run the backup again.")


def _keys(folder: Path, made: Bundle, told: Callable[[str, Entry], None]) -> str:
    present = [name for name in KEYS if (folder / name).exists()]
    for name in present:
        shutil.copyfile(folder / name, made.place(name))
        told(name, made.add(name))
    return "included" if "secrets.key" in present else "none"


def _left_out(folder: Path) -> str:
    return "left out" if (folder / "secrets.key").exists() else "none"


def sealed_under(connection: Connection) -> Iterable[str]:
    """The names of the keys that secrets of a state database need, whatever release its schema is of."""
    found: set[str] = set()
    for place in PLACES:
        if connection.execute(COLUMN, (place.table, place.column)).get:
            found.update(_names(connection, place))
    return sorted(found)


def _names(connection: Connection, place: Place) -> list[str]:
    sql = f"SELECT DISTINCT {place.named} FROM {place.table} WHERE {place.column} IS NOT NULL"  # noqa: S608 - our own words
    return [str(name).lower() for (name,) in connection.execute(sql)]
