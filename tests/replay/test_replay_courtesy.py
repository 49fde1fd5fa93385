"""How runs make room for live traffic."""

from __future__ import annotations

import asyncio
import time

from hedgerow.replay.courtesy import LEAST, Courtesy


def test_a_late_loop_halves_what_a_run_may_use_and_quiet_gives_it_back():
    """Never nothing, never more than all."""
    courtesy = Courtesy()
    courtesy.learn(0.1)
    assert courtesy.share == 0.5
    for _ in range(10):
        courtesy.learn(0.1)
    assert courtesy.share == LEAST
    for _ in range(100):
        courtesy.learn(0.0)
    assert courtesy.share == 1.0


async def test_what_keeps_the_loop_during_a_rest_is_noticed():
    """Wherever in the rest it comes, not only at its end."""
    courtesy = Courtesy()
    asyncio.get_running_loop().call_later(0.02, time.sleep, 0.03)
    await courtesy.rest(0.2)
    assert courtesy.share == 0.5
