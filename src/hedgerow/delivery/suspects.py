"""Invocations that may have killed a worker, and how the guilty one is found without blaming its neighbours.

What was there when two workers died is a suspect. Suspects run one at a time, each marked while it runs. One that was marked when a
worker died may still have had bad luck: something that nobody suspects ran beside it. So it runs once more with
nothing at all beside it in this process; if the worker dies of that too, it is guilty and set aside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from hedgerow.delivery import ledger
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.world import World

SUSPECT: Final = 2
MARKED: Final = 3
GUILTY: Final = 4


class Suspects:
    """Decides what may run beside what in one worker."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._one = asyncio.Lock()
        self._running = 0
        self._still = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    def run(
        self, invocation: Invocation, work: Callable[[], Awaitable[Outcome]], *, kept: bool
    ) -> Awaitable[Outcome]:
        """Run an invocation as freely as its past allows.

        Args:
            invocation: whose work it is.
            work: runs it.
            kept: it comes from the ledger, and its row may be marked. One that was just read may not: the place of its
                record in the log counts those deaths, but for those of marked rows, beside which it never runs.
        """
        if invocation.deaths < SUSPECT:
            return self._beside_others(work)
        return self._warily(invocation, work, kept=kept)

    async def _warily(
        self, invocation: Invocation, work: Callable[[], Awaitable[Outcome]], *, kept: bool
    ) -> Outcome:
        async with self._one:
            tried = (lambda: self._marked(invocation, work)) if kept else work
            if invocation.deaths < MARKED:
                outcome = await self._beside_others(tried)
            else:
                outcome = await self._by_itself(tried)
        invocation.deaths = 0
        return outcome

    async def _beside_others(self, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        while not self._open.is_set():
            await self._open.wait()
        self._running += 1
        try:
            return await work()
        finally:
            self._running -= 1
            if not self._running:
                self._still.set()

    async def _by_itself(self, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        self._open.clear()
        try:
            while self._running:
                self._still.clear()
                await self._still.wait()
            return await work()
        finally:
            self._open.set()

    async def _marked(self, invocation: Invocation, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        await self._world.insist("suspect", lambda connection: ledger.mark(connection, invocation.id))
        outcome = await work()
        await self._world.insist("absolve", lambda connection: ledger.absolve(connection, invocation.id))
        return outcome
