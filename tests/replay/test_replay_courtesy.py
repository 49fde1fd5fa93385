"""How runs make room for live traffic."""

from __future__ import annotations

import math

from hedgerow.replay.courtesy import DRAIN_S, FIRST, LEAST, LESS, LONGEST_S, REST_EVERY, WINDOW_S, Courtesy


class Watched:
    """A courtesy, and live traffic that takes a while from capture to its turn."""

    def __init__(self) -> None:
        self.courtesy = Courtesy()
        self.now = 0.0

    def live(self, delay_s: float, seconds: float = WINDOW_S, per_second: int = 100) -> float:
        """So much time passes, with runs that use what they may; the last rate that was not a rest."""
        last = 0.0
        for _ in range(int(seconds * per_second)):
            self.now += 1 / per_second
            if delay_s:
                self.courtesy.saw(delay_s)
            self.courtesy.took(math.ceil(min(self.courtesy.rate, 1000.0) / per_second))
            self.courtesy.look(self.now)
            last = self.courtesy.rate or last
        return last

    def begun(self, delay_s: float = 0.01) -> Courtesy:
        """After the first rest, in which live events took as long."""
        self.live(delay_s, DRAIN_S + WINDOW_S + 0.05)
        return self.courtesy


def test_without_live_traffic_there_is_no_bound():
    """Nobody waits for what runs do then."""
    watched = Watched()
    watched.live(0.0, 10)
    assert watched.courtesy.rate == math.inf


def test_runs_rest_when_live_traffic_comes_and_begin_small():
    """First they learn what is usual."""
    watched = Watched()
    watched.live(0.01, 0.1)
    assert watched.courtesy.rate == 0
    assert watched.begun().rate == FIRST


def test_the_rate_grows_while_live_events_wait_no_longer_than_usual():
    """Quickly until it was too much once, in small steps afterwards."""
    watched = Watched()
    watched.begun()
    high = watched.live(0.01, 3)
    low = watched.live(0.03, 2)
    again = watched.live(0.01, 4)
    assert high >= 3 * FIRST
    assert low <= LESS * high
    assert low < again < 2 * low


def test_a_run_never_stands_still_for_good():
    """However long live events wait beside it, the least rate goes on between the rests."""
    watched = Watched()
    courtesy = watched.begun()
    rates = []
    for _ in range(40):
        watched.live(0.0 if courtesy.alone else 0.01 if not courtesy.rate else 1.0, 0.5)
        rates.append(courtesy.rate)
    assert min(rate for rate in rates if rate) == LEAST


def test_what_is_usual_is_learned_anew():
    """A busier hour is not the fault of runs."""
    watched = Watched()
    watched.begun()
    low = watched.live(0.05, 2 * REST_EVERY * WINDOW_S)
    assert watched.live(0.05, 6 * REST_EVERY * WINDOW_S) > low


def test_a_rate_that_nobody_uses_does_not_grow():
    """It proves nothing, and would let the next run begin with a rush."""
    watched = Watched()
    courtesy = watched.begun()
    courtesy.took = lambda _n: None
    watched.live(0.01, 6.0)
    assert courtesy.rate < 1.1 * FIRST


def test_live_traffic_that_ends_leaves_runs_alone():
    """Within seconds."""
    watched = Watched()
    courtesy = watched.begun()
    watched.live(0.0, LONGEST_S + 2 * WINDOW_S)
    assert courtesy.rate == math.inf


def test_what_came_while_there_were_no_runs_does_not_count():
    """A run is not held up by live traffic that ended before it began."""
    watched = Watched()
    for _ in range(100):
        watched.courtesy.saw(0.01)
    watched.live(0.0, 0.1)
    assert watched.courtesy.rate == math.inf
