"""Child processes: watched, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from hedgerow.serve import children
from hedgerow.serve.children import Child, describe_end, restart_delay
from hedgerow.serve.inherit import HOPELESS, ORPHANED, Inheritance, decode


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module that a child can run from source text."""

    def make(source):
        (tmp_path / "a_child.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return Child("a_child", Inheritance("a-child"), dict(os.environ), lambda: None)

    return make


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(children, "FIRST_DELAY_S", 0.01)


async def until(condition, seconds=10):
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


def test_restarts_become_rarer():
    """Each end in a row doubles the wait, up to ten seconds."""
    delays = [restart_delay(n) for n in range(1, 100)]
    assert delays == sorted(delays)
    assert delays[0] <= 0.1
    assert delays[-1] == children.LONGEST_DELAY_S


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with status 0"),
        (3, "ended with status 3"),
        (-9, "was ended by SIGKILL"),
        (-200, "signal 200"),
    ],
)
def test_an_end_is_told_in_words(code, words):
    """The log says how a process ended."""
    assert words in describe_end(code)


def test_an_inheritance_survives_its_way():
    """What the supervisor writes is what the child reads."""
    given = Inheritance("worker-1", alive=3, wake=5, bells=(7, 8), partitions=(0, 2))
    assert decode(given.encode()) == given
    assert given.descriptors() == (3, 5, 7, 8)


def test_a_killed_child_comes_back(module):
    """kill -9 is answered with a new process."""

    async def scenario():
        child = module("import time\ntime.sleep(60)")
        task = asyncio.create_task(child.keep_running())
        await until(lambda: child.pid)
        first = child.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.pid not in (0, first))
        child.stop()
        assert await asyncio.wait_for(task, 10) == 0
        assert child.starts == 2

    asyncio.run(scenario())


def test_a_hopeless_child_is_left_alone(module):
    """A child that says a restart cannot help is not started again."""

    async def scenario():
        child = module(f"import sys\nsys.exit({HOPELESS})")
        assert await asyncio.wait_for(child.keep_running(), 10) == HOPELESS
        assert child.starts == 1

    asyncio.run(scenario())


def test_a_child_follows_its_supervisor(tmp_path):
    """A child ends when the writing end of the pipe is gone."""

    async def scenario():
        read, write = os.pipe()
        code = f"from hedgerow.serve.inherit import follow_supervisor; follow_supervisor({read}); import time; time.sleep(60)"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, pass_fds=(read,))
        os.close(read)
        await asyncio.sleep(0.2)
        assert process.returncode is None
        os.close(write)
        assert await asyncio.wait_for(process.wait(), 10) == ORPHANED

    asyncio.run(scenario())
