"""The live tail: events as they are accepted, for those who watch.

Capture must never wait for somebody who watches. So each reader has a bounded queue; one that does not keep up loses the
oldest of what waits, and is told how many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import orjson

from hedgerow.events import Draft, Event, Record

QUEUE_EVENTS = 1000
QUEUE_BYTES = 2 * 1024 * 1024
MOST_READERS = 64


class TooManyReaders(Exception):
    """So many watch already that one more is not let in."""


class Reader:
    """One who watches a project's events. Made by ``Tail.reader``."""

    def __init__(self, project_id: int, event: str | None, distinct_ids: Collection[str] | None) -> None:
        self.project_id = project_id
        self.distinct_ids = distinct_ids
        self._event = event
        self._needle = None if event is None else b'"event":' + orjson.dumps(event)
        self._waiting: deque[Draft] = deque()
        self._bytes = 0
        self._lost = 0
        self._closed = False
        self._news = asyncio.Event()

    def offer(self, draft: Draft) -> None:
        """Queue an event if it may be wanted; it is decoded later, by the reader's own turn."""
        if self.distinct_ids is not None and draft.distinct_id not in self.distinct_ids:
            return
        if self._needle is not None and self._needle not in draft.payload:
            return
        self._waiting.append(draft)
        self._bytes += len(draft.payload)
        while len(self._waiting) > QUEUE_EVENTS or (self._bytes > QUEUE_BYTES and len(self._waiting) > 1):
            self._bytes -= len(self._waiting.popleft().payload)
            self._lost += 1
        self._news.set()

    def close(self) -> None:
        """End it: ``next`` gives what still waits and then None."""
        self._closed = True
        self._news.set()

    async def next(self, timeout_s: float) -> tuple[int, list[Event]] | None:
        """What has come since the last call.

        Args:
            timeout_s: wait at most so long for something.

        Returns:
            How many events were lost, and those that were not; both may be nothing. None: there will be no more.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return 0, []
        self._news.clear()
        drafts, lost = list(self._waiting), self._lost
        self._waiting.clear()
        self._bytes = self._lost = 0
        if self._closed:
            self._news.set()
            if not drafts and not lost:
                return None
        events = (_decoded(draft) for draft in drafts)
        return lost, [event for event in events if self._event in (None, event.event)]


class Tail:
    """All who watch."""

    def __init__(self) -> None:
        self._readers: set[Reader] = set()

    @property
    def readers(self) -> int:
        """How many watch."""
        return len(self._readers)

    @contextmanager
    def reader(
        self, project_id: int, *, event: str | None = None, distinct_ids: Collection[str] | None = None
    ) -> Iterator[Reader]:
        """Watch while the context lasts.

        Args:
            project_id: whose events.
            event: only those of this name.
            distinct_ids: only those of these.

        Raises:
            TooManyReaders: no place is free.
        """
        if len(self._readers) >= MOST_READERS:
            raise TooManyReaders(f"{MOST_READERS} readers follow events already.")
        reader = Reader(project_id, event, distinct_ids)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def publish(self, drafts: Sequence[Draft]) -> None:
        """Show events that are durable to whoever wants to see them."""
        for reader in self._readers:
            for draft in drafts:
                if draft.project_id == reader.project_id:
                    reader.offer(draft)

    def close(self) -> None:
        """Let all readers end."""
        for reader in self._readers:
            reader.close()


def _decoded(draft: Draft) -> Event:
    return Record(0, 0, draft.project_id, draft.captured_at, draft.payload).decode()
