"""The breaker: a destination that obviously fails is held back at once, in the worker that sees it.

The watcher takes minutes to decide, on the results of all workers. Until then a tool that is down would be given all that comes,
and each invocation would use up its tries. So after some failures in a row, with no answer among them, the lane waits,
lets a single one through, and waits longer if that fails as well. The first answer ends it. The waits are short enough that the
watcher has results to judge by.

Pure values with the time as an argument.
"""

from __future__ import annotations

from typing import Final

TRIPS_AFTER: Final = 10
FIRST_WAIT_S: Final = 0.5
# In the watcher's five minutes, sixty results of each worker.
LONGEST_WAIT_S: Final = 5.0


class Breaker:
    """Counts the failures in a row of one destination.

    Attributes:
        open: whether it is held back: one at a time, from ``wait_to`` on.
        wait_to: nothing starts before this time.
    """

    def __init__(self) -> None:
        self.open = False
        self.wait_to = float("-inf")
        self._failures = 0
        self._waits = 0
        self._waits_since = float("-inf")

    def answered(self) -> None:
        """The tool does its work."""
        self.open = False
        self.wait_to = float("-inf")
        self._failures = self._waits = 0

    def failed(self, *, began: float, now: float) -> None:
        """There was no answer, or one that says that the tool is ill.

        Args:
            began: when what failed had started; those that were under way together lead to one wait.
            now: the time.
        """
        self._failures += 1
        if self._failures < TRIPS_AFTER or began < self._waits_since:
            return
        self.open = True
        self.wait_to = now + min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**self._waits)
        self._waits = min(self._waits + 1, 10)
        self._waits_since = now
