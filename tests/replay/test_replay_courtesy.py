"""How runs make room for live traffic."""

from __future__ import annotations

from hedgerow.replay.courtesy import LEAST, Courtesy


def test_a_late_loop_halves_what_a_run_may_use_and_quiet_gives_it_back():
    """Never less than a fifth, never more than all."""
    courtesy = Courtesy()
    courtesy.learn(0.1)
    assert courtesy.share == 0.5
    for _ in range(10):
        courtesy.learn(0.1)
    assert courtesy.share == LEAST
    for _ in range(100):
        courtesy.learn(0.0)
    assert courtesy.share == 1.0
