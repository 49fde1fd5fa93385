"""Back-test: what a draft would do with events of the past, beside what the live revision does with them.

Both are tried on the same events with the same clock and the same randomness, in helper processes, sending nothing; what they would
send is compared. Persons are as they are now. Nothing is written.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from hedgerow.delivery import ticks
from hedgerow.delivery.helper_process import HelperProcess
from hedgerow.delivery.recent import Entry, EventSearch, list_events
from hedgerow.delivery.sandbox import HelpedRun, Job, Sandbox
from hedgerow.destinations import CompiledDestination
from hedgerow.log import EventLog
from hedgerow.replay.compare import Difference, Sent, compare
from hedgerow.replay.tick_events import recent_persons
from hedgerow.replay.trial import Ran, Trial, Trials, Tried
from hedgerow.replay.trial_event import Setting, Subject, stored
from hedgerow.replay.trial_report import report
from hedgerow.replay.variables import as_now, records_at, stream_of
from hedgerow.store import Database

SCANNED: Final = 20_000
STEP: Final = 250
AT_A_TIME: Final = 4
LONGEST_S: Final = 20.0
"""A back-test that is not through by then ends, and says where to go on."""
EXAMPLES: Final = 10
"""Events of each outcome that are shown."""
OUTCOMES: Final = ("same", "differs", "would_send", "would_not_send", "would_fail", "repaired")
MOST_CHANGES: Final = 50


@dataclass(slots=True)
class Backtest:
    """What came of it.

    Attributes:
        scanned: events that were looked at.
        cursor: where to go on; None when everything that was asked for was looked at.
        summary: how many events had which outcome.
        changes: in how many requests which place differs.
        examples: some events of each outcome but ``same``.
    """

    scanned: int = 0
    cursor: str | None = None
    summary: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """How many events one of the two wants."""
        return self.summary.total()

    def add(self, outcome: str, difference: Difference, example: Mapping[str, Any]) -> None:
        """Count an event."""
        self.summary[outcome] += 1
        self.changes.update(difference.places)
        if outcome != "same" and self.summary[outcome] <= EXAMPLES:
            self.examples.append({"outcome": outcome, **example})


@dataclass(frozen=True, slots=True)
class Pair:
    """The live revision and what is to replace it, both from ``trial.prepared``."""

    live: CompiledDestination
    draft: CompiledDestination

    @property
    def streams(self) -> set[str]:
        """Where the two listen."""
        return {self.live.stream, self.draft.stream}

    @property
    def scheduled(self) -> CompiledDestination:
        """The one with a schedule, where there is one."""
        return self.live if self.live.stream == ticks.STREAM else self.draft


async def backtest(
    state: Database, log: EventLog, trials: Trials, pair: Pair, setting: Setting, wanted: EventSearch
) -> Backtest:
    """Compare two revisions on events of the past, the latest first.

    Args:
        state: index and people.
        log: the events.
        trials: have the helpers.
        pair: the revisions.
        setting: of the project.
        wanted: which events; ``limit`` of those that one of the two wants are compared.

    Raises:
        HogError: a filter takes too long.
    """
    clock = time.time()
    still = Trials(Still(trials.sandbox, lambda: clock), limits=trials.limits, now=lambda: clock)
    result, cursor, deadline = Backtest(), wanted.cursor, time.monotonic() + LONGEST_S
    while result.scanned < SCANNED and time.monotonic() < deadline:
        step = replace(wanted, limit=STEP, cursor=cursor)
        entries, found = await _look(state, log, still.sandbox, pair, setting, step)
        for begin in range(0, len(found), AT_A_TIME):
            some = found[begin : begin + min(AT_A_TIME, wanted.limit - result.compared)]
            for entry, told in zip(some, await _tried(still, pair, some), strict=True):
                result.add(*told)
                cursor = entry[0].place
            if result.compared >= wanted.limit or time.monotonic() >= deadline:
                result.scanned += entries.index(some[-1][0]) + 1
                result.cursor = ".".join(map(str, cursor or ()))
                return result
        result.scanned += len(entries)
        if len(entries) < STEP:
            return result
        cursor = entries[-1].place
    result.cursor = None if cursor is None else ".".join(map(str, cursor))
    return result


class Still(Sandbox):
    """The helpers of another sandbox with a clock of their own: what is compared must not differ by the time of day."""

    def __init__(self, helpers: Sandbox, now: Callable[[], float]) -> None:
        super().__init__(size=0, now=now)
        self._helpers = helpers
        self._clock = now

    def start(self, job: Job, now: Callable[[], float] | None = None) -> HelpedRun:
        """See ``Sandbox.start``."""
        return self._helpers.start(job, now or self._clock)

    async def attempt(
        self,
        compiled: CompiledDestination,
        number: int,
        work: Callable[[HelperProcess], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """See ``Sandbox.attempt``."""
        return await self._helpers.attempt(compiled, number, work)


async def _look(
    state: Database, log: EventLog, sandbox: Sandbox, pair: Pair, setting: Setting, step: EventSearch
) -> tuple[list[Entry], list[tuple[Entry, Subject]]]:
    """The next events, or persons where a schedule chooses them; and those of them that one of the two wants, or fails at."""
    if ticks.STREAM in pair.streams:
        there = await recent_persons(state, pair.scheduled, step, setting.now)
        subjects = [(entry, stored(seen, setting)) for entry, seen in there]
        return [entry for entry, _ in there], await _judged(sandbox, pair, subjects)
    project_id = pair.live.destination.project_id
    entries = await state.read(partial(list_events, project_id=project_id, wanted=step))
    return entries, await _matching(state, log, sandbox, pair, setting, entries)


async def _matching(
    state: Database,
    log: EventLog,
    sandbox: Sandbox,
    pair: Pair,
    setting: Setting,
    entries: Sequence[Entry],
) -> list[tuple[Entry, Subject]]:
    """Events of the log that one of the two wants, or fails at."""
    named = [one for one in entries if pair.live.wants(one.event) or pair.draft.wants(one.event)]
    records = await records_at(log, [(one.partition, one.position) for one in named])
    there = [(entry, record) for entry, record in zip(named, records, strict=True) if record is not None]
    if not there:
        return []
    seen = await state.read(partial(as_now, records=[record for _, record in there]))
    subjects = [
        (entry, stored(one, setting))
        for (entry, record), one in zip(there, seen, strict=True)
        if one is not None and stream_of(record.decode()) in pair.streams
    ]
    return await _judged(sandbox, pair, subjects)


async def _judged(
    sandbox: Sandbox, pair: Pair, subjects: Sequence[tuple[Entry, Subject]]
) -> list[tuple[Entry, Subject]]:
    """Those that one of the two wants, or fails at."""
    found = [subject.found for _, subject in subjects]
    verdicts = [await sandbox.matches(one, found) for one in (pair.live, pair.draft)]
    return [
        one for one, live, draft in zip(subjects, *verdicts, strict=True) if live or draft or draft is None
    ]


async def _tried(
    trials: Trials, pair: Pair, some: Sequence[tuple[Entry, Subject]]
) -> list[tuple[str, Difference, dict[str, Any]]]:
    return await asyncio.gather(*(_compared(trials, pair, entry, subject) for entry, subject in some))


async def _compared(
    trials: Trials, pair: Pair, entry: Entry, subject: Subject
) -> tuple[str, Difference, dict[str, Any]]:
    """One event: its outcome, the difference, and what is shown of it."""
    identity = uuid.uuid5(uuid.UUID(entry.uuid), pair.live.destination.id)
    both = [Trial(one, subject, invocation_id=identity) for one in (pair.live, pair.draft)]
    tried = [await trials.run(one) for one in both]
    told = [
        await asyncio.to_thread(report, trial, result, 0) for trial, result in zip(both, tried, strict=True)
    ]
    live, draft = (_wants(trial, result) for trial, result in zip(both, tried, strict=True))
    old, new = (_sent(result, shown) for result, shown in zip(tried, told, strict=True))
    outcome, difference = _judge(live, draft, old, new, told)
    stopped = told[0] if outcome == "would_send" else told[1]
    example = {
        "event": {
            "uuid": entry.uuid, "event": entry.event, "distinct_id": entry.distinct_id, "captured_at": entry.captured_at,
        },
        "diff": difference.lines,
        "errors": told[1]["errors"],
        "live_errors": told[0]["errors"],
        "filters": stopped["filters"] if outcome in {"would_send", "would_not_send"} else None,
    }  # fmt: skip
    return outcome, difference, example


def _wants(trial: Trial, tried: Tried) -> bool:
    """Whether an event would be delivered: filter and sample let it through."""
    person = trial.subject.globals["person"]
    return bool(tried.explanation["wanted"]) and trial.compiled.sampled(
        trial.subject.globals["event"]["uuid"], person["id"] if person else None
    )


def _judge(
    live: bool, draft: bool, old: list[Sent], new: list[Sent], told: Sequence[Mapping[str, Any]]
) -> tuple[str, Difference]:
    """The outcome in one word. A failure is the first thing to know, then whether anything is sent at all."""
    difference = compare(old, new) if live and draft else Difference()
    was_broken, is_broken = bool(told[0]["errors"]), bool(told[1]["errors"])
    if is_broken and (draft or told[1]["filters"]["error"]) and not (was_broken and live and not difference):
        return "would_fail", difference
    if live is not draft:
        return ("would_send" if draft else "would_not_send"), difference
    if was_broken and not is_broken:
        return "repaired", difference
    return ("differs" if difference else "same"), difference


def _sent(tried: Tried, told: Mapping[str, Any]) -> list[Sent]:
    """What would be sent, with what may be shown of it."""
    return [
        _request(ran, number, shown)
        for ran, invocation in zip(tried.runs, told["invocations"], strict=True)
        for number, shown in enumerate(invocation["requests"])
    ]


def _request(ran: Ran, number: int, shown: Mapping[str, Any]) -> Sent:
    attempt = [attempt for outcome in ran.outcomes for attempt in outcome.attempts][number]
    kept = shown["request"]
    return Sent(
        attempt.method, attempt.url, attempt.request.headers, attempt.request.body.decode("utf-8", "replace"),
        {"url": shown["url"], "headers": kept["headers"], "body": kept["body"]},
    )  # fmt: skip
