"""The embedded event log: group commit in front of hourly SQLite files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from hedgerow.events import Draft, Record
from hedgerow.log.protocol import LogUnavailable
from hedgerow.log.segments import ERRORS, HOUR_MS, ROW_BITS, Segments
from hedgerow.store import StoreError
from hedgerow.store.thread import OneThread

T = TypeVar("T")

# Commits begin at least this far apart: an event that comes alone does not wait, a stream of them shares commits.
PACE_S = 0.003
# When many wait, a commit costs the processor more than they notice of a longer pause.
BUSY, BUSY_PACE_S = 12, 0.006


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
        self._write_thread = OneThread("log-write")
        self._read_thread = OneThread("log-read")
        self._waiting: list[tuple[Sequence[Draft], asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._committed_at = 0.0
        self._pace_s = PACE_S
        self.on_append: Callable[[], None] = lambda: None
        self.on_durable: Callable[[Sequence[Draft]], None] = lambda _drafts: None

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
            await asyncio.sleep(max(0.0, self._committed_at + self._pace_s - loop.time()))
            self._committed_at = loop.time()
            group, self._waiting = self._waiting, []
            self._pace_s = BUSY_PACE_S if len(group) >= BUSY else PACE_S
            drafts = [draft for some, _ in group for draft in some]
            failure: LogUnavailable | None = None
            try:
                await self._write_thread.run(partial(self._commit, drafts))
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
            if failure is None:
                self.on_durable(drafts)
        self._flusher = None

    def _commit(self, drafts: Sequence[Draft]) -> None:
        try:
            self._writer.append(drafts, int(self._clock() * 1000))
        except (StoreError, *ERRORS) as error:
            raise LogUnavailable(f"The event log could not be written: {error}") from error

    def append_now(self, drafts: Sequence[Draft]) -> None:
        """Like ``append`` for callers without an event loop; blocks."""
        self._write_thread.run_now(partial(self._commit, drafts))

    # ---------------------------------------------------------- reading

    async def read(self, partition: int, after: int, *, records: int, size: int) -> list[Record]:
        """See ``EventLog.read``."""

        def work() -> list[Record]:
            self._reader.look()
            return self._reader.read(partition, after, records=records, size=size)

        return await self._reading(work)

    async def read_many(self, after: dict[int, int], *, records: int, size: int) -> list[Record]:
        """Records of several partitions in one go: ``after`` maps a partition to the last position seen.

        Args:
            after: partitions and positions.
            records: at most so many of each partition.
            size: stop after so many payload bytes in all.
        """
        return await self._reading(partial(self._reader.read_many, after, records=records, size=size))

    async def at(self, partition: int, position: int) -> Record | None:
        """See ``EventLog.at``."""
        return await self._reading(lambda: self._reader.at(partition, position))

    async def end(self, partition: int) -> int:
        """See ``EventLog.end``."""
        return await self._reading(lambda: self._reader.end(partition))

    async def read_at(self, places: Sequence[tuple[int, int]]) -> list[Record | None]:
        """See ``EventLog.read_at``."""
        return await self._reading(lambda: [self._reader.at(*place) for place in places])

    async def size_after(self, after: Mapping[int, int]) -> int:
        """See ``EventLog.size_after``."""
        return await self._reading(lambda: self._reader.size_after(after))

    async def first(self) -> int:
        """The lowest position that the log can still have."""
        hours = await self._reading(self._reader.hours)
        return hours[0] << ROW_BITS if hours else 0

    # --------------------------------------------------------- removing

    async def delete_before(
        self, captured_ms: int, settled: Callable[[int], bool], *, size: int | None = None
    ) -> int:
        """Delete the oldest hours: those that ended before a time, and more while the log is too large.

        Args:
            captured_ms: keep hours that end after this.
            settled: told the last position an hour can have, says whether every partition is past it. What is not settled stays.
            size: bytes that the whole log may take; None: any number.

        Returns:
            How many files were deleted.
        """
        deleted = 0
        hours = await self._reading(self._reader.hours)
        left = await self._reading(lambda: sum(map(self._reader.size, hours)))
        for hour in hours:
            last = ((hour + 1) << ROW_BITS) - 1
            too_large = size is not None and left > size
            if ((hour + 1) * HOUR_MS > captured_ms and not too_large) or not settled(last):
                break
            left -= await self._reading(lambda hour=hour: self._reader.size(hour))  # type: ignore[misc]
            if not await self._reading(lambda hour=hour: self._reader.is_sealed(hour)):  # type: ignore[misc]
                break
            await self._write_thread.run(partial(self._writer.forget, hour))
            await self._reading(lambda hour=hour: self._reader.delete(hour))  # type: ignore[misc]
            deleted += 1
        return deleted

    async def erase(self, project_id: int, distinct_id: str, until_ms: int) -> int:
        """Overwrite the events of a distinct id by records that say nothing; positions stay as they are.

        Args:
            project_id: whose.
            distinct_id: under which they were sent.
            until_ms: those accepted up to this time.

        Returns:
            How many there were.
        """
        erased = 0
        for hour in await self._reading(self._reader.hours):  # one at a time: others want to read meanwhile
            work = partial(self._reader.erase, hour, project_id, distinct_id, until_ms)
            erased += await self._reading(work)
        return erased

    async def flush(self) -> bool:
        """Empty the write-ahead logs of all hours, in which overwritten bytes may stand; False: somebody reads, try again."""
        hours = await self._reading(self._reader.hours)
        done = [await self._reading(lambda hour=hour: self._reader.flush(hour)) for hour in hours]  # type: ignore[misc]
        return all(done)

    async def _reading(self, work: Callable[[], T]) -> T:
        return await self._read_thread.run(work)

    def close(self) -> None:
        """Close all files and end the threads."""
        for thread, files in ((self._write_thread, self._writer), (self._read_thread, self._reader)):
            thread.run_now(files.close)
            thread.close()


def _fixed_partitions(folder: Path, wanted: int) -> int:
    """Keys must keep their partition, so the number is decided once, when the log is made."""
    file = folder / "partitions"
    if not file.exists():
        file.write_text(f"{wanted}\n", encoding="ascii")
    return int(file.read_text(encoding="ascii"))
