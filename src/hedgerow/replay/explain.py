"""Explain: what a destination made of one event, or would make of it now, and why.

For an event that is still in the log or in the ledger, and any destination as it is live or in its draft: every condition of
the filter with the value it saw, sampling, masking, the destination's state, what would be sent (made in a helper process, sent
nowhere, secrets taken out), and the deliveries that there were, with the attempts still ahead. Nothing is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hedgerow.delivery import holding, ticks
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.identity import raw, text
from hedgerow.delivery.queries import PAYLOAD, Delivery, of_event
from hedgerow.delivery.recent import Entry, find_event
from hedgerow.delivery.retry import growing
from hedgerow.delivery.state import unpack_globals
from hedgerow.destinations import (
    CompiledDestination,
    Keyring,
    filter_globals_of,
)
from hedgerow.destinations.model import Destination
from hedgerow.destinations.retrying import delays
from hedgerow.events import Record
from hedgerow.log import EventLog
from hedgerow.replay import tick_events
from hedgerow.replay.restraints import NONE, Looking, restraints
from hedgerow.replay.trial import Trial, Trials, prepared
from hedgerow.replay.trial_event import Setting, Subject, stored
from hedgerow.replay.trial_report import report
from hedgerow.replay.variables import Seen, as_now, records_at, stream_of
from hedgerow.store import Connection, Database

AS_IT_WAS: Final = "as it was"
AS_IT_IS: Final = "as it is now"
OPEN_ATTEMPTS: Final = frozenset({"retrying", "running", "scheduled"})
SETTLED = "SELECT settled_to FROM positions WHERE partition = ?"


@dataclass(frozen=True, slots=True)
class Case:
    """An event that is to be explained.

    Attributes:
        entry: where it is.
        subject: what filters and programs see of it.
        person: ``as it was`` when it was matched, or ``as it is now``.
        deliveries: all that it led to, in the order they were made.
        settled: whether live delivery is through with it.
    """

    entry: Entry
    subject: Subject
    person: str
    deliveries: Sequence[Delivery]
    settled: bool


@dataclass(frozen=True, slots=True)
class Sources:
    """What explaining works with.

    Attributes:
        state: configuration, people, the ledger.
        log: the events.
        trials: try programs where nothing is sent.
        keyring: opens secrets.
        setting: project, address and time.
        retries: how often a destination that says nothing is tried again.
    """

    state: Database
    log: EventLog
    trials: Trials
    keyring: Keyring
    setting: Setting
    retries: int


async def find_case(sources: Sources, project_id: int, event_uuid: bytes) -> Case | None:
    """An event with all that is known of it; None when neither log nor ledger has it."""
    entry = await sources.state.read(lambda c: find_event(c, project_id, event_uuid))
    if entry is None:
        return await sources.state.read(lambda c: _tick_case(c, sources, project_id, event_uuid))
    (record,) = await records_at(sources.log, [(entry.partition, entry.position)])
    return await sources.state.read(lambda connection: _case(connection, sources, project_id, entry, record))


def _case(
    connection: Connection, sources: Sources, project_id: int, entry: Entry, record: Record | None
) -> Case | None:
    place = entry.partition, entry.position
    seen = as_now(connection, [record])[0] if record is not None else None
    kept = connection.execute(PAYLOAD, place).get
    if seen is None and kept is None:
        return None
    settled = (connection.execute(SETTLED, (entry.partition,)).get or 0) >= entry.position
    rows = of_event(connection, project_id, raw(entry.uuid), *place)
    subject = _kept(unpack_globals(kept), seen) if kept else None
    if subject is None:
        assert seen is not None
        return Case(entry, stored(seen, sources.setting), AS_IT_IS, rows, settled)
    return Case(entry, subject, AS_IT_WAS, rows, settled)


def _tick_case(connection: Connection, sources: Sources, project_id: int, event_uuid: bytes) -> Case | None:
    """An event that a tick of a schedule made up; it is in no log."""
    row = tick_events.find_delivery(connection, project_id, event_uuid)
    if row is None:
        return None
    place = row.partition, row.position
    entry = Entry(*place, row.event_uuid, row.event, row.distinct_id, row.captured_at)
    rows = of_event(connection, project_id, event_uuid, *place)
    kept = connection.execute(PAYLOAD, place).get
    if kept is not None:
        globals_ = unpack_globals(kept)
        subject = Subject(globals_, filter_globals_of(globals_), "stored", ticks.STREAM)
        return Case(entry, subject, AS_IT_WAS, rows, settled=True)
    seen = tick_events.again(connection, project_id, [row]).get(place)
    if seen is None:
        return None
    return Case(entry, stored(seen, sources.setting), AS_IT_IS, rows, settled=True)


def _kept(globals_: dict[str, Any], seen: Seen | None) -> Subject:
    """An event as the ledger has it. Whether Hedgerow itself told it, only the log knows."""
    stream = stream_of(seen.record.decode()) if seen else None
    return Subject(globals_, filter_globals_of(globals_), "stored", stream)


# ------------------------------------------------------------------ one destination


async def explain(
    sources: Sources, case: Case, destination: Destination, *, tried: bool = True
) -> dict[str, Any]:
    """What becomes of an event at a destination, as JSON.

    Args:
        sources: what to work with.
        case: the event.
        destination: live, or as its draft has it (revision 0).
        tried: also run the program, sending nothing.

    Raises:
        ValidationError: a filter of the destination does not compile.
        HogError: its filters take too long to be explained.
    """
    project, trials = sources.setting.project, sources.trials
    compiled = await asyncio.to_thread(prepared, destination, sources.keyring, project, trials.limits)
    if tried:
        trial = Trial(compiled, case.subject)
        shown = await asyncio.to_thread(report, trial, await trials.run(trial), 0)
        filters, runs = shown["filters"], shown["invocations"]
    else:
        stream = case.subject.stream
        filters, runs = await trials.sandbox.explain(compiled, case.subject.found, stream=stream), None
    mine = [row for row in case.deliveries if row.destination_id == destination.id]
    standing = await sources.state.read(lambda c: _standing(c, raw(destination.id)))
    sampling = _sampling(compiled, case.subject)
    return {
        "destination": {
            "id": destination.id, "name": destination.name, "type": destination.type, "enabled": destination.enabled,
            "revision": destination.revision or None, "draft": destination.revision == 0,
        },
        **_answer(case, destination, filters, sampling, mine),
        "filters": filters,
        "sampling": sampling,
        **await _restraints(sources, compiled, case, filters["wanted"], tried=tried),
        "standing": standing,
        "invocations": runs,
        "deliveries": [text(raw(row.id)) for row in mine],
        "schedule": list(_schedule(destination, mine, sources.retries)),
    }  # fmt: skip


def _sampling(compiled: CompiledDestination, subject: Subject) -> dict[str, Any] | None:
    sampling = compiled.destination.config.sampling
    if sampling is None:
        return None
    person = subject.globals["person"]
    included = compiled.sampled(subject.globals["event"]["uuid"], person["id"] if person else None)
    return {**sampling, "included": included}


def _standing(connection: Connection, owner: bytes) -> dict[str, Any]:
    """Whether the destination takes anything now, and if not, why."""
    gates = Gates()
    gates.refresh(connection)
    gate = gates.of(owner)
    held = holding.held(connection, [owner])[owner]
    return {"health": gate.health.state, "paused": gate.paused, "closed": gate.closed, "held": held.count}


# ------------------------------------------------------------------- restraints


async def _restraints(
    sources: Sources, compiled: CompiledDestination, case: Case, wanted: Sequence[str], *, tried: bool
) -> Mapping[str, Any]:
    """What repetitions, a threshold or a digest would make of such an event now."""
    if not tried or not wanted:
        return NONE
    looking = Looking(sources.state, sources.trials.sandbox, sources.setting.now)
    return await restraints(looking, compiled, case.subject.globals, wanted[0])


# -------------------------------------------------------------------- the answer


def _answer(
    case: Case,
    destination: Destination,
    filters: Mapping[str, Any],
    sampling: Mapping[str, Any] | None,
    mine: Sequence[Delivery],
) -> dict[str, Any]:
    """The whole in one word and one sentence."""
    if destination.revision and mine:
        last = max(mine, key=lambda row: row.created_at)
        times = "" if len(mine) == 1 else f", the last of {len(mine)} deliveries"
        because = f": {last.error}" if last.error else "."
        return {"verdict": last.verdict, "because": f"It is {last.verdict}{times}{because}"}
    for applies, verdict, because in _reasons(case, destination, filters, sampling):
        if applies:
            return {"verdict": verdict, "because": because}
    if destination.revision == 0:
        return {"verdict": "wanted", "because": "The draft wants it."}
    return {
        "verdict": "wanted",
        "because": "It wants it now, but has no delivery of it: its configuration has changed since the event came.",
    }


def _reasons(
    case: Case,
    destination: Destination,
    filters: Mapping[str, Any],
    sampling: Mapping[str, Any] | None,
) -> Iterator[tuple[bool, str, str]]:
    """Why there is no delivery, the first that applies."""
    off = not destination.enabled and destination.revision > 0
    yield off, "off", "The destination is switched off: events are not matched with it."
    yield filters["error"] is not None, "filter_failed", f"Its filter fails: {filters['error']}"
    yield not filters["wanted"], "filtered", "Its filter does not match."
    left_out = sampling is not None and not sampling["included"]
    yield left_out, "sampled", "It matches, but is not in the sample."
    later = destination.created_at > case.entry.captured_at and destination.revision > 0
    yield later, "later", "It matches, but the destination was made after the event came."
    waits = not case.settled and destination.revision > 0
    yield waits, "pending", "It matches, and is on its way: workers have not come to it yet."


def _schedule(destination: Destination, mine: Sequence[Delivery], retries: int) -> Iterator[dict[str, Any]]:
    """The attempts ahead of what is tried again, as far as they are known: a ``Retry-After`` may put them off."""
    waits = _delays(destination, retries)
    for row in mine:
        if row.verdict not in OPEN_ATTEMPTS or row.next_at is None:
            continue
        at = row.next_at
        for number, delay in enumerate((0.0, *waits[row.attempts :]), row.attempts + 1):
            at += int(delay * 1000)
            yield {"delivery": row.id, "attempt": number, "at": at}


def _delays(destination: Destination, retries: int) -> tuple[float, ...]:
    own = delays(destination.config.retry)
    return growing(retries) if own is None else own
