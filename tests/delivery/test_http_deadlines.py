"""Deadlines: all exchanges end in time, whatever timer they share."""

import asyncio

import pytest

from hedgerow.delivery.http_deadlines import Deadlines


async def test_each_ends_at_its_own_time():
    """Whether an earlier deadline comes after a later one or before it."""
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    ended = {}

    async def wait(seconds):
        began, answer = loop.time(), loop.create_future()
        deadlines.add(answer, began + seconds)
        with pytest.raises(TimeoutError):
            await answer
        ended[seconds] = loop.time() - began

    await asyncio.gather(*[wait(seconds) for seconds in (0.15, 0.05, 0.1, 0.0)])
    assert list(ended) == [0.0, 0.05, 0.1, 0.15]
    assert all(wanted - 0.01 <= took for wanted, took in ended.items())


async def test_what_is_done_or_let_go_is_left_alone():
    """It has its result, and nothing is waited for once nothing is left."""
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    done, let_go, late = (loop.create_future() for _ in range(3))
    for answer in (done, let_go, late):
        deadlines.add(answer, loop.time() + 0.02)
    done.set_result("answer")
    deadlines.remove(let_go)
    deadlines.remove(let_go)
    with pytest.raises(TimeoutError):
        await late
    assert done.result() == "answer"
    assert not let_go.done()
    assert not deadlines
