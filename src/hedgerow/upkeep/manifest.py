"""What a backup says of itself: who made it, when, of what, and a checksum of each file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from hedgerow.upkeep.errors import UpkeepError

NAME: Final = "manifest.json"
FORMAT: Final = 1
# Everything a backup may consist of. What is called otherwise is neither written nor read.
FILES: Final = re.compile(
    r"state\.db|telemetry\.db|secrets\.key|api\.key|events/partitions|events/[0-9]+\.db"
)
KEYS: Final = ("secrets.key", "api.key")
CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its size and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of ``manifest.json``.

    Attributes:
        release: of Hedgerow that made the backup.
        made_at: the moment it shows, as an ISO 8601 text.
        schema: the revision of each database's schema.
        keys: ``included``, ``left out``, or ``none`` where the data folder has no key file.
        sealed_under: names of the keys that its secrets need.
        files: by name.
    """

    release: str
    made_at: str
    schema: dict[str, str]
    keys: str
    sealed_under: tuple[str, ...]
    files: dict[str, Entry] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files.values())

    def encode(self) -> bytes:
        """As it is written."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2).encode() + b"\n"


def decode(content: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        UpkeepError: it is none, or a newer release wrote it.
    """
    try:
        raw = json.loads(content)
        if raw["format"] > FORMAT:
            raise UpkeepError(
                f"The backup was made by Hedgerow {raw['release']}, which is newer. Restore it with that release."
            )
        return _manifest(raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpkeepError(f"The backup's {NAME} is damaged.") from error


def _manifest(raw: Mapping[str, Any]) -> Manifest:
    files = {str(name): Entry(**entry) for name, entry in raw["files"].items()}
    strange = [name for name in files if not FILES.fullmatch(name)]
    if strange:
        raise UpkeepError(f"The backup names a file that no backup has: {strange[0]!r}.")
    return Manifest(
        str(raw["release"]), str(raw["made_at"]), dict(raw["schema"]), str(raw["keys"]),
        tuple(raw["sealed_under"]), files,
    )  # fmt: skip


def entry_of(path: Path) -> Entry:
    """Size and checksum of a file."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            size += len(chunk)
    return Entry(size, found.hexdigest())
