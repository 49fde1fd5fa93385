"""Trying a destination on one event: what its filters say, and what its program would send, or really sends.

The program runs through the very ``Runner`` that delivers live events, in a world of its own: helpers instead of the event
loop, a log that is forgotten, a store that does not exist. So a trial can leave no trace in the ledger, and what it shows
is what a delivery would do. Three things differ: nothing is tried again, nothing is waited for (``sleep``), and what the
program captures is shown instead of captured.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Never

from hedgerow.delivery.egress import EgressPolicy
from hedgerow.delivery.http import HttpTransport
from hedgerow.delivery.invocation import Invocation, Line, Outcome
from hedgerow.delivery.limits import limits_of
from hedgerow.delivery.runner import Runner
from hedgerow.delivery.sandbox import PROGRAM, HelpedRun, Job, Sandbox
from hedgerow.delivery.transport import Transport
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import CompiledDestination, Keyring, Project, with_source
from hedgerow.destinations.model import Destination
from hedgerow.events import Event
from hedgerow.hog import HogError, Limits
from hedgerow.log.memory import MemoryLog
from hedgerow.replay.trial_event import Subject
from hedgerow.replay.trial_transport import MockAnswer, Mocked, Noted
from hedgerow.settings import Settings

LONGEST_S: Final = 25.0
"""Clients and proxies often give up after 30 seconds, and would then never learn what happened."""
AT_A_TIME: Final = 4
MOST_WAITING: Final = 32
IDLE_S: Final = 120.0
GOES_ON: Final = ("scheduled", "retrying")
"""How a part ends that is not the last: at a ``sleep``, or with another token in place of a refused one; nothing else is tried again."""
EXCERPT: Final = 1_000_000
"""Bytes of a body that are kept until its secrets are taken out; less is shown."""


class TooMany(Exception):
    """So many trials wait for their turn that one more would not get it in time."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried.

    Attributes:
        compiled: the destination, from ``prepared``.
        subject: the event.
        real: send for real.
        answers: to calls that are not sent.
        traced: note every statement.
        invocation_id: of the (first) invocation.
    """

    compiled: CompiledDestination
    subject: Subject
    real: bool = False
    answers: Sequence[MockAnswer] = ()
    traced: bool = False
    invocation_id: uuid.UUID | None = None


@dataclass(slots=True)
class Ran:
    """One invocation of a trial.

    Attributes:
        invocation: what was run; ``id`` names it to the destination's tool.
        outcomes: its parts: all but the last ended at a ``sleep``, or with a token that had to be renewed.
        inputs: as they were rendered, secrets included.
        printed: lines that the program printed.
        hosts: that were called.
        captured: events that the program would have captured.
        value: what the program gave.
        hog_ms: CPU time of the program.
        trace: its statements, see ``Sandbox.trace``.
    """

    invocation: Invocation
    outcomes: list[Outcome] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    captured: list[Event] = field(default_factory=list)
    value: Any = None
    hog_ms: float = 0.0
    trace: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial: why the event is wanted or not, and one run for each delivery that it asks for."""

    explanation: dict[str, Any]
    runs: list[Ran]
    complete: bool = True


def prepared(
    destination: Destination, keyring: Keyring, project: Project, limits: Limits
) -> CompiledDestination:
    """A destination ready to be tried: as it is, but that nothing is tried again. Compiles; not for an event loop.

    Raises:
        ValidationError: a filter does not compile.
        SecretsError: its secrets cannot be read, so nothing of it could be shown without them.
    """
    once = replace(destination, config=replace(destination.config, retry=[]))
    compiled = CompiledDestination(once, keyring, project)
    compiled.limits = limits
    with suppress(
        HogError
    ):  # compiled here, and not on an event loop; what is wrong with it, a helper will tell
        _ = compiled.program
    _ = compiled.secrets
    return compiled


class Trials:
    """Tries destinations, a few at a time.

    Attributes:
        sandbox: helpers, in which all Hog runs.
        limits: of programs.
    """

    def __init__(
        self,
        sandbox: Sandbox | None = None,
        *,
        options: Options | None = None,
        limits: Limits | None = None,
        connect: Callable[[], Transport] = lambda: HttpTransport(EgressPolicy()),
        now: Callable[[], float] = time.time,
        renew: Callable[[Collection[int]], Awaitable[bool]] | None = None,
        longest_s: float = LONGEST_S,
    ) -> None:
        """Prepare, without starting or opening anything.

        Args:
            sandbox: helpers; ended by ``close``.
            options: time-outs and caps, as deliveries have them.
            limits: of programs.
            connect: makes what really sends; asked when it is first needed.
            now: seconds since the epoch.
            renew: gets other tokens for accounts whose vendor refuses the present ones, as for deliveries.
            longest_s: a trial that takes longer is ended.
        """
        self.sandbox = sandbox or Sandbox(idle_s=IDLE_S)
        self.limits = limits or Limits()
        self._options = replace(options or Options(), body_excerpt=EXCERPT)
        self._connect = connect
        self._transport: Transport | None = None
        self._now = now
        self._renew = renew
        self._longest_s = longest_s
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._here = 0

    @classmethod
    def of(
        cls, settings: Settings, renew: Callable[[Collection[int]], Awaitable[bool]] | None = None
    ) -> Trials:
        """Trials as the settings of an instance want deliveries; ``renew`` as in ``__init__``."""
        options = Options(
            timeout_s=settings.fetch_timeout_s,
            connect_timeout_s=settings.connect_timeout_s,
            max_response=settings.max_response_bytes,
            public_url=settings.base_url,
        )
        return cls(
            Sandbox(size=settings.helpers, idle_s=IDLE_S),
            options=options,
            limits=limits_of(settings),
            connect=lambda: HttpTransport(EgressPolicy(settings.egress_allow)),
            renew=renew,
        )

    async def close(self) -> None:
        """End the helpers and close connections."""
        await self.sandbox.close()
        if self._transport is not None:
            await self._transport.close()

    async def run(self, trial: Trial) -> Tried:
        """Try a destination, when it is its turn.

        Raises:
            TooMany: too many trials wait already.
            HogError: its filters took too long to be explained.
        """
        if self._here >= AT_A_TIME + MOST_WAITING:
            raise TooMany("Many others are testing just now. Try again in a moment.")
        self._here += 1
        try:
            async with self._turns:
                return await self._run(trial)
        finally:
            self._here -= 1

    async def _run(self, trial: Trial) -> Tried:
        subject, runs = trial.subject, list[Ran]()
        explanation = await self.sandbox.explain(trial.compiled, subject.found, stream=subject.stream)
        try:
            async with asyncio.timeout(self._longest_s):
                for number, mapping in enumerate(explanation["wanted"]):
                    runs.append(await self._one(trial, number, mapping))
        except TimeoutError:
            return Tried(explanation, runs, complete=False)
        return Tried(explanation, runs)

    async def _one(self, trial: Trial, number: int, mapping: str) -> Ran:
        """One delivery, to its end."""
        ran = Ran(_invocation(trial, number, mapping))
        ear = _Ear(self.sandbox, ran)
        transport = Noted(self._out()) if trial.real else Mocked(trial.answers)
        ran.hosts, log = transport.hosts, MemoryLog(1)
        nowhere = _Nowhere()
        renew = self._renew if trial.real else None
        world = World(Ticks(self._now), random.SystemRandom(), log, nowhere, transport, nowhere, ear, renew)
        runner = Runner(world, self._options)
        while not ran.outcomes or ran.outcomes[-1].verdict in GOES_ON:
            ran.outcomes.append(outcome := await runner.run(ran.invocation, trial.compiled))
            ear.settle()
            if outcome.verdict == "scheduled" and outcome.next_at is not None:
                wait = (outcome.next_at - outcome.at) / 1000
                line = f"sleep({wait:g}): a test does not wait."
                outcome.lines.append(Line(world.now_ms(), "debug", line))
        ran.captured = [record.decode() for record in await log.read(0, 0, records=100, size=EXCERPT)]
        if trial.traced:
            ran.trace = await self._trace(trial.compiled, ran)
        return ran

    def _out(self) -> Transport:
        if self._transport is None:
            self._transport = self._connect()
        return self._transport

    async def _trace(self, compiled: CompiledDestination, ran: Ran) -> dict[str, Any]:
        values = with_source(ran.invocation.globals, compiled.destination)
        one = ran.invocation
        try:
            return await self.sandbox.trace(
                Job(compiled, values, one.mapping, seed=one.id, journal=one.journal)
            )
        except HogError as error:
            return {"steps": [], "complete": False, "error": str(error)}


def _invocation(trial: Trial, number: int, mapping: str) -> Invocation:
    destination, event = trial.compiled.destination, trial.subject.globals["event"]
    identity = trial.invocation_id or uuid.uuid4()
    if number:
        identity = uuid.uuid5(identity, mapping)
    return Invocation(
        id=identity.bytes,
        project_id=destination.project_id,
        destination_id=uuid.UUID(destination.id).bytes,
        revision=destination.revision,
        mapping=mapping,
        run="trial",
        partition=0,
        position=0,
        event_uuid=bytes(16),
        event=event["event"],
        distinct_id=event["distinct_id"],
        captured_at=0,
        created_at=0,
        globals=trial.subject.globals,
    )


class _Ear(Sandbox):
    """The helpers of another sandbox, for one invocation: all its parts run there, and what they tell is kept."""

    def __init__(self, helpers: Sandbox, ran: Ran) -> None:
        super().__init__(size=0)
        self._helpers = helpers
        self._ran = ran
        self._run: HelpedRun | None = None

    def takes(self, compiled: CompiledDestination, part: str = PROGRAM) -> bool:  # noqa: ARG002 - the same for all
        """Everything: no Hog runs in this process."""
        return True

    def start(self, job: Job, now: Callable[[], float] | None = None) -> HelpedRun:
        """Begin a part."""

        def hear(inputs: Mapping[str, Any]) -> None:
            self._ran.inputs.update(inputs)
            job.rendered(inputs)

        def listen(line: str) -> None:
            self._ran.printed.append(line)
            job.emit(line)

        self._run = self._helpers.start(replace(job, rendered=hear, emit=listen, show=True), now)
        return self._run

    def settle(self) -> None:
        """A part is over."""
        if self._run is not None:
            self._ran.value, self._ran.hog_ms = self._run.value, self._run.used_ms


class Ticks:
    """A clock that never shows the same millisecond twice, so that everything in a trial has its place in one order."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = 0

    def __call__(self) -> float:
        """Seconds since the epoch, in the middle of a millisecond: rounding down always gives that one."""
        self._last = max(self._last + 1, int(self._now() * 1000))
        return (self._last + 0.5) / 1000


class _Nowhere:
    """Store and keys of a trial: it has none, so it can keep nothing."""

    async def write(self, work: object, *, durable: bool = True) -> Never:  # noqa: ARG002 - the protocol's
        """See ``Store.write``."""
        raise _nothing_kept()

    async def read(self, work: object) -> Never:  # noqa: ARG002 - the protocol's
        """See ``Store.read``."""
        raise _nothing_kept()

    def seal(self, plain: bytes, context: str) -> Never:  # noqa: ARG002 - the protocol's
        """See ``Sealer.seal``."""
        raise _nothing_kept()

    def open(self, sealed: bytes, context: str) -> Never:  # noqa: ARG002 - the protocol's
        """See ``Sealer.open``."""
        raise _nothing_kept()


def _nothing_kept() -> RuntimeError:
    return RuntimeError("A trial keeps nothing.")
