"""How far the workers are behind: the age of the oldest unsettled record of each partition, and the size of what waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hedgerow.log import EventLog
from hedgerow.store import Connection, Database

POSITIONS = "SELECT partition, settled_to FROM positions"
# Health is asked for by several parties at a time; a picture this old serves them all.
FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds by partition, 0 where everything is settled; ``size`` is about how many bytes are not."""

    seconds: dict[int, float]
    size: int = 0

    @property
    def worst(self) -> float:
        """The largest of them."""
        return max(self.seconds.values(), default=0.0)


class LagMeter:
    """Reads positions and log, at most once a second."""

    def __init__(self, state: Database, log: EventLog, clock: Callable[[], float]) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._last = Lag({})
        self._read_at = float("-inf")

    async def read(self) -> Lag:
        """The lag now, or of a moment ago."""
        now = self._clock()
        if now - self._read_at >= FRESH_S:
            self._last, self._read_at = await self._measure(now), now
        return self._last

    async def _measure(self, now: float) -> Lag:
        settled = await self._state.read(settled_positions)
        ages = dict.fromkeys(range(self._log.partitions), 0.0)
        behind = {}
        for partition in ages:
            for oldest in await self._log.read(partition, settled.get(partition, 0), records=1, size=1):
                ages[partition] = max(0.0, now - oldest.captured_at / 1000)
                behind[partition] = oldest.position - 1
        return Lag(ages, await self._log.size_after(behind) if behind else 0)


def settled_positions(connection: Connection) -> dict[int, int]:
    """Up to where each partition is settled."""
    return {int(partition): int(position) for partition, position in connection.execute(POSITIONS)}
