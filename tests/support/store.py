"""Stores of the newest schema, without going the way there: migrating takes longer than most tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hedgerow.store import migrate
from hedgerow.store.migrate import SCHEMAS


@cache
def _files() -> dict[str, bytes]:
    """What a migrated folder has, by name."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        migrate(folder)
        return {f"{schema}.db": (folder / f"{schema}.db").read_bytes() for schema in SCHEMAS}


def fresh_store(folder: Path) -> Path:
    """The folder, with migrated and empty files in it."""
    for name, content in _files().items():
        (folder / name).write_bytes(content)
    return folder
