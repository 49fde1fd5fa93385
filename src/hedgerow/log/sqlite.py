"""The embedded event log: group commit in front of hourly SQLite files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from hedgerow.events import Draft, Record
from hedgerow.log.protocol import LogUnavailable
from hedgerow.log.segments import ERRORS, HOUR_MS, ROW_BITS, Segments
from hedgerow.store import StoreError

T = TypeVar("T")


class SqliteLog:
    """An ``EventLog`` in a folder.

    Requests that arrive while a commit is under way share the next one: the busier it is, the cheaper each event.
    Writing and reading have a thread each, so that a long read never delays an acknowledgement.
    """

    def __init__(
        self,
        folder: Path,
        partitions: int,
        *,
        clock: Callable[[], float],
        synchronous: str = "FULL",
        vfs: str | None = None,
    ) -> None:
        """Open or make a log.

        Args:
            folder: where its files are.
            partitions: how many to make; an existing log keeps the number it was made with.
            clock: seconds since the epoch, decides which hour's file is written.
            synchronous: anything but FULL gives up durability; for failure tests.
            vfs: a SQLite VFS by name; for failure tests.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.partitions = _fixed_partitions(folder, partitions)
        self._clock = clock
        self._writer = Segments(folder, self.partitions, synchronous=synchronous, vfs=vfs)
        self._reader = Segments(folder, self.partitions, synchronous=synchronous, vfs=vfs)
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="log-write")
        self._read_thread = ThreadPoolExecutor(1, thread_name_prefix="log-read")
        self._waiting: list[tuple[Sequence[Draft], asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self.on_append: Callable[[], None] = lambda: None

    # ---------------------------------------------------------- writing

    async def append(self, drafts: Sequence[Draft]) -> None:
        """See ``EventLog.append``."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((drafts, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            drafts = [draft for some, _ in group for draft in some]
            failure: LogUnavailable | None = None
            try:
                await loop.run_in_executor(self._write_thread, self._commit, drafts)
            except LogUnavailable as error:
                failure = error
            for _, done in group:
                if done.done():
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(LogUnavailable(str(failure)))
            self.on_append()
        self._flusher = None

    def _commit(self, drafts: Sequence[Draft]) -> None:
        try:
            self._writer.append(drafts, int(self._clock() * 1000))
        except (StoreError, *ERRORS) as error:
            raise LogUnavailable(f"The event log could not be written: {error}") from error

    def append_now(self, drafts: Sequence[Draft]) -> None:
        """Like ``append`` for callers without an event loop; blocks."""
        self._write_thread.submit(self._commit, drafts).result()

    # ---------------------------------------------------------- reading

    async def read(self, partition: int, after: int, *, records: int, size: int) -> list[Record]:
        """See ``EventLog.read``."""
        return await self._reading(lambda: self._reader.read(partition, after, records=records, size=size))

    async def read_many(self, after: dict[int, int], *, records: int, size: int) -> list[Record]:
        """Records of several partitions in one go: ``after`` maps a partition to the last position seen.

        Args:
            after: partitions and positions.
            records: at most so many of each partition.
            size: stop after so many payload bytes in all.
        """

        def work() -> list[Record]:
            found: list[Record] = []
            left = size
            for partition, position in after.items():
                some = self._reader.read(partition, position, records=records, size=left)
                found += some
                left -= sum(len(record.payload) for record in some)
                if left <= 0:
                    break
            return found

        return await self._reading(work)

    async def at(self, partition: int, position: int) -> Record | None:
        """See ``EventLog.at``."""
        return await self._reading(lambda: self._reader.at(partition, position))

    async def end(self, partition: int) -> int:
        """See ``EventLog.end``."""
        return await self._reading(lambda: self._reader.end(partition))

    async def delete_before(self, captured_ms: int, settled: Callable[[int], bool]) -> int:
        """Delete the files of hours that ended before a time and hold nothing unsettled.

        Args:
            captured_ms: keep hours that end after this.
            settled: told the last position an hour can have, says whether every partition is past it.

        Returns:
            How many files were deleted.
        """
        deleted = 0
        for hour in await self._reading(self._reader.hours):
            last = ((hour + 1) << ROW_BITS) - 1
            if (hour + 1) * HOUR_MS > captured_ms or not settled(last):
                break
            if not await self._reading(lambda hour=hour: self._reader.is_sealed(hour)):  # type: ignore[misc]
                break
            await asyncio.get_running_loop().run_in_executor(self._write_thread, self._writer.forget, hour)
            await self._reading(lambda hour=hour: self._reader.delete(hour))  # type: ignore[misc]
            deleted += 1
        return deleted

    async def _reading(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, work)

    def close(self) -> None:
        """Close all files and end the threads."""
        self._write_thread.submit(self._writer.close).result()
        self._read_thread.submit(self._reader.close).result()
        self._write_thread.shutdown(wait=True)
        self._read_thread.shutdown(wait=True)


def _fixed_partitions(folder: Path, wanted: int) -> int:
    """Keys must keep their partition, so the number is decided once, when the log is made."""
    file = folder / "partitions"
    if not file.exists():
        file.write_text(f"{wanted}\n", encoding="ascii")
    return int(file.read_text(encoding="ascii"))
