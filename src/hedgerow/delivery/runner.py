"""Run one invocation as far as it goes now: render, run Hog, fetch, decide.

Everything a run does to the world is in its requests; everything it leaves behind is in its ``Outcome``. It may be run
again from its journal at any time, in this process or another.
"""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hedgerow.delivery import fetch
from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Attempt, Invocation, Line, Outcome
from hedgerow.delivery.outgoing import measure
from hedgerow.delivery.pacing import HostRates
from hedgerow.delivery.redirects import send_following
from hedgerow.delivery.retry import Failure, RetryPolicy, next_delay
from hedgerow.delivery.sandbox import HelpedRun, Job, Sandbox
from hedgerow.delivery.transport import Request, Response, TransportError
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import CompiledDestination, InputError, SecretsError
from hedgerow.destinations.connections import NUMBER
from hedgerow.destinations.globals import with_source
from hedgerow.events import Draft, Event, timestamps
from hedgerow.hog import (
    AsyncCall,
    Execution,
    Finished,
    HogError,
    HogRuntimeError,
    HogSizeLimit,
    HogThrown,
    Host,
    OverBudget,
)

log = logging.getLogger(__name__)

# A sleep shorter than this is waited for; a longer one becomes a scheduled row.
SHORT_SLEEP_S = 0.1
LONGEST_SLEEP_S = 24 * 3600.0
# Values and hundreds of characters that a request may have to be written on the event loop: a millisecond's work.
QUICKLY_WRITTEN = 5_000
CAPTURE_LOOP_LIMIT = 10
UNAUTHORIZED = 401
COUNT_PROPERTY = "$hog_function_execution_count"


@dataclass(slots=True)
class _Run:
    """What one part of a run collects on its way."""

    invocation: Invocation
    compiled: CompiledDestination
    began: float
    attempts: list[Attempt] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    failure: tuple[str, str] | None = None
    status: int | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    redacted: tuple[Mapping[str, Any], Callable[[str], str]] | None = None

    def redact(self, text: str) -> str:
        """A text without the secrets of the destination and of this run's inputs."""
        if self.redacted is None or self.redacted[0] is not self.inputs:
            self.redacted = self.inputs, self.compiled.redaction(self.inputs)
        return self.redacted[1](text)


@dataclass(frozen=True, slots=True)
class _Pause(Exception):
    verdict: str
    delay_s: float
    error: str | None = None
    kind: str | None = None


class Runner:
    """Runs invocations against one world."""

    def __init__(self, world: World, options: Options) -> None:
        self._world = world
        self._options = options
        self._hosts = HostRates(options.host_rates)

    async def run(self, invocation: Invocation, compiled: CompiledDestination) -> Outcome:
        """Run an invocation to its end or to its next pause.

        Args:
            invocation: its journal, tries and attempts are brought up to date.
            compiled: the destination revision to run it with.

        Returns:
            The outcome to settle. Never raises but for cancellation: what goes wrong is a verdict.
        """
        run = _Run(invocation, compiled, self._world.now())
        invocation.revision = compiled.destination.revision
        try:
            await self._program(run)
        except _Pause as pause:
            due = self._world.now_ms() + int(pause.delay_s * 1000)
            return self._outcome(run, pause.verdict, kind=pause.kind, error=pause.error, next_at=due)
        except InputError as error:
            return self._failed(run, "inputs", str(error))
        except SecretsError as error:
            return self._failed(run, "secrets", str(error))
        except HogThrown as error:
            # A program that throws because its call failed says so less well than the failure itself, and a 4xx must
            # stay a 4xx however the program takes it.
            if run.failure is None:
                return self._failed(run, error.kind, error.render())
            self._line(run, "error", error.render())
        except HogError as error:
            return self._failed(run, error.kind if error.kind != "runtime" else "hog", error.render())
        except Exception as error:
            log.exception("delivery_crashed id=%s", text(invocation.id))
            return self._failed(run, "internal", f"Hedgerow itself failed: {type(error).__name__}: {error}")
        if run.failure is not None:
            return self._outcome(run, "failed", kind=run.failure[0], error=run.failure[1])
        return self._outcome(run, "delivered")

    # ---------------------------------------------------------- program

    async def _program(self, run: _Run) -> None:
        """On the event loop while it is quick; from the top in a helper process when it is not."""
        if run.invocation.journal:
            self._recall(run)
        sandbox = self._world.sandbox
        if sandbox is None:
            return await self._here(run, math.inf)
        if not sandbox.takes(run.compiled):
            try:
                return await self._here(run, sandbox.patience_ms)
            except OverBudget:
                sandbox.divert(run.compiled)
        return await self._in_helper(run, sandbox)

    async def _here(self, run: _Run, patience_ms: float) -> None:
        invocation, compiled = run.invocation, run.compiled
        host = Host(  # by position: a class that is called with names takes twice as long
            self._world.now,
            invocation.id,
            lambda text: self._line(run, "info", text),
            compiled.limits,
            invocation.journal,
            invocation.printed,
            patience_ms,
        )
        values = with_source(invocation.globals, compiled.destination, invocation.summary)
        values["inputs"] = run.inputs = compiled.render(values, invocation.mapping, host)
        execution = compiled.program.start(values, host)
        try:
            while not isinstance(step := execution.advance(), Finished):
                _weigh(step, patience_ms)
                await self._complete(run, execution, step)
        except OverBudget:
            # Lines of the part that was given up are logged; going on from the top must not log them again.
            invocation.printed = max(invocation.printed, execution.printed)
            raise

    async def _in_helper(self, run: _Run, sandbox: Sandbox) -> None:
        invocation, compiled = run.invocation, run.compiled

        def note(inputs: Mapping[str, Any]) -> None:
            run.inputs = {**run.inputs, **inputs}

        job = Job(
            compiled,
            with_source(invocation.globals, compiled.destination, invocation.summary),
            invocation.mapping,
            seed=invocation.id,
            journal=invocation.journal,
            printed=invocation.printed,
            emit=lambda text: self._line(run, "info", text),
            rendered=note,
        )
        helped = sandbox.start(job)
        while not isinstance(step := await helped.advance(), Finished):
            await self._complete(run, helped, step)

    async def _complete(self, run: _Run, execution: Execution | HelpedRun, call: AsyncCall) -> None:
        """Carry out what a program asks for."""
        run.invocation.printed = execution.printed
        result, delay = None, 0.0
        try:
            if call.name == "fetch":
                result = await self._fetch(run, call)
            elif call.name == "sleep":
                delay = _sleep_of(call)
                await asyncio.sleep(delay if delay <= SHORT_SLEEP_S else 0)
            else:
                await self._capture(run, call)
        except HogRuntimeError as error:
            if error.span is None:  # what is wrong with the call is wrong at its place in the program
                program = run.compiled.program
                error.source, error.span = program.source, program.async_sites[call.site].span
            raise
        execution.answer(result)
        run.invocation.journal = list(execution.journal)
        run.invocation.tries = 0
        if delay > SHORT_SLEEP_S:
            # It is completed by being put off: the journal has its answer when the row is due.
            raise _Pause("scheduled", min(delay, LONGEST_SLEEP_S))

    def _recall(self, run: _Run) -> None:
        """Take up how the last completed fetch ended: an earlier part of the run made it, and it may decide the verdict."""
        results = [
            e.result for e in run.invocation.journal if isinstance(e.result, Mapping) and "status" in e.result
        ]
        if results and (failure := fetch.failure_of(results[-1], run.compiled.non_failure_status_codes)):
            run.failure = failure

    # ------------------------------------------------------------ fetch

    async def _fetch(self, run: _Run, call: AsyncCall) -> Any:
        request = fetch.request_of(call, run.invocation.id, self._options, run.compiled.fetch_settings)
        if self._hosts and (wait := self._hosts.wait(request.url, asyncio.get_running_loop().time())) > 0:
            await asyncio.sleep(wait)
        started = self._world.now()
        request = fetch.signed(request, call, run.inputs, started)
        response: Response | None = None
        refusal: TransportError | None = None
        try:
            response = await send_following(self._world.transport, request)
        except TransportError as error:
            refusal = error.with_traceback(None)  # which leads back here: only the collector could free both
        run.invocation.attempts += 1
        run.invocation.tries += 1
        run.status = response.status if response else None
        self._note_attempt(run, call, request, response, refusal, started)
        if response is not None and response.status < 400:
            run.failure = None
            return fetch.result_of(response)
        if response is not None and response.status == UNAUTHORIZED:
            await self._renew(run, request, response)
        return self._after_failure(run, request, response, refusal)

    async def _renew(self, run: _Run, request: Request, response: Response) -> None:
        """The first time that a vendor refuses the token of an account, try once more with another one if there is one.

        Raises:
            _Pause: there is; inputs are rendered anew.
        """
        numbers = {
            value[NUMBER] for value in run.inputs.values() if isinstance(value, Mapping) and NUMBER in value
        }
        if not numbers or run.invocation.tries > 1 or self._world.renew is None:
            return
        if await self._world.renew(numbers):
            message = run.redact(_describe(request, response, None))
            self._line(run, "info", f"{message} The token was renewed; trying again.")
            raise _Pause("retrying", 0.0, message, fetch.status_kind(response.status))

    def _after_failure(
        self, run: _Run, request: Request, response: Response | None, refusal: TransportError | None
    ) -> Any:
        compiled = run.compiled
        declared = response is not None and fetch.non_failure(
            response.status, compiled.non_failure_status_codes
        )
        kind = (
            fetch.status_kind(response.status) if response is not None else (refusal.kind if refusal else "")
        )
        message = run.redact(_describe(request, response, refusal))
        failure = Failure(
            status=response.status if response is not None else None,
            retriable=refusal.retriable if refusal is not None else False,
            retry_after=response.headers.get("retry-after") if response is not None else None,
        )
        delays = compiled.retry_delays
        policy = self._options.retry if delays is None else RetryPolicy(delays)
        delay = next_delay(
            policy,
            run.invocation.tries,
            failure,
            now=self._world.now(),
            chance=self._world.chance,
        )
        level = "info" if declared else "error"
        if delay is not None:
            self._line(run, level, f"{message} Attempt {run.invocation.tries}; next in {delay:.1f} s.")
            raise _Pause("retrying", delay, message, kind)
        self._line(run, level, f"{message} Attempt {run.invocation.tries}; not tried again.")
        run.failure = None if declared else (kind, message)
        if response is not None:
            return fetch.result_of(response)
        return fetch.result_of_failure(refusal) if refusal is not None else None

    def _note_attempt(
        self,
        run: _Run,
        call: AsyncCall,
        request: Request,
        response: Response | None,
        refusal: TransportError | None,
        started: float,
    ) -> None:
        cap = self._options.body_excerpt
        run.attempts.append(
            Attempt(
                run.invocation.attempts,
                call.ordinal,
                int(started * 1000),
                int((self._world.now() - started) * 1000),
                request.method,
                request.url,
                response.status if response else None,
                str(refusal) if refusal else None,
                fetch.excerpt_of_request(request, cap),
                fetch.excerpt_of_response(response, cap) if response else None,
                run.redact,
            )
        )

    # ---------------------------------------------------------- capture

    async def _capture(self, run: _Run, call: AsyncCall) -> None:
        """Put an event back into the log. Its uuid derives from the invocation, so that a repeat is a duplicate."""
        spec = call.args[0] if call.args else None
        if not isinstance(spec, dict) or not isinstance(spec.get("event"), str) or not spec["event"]:
            raise HogRuntimeError("postHogCapture needs an object with an 'event' name.")
        count = _captures_in_a_row(run.invocation)
        if count >= CAPTURE_LOOP_LIMIT:
            message = f"postHogCapture stopped {spec['event'][:200]!r}: this event came from {count} captures in a row."
            self._line(run, "warn", message)
            return
        now = self._world.now_ms()
        properties = spec.get("properties")
        captured = Event(
            uuid=str(uuid.uuid5(uuid.UUID(bytes=run.invocation.id), f"capture:{call.ordinal}")),
            event=spec["event"][:200],
            distinct_id=str(spec.get("distinct_id") or run.invocation.distinct_id)[:200],
            properties={**(properties if isinstance(properties, dict) else {}), COUNT_PROPERTY: count + 1},
            timestamp=timestamps.write(now),
            captured_at=now,
        )
        draft = Draft(run.invocation.project_id, captured.distinct_id, now, captured.encode())
        await self._world.log.append([draft])

    # --------------------------------------------------------- outcomes

    def _line(self, run: _Run, level: str, message: str) -> None:
        run.lines.append(Line(self._world.now_ms(), level, run.redact(message)))

    def _failed(self, run: _Run, kind: str, message: str) -> Outcome:
        message = run.redact(message)
        self._line(run, "error", message)
        return self._outcome(run, "failed", kind=kind, error=message)

    def _outcome(
        self,
        run: _Run,
        verdict: str,
        *,
        kind: str | None = None,
        error: str | None = None,
        next_at: int | None = None,
    ) -> Outcome:
        now = self._world.now_ms()
        # An attempt knows its run, which redacts it: were it the other way round as well, only the collector could free both.
        attempts, run.attempts = run.attempts, []
        return Outcome(
            run.invocation,
            verdict,
            now,
            kind,
            error,
            run.status,
            max(0, now - int(run.began * 1000)),
            next_at,
            attempts,
            run.lines,
        )


def _weigh(call: AsyncCall, patience_ms: float) -> None:
    """See that what a call hands out is quickly written.

    Raises:
        OverBudget: it is not, and a helper process may take the time.
        HogSizeLimit: it is not, and there is none.
    """
    if patience_ms < math.inf:
        if not measure(call.args, QUICKLY_WRITTEN):
            raise OverBudget
    elif not measure(call.args):
        raise HogSizeLimit(f"`{call.name}` is given too much to write out")


def _sleep_of(call: AsyncCall) -> float:
    """The seconds that a program wants to sleep.

    Raises:
        HogRuntimeError: it is no number.
    """
    seconds = call.args[0] if call.args else 0
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or math.isnan(seconds):
        raise HogRuntimeError("sleep takes a number of seconds.")
    return max(0.0, seconds)


def _describe(request: Request, response: Response | None, refusal: TransportError | None) -> str:
    if response is not None:
        return f"{request.method} {request.url} answered {response.status}."
    return f"{request.method} {request.url} failed: {refusal}"


def _captures_in_a_row(invocation: Invocation) -> int:
    """Of a summary: those of the event that has most of them, or two that feed each other would never end."""
    own = invocation.globals.get("event") or {}
    events = [own] if invocation.summary is None else [own, *invocation.summary["events"]]
    return max(_execution_count(event.get("properties")) for event in events)


def _execution_count(properties: Any) -> int:
    count = properties.get(COUNT_PROPERTY) if isinstance(properties, Mapping) else None
    return int(count) if isinstance(count, (int, float)) and not isinstance(count, bool) and count > 0 else 0
