"""The window: records that were read and are not settled yet, in order, bounded in bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from hedgerow.delivery.invocation import Invocation
from hedgerow.delivery.matching import Roster
from hedgerow.destinations import CompiledDestination


@dataclass(slots=True, eq=False)
class Entry:
    """One record on its way.

    ``pending`` has the invocations without a row in the ledger (or in the transaction that is being written).
    ``roster`` says who was offered its event, ``taken`` which of them did not filter it out, and ``sampled`` which of these left it
    out of their sample: counted when it settles. ``waits`` counts filters that are still being asked.
    """

    partition: int
    position: int
    size: int
    read_at: float
    pending: dict[bytes, Invocation] = field(default_factory=dict)
    waits: int = 0
    roster: Roster | None = None
    taken: list[CompiledDestination] = field(default_factory=list)
    sampled: list[CompiledDestination] = field(default_factory=list)


class Window:
    """Entries of all partitions of a worker."""

    def __init__(self, max_bytes: int, max_records: int) -> None:
        self._max_bytes = max_bytes
        self._max_records = max_records
        self._entries: dict[int, deque[Entry]] = {}
        self.size = 0
        self.records = 0
        self._room = asyncio.Event()
        self._room.set()

    def add(self, entry: Entry) -> None:
        """Put an entry at the end of its partition."""
        self._entries.setdefault(entry.partition, deque()).append(entry)
        self.size += entry.size
        self.records += 1
        self._judge()

    async def room(self) -> None:
        """Wait until there is room for more."""
        await self._room.wait()

    def settled(self) -> list[Entry]:
        """Take out, of each partition, the leading entries without pending invocations."""
        gone: list[Entry] = []
        for entries in self._entries.values():
            while entries and not entries[0].pending and not entries[0].waits:
                gone.append(entries.popleft())
        for entry in gone:
            self.size -= entry.size
            self.records -= 1
        self._judge()
        return gone

    def overdue(self, before: float) -> list[Entry]:
        """Entries with pending invocations that were read before a time."""
        late: list[Entry] = []
        for entries in self._entries.values():
            for entry in entries:
                if entry.read_at > before:
                    break
                if entry.pending:
                    late.append(entry)
        return late

    def oldest(self) -> float | None:
        """When the oldest entry was read, in loop time."""
        heads = [entries[0].read_at for entries in self._entries.values() if entries]
        return min(heads) if heads else None

    def busy(self, partition: int) -> bool:
        """Whether a partition has entries."""
        return bool(self._entries.get(partition))

    def _judge(self) -> None:
        if self.size < self._max_bytes and self.records < self._max_records:
            self._room.set()
        else:
            self._room.clear()
