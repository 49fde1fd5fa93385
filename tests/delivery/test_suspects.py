"""The guilty invocation is found, and nothing that ran beside it is blamed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from hedgerow.delivery.suspects import MARKED, SUSPECT, Suspects


class Book:
    """A world that notes which rows are marked and absolved."""

    def __init__(self) -> None:
        self.story: list[str] = []

    async def insist(self, what, _work):
        self.story.append(what)
        await asyncio.sleep(0)


def job(book, name, seconds=0.0):
    async def work():
        book.story.append(f"{name} begins")
        await asyncio.sleep(seconds)
        book.story.append(f"{name} ends")
        return name

    return work


def invocation(deaths):
    return SimpleNamespace(id=b"i" * 16, deaths=deaths)


async def test_the_innocent_run_together():
    """What was there at fewer than two deaths waits for nobody and is never marked."""
    book = Book()
    suspects = Suspects(book)
    names = await asyncio.gather(*(suspects.run(invocation(1), job(book, n, 0.01), kept=True) for n in "ab"))
    assert names == ["a", "b"]
    assert book.story == ["a begins", "b begins", "a ends", "b ends"]


async def test_suspects_run_one_at_a_time_and_are_marked_meanwhile():
    """The mark is on the row before it runs, and off before the next one runs."""
    book = Book()
    suspects = Suspects(book)
    some = [invocation(SUSPECT), invocation(SUSPECT)]
    await asyncio.gather(*(suspects.run(i, job(book, n), kept=True) for i, n in zip(some, "ab", strict=True)))
    one = [["suspect", f"{n} begins", f"{n} ends", "absolve"] for n in "ab"]
    assert book.story == one[0] + one[1]
    assert [i.deaths for i in some] == [0, 0]


async def test_a_fresh_suspect_is_not_marked():
    """Its record's place in the log counts the deaths."""
    book = Book()
    await Suspects(book).run(invocation(SUSPECT), job(book, "a"), kept=False)
    assert book.story == ["a begins", "a ends"]


async def test_the_last_trial_is_by_itself():
    """It begins when nothing runs any more, and nothing begins until it is over."""
    book = Book()
    suspects = Suspects(book)
    before = asyncio.create_task(suspects.run(invocation(0), job(book, "before", 0.02), kept=True))
    await asyncio.sleep(0)
    trial = asyncio.create_task(suspects.run(invocation(MARKED), job(book, "trial", 0.01), kept=True))
    await asyncio.sleep(0)
    after = asyncio.create_task(suspects.run(invocation(0), job(book, "after"), kept=True))
    await asyncio.gather(before, trial, after)
    assert book.story == [
        "before begins", "before ends", "suspect", "trial begins", "trial ends", "absolve", "after begins", "after ends",
    ]  # fmt: skip


async def test_a_trial_that_is_cancelled_blocks_nobody():
    """A stopping worker cuts it off; others go on."""
    book = Book()
    suspects = Suspects(book)
    trial = asyncio.create_task(suspects.run(invocation(MARKED), job(book, "trial", 60), kept=True))
    await asyncio.sleep(0.01)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert await suspects.run(invocation(0), job(book, "other"), kept=True) == "other"
