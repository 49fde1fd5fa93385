"""What every event log promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hedgerow.events import Draft, Record


class LogUnavailable(Exception):
    """Nothing was appended; the caller must not acknowledge. The message says why (disk full, locked, closed)."""


class EventLog(Protocol):
    """An append-only, partitioned record of events.

    A log is keyed by project and distinct id: events of the same key share a partition and keep their order.
    """

    partitions: int

    async def append(self, drafts: Sequence[Draft]) -> None:
        """Add events; returns when they are durable, all or none.

        Raises:
            LogUnavailable: none of them was kept.
        """

    async def read(self, partition: int, after: int, *, records: int, size: int) -> list[Record]:
        """Records of a partition after a position, in order.

        Args:
            partition: which partition.
            after: the last position already seen, 0 for none.
            records: at most so many.
            size: stop after so many payload bytes (at least one record is returned if there is one).
        """

    async def read_many(self, after: dict[int, int], *, records: int, size: int) -> list[Record]:
        """Records of several partitions: ``after`` maps each to the last position seen.

        Args:
            after: partitions and positions.
            records: at most so many of each partition.
            size: stop after about so many payload bytes in all.
        """

    async def at(self, partition: int, position: int) -> Record | None:
        """The record at a position, or None when retention removed it."""

    async def end(self, partition: int) -> int:
        """Position of the last durable record, 0 when there is none."""

    async def read_at(self, places: Sequence[tuple[int, int]]) -> list[Record | None]:
        """The records at several places, given as partition and position; None for each that retention removed."""

    async def size_after(self, after: Mapping[int, int]) -> int:
        """About how many bytes of records lie behind positions.

        Args:
            after: partitions and positions; partitions that are not named count nothing.
        """

    async def erase(self, project_id: int, distinct_id: str, until_ms: int) -> int:
        """Overwrite the events of a distinct id by records that say nothing; positions stay as they are.

        Args:
            project_id: whose.
            distinct_id: under which they were sent.
            until_ms: those accepted up to this time.

        Returns:
            How many there were.
        """

    async def flush(self) -> bool:
        """Remove what is left of overwritten events outside of their places; False: somebody reads, try again."""
