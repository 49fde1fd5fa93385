"""Filters and keys that take too long for the event loop: judged in a helper, while their record waits in the window.

Most never get here: filters that cannot loop are not even metered. One that is over its few milliseconds is judged again
elsewhere, and the records behind go on; only settling waits for the answer. So that one that is always slow cannot
fill the window, just so many of its records wait: the others become deliveries that failed, to be run again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, TypeAlias

from hedgerow.delivery.claims import Claim, ClaimError, claim, claim_in_helper
from hedgerow.delivery.invocation import Invocation
from hedgerow.delivery.matching import Wanted, wanted_by
from hedgerow.delivery.sandbox import CLAIM, FILTER
from hedgerow.delivery.world import World
from hedgerow.destinations import CompiledDestination, FilterError
from hedgerow.hog import HogError, Host, Limits, OverBudget

log = logging.getLogger(__name__)

CPU_MS: Final = 100.0
WAITING: Final = 32

Answer: TypeAlias = "list[str] | FilterError"
Claimed: TypeAlias = "Claim | ClaimError | None"


class Judge:
    """Decides which destinations want an event: at once, or later for those whose filters take long."""

    def __init__(self, world: World) -> None:
        self._sandbox = world.sandbox
        self._host = Host(now=world.now, limits=Limits(cpu_ms=CPU_MS))
        if self._sandbox is not None:
            self._host.patience_ms = self._sandbox.patience_ms
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def judge(
        self, candidates: Iterable[CompiledDestination], found: Mapping[str, Any], stream: str
    ) -> tuple[Wanted, list[CompiledDestination]]:
        """Ask the filters.

        Args:
            candidates: whom the event is offered to.
            found: filter globals.
            stream: where the event comes from.

        Returns:
            Who wants the event, as ``wanted_by`` has it, and who has to be asked later.
        """
        later: list[CompiledDestination] = []
        sandbox = self._sandbox
        if sandbox is not None and sandbox.detours:
            candidates = list(candidates)
            later = [compiled for compiled in candidates if sandbox.takes(compiled, FILTER)]
            candidates = [compiled for compiled in candidates if compiled not in later]
        wanted = wanted_by(candidates, found, stream, self._host, later)
        if later:
            later = [compiled for compiled in later if self._may_wait(compiled, wanted)]
        return wanted, later

    def _may_wait(self, compiled: CompiledDestination, wanted: Wanted) -> bool:
        """Whether one more record may wait for this filter; one that may not becomes a failed delivery."""
        if self._has_room(compiled, FILTER):
            return True
        wanted.append((compiled, FilterError("The filter takes so long that too many events wait for it.")))
        return False

    def _has_room(self, compiled: CompiledDestination, part: str) -> bool:
        """Whether one more record may wait for a destination, whose filter or keys go to a helper from now on."""
        assert self._sandbox is not None
        self._sandbox.divert(compiled, part)
        return self._waiting[compiled.destination.id] < WAITING

    def claim(self, invocation: Invocation, compiled: CompiledDestination) -> Claim | None:
        """What an invocation has to claim before it may be sent, as ``claims.claim`` tells.

        Raises:
            ClaimError: it could not be worked out.
            OverBudget: it takes long: ``claim_later`` has the time.
        """
        now, sandbox = self._host.now(), self._sandbox
        if sandbox is None:
            return claim(invocation, compiled, now)
        try:
            if not sandbox.takes(compiled, CLAIM):
                return claim(invocation, compiled, now, sandbox.patience_ms)
        except OverBudget:
            pass
        if not self._has_room(compiled, CLAIM):
            raise ClaimError("masking", "The key takes so long that too many deliveries wait for it.")
        raise OverBudget

    def claim_later(
        self,
        invocation: Invocation,
        compiled: CompiledDestination,
        then: Callable[[Invocation, Claimed], None],
    ) -> None:
        """Have a helper work out what an invocation has to claim.

        Args:
            invocation: whose.
            compiled: its destination.
            then: gets the answer, without secrets; not called when this process ends first.
        """
        self._waiting[compiled.destination.id] += 1
        self._spawn(self._ask_claim(invocation, compiled, then))

    async def _ask_claim(
        self,
        invocation: Invocation,
        compiled: CompiledDestination,
        then: Callable[[Invocation, Claimed], None],
    ) -> None:
        assert self._sandbox is not None
        answer: Claimed
        try:
            answer = await claim_in_helper(self._sandbox, invocation, compiled)
        except ClaimError as error:
            answer = ClaimError(error.kind, compiled.redact(str(error)))
        except Exception as error:
            log.exception("claiming_crashed id=%s", compiled.destination.id)
            answer = ClaimError("masking", f"Hedgerow itself failed: {type(error).__name__}: {error}")
        finally:
            self._answered(compiled)
        then(invocation, answer)

    def _answered(self, compiled: CompiledDestination) -> None:
        self._waiting[compiled.destination.id] -= 1
        self._waiting += Counter()  # forgets those at zero

    def later(
        self,
        compiled: CompiledDestination,
        found: Mapping[str, Any],
        then: Callable[[CompiledDestination, Answer], None],
    ) -> None:
        """Have a helper ask a filter.

        Args:
            compiled: whose.
            found: filter globals.
            then: gets the answer; not called when this process ends first.
        """
        self._waiting[compiled.destination.id] += 1
        self._spawn(self._ask(compiled, found, then))

    async def _ask(
        self,
        compiled: CompiledDestination,
        found: Mapping[str, Any],
        then: Callable[[CompiledDestination, Answer], None],
    ) -> None:
        try:
            answer = await self._answer(compiled, found)
        finally:
            self._answered(compiled)
        then(compiled, answer)

    async def _answer(self, compiled: CompiledDestination, found: Mapping[str, Any]) -> Answer:
        assert self._sandbox is not None
        try:
            return await self._sandbox.match(compiled, found, self._host.limits)
        except FilterError as error:
            return error
        except HogError as error:
            return FilterError(str(error), line=error.line, column=error.column)
        except Exception as error:
            log.exception("matching_crashed id=%s", compiled.destination.id)
            return FilterError(f"Hedgerow itself failed: {type(error).__name__}: {error}")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Wait for no answer any more: those records are read again by their next owner."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
