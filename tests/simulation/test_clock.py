"""The clock of the machine is set while the pipeline works: an hour ahead or a minute back, and some seconds to and fro after that.

What waits for a time of day waits longer when the clock is set back, by as much; it is not lost.
"""

from __future__ import annotations

import os

import pytest

from simulation.loop import SimulatedLoop
from simulation.seeds import survive
from simulation.test_simulation import Run, prepared, windowed  # noqa: F401 - fixtures

RUNS = int(os.environ.get("HEDGEROW_CLOCK_RUNS", "80"))
JUMPS = (3600.0, -60.0)


class JumpingRun(Run):
    """Processes whose clock is not their loop's: it was set some time before, and is set again while they run."""

    def __init__(self, seed: int, prepared) -> None:  # noqa: F811
        super().__init__(seed, prepared)
        self.offset = 0.0

    def clock(self, loop: SimulatedLoop):
        before = self.offset
        large = self.chance.choice(JUMPS) if before == 0 else 0.0
        small = self.chance.uniform(-20, 20)
        first = loop.time() + self.chance.uniform(0, 0.5)
        second = first + self.chance.uniform(0, 1.0)

        def now() -> float:
            passed = loop.time()
            self.offset = before + (large if passed >= first else 0.0) + (small if passed >= second else 0.0)
            return passed + self.offset

        return now


@pytest.mark.simulation
def test_nothing_is_lost_when_the_clock_jumps(prepared, windowed):  # noqa: F811
    """Verdicts, people and metrics come out as with a steady clock, crashes included."""
    survive(lambda seed: JumpingRun(seed, prepared if seed % 2 else windowed), RUNS)
