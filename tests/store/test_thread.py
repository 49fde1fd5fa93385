"""One thread for everything that must not overlap."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest

from hedgerow.store.thread import OneThread


@pytest.fixture
def thread():
    made = OneThread("test")
    yield made
    made.close()


async def test_work_is_done_in_order_on_one_thread(thread):
    """Whoever gives it, waiting or blocking; the caller gets what came of it."""
    done: list[tuple[int, str]] = []

    def work(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number

    answers = await asyncio.gather(*(thread.run(lambda number=number: work(number)) for number in range(20)))
    assert thread.run_now(lambda: work(20)) == 20
    assert answers == list(range(20))
    assert done == [(number, "test") for number in range(21)]


async def test_an_error_belongs_to_the_caller(thread):
    """The thread goes on, and nothing of the error waits for the collector."""

    class Wrong(Exception):
        pass

    def work() -> None:
        raise Wrong

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(Wrong):
            await thread.run(work)
        with pytest.raises(Wrong):
            thread.run_now(work)
        assert await thread.run(lambda: 1) == 1
        assert not [one for one in gc.get_objects() if isinstance(one, Wrong)]
    finally:
        gc.enable()


async def test_what_is_given_up_before_its_turn_is_never_begun(thread):
    """What has begun is finished all the same."""
    begun, go = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        go.wait(10)
        done.append("first")

    tasks = [asyncio.create_task(thread.run(work)) for work in (first, lambda: done.append("second"))]
    assert await asyncio.to_thread(begun.wait, 10)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    go.set()
    await thread.run(lambda: done.append("third"))
    assert done == ["first", "third"]


def test_it_outlives_the_loop_that_gave_it_work(thread):
    """An answer that nobody can hear any more is dropped, and other loops are served."""
    go = threading.Event()

    async def leave() -> None:
        asyncio.create_task(thread.run(lambda: go.wait(10)))  # noqa: RUF006 - it is to be forgotten
        await asyncio.sleep(0.05)

    asyncio.run(leave())
    go.set()
    assert asyncio.run(thread.run(lambda: 2)) == 2


def test_a_closed_thread_takes_nothing():
    """It finishes what it has, and says no to the rest instead of leaving the caller waiting."""
    made, done = OneThread("test"), []
    made.run_now(lambda: done.append(1))
    made.close()
    assert done == [1]
    with pytest.raises(RuntimeError, match="has ended"):
        made.run_now(lambda: None)


def test_a_thread_that_nobody_can_reach_ends():
    """Nobody has to close what was forgotten."""
    made = OneThread("forgotten")
    made.run_now(lambda: None)
    del made
    gc.collect()
    until = time.monotonic() + 10
    while any(one.name == "forgotten" for one in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)
