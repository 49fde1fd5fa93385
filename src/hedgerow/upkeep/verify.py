"""Checking a backup: that every file is there and as it was written, and that the databases are sound and fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from hedgerow.log.segments import ROW_BITS
from hedgerow.store import Connection
from hedgerow.store.migrate import SCHEMAS, known
from hedgerow.upkeep.errors import UpkeepError
from hedgerow.upkeep.manifest import Manifest, entry_of
from hedgerow.upkeep.snapshot import reading

CHECK: Final = "PRAGMA quick_check(1)"
FURTHEST: Final = "SELECT coalesce(max(max(folded_to, settled_to)), 0) FROM positions"
NEWEST: Final = "SELECT coalesce(max(n), 0) FROM records"
NEEDED: Final = ("state.db", "telemetry.db", "events/partitions")


def check(folder: Path, manifest: Manifest) -> None:
    """Check the files of a backup that lie in a folder.

    Args:
        folder: where they are.
        manifest: what the backup says of itself.

    Raises:
        UpkeepError: it must not be restored; says why.
    """
    _schema(manifest)
    missing = [name for name in NEEDED if name not in manifest.files]
    if missing:
        raise UpkeepError(f"The backup has no {missing[0]}: it is not whole.")
    for name in manifest.files:
        _file(folder, name, manifest)
    databases = [name for name in manifest.files if name.endswith(".db")]
    for name in databases:
        sound(folder / name)
    _positions(folder, sorted(int(Path(name).stem) for name in databases if name.startswith("events/")))


def _schema(manifest: Manifest) -> None:
    for schema in SCHEMAS:
        if manifest.schema.get(schema) not in known(schema):
            raise UpkeepError(
                f"The backup was made by Hedgerow {manifest.release}, which is newer than this one. "
                "Restore it with that release."
            )


def _file(folder: Path, name: str, manifest: Manifest) -> None:
    path, wanted = folder / name, manifest.files[name]
    if not path.is_file():
        raise UpkeepError(f"The backup lacks its file {name}.")
    found = entry_of(path)
    if found != wanted:
        what = "size" if found.size != wanted.size else "checksum"
        raise UpkeepError(f"{name} is not as it was written: its {what} is another. The backup is damaged.")


def sound(path: Path) -> None:
    """Have SQLite look a file through.

    Raises:
        UpkeepError: it found something.
    """
    try:
        with reading(path) as connection:
            answer = connection.execute(CHECK).get
    except apsw.Error as error:
        raise UpkeepError(f"{path.name} is damaged: {error}.") from error
    if answer != "ok":
        raise UpkeepError(f"{path.name} is damaged: {answer}.")


def _positions(folder: Path, hours: list[int]) -> None:
    """The log must reach as far as the state has read it, or new events would be taken for old ones."""
    with reading(folder / "state.db") as state:
        furthest = int(state.execute(FURTHEST).get or 0)
    end = 0
    if hours:
        with reading(folder / "events" / f"{hours[-1]}.db") as newest:
            end = hours[-1] << ROW_BITS | _last_row(newest)
    if furthest > end:
        raise UpkeepError("The log of the backup ends before the positions in its state.db: it is not whole.")


def _last_row(connection: Connection) -> int:
    """Of an hour; one that was just begun may have no table yet."""
    has_table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'records'").get
    return int(connection.execute(NEWEST).get or 0) if has_table else 0
