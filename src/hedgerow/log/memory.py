"""An event log in memory: the twin of the real ones for tests and simulation."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

from hedgerow.events import TOMBSTONE, Draft, Record
from hedgerow.log.segments import partition_of


class MemoryLog:
    """An ``EventLog`` that lives as long as the object."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions = partitions
        self._records: dict[int, list[Record]] = {number: [] for number in range(partitions)}
        self._last = 0

    async def append(self, drafts: Sequence[Draft]) -> None:
        """See ``EventLog.append``."""
        for draft in drafts:
            self._last += 1
            partition = partition_of(draft.project_id, draft.distinct_id, self.partitions)
            self._records[partition].append(
                Record(partition, self._last, draft.project_id, draft.captured_at, draft.payload)
            )

    async def read(self, partition: int, after: int, *, records: int, size: int) -> list[Record]:
        """See ``EventLog.read``."""
        found: list[Record] = []
        stored = self._records[partition]
        for record in stored[bisect.bisect_right(stored, after, key=lambda record: record.position) :]:
            if len(found) >= records or size <= 0:
                break
            found.append(record)
            size -= len(record.payload)
        return found

    async def read_many(self, after: dict[int, int], *, records: int, size: int) -> list[Record]:
        """See ``EventLog.read_many``."""
        found: list[Record] = []
        for partition, position in after.items():
            found += await self.read(partition, position, records=records, size=size)
        return found

    async def at(self, partition: int, position: int) -> Record | None:
        """See ``EventLog.at``."""
        return next((record for record in self._records[partition] if record.position == position), None)

    async def end(self, partition: int) -> int:
        """See ``EventLog.end``."""
        stored = self._records[partition]
        return stored[-1].position if stored else 0

    async def read_at(self, places: Sequence[tuple[int, int]]) -> list[Record | None]:
        """See ``EventLog.read_at``."""
        return [await self.at(*place) for place in places]

    async def size_after(self, after: Mapping[int, int]) -> int:
        """See ``EventLog.size_after``."""
        return sum(
            len(record.payload)
            for partition, position in after.items()
            for record in self._records[partition]
            if record.position > position
        )

    async def erase(self, project_id: int, distinct_id: str, until_ms: int) -> int:
        """See ``EventLog.erase``."""
        stored = self._records[partition_of(project_id, distinct_id, self.partitions)]
        erased = 0
        for at, record in enumerate(stored):
            who = (record.project_id, record.decode().distinct_id)
            if who == (project_id, distinct_id) and record.captured_at <= until_ms:
                stored[at] = record._replace(payload=TOMBSTONE)
                erased += 1
        return erased

    async def flush(self) -> bool:
        """See ``EventLog.flush``."""
        return True
