"""The two forms of a backup: a folder, or one file (``.tar``, ``.tar.gz``, ``.tar.zst``)."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

import zstandard

from hedgerow.store.syncing import sync
from hedgerow.upkeep import manifest
from hedgerow.upkeep.errors import UpkeepError
from hedgerow.upkeep.manifest import Entry, Manifest, entry_of

GZIP: Final = (".tar.gz", ".tgz")
ZSTD: Final = (".tar.zst", ".tzst")
ARCHIVES: Final = (".tar", *GZIP, *ZSTD)
OWNER_ONLY: Final = 0o700
PRIVATE: Final = 0o600
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
FAULTS: Final = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)


def is_archive(path: Path) -> bool:
    """Whether a backup of this name is one file."""
    return path.name.endswith(ARCHIVES)


class Bundle:
    """A backup in the making: files are staged one by one, then it gets its name.

    Attributes:
        files: what is in it so far.
    """

    def __init__(self, target: Path, stage: Path, archive: tarfile.TarFile | None) -> None:
        self.target = target
        self.files: dict[str, Entry] = {}
        self._stage = stage
        self._archive = archive

    def place(self, name: str) -> Path:
        """Where to write a file before it is added."""
        path = self._stage / name
        path.parent.mkdir(mode=OWNER_ONLY, exist_ok=True)
        return path

    def add(self, name: str) -> Entry:
        """Take in a file that was written to its place."""
        path = self.place(name)
        self.files[name] = entry_of(path)
        if self._archive is not None:
            self._archive.add(path, name, filter=_nobody)
            path.unlink()
        return self.files[name]

    def finish(self, made: Manifest) -> None:
        """Write the manifest, last of all: without it a backup is none."""
        path = self.place(manifest.NAME)
        path.write_bytes(made.encode())
        if self._archive is None:
            sync(path)
            for folder in (self._stage / "events", self._stage):
                sync(folder)
        else:
            self._archive.add(path, manifest.NAME, filter=_nobody)


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who made a backup is nobody's business; who restores it owns it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = PRIVATE
    return member


@contextlib.contextmanager
def making(target: Path) -> Iterator[Bundle]:
    """Make a backup that is there whole in the end, or not at all.

    Raises:
        UpkeepError: something is there already.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UpkeepError(f"{target} is there already. Choose another name.")
    if not target.parent.is_dir():
        raise UpkeepError(f"There is no folder {target.parent} to put the backup into.")
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        if is_archive(target):
            yield from _archive(target, stage)
        else:
            yield Bundle(target, stage, None)
            stage.replace(target)
        sync(target.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _archive(target: Path, stage: Path) -> Iterator[Bundle]:
    draft = stage / "archive"
    with _packer(draft, target.name) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        yield Bundle(target, stage, archive)
    draft.chmod(PRIVATE)
    sync(draft)
    draft.replace(target)


def _packer(path: Path, name: str) -> IO[bytes]:
    if name.endswith(ZSTD):
        return cast("IO[bytes]", zstandard.open(path, "wb"))
    return gzip.open(path, "wb", compresslevel=6) if name.endswith(GZIP) else path.open("wb")  # type: ignore[return-value]


def _unpacker(path: Path) -> IO[bytes]:
    """Open an archive by what it is, not by how it is called."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == _ZSTD_MAGIC:
        return cast("IO[bytes]", zstandard.open(path, "rb"))
    return gzip.open(path, "rb") if start.startswith(_GZIP_MAGIC) else path.open("rb")  # type: ignore[return-value]


def unpack(source: Path, target: Path) -> Manifest:
    """Bring the files of a backup into an empty folder.

    Args:
        source: a backup, in either form.
        target: a folder that is there.

    Returns:
        What the backup says of itself; nothing is checked yet.

    Raises:
        UpkeepError: it is no backup, or is cut off.
    """
    if source.is_dir():
        return _copied(source, target)
    if not source.exists():
        raise UpkeepError(f"There is no backup {source}.")
    try:
        with _unpacker(source) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            found = _extracted(archive, target)
    except FAULTS as error:
        raise UpkeepError(f"{source} is no backup, or a damaged one: {error}.") from error
    if found is None:
        raise UpkeepError(f"{source} has no {manifest.NAME}: it is no backup, or its end is missing.")
    return found


def _extracted(archive: tarfile.TarFile, target: Path) -> Manifest | None:
    found: Manifest | None = None
    for member in archive:
        content = archive.extractfile(member) if member.isreg() else None
        if content is not None and member.name == manifest.NAME:
            found = manifest.decode(content.read())
        elif content is not None and manifest.FILES.fullmatch(member.name):
            _write(content, target / member.name)
        else:
            raise UpkeepError(f"The archive has a member that no backup has: {member.name!r}.")
    return found


def _copied(source: Path, target: Path) -> Manifest:
    found = read_folder(source)
    for name in found.files:
        if (source / name).is_file():
            with (source / name).open("rb") as content:
                _write(content, target / name)
    return found


def read_folder(source: Path) -> Manifest:
    """What a backup in a folder says of itself.

    Raises:
        UpkeepError: it is none.
    """
    path = source / manifest.NAME
    if not path.is_file():
        raise UpkeepError(f"{source} has no {manifest.NAME}: it is no backup, or was not finished.")
    return manifest.decode(path.read_bytes())


def _write(content: IO[bytes] | io.BufferedReader, path: Path) -> None:
    path.parent.mkdir(mode=OWNER_ONLY, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, manifest.CHUNK)
    path.chmod(PRIVATE)
    sync(path)


def stamp(ms: int) -> str:
    """A moment as a manifest has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))
