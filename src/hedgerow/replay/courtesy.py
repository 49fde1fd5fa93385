"""Courtesy: runs make room when the event loop is late, for then live traffic waits too."""

from __future__ import annotations

import asyncio
from typing import Final

LATE_S: Final = 0.008
LEAST: Final = 0.02
LESS: Final = 0.5
MORE: Final = 0.05
TICK_S: Final = 0.005


class Courtesy:
    """The share of its rate that a run may use now: half of it after a rest in which the loop was late, a little more after others.

    Attributes:
        share: above 0, so that a run goes on even where the machine is always busy, and at most 1.
    """

    def __init__(self) -> None:
        self.share = 1.0

    async def rest(self, seconds: float) -> None:
        """Let others work, and look all the while how late that makes us."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        end, latest = now + seconds, 0.0
        while now < end:
            wanted = min(end, now + TICK_S)
            await asyncio.sleep(wanted - now)
            now = loop.time()
            latest = max(latest, now - wanted)
        self.learn(latest)

    def learn(self, late_s: float) -> None:
        """The worst moment of a rest came so much later than it was asked for."""
        self.share = max(LEAST, self.share * LESS) if late_s > LATE_S else min(1.0, self.share + MORE)
