"""A SQLite VFS on which the power can fail: what was not synced is gone, or arrives in part."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import apsw


class _File(apsw.VFSFile):
    def __init__(self, vfs: PowerVFS, name, flags) -> None:
        self._vfs = vfs
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._path = path or ""
        super().__init__(vfs.base, name, flags)
        if self._path:
            vfs.opened(self._path)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        self._vfs.wrote(self._path, offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._vfs.truncated(self._path, size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._vfs.synced(self._path)


class PowerVFS(apsw.VFS):
    """Remembers, per file, its content at the last sync and every write since."""

    def __init__(self, name: str) -> None:
        self.base = ""
        self._lock = threading.RLock()
        self._durable: dict[str, bytes] = {}
        self._pending: dict[str, list[tuple[int, bytes | None]]] = {}
        super().__init__(name, self.base)

    def xOpen(self, name, flags):  # noqa: N802
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._durable.pop(filename, None)
        self._pending.pop(filename, None)

    # A file that was there before is taken to be on the disk.
    def opened(self, path: str) -> None:
        with self._lock:
            if path not in self._durable:
                self._durable[path] = Path(path).read_bytes() if Path(path).exists() else b""
                self._pending[path] = []

    def wrote(self, path: str, offset: int, data: bytes) -> None:
        with self._lock:
            if path in self._pending:
                self._pending[path].append((offset, data))

    def truncated(self, path: str, size: int) -> None:
        with self._lock:
            if path in self._pending:
                self._pending[path].append((size, None))

    def synced(self, path: str) -> None:
        with self._lock:
            if path in self._pending:
                image = bytearray(self._durable[path])
                for change in self._pending[path]:
                    _apply(image, change)
                self._durable[path] = bytes(image)
                self._pending[path].clear()

    def fail(self, chance: random.Random) -> dict[str, bytes]:
        """What each file holds after the power failed: the synced content and a random part of what came after."""
        with self._lock:
            images = {}
            for path, durable in self._durable.items():
                if path.endswith("-shm"):
                    continue
                image = bytearray(durable)
                survive = chance.choice([0.0, 0.5, 0.9])
                for change in self._pending[path]:
                    if chance.random() < survive:
                        _apply(image, change)
                images[path] = bytes(image)
            return images


def _apply(image: bytearray, change: tuple[int, bytes | None]) -> None:
    offset, data = change
    if data is None:
        del image[offset:]
        return
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data
