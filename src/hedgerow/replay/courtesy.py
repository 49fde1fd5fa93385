"""Courtesy: runs make room for live traffic, and know by its own waiting how much.

What counts is how long live events take from capture to their turn. Now and then runs rest for a moment: what live events take
meanwhile is usual. Beside runs they may take a little longer; how many deliveries a second that allows is found by trying, window by
window. It is a comparison, so a slow machine or a busy hour does not count against runs. Without live traffic there is no bound.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

# A window is so long, or longer until it has seen enough events to judge by.
WINDOW_S: Final = 1.0
LONGEST_S: Final = 4.0
ENOUGH: Final = 40
MOST_SEEN: Final = 2000
# Of the events of a window this share took no longer than what stands for it.
RANK: Final = 0.95
# What runs have under way when they begin to rest still disturbs for so long.
DRAIN_S: Final = 0.25
REST_EVERY: Final = 8
# So many times as long as usual, and a little: shorter than anybody notices.
TOLERANCE: Final = 1.1
SLACK_S: Final = 0.002
# Deliveries a second of one worker: to begin with, and at least.
FIRST: Final = 100.0
LEAST: Final = 50.0
# By steps of the same size up and down an ordinary window ends up at what is tolerated.
BOLD: Final = 2.0
MORE: Final = 1.25
LESS: Final = 0.8


class Courtesy:
    """How many deliveries a second the runs of a worker may begin now.

    Attributes:
        alone: whether there is no live traffic.
    """

    def __init__(self) -> None:
        self.alone = True
        self._delays: deque[float] = deque(maxlen=MOST_SEEN)
        self._resting = False
        self._began = 0.0
        self._looked_at = -math.inf
        self._windows = 0
        self._usual: float | None = None
        self._rate = FIRST
        self._more = BOLD
        self._taken = 0

    @property
    def rate(self) -> float:
        """Deliveries a second of all runs together: none while they rest, any number while they are alone."""
        if self.alone:
            return math.inf
        return 0.0 if self._resting else self._rate

    def saw(self, delay_s: float) -> None:
        """A live event had its turn so long after its capture."""
        self._delays.append(delay_s)

    def took(self, deliveries: int) -> None:
        """Runs have begun so many deliveries."""
        self._taken += deliveries

    def look(self, now: float) -> None:
        """Judge what was seen, where it is time for that; to be called often while there are runs."""
        if now - self._looked_at > LONGEST_S:  # there were no runs: what was seen since is of no use
            self._delays.clear()
            self.alone = True
        self._looked_at = now
        if self.alone:
            if self._delays:
                self._begin(now, resting=True)
            return
        lasted, seen = now - self._began, len(self._delays)
        if lasted < 0:
            self._delays.clear()
        elif lasted >= LONGEST_S or (lasted >= WINDOW_S and not 0 < seen < ENOUGH):
            self._judge(lasted)
            self._begin(now, resting=not self._resting and self._windows % REST_EVERY == 0)

    def _begin(self, now: float, *, resting: bool) -> None:
        self.alone = not self._delays
        self._delays.clear()
        self._resting = resting
        self._began = now + (DRAIN_S if resting else 0.0)
        self._windows += 1
        self._taken = 0

    def _judge(self, lasted: float) -> None:
        if not self._delays:
            return
        delay = sorted(self._delays)[int(len(self._delays) * RANK)]
        if self._resting:
            self._usual = delay if self._usual is None else (self._usual + delay) / 2
        elif self._usual is not None and delay > self._usual * TOLERANCE + SLACK_S:
            self._rate, self._more = max(LEAST, self._rate * LESS), MORE
        else:
            # What was not made use of proves nothing.
            self._rate = max(self._rate, min(self._rate * self._more, FIRST + 2 * self._taken / lasted))
