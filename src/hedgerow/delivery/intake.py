"""Intake: read the log, fold people, match destinations, hand invocations to the lanes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import orjson

from hedgerow.delivery import erasure, internal, ledger, person_updates
from hedgerow.delivery.claims import Claim, ClaimError
from hedgerow.delivery.configuration import Configuration, ConfigurationStale, key
from hedgerow.delivery.gates import Gates
from hedgerow.delivery.identity import NO_DESTINATION, delivery_id, raw
from hedgerow.delivery.invocation import Invocation, Line, Outcome
from hedgerow.delivery.judging import Answer, Claimed, Judge
from hedgerow.delivery.lanes import Lanes
from hedgerow.delivery.matching import Plan, Wanted
from hedgerow.delivery.settler import Settler
from hedgerow.delivery.suspects import MARKED, SUSPECT
from hedgerow.delivery.vocabulary import News, Vocabulary
from hedgerow.delivery.window import Entry, Window
from hedgerow.delivery.world import REST_AFTER_STORE_ERROR_S, Options, World
from hedgerow.destinations import CompiledDestination, FilterError
from hedgerow.destinations.globals import build_globals, filter_globals
from hedgerow.events import Event, Record
from hedgerow.hog import OverBudget
from hedgerow.people import Change, Folded, IngestionWarning, fold, load, record_warnings
from hedgerow.store import Connection, StoreError

log = logging.getLogger(__name__)

# After a death at a place, what was in flight there is read one by one; a record at whose place three died is set aside.
ALONE_FROM = 2
CRASHED_FROM = 4
# How soon to look again whether a record that is tried alone is settled.
ON_TRIAL_POLL_S = 0.02
RECORDS_PER_TURN = 32
LONGEST_TURN_S = 0.005
# Compiling takes about half a millisecond each; more than this many must not hold the write lock meanwhile.
COMPILED_AT_ONCE = 50

# The plus keeps the planner from walking through all events of the project instead of looking up these few uuids.
SEEN = """
SELECT partition, position, uuid, captured_at FROM event_index
WHERE uuid IN (SELECT unhex(value) FROM json_each(?)) AND +project_id = ?
"""
INDEX = """
INSERT INTO event_index (partition, position, project_id, uuid, event, distinct_id, captured_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(slots=True)
class _Partition:
    """One partition in our hands. ``known`` are ids with a row, for records up to ``known_to``.

    ``suspected`` means that workers died at its place, and what is there now has not been settled yet.
    """

    cursor: int
    folded_to: int
    settled_to: int
    known: set[bytes]
    known_to: int
    begun: bool = False
    alone_to: int = -1
    suspected: bool = False


@dataclass(slots=True)
class _Item:
    """One record on its way through a batch. Without ``folded`` no destination gets to see it."""

    record: Record
    event: Event
    first: bool
    uuid: bytes
    duplicate: bool = False
    folded: Folded | None = None
    begun: int = 0
    crashed: bool = False
    erased: bool = False


@dataclass(slots=True)
class _Offered:
    """One record that destinations are offered, once it is in the window.

    Ids that are ``known`` have a verdict or a row already; ``deaths`` is what its invocations are suspected of.
    """

    item: _Item
    folded: Folded
    plan: Plan
    entry: Entry
    known: set[bytes]
    deaths: int


class Intake:
    """Turns records into invocations, each record exactly once per owner of its partition."""

    def __init__(
        self,
        world: World,
        options: Options,
        configuration: Configuration,
        window: Window,
        settler: Settler,
        lanes: Lanes,
        gates: Gates,
    ) -> None:
        self._world = world
        self._options = options
        self._configuration = configuration
        self._window = window
        self._settler = settler
        self._lanes = lanes
        self._gates = gates
        self._partitions: dict[int, _Partition] = {}
        self._judge = Judge(world)
        self._vocabulary = Vocabulary()
        self._news: list[News] = []
        self._poll_s = options.poll_s
        self.wake = asyncio.Event()

    async def stop(self) -> None:
        """Wait for no filter any more; ``run`` is cancelled by whoever started it."""
        await self._judge.stop()

    async def take(self, partitions: Iterable[int]) -> None:
        """Begin to own partitions: learn where they stand and what is open in them."""
        wanted = list(partitions)
        ends = {partition: await self._world.log.end(partition) for partition in wanted}

        await self._renew()

        def work(connection: Connection) -> dict[bytes, int]:
            first_due: dict[bytes, int] = {}
            excused = ledger.tried(connection, wanted)
            for partition in wanted:
                place = ledger.take(connection, partition, excused=excused)
                ids = ledger.known(connection, partition, place.settled_to)
                self._partitions[partition] = _Partition(
                    place.settled_to,
                    place.folded_to,
                    place.settled_to,
                    ids,
                    ends[partition],
                    suspected=place.begun > 0,
                )
                for destination_id, due_at in ledger.backlog(connection, partition):
                    first_due[destination_id] = min(due_at, first_due.get(destination_id, due_at))
            return first_due

        first_due = await self._world.insist("take", work)
        self._lanes.own(self._partitions)
        for destination_id, due_at in first_due.items():
            self._lanes.wake_at(destination_id, due_at)

    async def run(self) -> None:
        """Read and hand on until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._window.room()
            self.wake.clear()
            began = loop.time()
            if not await self._turn():
                await self._rest()
            # Turns begin at least this far apart: events that come one by one share the cost of a turn.
            await asyncio.sleep(max(0.0, began + self._options.pace_s - loop.time()))

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self.wake.wait()
        except TimeoutError:
            pass

    async def _turn(self) -> bool:
        after = {
            number: place.cursor
            for number, place in self._readable().items()
            if self._may_read(number, place)
        }
        self._poll_s = self._options.poll_s if after else ON_TRIAL_POLL_S
        records = await self._world.log.read_many(
            after, records=self._options.read_records, size=self._options.window_bytes // 4
        )
        if not records:
            self._nothing_there(after)
            return False
        records = self._first_alone(records)
        if self._settler.hurry:
            self._settler.hurry = any(place.cursor <= place.alone_to for place in self._partitions.values())
        read = [(record, record.decode()) for record in records]
        # Not durable by itself: until it is settled a record is read again anyway, and settling keeps what came before it.
        try:
            items = await self._world.insist(
                "fold", lambda connection: self._fold(connection, read), durable=False
            )
        except ConfigurationStale:
            await self._renew()
            return True
        self._vocabulary.learn(self._news)
        await self._dispatch_all(items)
        return True

    async def _dispatch_all(self, items: list[_Item]) -> None:
        """Hand all on, with a break for others after so many records or so long."""
        clock = asyncio.get_running_loop().time
        began = now = clock()
        for turn, item in enumerate(items, 1):
            self._dispatch(item, now)
            now = clock()
            if turn % RECORDS_PER_TURN == 0 or now - began > LONGEST_TURN_S:
                await asyncio.sleep(0)
                began = now = clock()

    async def _renew(self) -> None:
        """Compile what was edited without keeping anybody from writing."""
        try:
            await self._world.store.read(self._configuration.refresh)
        except StoreError as error:
            log.error("configuration_failed error=%s", error)  # noqa: TRY400 - the message says it all
            await asyncio.sleep(REST_AFTER_STORE_ERROR_S)

    def _readable(self) -> dict[int, _Partition]:
        """Where workers died, what is there now is tried before anything else is read, one place at a time: it alone can be why."""
        for number, place in self._partitions.items():
            place.suspected &= not (place.begun and not self._window.busy(number))
            if place.suspected:
                return {} if place.begun else {number: place}
        return self._partitions

    def _nothing_there(self, after: Iterable[int]) -> None:
        """What was suspected is gone from the log."""
        for number in after:
            self._partitions[number].suspected = False

    def _may_read(self, number: int, place: _Partition) -> bool:
        """Where records are read one by one, the next is read when the last is settled."""
        return place.cursor >= place.alone_to or not self._window.busy(number)

    def _first_alone(self, records: list[Record]) -> list[Record]:
        """One record of a partition where work has not begun or the last owner died: it may be why."""
        kept: list[Record] = []
        seen: set[int] = set()
        for record in records:
            place = self._partitions[record.partition]
            if record.partition in seen and (not place.begun or place.cursor < place.alone_to):
                continue
            seen.add(record.partition)
            kept.append(record)
        return kept

    # ------------------------------------------------------------- folding

    def _fold(self, connection: Connection, read: list[tuple[Record, Event]]) -> list[_Item]:
        """The folding transaction. It may have to be repeated, so it changes nothing in memory that counts."""
        self._configuration.refresh(connection, most=COMPILED_AT_ONCE)
        self._gates.refresh(connection)
        items = self._items(connection, read)
        kept = [item for item in items if not item.crashed and not item.erased]
        self._mark_duplicates(connection, kept)
        usable = [item for item in kept if not item.duplicate]
        fresh = [item for item in usable if item.first]
        self._people(connection, usable)
        self._tell_of_people(connection, fresh)
        connection.executemany(INDEX, [_row(item) for item in fresh])
        self._news = self._vocabulary.collect(
            (item.record.project_id, item.event) for item in fresh if not item.event.internal
        )
        self._vocabulary.write(connection, self._news)
        ledger.folded(connection, {record.partition: record.position for record, _ in read})
        return items

    def _items(self, connection: Connection, read: list[tuple[Record, Event]]) -> list[_Item]:
        """What was read, with what is to be left of it: erased events, and those that kill who works on them."""
        who = [(record.project_id, event.distinct_id, record.captured_at) for record, event in read]
        items: list[_Item] = []
        for (record, event), gone in zip(read, erasure.gone(connection, who), strict=True):
            place = self._partitions[record.partition]
            item = _Item(record, event, record.position > place.folded_to, raw(event.uuid))
            item.erased = gone or record.erased
            if not place.begun:
                item.begun = ledger.begin(connection, record.partition)
                item.crashed = item.begun >= CRASHED_FROM and not item.erased
            items.append(item)
        return items

    def _mark_duplicates(self, connection: Connection, items: list[_Item]) -> None:
        """A first reading is a duplicate when its uuid is in the index; a second one when its own record is not."""
        by_project: dict[int, list[_Item]] = {}
        for item in items:
            by_project.setdefault(item.record.project_id, []).append(item)
        for project_id, some in by_project.items():
            wanted = orjson.dumps([item.uuid.hex() for item in some]).decode()
            seen: dict[bytes, list[tuple[int, int, int]]] = {}
            for partition, position, uuid, captured_at in connection.execute(SEEN, (wanted, project_id)):
                seen.setdefault(uuid, []).append((partition, position, captured_at))
            for item in some:
                record = item.record
                own = record.partition, record.position, record.captured_at
                earlier = seen.get(item.uuid)
                if not item.first:
                    item.duplicate = not any(one[:2] == own[:2] for one in earlier or ())
                elif earlier is None:
                    seen[item.uuid] = [own]
                else:
                    oldest = record.captured_at - self._options.dedupe_ms
                    item.duplicate = any(at >= oldest for _, _, at in earlier)
                    if not item.duplicate:
                        earlier.append(own)
        self._trace_duplicates(connection, [item for item in items if item.duplicate and item.first])

    @staticmethod
    def _trace_duplicates(connection: Connection, items: list[_Item]) -> None:
        """A re-sent event leaves a trace for its sender, besides its verdict."""
        record_warnings(
            connection,
            (
                (i.record.project_id, i.record.captured_at, IngestionWarning("duplicate_event", {"event": i.event.event, "uuid": i.event.uuid}))
                for i in items
            ),
        )  # fmt: skip

    @staticmethod
    def _people(connection: Connection, items: list[_Item]) -> None:
        old: list[_Item] = []
        new: list[_Item] = []
        for item in items:
            if not _has_person(item.event):
                item.folded = internal.folded(item.event)
            elif item.first and not item.event.internal:
                new.append(item)
            else:
                old.append(item)
        for chosen, work in ((old, load), (new, fold)):
            if chosen:
                results = work(connection, [Change(i.record.project_id, i.event) for i in chosen])
                for item, folded in zip(chosen, results, strict=True):
                    item.folded = folded

    def _tell_of_people(self, connection: Connection, items: list[_Item]) -> None:
        """Let those destinations know of changed persons that ask for it."""
        for item in items:
            plan = self._configuration.plans.get(item.record.project_id)
            if item.folded is not None and plan is not None and plan.offer(person_updates.STREAM) is not None:
                person_updates.emit(connection, item.record, item.event, item.folded)

    # ------------------------------------------------------------ matching

    def _dispatch(self, item: _Item, now: float) -> None:
        """After the commit: move the cursor, match, hand on."""
        record = item.record
        position = record.position
        place = self._partitions[record.partition]
        place.cursor = position
        place.folded_to = max(place.folded_to, position)
        place.begun = True
        if item.begun >= ALONE_FROM:
            place.alone_to = place.folded_to
            self._settler.hurry = True
        deaths = SUSPECT if position <= place.alone_to else 0
        if item.begun > ALONE_FROM:
            deaths = MARKED
        entry = Entry(record.partition, position, len(record.payload), now)
        ready, invocations = self._verdicts(item, entry, place.known, deaths)
        self._window.add(entry)
        if ready or invocations:
            self._hand_on(entry, ready, invocations)
        if place.known and position >= place.known_to:
            place.known = set()

    def _hand_on(self, entry: Entry, ready: list[Outcome], invocations: list[Invocation]) -> None:
        """Verdicts to the settler, invocations to the lanes."""
        claims = self._claims(entry, invocations, ready)
        for invocation in invocations:
            entry.pending[invocation.id] = invocation
        for outcome in ready:
            entry.pending[outcome.invocation.id] = outcome.invocation
        self._settler.expect(entry)
        for outcome in ready:
            self._settler.report(outcome)
        for invocation in invocations:
            if invocation.id not in claims:
                self._lanes.submit(invocation)
        for one in claims.values():
            self._lanes.reserve(one.invocation)
            self._settler.claim(one)

    def _claims(
        self, entry: Entry, invocations: list[Invocation], ready: list[Outcome]
    ) -> dict[bytes, Claim]:
        """What has to be claimed before its invocation may run.

        One whose claim fails has its verdict already; one whose claim takes long comes back when it is known.
        """
        claims: dict[bytes, Claim] = {}
        late: set[bytes] = set()
        for invocation in invocations:
            compiled = self._configuration.live(invocation.destination_id)
            if compiled is None or not compiled.claims:
                continue
            try:
                found = self._judge.claim(invocation, compiled)
            except OverBudget:
                entry.waits += 1
                late.add(invocation.id)
                self._judge.claim_later(invocation, compiled, partial(self._claimed_late, entry))
            except ClaimError as error:
                ready.append(self._failed(invocation, error.kind, compiled.redact(str(error))))
            else:
                claims |= {invocation.id: found} if found else {}
        if late or ready:
            gone = late | {outcome.invocation.id for outcome in ready}
            invocations[:] = [invocation for invocation in invocations if invocation.id not in gone]
        return claims

    def _claimed_late(self, entry: Entry, invocation: Invocation, answer: Claimed) -> None:
        """A claim that took long is known: the invocation goes on where the others went at once."""
        entry.waits -= 1
        entry.pending[invocation.id] = invocation
        self._settler.expect(entry)
        if isinstance(answer, ClaimError):
            self._settler.report(self._failed(invocation, answer.kind, str(answer)))
        elif answer is None:
            self._lanes.submit(invocation)
        else:
            self._lanes.reserve(invocation)
            self._settler.claim(answer)

    def _failed(self, invocation: Invocation, kind: str, message: str) -> Outcome:
        at = self._world.now_ms()
        return Outcome(invocation, "failed", at, kind=kind, error=message, lines=[Line(at, "error", message)])

    def _verdicts(
        self, item: _Item, entry: Entry, known: set[bytes], deaths: int
    ) -> tuple[list[Outcome], list[Invocation]]:
        if item.duplicate or item.crashed:
            outcome = self._own_verdict(item)
            return ([] if outcome.invocation.id in known else [outcome]), []
        plan, folded = self._configuration.plans.get(item.record.project_id), item.folded
        if plan is None or folded is None or folded.dropped:
            return [], []
        offered = _Offered(item, folded, plan, entry, known, deaths)
        ready, invocations = self._match(offered)
        if item.event.internal:
            invocations += self._addressed(offered)
        return ready, invocations

    def _addressed(self, offered: _Offered) -> list[Invocation]:
        """For those that an internal event is addressed to, whatever their filters say."""
        event, plan = offered.item.event, offered.plan
        told = internal.addressed(event, plan.destinations)
        if not told:
            return []
        globals_ = build_globals(event, offered.folded, plan.project, self._options.public_url)
        offered.entry.taken += [compiled for compiled in told if compiled.stream == internal.STREAM]
        invocations: list[Invocation] = []
        for compiled in told:
            invocations += self._invocations(offered, globals_, compiled, compiled.everything)
        return invocations

    def _own_verdict(self, item: _Item) -> Outcome:
        """The verdict of a record that no destination gets to see."""
        verdict = "duplicate" if item.duplicate else "failed"
        place = f"{verdict}:{item.record.partition}:{item.record.position}"
        invocation = self._invocation(item, {}, NO_DESTINATION, 0, "", run=place)
        if item.duplicate:
            return Outcome(invocation, verdict, self._world.now_ms())
        message = "Three workers died at this event; it was set aside unread. It is still in the event log."
        log.error("record_set_aside partition=%d position=%d", item.record.partition, item.record.position)
        return Outcome(invocation, verdict, self._world.now_ms(), kind="crash", error=message)

    def _match(self, offered: _Offered) -> tuple[list[Outcome], list[Invocation]]:
        item, folded, plan, entry = offered.item, offered.folded, offered.plan, offered.entry
        stream = _stream(item.event)
        offer = plan.offer(stream)
        if offer is None:
            return [], []
        entry.roster = offer.roster
        event = person_updates.shown(item.event, folded)
        judged = filter_globals(event, folded)
        audience = internal.audience(offer.candidates(judged), item.event)
        wanted, later = self._judge.judge(audience, judged, stream)
        if not wanted and not later:
            return [], []
        globals_ = person_updates.complete(
            item.event, build_globals(event, folded, plan.project, self._options.public_url)
        )
        for compiled in later:
            entry.waits += 1
            self._judge.later(compiled, judged, partial(self._sort_late, offered, globals_))
        return self._sort(offered, globals_, wanted)

    def _sort_late(
        self, offered: _Offered, globals_: dict[str, object], compiled: CompiledDestination, answer: Answer
    ) -> None:
        """A filter that took long has answered."""
        entry = offered.entry
        entry.waits -= 1
        some: Wanted = [(compiled, answer)] if answer else []
        self._hand_on(entry, *self._sort(offered, globals_, some))

    def _sort(
        self, offered: _Offered, globals_: dict[str, object], wanted: Wanted
    ) -> tuple[list[Outcome], list[Invocation]]:
        """Verdicts and invocations from the answers of filters."""
        ready: list[Outcome] = []
        invocations: list[Invocation] = []
        item, entry, person = offered.item, offered.entry, offered.folded.person
        for compiled, answer in wanted:
            entry.taken.append(compiled)
            if isinstance(answer, FilterError):
                outcome = self._filter_failed(offered, globals_, compiled, answer)
                if outcome.invocation.id not in offered.known:
                    ready.append(outcome)
            elif not compiled.sampled(item.event.uuid, person.uuid if person else None):
                entry.sampled.append(compiled)
            else:
                invocations += self._invocations(offered, globals_, compiled, answer)
        return ready, invocations

    def _filter_failed(
        self,
        offered: _Offered,
        globals_: dict[str, object],
        compiled: CompiledDestination,
        error: FilterError,
    ) -> Outcome:
        revision = compiled.destination.revision
        invocation = self._invocation(offered.item, globals_, key(compiled), revision, "")
        return self._failed(invocation, "filter", compiled.redact(str(error)))

    def _invocations(
        self,
        offered: _Offered,
        globals_: dict[str, object],
        compiled: CompiledDestination,
        mappings: Iterable[str],
    ) -> list[Invocation]:
        """What a destination gets of an event and has not got yet, suspected like the open rows of the last owner."""
        revision, sequence = compiled.destination.revision, compiled.sequence(globals_)
        some: list[Invocation] = []
        for mapping in mappings:
            invocation = self._invocation(offered.item, globals_, key(compiled), revision, mapping)
            invocation.sequence, invocation.deaths = sequence, offered.deaths
            if invocation.id not in offered.known:
                some.append(invocation)
        return some

    def _invocation(
        self,
        item: _Item,
        globals_: dict[str, object],
        destination: bytes,
        revision: int,
        mapping: str,
        run: str = "",
    ) -> Invocation:
        record = item.record
        return Invocation(
            id=delivery_id(record.captured_at, item.uuid, destination, mapping, run),
            project_id=record.project_id,
            destination_id=destination,
            revision=revision,
            mapping=mapping,
            run="",
            partition=record.partition,
            position=record.position,
            event_uuid=item.uuid,
            event=item.event.event,
            distinct_id=item.event.distinct_id,
            captured_at=record.captured_at,
            created_at=self._world.now_ms(),
            globals=globals_,
        )


def _has_person(event: Event) -> bool:
    """Whether an event is about a person; most of what Hedgerow tells about itself is not."""
    return not event.internal or person_updates.is_update(event)


def _stream(event: Event) -> str:
    """Which destinations an event is offered to."""
    if not event.internal:
        return "events"
    return person_updates.STREAM if person_updates.is_update(event) else internal.STREAM


def _row(item: _Item) -> tuple[object, ...]:
    """An event in the index."""
    record, event = item.record, item.event
    return (
        record.partition, record.position, record.project_id, item.uuid, event.event, event.distinct_id, record.captured_at,
    )  # fmt: skip
