"""Bringing a backup back, into a folder that has nothing in it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hedgerow.delivery import standby
from hedgerow.destinations.secrets import KEY_FILE, names_of, read_keys
from hedgerow.store import Connection
from hedgerow.store.syncing import sync
from hedgerow.upkeep import bundle, verify
from hedgerow.upkeep.bundle import OWNER_ONLY
from hedgerow.upkeep.errors import UpkeepError
from hedgerow.upkeep.manifest import Manifest
from hedgerow.upkeep.snapshot import opened

STAGE: Final = ".restoring"
OPEN: Final = """
SELECT verdict, count(*) FROM deliveries WHERE verdict IN ('running', 'retrying', 'scheduled', 'held') GROUP BY verdict
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back.

    Attributes:
        manifest: what the backup says of itself.
        waiting: deliveries that had no final verdict, by verdict.
        standby: whether the instance will send nothing until it is told to.
        keys_missing: names of the keys that secrets need and that are not in the folder's key file.
    """

    manifest: Manifest
    waiting: dict[str, int]
    standby: bool
    keys_missing: tuple[str, ...]


def inspect(source: Path) -> Manifest:
    """Check a backup without restoring it.

    Raises:
        UpkeepError: it cannot be restored; says why.
    """
    if source.is_dir():
        found = bundle.read_folder(source)
        verify.check(source, found)
        return found
    with tempfile.TemporaryDirectory(prefix=f".{source.name}.", dir=source.absolute().parent) as stage:
        found = bundle.unpack(source, Path(stage))
        verify.check(Path(stage), found)
        return found


def restore(source: Path, folder: Path, *, send: bool = False, keys: Sequence[str] = ()) -> Restored:
    """Restore a backup.

    Args:
        source: the backup, in either form.
        folder: the data folder to make; it must not be there, or be empty.
        send: let the instance send at once. Otherwise it stands by, so that nothing that the original sends is sent twice.
        keys: that secrets can be opened with besides those of the backup.

    Raises:
        UpkeepError: nothing was restored; the folder is as it was.
    """
    existed = _empty(folder)
    stage = folder / STAGE
    try:
        stage.mkdir(parents=True, mode=OWNER_ONLY)
        found = bundle.unpack(source, stage)
        verify.check(stage, found)
        waiting = _prepared(stage, send=send)
        missing = set(found.sealed_under) - set(names_of([*keys, *read_keys(stage / KEY_FILE)]))
        _move(stage, folder)
    except OSError as error:
        raise UpkeepError(f"{folder} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if not existed and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return Restored(found, waiting, not send, tuple(sorted(missing)))


def _empty(folder: Path) -> bool:
    """Whether the folder is there already.

    Raises:
        UpkeepError: there is something in it.
    """
    if not folder.exists():
        return False
    if not folder.is_dir() or any(folder.iterdir()):
        raise UpkeepError(f"{folder} is not empty. A backup is restored into a folder of its own.")
    return True


def _prepared(stage: Path, *, send: bool) -> dict[str, int]:
    """Make sure of who may send; what waits to be sent."""
    with opened(stage / "state.db") as connection:
        waiting = {str(verdict): int(count) for verdict, count in connection.execute(OPEN)}
        _stand(connection, send=send)
    sync(stage / "state.db")
    return waiting


def _stand(connection: Connection, *, send: bool) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if send:
        standby.end(connection)
    else:
        standby.begin(connection, time.time_ns() // 1_000_000)
    connection.execute("COMMIT")


def _move(stage: Path, folder: Path) -> None:
    """Out of the stage into the folder itself, which may be a mount. The state is last: with it the folder is a whole one."""
    folder.chmod(OWNER_ONLY)
    for path in sorted(stage.iterdir(), key=lambda path: path.name == "state.db"):
        path.replace(folder / path.name)
    sync(folder)
