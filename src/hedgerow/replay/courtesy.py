"""Courtesy: runs make room when the event loop is late, for then live traffic waits too."""

from __future__ import annotations

from typing import Final

LATE_S: Final = 0.015
LEAST: Final = 0.2
LESS: Final = 0.5
MORE: Final = 0.05


class Courtesy:
    """The share of its rate that a run may use now: half of it after each beat that came late, a little more after others.

    Attributes:
        share: above 0, so that a run goes on even where the machine is always busy, and at most 1.
    """

    def __init__(self) -> None:
        self.share = 1.0

    def learn(self, late_s: float) -> None:
        """A beat came so much later than it was asked for."""
        self.share = max(LEAST, self.share * LESS) if late_s > LATE_S else min(1.0, self.share + MORE)
