"""Who owns a partition: an operating-system lock per partition, which dies with its holder."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path


class PartitionLocks:
    """Exclusive locks on files of the data folder. No lease to renew, no clock to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[int, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    async def take(self, partitions: Iterable[int], *, every_s: float = 0.05) -> None:
        """Take locks, waiting for a previous owner that is still leaving."""
        for partition in partitions:
            while not self._try(partition):  # noqa: ASYNC110 - the lock's holder cannot notify us: it may be dying
                await asyncio.sleep(every_s)

    def _try(self, partition: int) -> bool:
        descriptor = os.open(
            self._folder / f"partition-{partition}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held[partition] = descriptor
        return True

    def release(self) -> None:
        """Give all locks back."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()
