"""How runs make room for live traffic."""

from __future__ import annotations

import math

from hedgerow.replay.courtesy import ALONE_S, FIRST, LEAST, LESS, PERIOD_S, REST_S, Courtesy

STEP_S = 0.01


class Watched:
    """A courtesy, and live traffic that takes a while from capture to its turn; it begins with a rest."""

    def __init__(self) -> None:
        self.courtesy = Courtesy()
        self.now = 7 * PERIOD_S

    def live(self, delay_s: float, seconds: float, *, beside_s: float | None = None, each: int = 1) -> float:
        """So much time passes, with runs that use what they may.

        Args:
            delay_s: what live events take; none come if that is 0.
            seconds: how long.
            beside_s: what they take while runs do not rest.
            each: how many steps there are to a live event.

        Returns:
            The last rate that was not a rest.
        """
        last = 0.0
        for number in range(round(seconds / STEP_S)):
            rate = self.courtesy.rate
            if delay_s and number % each == 0:
                self.courtesy.saw(delay_s if beside_s is None or not rate else beside_s)
            self.courtesy.took(math.ceil(min(rate, 5000.0) * STEP_S))
            self.now += STEP_S
            self.courtesy.look(self.now)
            last = self.courtesy.rate or last
        return last


def test_without_live_traffic_there_is_no_bound():
    """Nobody waits for what runs do then, and they need no rests."""
    watched = Watched()
    watched.live(0.0, PERIOD_S + REST_S / 2)
    assert watched.courtesy.rate == math.inf


def test_beside_live_traffic_runs_begin_small_and_rest_now_and_then():
    """They learn what is usual before they try for more."""
    watched = Watched()
    watched.live(0.01, REST_S / 2)
    assert watched.courtesy.rate == 0
    assert watched.live(0.01, REST_S / 2 + 0.1) == FIRST
    watched.live(0.01, PERIOD_S - 0.1 - REST_S / 2)
    assert watched.courtesy.rate == 0


def test_workers_rest_at_the_same_time():
    """Whenever each of them began."""
    one, other = Watched(), Watched()
    one.live(0.01, 3.7)
    other.now = one.now
    for _ in range(2000):
        for watched in (one, other):
            watched.live(0.01, STEP_S)
        assert (one.courtesy.rate == 0) == (other.courtesy.rate == 0)


def test_the_rate_grows_while_live_events_wait_no_longer_than_usual():
    """Quickly until it was too much once, in small steps afterwards."""
    watched = Watched()
    high = watched.live(0.01, PERIOD_S / 2)
    low = watched.live(0.01, 3, beside_s=0.03)
    again = watched.live(0.01, 3 * PERIOD_S / 4)
    assert high >= 3 * FIRST
    assert low <= LESS * high
    assert low < again < 2 * low


def test_a_run_never_stands_still_for_good():
    """However long live events wait beside it, the least rate goes on between the rests."""
    watched = Watched()
    assert watched.live(0.01, 3 * PERIOD_S, beside_s=1.0) == LEAST


def test_few_events_are_judged_when_there_are_enough():
    """Two a second say nothing in a second."""
    watched = Watched()
    assert watched.live(0.01, 5 * PERIOD_S, each=50) == FIRST
    assert watched.live(0.01, 20 * PERIOD_S, each=50) > FIRST


def test_what_is_usual_is_learned_anew():
    """A busier hour is not the fault of runs."""
    watched = Watched()
    watched.live(0.01, PERIOD_S / 2)
    low = watched.live(0.05, PERIOD_S / 2)
    assert watched.live(0.05, 5 * PERIOD_S) > low


def test_a_rate_that_nobody_uses_does_not_grow():
    """It proves nothing, and would let the next run begin with a rush."""
    watched = Watched()
    watched.courtesy.took = lambda _n: None
    assert watched.live(0.01, 2 * PERIOD_S) == FIRST


def test_while_nothing_runs_live_traffic_tells_what_is_usual():
    """A run that is paused is not to blame for what live events wait, and has not to learn it again afterwards."""
    watched = Watched()
    took, watched.courtesy.took = watched.courtesy.took, lambda _n: None
    assert watched.live(0.01, PERIOD_S / 2, beside_s=0.04) == FIRST
    watched.courtesy.took = took
    assert watched.live(0.04, PERIOD_S / 2) > FIRST


def test_live_traffic_that_ends_leaves_runs_alone():
    """Within seconds."""
    watched = Watched()
    watched.live(0.01, PERIOD_S)
    watched.live(0.0, ALONE_S + 0.1)
    assert watched.courtesy.rate == math.inf


def test_what_came_while_there_were_no_runs_does_not_count():
    """A run is not held up by live traffic that ended before it began."""
    watched = Watched()
    watched.live(0.01, PERIOD_S)
    for _ in range(100):
        watched.courtesy.saw(0.01)
    watched.now += 3600
    watched.live(0.0, 0.1)
    assert watched.courtesy.rate == math.inf
