"""Courtesy: runs make room for live traffic, and know by its own waiting how much.

What counts is how long live events take from capture to their turn. Now and then runs rest for a moment, those of all workers at once:
what live events take meanwhile is usual. Beside runs they may take a little longer; how many deliveries a second that allows is found
by trying, window by window. It is a comparison, so a slow machine or a busy hour does not count against runs. Without live traffic there
is no bound.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Final

# By the clock of the machine, so that workers rest together: else each would take the others' work for usual.
PERIOD_S: Final = 10.0
REST_S: Final = 1.5
WINDOW_S: Final = 1.7
# What runs have under way when they begin to rest still disturbs for so long.
DRAIN_S: Final = 0.25
# So long without live events, and runs are alone.
ALONE_S: Final = 2.0
# Fewer events say too little: those of the next window are waited for.
ENOUGH: Final = 40
MOST_SEEN: Final = 2000
# Of the events this share took no longer than what stands for them all.
RANK: Final = 0.98
# No more than this longer than usual: nobody notices it, though the slowest of all feel more than these do.
SLACK_S: Final = 0.0005
# What is usual is the median of so many times without runs: of so few events one time says little.
REMEMBERED: Final = 5
# Deliveries a second of one worker: to begin with, and at least.
FIRST: Final = 100.0
LEAST: Final = 20.0
# Down in larger steps than up: an ordinary window ends up a little below what is tolerated.
BOLD: Final = 2.0
MORE: Final = 1.25
LESS: Final = 0.75


class Courtesy:
    """How many deliveries a second the runs of a worker may begin now.

    Attributes:
        alone: whether there is no live traffic.
    """

    def __init__(self) -> None:
        self.alone = True
        self._resting = False
        self._rate = FIRST
        self._more = BOLD
        self._usual: deque[float] = deque(maxlen=REMEMBERED)
        self._seen: deque[float] = deque(maxlen=MOST_SEEN)
        self._quiet: list[float] = []
        self._beside: list[float] = []
        self._taken = 0
        self._windows = 0
        self._phase = -1.0
        self._looked_at = self._live_at = -math.inf

    @property
    def rate(self) -> float:
        """Deliveries a second of all runs together: none while they rest, any number while they are alone."""
        if self.alone:
            return math.inf
        return 0.0 if self._resting else self._rate

    def saw(self, delay_s: float) -> None:
        """A live event had its turn so long after its capture."""
        self._seen.append(delay_s)

    def took(self, deliveries: int) -> None:
        """Runs have begun so many deliveries."""
        self._taken += deliveries

    def look(self, now: float) -> None:
        """Take in what was seen, and judge it where it is time for that; to be called often while there are runs.

        Args:
            now: seconds, by the same clock in all workers.
        """
        if not 0 <= now - self._looked_at <= PERIOD_S:
            self._forget()
        self._looked_at = now
        into = now % PERIOD_S
        phase = now // PERIOD_S + max(0.0, (into - REST_S) // WINDOW_S + 1) / PERIOD_S
        if phase != self._phase:
            self._judge()
            self._phase = phase
        self._resting = into < REST_S
        self._take_in(now, drains=into < DRAIN_S)

    def _take_in(self, now: float, *, drains: bool) -> None:
        if self._seen:
            self._live_at = now
        if not drains:
            (self._quiet if self._resting else self._beside).extend(self._seen)
        self._seen.clear()
        self.alone = now - self._live_at > ALONE_S

    def _judge(self) -> None:
        """A window is over, or a rest."""
        if self._resting:
            self._remember()
            return
        if not self._taken:  # runs may be paused, or wait for something else: as good as a rest
            self._quiet += self._beside
            self._begin()
            self._remember()
            return
        self._windows += 1
        if len(self._beside) >= ENOUGH:
            if self._usual:
                self._learn(_ranked(self._beside) > statistics.median(self._usual) + SLACK_S)
            self._begin()

    def _remember(self) -> None:
        if len(self._quiet) >= ENOUGH:
            self._usual.append(_ranked(self._quiet))
            self._quiet.clear()

    def _learn(self, too_long: bool) -> None:
        if too_long:
            self._rate, self._more = max(LEAST, self._rate * LESS), MORE
            return
        # What was not made use of proves nothing.
        most = FIRST + 2 * self._taken / (self._windows * WINDOW_S)
        self._rate = max(self._rate, min(self._rate * self._more, most))

    def _begin(self) -> None:
        self._beside.clear()
        self._taken = self._windows = 0

    def _forget(self) -> None:
        """There were no runs: what was seen meanwhile is of no use."""
        self._seen.clear()
        self._quiet.clear()
        self._begin()
        self._live_at = -math.inf


def _ranked(delays: list[float]) -> float:
    return sorted(delays)[int(len(delays) * RANK)]
