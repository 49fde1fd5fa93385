"""The data folder: made, checked, and held by one instance at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

OWNER_ONLY = 0o700


class FolderError(Exception):
    """The data folder cannot be used. The message says what to do."""


class DataFolder:
    """A data folder held by this process. The hold is an operating system lock: it dies with the process."""

    def __init__(self, path: Path) -> None:
        """Make the folder if need be and take it.

        Raises:
            FolderError: it cannot be made or written, or another instance has it.
        """
        self.path = path.resolve()
        self.is_new = not (self.path / "state.db").exists()
        self._make()
        self._lock = self._take()

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
            for name in ("events", "locks"):
                (self.path / name).mkdir(exist_ok=True, mode=OWNER_ONLY)
            if self.is_new or stat.S_IMODE(self.path.stat().st_mode) & 0o077:
                self.path.chmod(OWNER_ONLY)  # events and keys are nobody else's business
        except FileExistsError as error:
            raise FolderError(
                f"{self.path} is a file, not a folder. Choose another with --data-dir."
            ) from error
        except OSError as error:
            raise FolderError(
                f"The data folder {self.path} cannot be made or written: {error.strerror}. "
                "Choose another with --data-dir, or change its owner."
            ) from error

    def _take(self) -> int:
        file = self.path / "locks" / "instance"
        try:
            lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderError(f"The data folder {self.path} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(lock, 32).decode("ascii", "replace").strip()
            os.close(lock)
            raise FolderError(
                f"The data folder {self.path} is in use by another Hedgerow (process {holder or 'unknown'}). "
                "Stop that one first, or choose another folder with --data-dir."
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode("ascii"))
        return lock

    def close(self) -> None:
        """Let the folder go."""
        with contextlib.suppress(OSError):
            os.close(self._lock)
