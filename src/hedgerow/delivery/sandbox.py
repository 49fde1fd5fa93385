"""Helper processes for Hog that takes long or takes risks, so that a worker's event loop never waits for it.

A program has a few milliseconds on the loop (``Host.patience_ms``). Past them it is given up and run from the top here, with
its full limits, from the same journal: nothing of the part that was given up has had an effect. Its destination goes here
directly for a while. A helper that overruns is killed; so what a program does to its process it does to itself.

A helper holds the run whose request is under way, as long as nobody else needs the helper; then the run is dropped and replayed
from its journal when its answer is there.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeAlias

from hedgerow.delivery.helper_process import HelperProcess, Lost
from hedgerow.delivery.sandbox_wire import WireError, error_in
from hedgerow.destinations import CompiledDestination, DestinationError
from hedgerow.destinations.portable import pack
from hedgerow.hog import (
    AsyncCall,
    Finished,
    HogError,
    HogInternalError,
    HogTimeLimit,
    JournalEntry,
    Limits,
)

PATIENCE_MS: Final = 5.0
DETOUR_S: Final = 60.0
LONG_SOURCE: Final = 20_000
"""Characters of a program that take about as long to compile as a worker may spend on one thing."""
SIZE: Final = 2
MEMORY: Final = 512 * 1024 * 1024
FILTER_LIMITS: Final = Limits(cpu_ms=100)
EXPLAIN_LIMITS: Final = Limits(cpu_ms=2_000)
"""An explanation judges each condition by itself."""
TRACE_LIMITS: Final = Limits(cpu_ms=5_000)
CALLS: Final = frozenset({"fetch", "sleep", "postHogCapture"})

PROGRAM: Final = "program"
FILTER: Final = "filter"
CLAIM: Final = "keys"
Revision: TypeAlias = "tuple[str, int, str]"


@dataclass(frozen=True, slots=True)
class Job:
    """A run of a destination's program.

    Attributes:
        compiled: which destination.
        globals: without ``inputs``, unless they are given and nothing is to be rendered.
        mapping: which mapping matched.
        seed: where random values derive from.
        journal: completed calls of earlier parts.
        printed: lines that were handed out before.
        emit: receives the lines.
        rendered: receives, before any line, those inputs that have secrets in them.
        render: build the inputs; otherwise ``globals`` has them.
        show: ``rendered`` receives all inputs.
    """

    compiled: CompiledDestination
    globals: Mapping[str, Any]
    mapping: str = ""
    seed: bytes = b""
    journal: Sequence[JournalEntry] = ()
    printed: int = 0
    emit: Callable[[str], None] = field(default=lambda _line: None)
    rendered: Callable[[Mapping[str, Any]], None] = field(default=lambda _inputs: None)
    render: bool = True
    show: bool = False


class Sandbox:
    """The helper processes of one process. They are started when they are first needed."""

    def __init__(
        self,
        *,
        size: int = SIZE,
        memory: int = MEMORY,
        patience_ms: float = PATIENCE_MS,
        idle_s: float = math.inf,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare, without starting anything.

        Args:
            size: helpers at a time.
            memory: bytes that each may have beyond what it starts with.
            patience_ms: CPU time of one part of a run on the event loop.
            idle_s: when no helper was needed for so long, all are ended, for their memory's sake.
            now: the clock that programs see.
        """
        self.patience_ms = patience_ms
        self._now = now
        self._idle_s = idle_s
        self._evening: asyncio.TimerHandle | None = None
        self._size = size
        self._memory = memory
        self._free: list[HelperProcess] = []
        self._all: set[HelperProcess] = set()
        self._taken = 0
        self._queue: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._detours: dict[Revision, float] = {}
        self._numbers = itertools.count(1)

    # ---------------------------------------------------------------- detours

    @property
    def detours(self) -> int:
        """How many destinations' filters or programs come here directly."""
        return len(self._detours)

    def takes(self, compiled: CompiledDestination, part: str = PROGRAM) -> bool:
        """Whether a destination's Hog comes here at once: it took too long on the loop a while ago, or would to compile.

        Args:
            compiled: which destination.
            part: ``PROGRAM``, inputs included, ``FILTER`` or ``CLAIM``.
        """
        if part is PROGRAM and len(compiled.destination.config.hog) > LONG_SOURCE:
            return True
        until = self._detours.get(_revision(compiled, part)) if self._detours else None
        if until is None:
            return False
        if until > time.monotonic():
            return True
        del self._detours[_revision(compiled, part)]
        return False

    def divert(self, compiled: CompiledDestination, part: str = PROGRAM) -> None:
        """It took too long on the loop: for a while it comes here directly."""
        now = time.monotonic()
        if len(self._detours) > 1000:
            self._detours = {one: until for one, until in self._detours.items() if until > now}
        self._detours.setdefault(_revision(compiled, part), now + DETOUR_S)

    def _judge(self, compiled: CompiledDestination, part: str, used_ms: float) -> None:
        """What was quick after all is no longer sent here: something else had held it up."""
        if used_ms < self.patience_ms / 2:
            self._detours.pop(_revision(compiled, part), None)

    # ------------------------------------------------------------------- work

    def start(self, job: Job, now: Callable[[], float] | None = None) -> HelpedRun:
        """Begin a run; nothing happens before its first ``advance``.

        Args:
            job: what to run.
            now: the clock that the program sees, where it is not that of all; it stands still while the program runs.
        """
        run = HelpedRun(self, job, next(self._numbers), now or self._now)
        run.still = now is not None
        return run

    async def match(
        self, compiled: CompiledDestination, found: Mapping[str, Any], limits: Limits
    ) -> list[str]:
        """Which deliveries an event asks for, as ``CompiledDestination.match`` tells.

        Args:
            compiled: whose filters.
            found: filter globals.
            limits: of the filters.

        Raises:
            FilterError: it could not be decided.
            HogError: a limit was met.
        """
        message = _message("match", Job(compiled, found), limits, self._now(), secrets=False)
        answer = await self._once(compiled, message, limits)
        self._judge(compiled, FILTER, float(answer.get("cpu_ms") or 0.0))
        mappings = answer.get("mappings")
        if not isinstance(mappings, list):
            raise HogInternalError("The helper process gave no answer")
        return [str(mapping) for mapping in mappings]

    async def explain(
        self, compiled: CompiledDestination, found: Mapping[str, Any], *, stream: str | None = None
    ) -> dict[str, Any]:
        """Why a destination wants an event, as ``destinations.explanation.explain_match`` tells.

        Args:
            compiled: whose filters.
            found: filter globals.
            stream: where the event comes from; where the destination listens, when that does not matter.

        Raises:
            HogError: a limit was met.
        """
        message = _message("explain", Job(compiled, found), FILTER_LIMITS, self._now(), secrets=False)
        answer = await self._once(compiled, message | {"stream": stream}, EXPLAIN_LIMITS)
        explanation = answer.get("explanation")
        if not isinstance(explanation, dict):
            raise HogInternalError("The helper process gave no answer")
        return explanation

    async def matches(
        self, compiled: CompiledDestination, found: Sequence[Mapping[str, Any]]
    ) -> list[list[str] | None]:
        """Which deliveries each of some events asks for, at one go; None where that could not be decided.

        Args:
            compiled: whose filters.
            found: filter globals of each event.

        Raises:
            HogError: the filters took too long.
        """
        message = _message("matches", Job(compiled, {}), FILTER_LIMITS, self._now(), secrets=False)
        answer = await self._once(compiled, message | {"found": list(found)}, EXPLAIN_LIMITS)
        each = answer.get("each")
        if not isinstance(each, list) or len(each) != len(found):
            raise HogInternalError("The helper process gave no answer")
        return [None if one is None else [str(mapping) for mapping in one] for one in each]

    async def trace(self, job: Job) -> dict[str, Any]:
        """Run a program once more and note every statement; nothing happens but what its journal has.

        Args:
            job: of the run that is to be traced, with its journal.

        Returns:
            As JSON: ``steps`` (``line``, ``source``, ``changed``), ``complete`` (whether all were kept), ``error``.

        Raises:
            HogError: there is no trace.
        """
        message = _message("trace", job, job.compiled.limits, self._now())
        answer = await self._once(job.compiled, message, TRACE_LIMITS)
        trace = answer.get("trace")
        if not isinstance(trace, dict):
            raise HogInternalError("The helper process gave no answer")
        return trace

    async def claim_keys(self, job: Job, limits: Limits) -> dict[str, str]:
        """What a delivery has in common with others, as ``CompiledDestination.claim_keys`` tells.

        Raises:
            FilterError: one of the templates failed.
            InputError: an input could not be built.
            HogError: a limit was met.
        """
        answer = await self._once(job.compiled, _message("keys", job, limits, self._now()), limits)
        self._judge(job.compiled, CLAIM, float(answer.get("cpu_ms") or 0.0))
        return {str(name): str(key) for name, key in answer["keys"].items()}

    async def _once(
        self, compiled: CompiledDestination, message: dict[str, Any], limits: Limits
    ) -> dict[str, Any]:
        async def work(helper: HelperProcess) -> dict[str, Any]:
            helper.holds = 0
            return await helper.ask(message, limits.cpu_ms, lambda _note: None)

        return raised(await self.attempt(compiled, 0, work))

    async def attempt(
        self,
        compiled: CompiledDestination,
        number: int,
        work: Callable[[HelperProcess], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Have a helper do something; once more in a fresh one when the first was lost through no fault of the program.

        Args:
            compiled: on whose behalf; helpers are shared fairly between destinations.
            number: the run that the helper may hold.
            work: what to do with the helper; done anew each time.

        Raises:
            HogError: the program brought its helper down, or two were lost.
        """
        for last in (False, True):
            try:
                async with self._lease(compiled.destination.id, number) as helper:
                    return await work(helper)
            except Lost as lost:
                if lost.verdict is not None:
                    raise lost.verdict from lost
                if last:
                    raise HogTimeLimit(f"{lost}, twice") from lost
        raise AssertionError("unreachable")

    # ------------------------------------------------------------------- pool

    @asynccontextmanager
    async def _lease(self, owner: str, number: int) -> AsyncIterator[HelperProcess]:
        await self._turn(owner)
        try:
            helper = await self._pick(number)
            try:
                yield helper
            finally:
                if helper.alive:
                    self._free.append(helper)
                else:
                    self._all.discard(helper)
        finally:
            self._pass_on()
            self._tire()

    async def _turn(self, owner: str) -> None:
        if self._taken < self._size:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """The place goes to the next destination in turn; within one, in order."""
        while self._queue:
            owner, turns = self._queue.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._queue[owner] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1

    async def _pick(self, number: int) -> HelperProcess:
        self._free = [helper for helper in self._free if helper.alive]
        holder = next((helper for helper in self._free if number and helper.holds == number), None)
        if holder is None:  # one that holds no run, if there is one
            holder = min(self._free, key=lambda helper: helper.holds, default=None)
        if holder is not None:
            self._free.remove(holder)
            return holder
        try:
            helper = await HelperProcess.start(self._memory)
        except (TimeoutError, WireError, OSError) as error:
            raise Lost(f"The helper process did not start: {error}") from error
        self._all.add(helper)
        return helper

    def _tire(self) -> None:
        """Look later whether anybody still needs the helpers."""
        if self._evening is not None:
            self._evening.cancel()
        if not self._taken and self._idle_s < math.inf:
            self._evening = asyncio.get_running_loop().call_later(self._idle_s, self._rest)

    def _rest(self) -> None:
        """End the helpers that nobody uses; a run that one of them holds is replayed from its journal."""
        for helper in self._free:
            helper.kill()
        self._all.difference_update(self._free)
        self._free.clear()

    def pids(self) -> list[int]:
        """Process ids of the helpers that can be given work."""
        return [helper.pid for helper in self._all if helper.alive]

    async def close(self) -> None:
        """End all helpers."""
        if self._evening is not None:
            self._evening.cancel()
        for helper in list(self._all):
            await helper.close()
        self._all.clear()
        self._free.clear()


class HelpedRun:
    """A run in a helper. Like an ``Execution``, but to be awaited.

    Attributes:
        journal: the completed calls, those of earlier parts included.
        printed: lines handed out so far.
        value: what the program gave in the end.
        used_ms: CPU time of the program so far.
        still: whether its clock stands still while it runs.
    """

    def __init__(self, sandbox: Sandbox, job: Job, number: int, now: Callable[[], float]) -> None:
        self.journal: list[JournalEntry] = list(job.journal)
        self.printed = job.printed
        self.value: Any = None
        self.used_ms = 0.0
        self.still = False
        self._sandbox = sandbox
        self._job = job
        self._number = number
        self._now = now
        self._pending: tuple[AsyncCall, tuple[float, ...]] | None = None
        self._answer: list[Any] = []

    async def advance(self) -> AsyncCall | Finished:
        """Run to the next unanswered asynchronous call, or to the end.

        Raises:
            HogError, InputError, SecretsError: the run failed.
        """
        answer = await self._sandbox.attempt(self._job.compiled, self._number, self._part)
        raised(answer)
        if answer["is"] == "finished":
            self.value = answer.get("value")
            return Finished(self.value)
        try:
            return self._call(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise HogInternalError("The helper process gave no answer") from error

    def answer(self, result: Any) -> None:
        """Complete the pending call and note it in the journal."""
        if self._pending is None:
            raise RuntimeError("no call is pending")
        call, clock = self._pending
        self.journal.append(JournalEntry(call.site, call.ordinal, result, clock))
        self._pending, self._answer = None, [result]

    async def _part(self, helper: HelperProcess) -> dict[str, Any]:
        limits = self._job.compiled.limits
        if self._answer and helper.holds == self._number:
            message = {"do": "answer", "result": self._answer[0], "now": self._now()}
        else:
            self.used_ms = 0.0
            message = _message("run", self._job, limits, self._now())
            message |= {"journal": _journal(self.journal), "printed": self.printed}
        message["still"] = self.still
        helper.holds = 0
        answer = await helper.ask(message, limits.cpu_ms - self.used_ms, self._note)
        self._note(answer)
        if answer["is"] == "call":
            helper.holds = self._number
        return answer

    def _note(self, answer: Mapping[str, Any]) -> None:
        if answer["is"] == "printed":
            self.printed += 1
            self._job.emit(str(answer.get("line")))
        elif answer["is"] == "rendered" and isinstance(answer.get("inputs"), dict):
            self._job.rendered(answer["inputs"])
        elif isinstance(used := answer.get("cpu_ms"), int | float):
            self.used_ms = used

    def _call(self, answer: Mapping[str, Any]) -> AsyncCall:
        if answer["is"] != "call" or answer["name"] not in CALLS:
            raise ValueError(answer["is"])
        call = AsyncCall(answer["name"], list(answer["args"]), int(answer["site"]), int(answer["ordinal"]))
        if call.ordinal != len(self.journal):
            raise ValueError("not the next call")
        self.printed = max(self.printed, int(answer["printed"]))
        self._pending = call, tuple(float(reading) for reading in answer["clock"])
        return call


def raised(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer that is no error.

    Raises:
        HogError, DestinationError: it is one.
    """
    if answer.get("is") != "error":
        return answer
    try:
        error: HogError | DestinationError = error_in(answer["error"])
    except (WireError, KeyError) as fault:
        error = HogInternalError(f"The helper process made no sense: {fault}")
    raise error


async def run_once(
    sandbox: Sandbox, job: Job, answer: Callable[[AsyncCall], Awaitable[Any]]
) -> tuple[Any, list[JournalEntry]]:
    """Run a program to its end in a helper, for tests and explanations: no user Hog runs in this process.

    Args:
        sandbox: the helpers.
        job: what to run.
        answer: carries out, or makes up, what the program asks for.

    Returns:
        The program's value as plain data (None when it is very large), and the calls with their results.

    Raises:
        HogError, InputError, SecretsError: the run failed.
    """
    run = sandbox.start(job)
    while not isinstance(step := await run.advance(), Finished):
        run.answer(await answer(step))
    return step.value, run.journal


def _revision(compiled: CompiledDestination, part: str) -> Revision:
    return compiled.destination.id, compiled.destination.revision, part


def _message(do: str, job: Job, limits: Limits, now: float, *, secrets: bool = True) -> dict[str, Any]:
    return {
        "do": do,
        "now": now,
        "destination": pack(job.compiled, secrets=secrets),
        "globals": job.globals,
        "mapping": job.mapping,
        "render": job.render,
        "show": job.show,
        "seed": job.seed.hex(),
        "limits": asdict(limits),
        "journal": _journal(job.journal),
        "printed": job.printed,
    }


def _journal(entries: Sequence[JournalEntry]) -> list[Any]:
    return [[entry.site, entry.ordinal, entry.result, list(entry.clock)] for entry in entries]
