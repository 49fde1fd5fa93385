"""Selecting for a replay: events of the log that a destination wants become rows that wait for their turn.

Each worker reads the index of events in the order of their capture, and looks at those of its own partitions. What an event's
person was is taken from the ledger where it was kept; else the person is as they are now. Sampling counts; masking, thresholds and
digests are asked anew, in windows of the run's own and by the time of capture. What live delivery has not come to yet is left to it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from hedgerow.delivery import claims
from hedgerow.delivery.claims import ClaimError
from hedgerow.delivery.erasure import gone
from hedgerow.delivery.invocation import OPEN, Invocation, Outcome
from hedgerow.delivery.keepers import Bench
from hedgerow.delivery.queries import PAYLOAD
from hedgerow.delivery.state import pack_globals, unpack_globals
from hedgerow.destinations import CompiledDestination, FilterError, filter_globals, filter_globals_of
from hedgerow.events import Record
from hedgerow.replay import runs, variables, waiting
from hedgerow.replay.runs import Place, Run
from hedgerow.replay.variables import Seen
from hedgerow.replay.wanting import wanted
from hedgerow.store import Connection, StoreError

STEP: Final = 100
# Filters that are asked before others have their turn on the event loop.
AT_ONCE: Final = 4
# Beside live traffic so many items at most are written in one transaction.
PIECE: Final = 10
# Rows that wait: enough for the next seconds, and no more of the disk than that.
MOST_WAITING: Final = 2_000

ENTRIES = """
SELECT captured_at, partition, position, uuid, event, distinct_id FROM event_index
WHERE project_id = :project AND captured_at >= :c_at AND captured_at < :before
AND (captured_at, partition, position) > (:c_at, :c_partition, :c_position)
AND partition IN (SELECT value FROM json_each(:partitions))
ORDER BY captured_at, partition, position LIMIT :limit
"""
TOTAL = "SELECT count(*) FROM event_index WHERE project_id = ? AND captured_at > ? AND captured_at < ?"
REVISION = "SELECT revision FROM destinations WHERE id = ?"
SETTLED = "SELECT partition, settled_to FROM positions"
BEFORE = """
SELECT j.key, d.mapping, d.verdict, d.kind, (
    SELECT o.verdict FROM delivery_carriers c JOIN deliveries o ON o.id = c.carrier_id WHERE c.delivery_id = d.id
) FROM json_each(:places) AS j CROSS JOIN deliveries AS d ON d.partition = j.value ->> 0 AND d.position = j.value ->> 1
WHERE d.destination_id = :owner AND d.run <> :run
"""
FOREVER: Final = 1 << 62
# What live delivery made of an event that a replay leaves alone; a summary counts as what became of it.
DEALT_WITH: Final = ("delivered", "masked", "counted")

Cursor = tuple[int, int, int]
# What is left out, and why.
Left = list[tuple[Cursor, str]]


@dataclass(frozen=True, slots=True)
class Span:
    """What a replay wants.

    Attributes:
        after: events captured later than this, milliseconds.
        before: events captured earlier than this.
        filters: what they must match besides the destination's own filter, in PostHog's form; None: nothing more.
        skip_delivered: leave out what the destination has got.
    """

    after: int
    before: int
    filters: Mapping[str, Any] | None = None
    skip_delivered: bool = True

    def encode(self) -> dict[str, Any]:
        """As a run keeps it."""
        return {
            "after": self.after, "before": self.before, "filters": self.filters, "skip_delivered": self.skip_delivered,
        }  # fmt: skip

    @classmethod
    def decode(cls, kept: Mapping[str, Any]) -> Span:
        """What ``encode`` wrote."""
        return cls(kept["after"], kept["before"], kept["filters"], kept["skip_delivered"])

    def total(self, connection: Connection, project_id: int) -> int:
        """How many events there are in it, by their time alone."""
        return int(connection.execute(TOTAL, (project_id, self.after, self.before)).get or 0)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event in the index."""

    cursor: Cursor
    uuid: bytes
    event: str
    distinct_id: str

    @property
    def place(self) -> tuple[int, int]:
        return self.cursor[1:]


@dataclass(frozen=True, slots=True)
class _Found:
    """An event with what its filters and programs see, and whether that is what it was when it came."""

    entry: _Entry
    globals: Mapping[str, Any] | None
    found: Mapping[str, Any]
    seen: Seen | None
    person_id: str | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one transaction of a step writes: items, how far it brings the run (None: to its end), and what it leaves out."""

    items: Sequence[waiting.Item]
    end: Cursor | None
    counts: Counter[str]


@dataclass(slots=True)
class _Look:
    """What a step has read."""

    entries: list[_Entry]
    end: Cursor | None
    settled: Mapping[int, int]


async def step(
    bench: Bench,
    run: Run,
    mine: Sequence[Place],
    *,
    most: int = STEP,
    begin: bool = False,
    rest_s: float = 0.0,
) -> tuple[int, list[tuple[Invocation, CompiledDestination]]]:
    """Select a step further.

    Args:
        bench: of a worker.
        run: a replay.
        mine: how far it has come in this worker's partitions.
        most: look at no more events than that.
        begin: the destination takes deliveries now: those that nothing keeps back need not wait as rows first.
        rest_s: for so long others have the worker to themselves between two parts of the work.

    Returns:
        How many events were looked at, and what is to run now with which revision.
    """
    assert run.destination_id is not None
    store, span = bench.world.store, Span.decode(run.wanted)
    compiled = await bench.reader.read(lambda connection: published(bench, connection, run))
    if compiled is None:  # deleted, or of an older release: nothing of it can be matched
        await store.write(lambda connection: _moved(connection, run, mine, None, Counter()))
        return 0, []
    look = await bench.reader.read(lambda connection: _look(connection, run, span, mine, most))
    await asyncio.sleep(rest_s)
    left: Left = []
    named = [entry for entry in look.entries if compiled.wants(entry.event)]
    found = await _found(bench, compiled, named, look, left, rest_s)
    items = await _wanted(bench, run, compiled, span, found, left, rest_s)
    begin = begin and not (compiled.claims or compiled.ordered)

    def work(
        connection: Connection, piece: _Piece, mine: Sequence[Place]
    ) -> tuple[list[Invocation], Sequence[Place]] | None:
        if not runs.goes_on(connection, run):
            return None
        told, now = Counter(piece.counts), bench.world.now_ms()
        chosen = _restrained(connection, run, _chosen(connection, run, span, piece.items, told), bench, told)
        ready = [item for item in chosen if begin and not item.kind]
        begun = waiting.begin(connection, run, ready, now)
        others = [item for item in chosen if not begin or item.kind]
        told[runs.SELECTED] += len(begun)
        told[runs.SELECTED] += len(others) if run.dry_run else waiting.add(connection, run, others, now)
        return begun, _moved(connection, run, mine, piece.end, told)

    all_begun: list[tuple[Invocation, CompiledDestination]] = []
    for piece in _pieces(look, items, left, PIECE if rest_s else len(items)):
        await asyncio.sleep(rest_s)
        # Not durable by itself: what a power cut undoes is selected again, under the same ids.
        try:
            written = await store.write(partial(work, piece=piece, mine=mine), durable=False)
        except StoreError:
            if not all_begun:
                raise
            written = None
        if written is None:  # what comes behind this piece must not go before it; what came before it runs
            break
        begun, mine = written
        all_begun += [(invocation, compiled) for invocation in begun]
    return len(look.entries), all_begun


def _pieces(look: _Look, items: Sequence[waiting.Item], left: Left, most: int) -> Iterator[_Piece]:
    """What a step has found, in parts of so many items or a little more: an event's items stay together."""
    start: Cursor | None = None
    first = 0
    while True:
        last = first + most
        while first < last < len(items) and items[last].cursor == items[last - 1].cursor:
            last += 1
        end = look.end if last >= len(items) else items[last - 1].cursor
        here = Counter(reason for cursor, reason in left if _within(cursor, start, end))
        here[runs.LOOKED_AT] = sum(_within(entry.cursor, start, end) for entry in look.entries)
        yield _Piece(items[first:last], end, here)
        if last >= len(items):
            return
        first, start = last, end


def _within(cursor: Cursor, after: Cursor | None, to: Cursor | None) -> bool:
    return (after is None or cursor > after) and (to is None or cursor <= to)


def has_room(connection: Connection, run: Run, partitions: Sequence[int]) -> bool:
    """Whether more may be selected: what waits already must not pile up."""
    if run.dry_run:
        return True
    assert run.destination_id is not None
    most = -(-MOST_WAITING // max(1, len(partitions)))
    waits = waiting.count(connection, run, run.destination_id, partitions, most, reached(connection, run))
    return waits < MOST_WAITING // 2


def reached(connection: Connection, run: Run) -> int:
    """Up to which moment of capture everything is selected, milliseconds."""
    if run.kind != runs.REPLAY:
        return FOREVER
    cursors = [_cursor(place.cursor) for place in runs.places(connection, run) if not place.done]
    return min((cursor[0] if cursor else 0 for cursor in cursors), default=FOREVER)


def published(bench: Bench, connection: Connection, run: Run) -> CompiledDestination | None:
    """A run's destination as it is published, whether it is on or off; None when it was deleted."""
    assert run.destination_id is not None
    live = bench.configuration.live(run.destination_id)
    if live is not None:
        return live
    if bench.configuration.status(connection, run.destination_id) == "deleted":
        return None
    number = connection.execute(REVISION, (run.destination_id,)).get
    return bench.configuration.revision(connection, run.destination_id, int(number or 0))


def _look(connection: Connection, run: Run, span: Span, mine: Sequence[Place], most: int) -> _Look:
    begin: Cursor = (span.after, 1 << 40, 0)
    cursors = {place.partition: _cursor(place.cursor) or begin for place in mine}
    c_at, c_partition, c_position = min(cursors.values())
    given = {
        "project": run.project_id, "before": span.before, "partitions": json.dumps(sorted(cursors)), "limit": most,
        "c_at": c_at, "c_partition": c_partition, "c_position": c_position,
    }  # fmt: skip
    rows = connection.execute(ENTRIES, given).fetchall()
    entries = [_Entry((row[0], row[1], row[2]), row[3], row[4], row[5]) for row in rows]  # type: ignore[arg-type]
    entries = [entry for entry in entries if entry.cursor > cursors[entry.cursor[1]]]
    settled: dict[int, int] = {row[0]: row[1] for row in connection.execute(SETTLED)}
    end = None if len(rows) < most else (rows[-1][0], rows[-1][1], rows[-1][2])
    return _Look(entries, end, settled)  # type: ignore[arg-type]


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    captured_at, partition, position = map(int, text.split("."))
    return captured_at, partition, position


def _moved(
    connection: Connection, run: Run, mine: Sequence[Place], end: Cursor | None, counts: Counter[str]
) -> list[Place]:
    """All partitions of a worker have come as far; what was counted stands with the first of them."""
    moved: list[Place] = []
    for place in mine:
        reached = None if end is None else max(end, _cursor(place.cursor) or end)
        cursor = None if reached is None else ".".join(map(str, reached))
        moved.append(runs.move(connection, run, place, cursor=cursor, done=end is None, counts=counts))
        counts = Counter()
    return moved


# ------------------------------------------------------------------ what there is to see


async def _found(
    bench: Bench,
    compiled: CompiledDestination,
    named: Sequence[_Entry],
    look: _Look,
    left: Left,
    rest_s: float,
) -> list[_Found]:
    """Events of the destination's stream with their persons; the others are counted."""
    ready = [entry for entry in named if entry.place[1] <= look.settled.get(entry.place[0], 0)]
    records = await variables.records_at(bench.world.log, [entry.place for entry in ready])
    there = [(entry, record) for entry, record in zip(ready, records, strict=True) if record is not None]
    await asyncio.sleep(rest_s)
    others, found = await bench.reader.read(lambda connection: _seen(connection, there, compiled.stream))
    got = {one.entry.cursor for one in found}
    pending = {entry.cursor for entry in named} - {entry.cursor for entry in ready}
    gone = {entry.cursor for entry in ready} - others - got
    for entry in look.entries:
        cursor = entry.cursor
        if cursor not in got:
            left.append(
                (cursor, "pending" if cursor in pending else "gone" if cursor in gone else "filtered")
            )
    return found


def _seen(
    connection: Connection, there: Sequence[tuple[_Entry, Record]], stream: str
) -> tuple[set[Cursor], list[_Found]]:
    """Which events are of another stream, and of the others those whose person was not deleted."""
    mine = [(entry, record) for entry, record in there if variables.stream_of(record.decode()) == stream]
    others = {entry.cursor for entry, _ in there} - {entry.cursor for entry, _ in mine}
    return others, list(_with_persons(connection, mine))


def _with_persons(connection: Connection, mine: Sequence[tuple[_Entry, Record]]) -> Iterator[_Found]:
    kept = {entry.place: connection.execute(PAYLOAD, entry.place).get for entry, _ in mine}
    bare = [record for entry, record in mine if kept[entry.place] is None]
    now = {
        (record.partition, record.position): seen
        for record, seen in zip(bare, variables.as_now(connection, bare), strict=True)
    }
    for entry, _ in mine:
        if kept[entry.place] is not None:
            globals_ = unpack_globals(kept[entry.place])
            person = globals_.get("person")
            yield _Found(entry, globals_, filter_globals_of(globals_), None, person["id"] if person else None)
        elif (seen := now[entry.place]) is not None:
            person_id = seen.folded.person.uuid if seen.folded.person else None
            yield _Found(entry, None, filter_globals(seen.event, seen.folded), seen, person_id)


# ------------------------------------------------------------------ what of it is wanted


async def _wanted(
    bench: Bench,
    run: Run,
    compiled: CompiledDestination,
    span: Span,
    found: Sequence[_Found],
    left: Left,
    rest_s: float,
) -> list[waiting.Item]:
    """What events ask for; a filter that fails is a failed delivery, as it is for live traffic."""
    narrow = compiled.filtered_by({**span.filters, "source": compiled.stream}) if span.filters else None
    items: list[waiting.Item] = []
    for number, one in enumerate(found):
        if number % AT_ONCE == 0:
            await asyncio.sleep(rest_s)
        try:
            mappings = await wanted(bench.world, compiled, one.found)
        except FilterError as error:
            items.append(_item(bench, run, compiled, one, "", compiled.redact(str(error))))
            continue
        if not mappings or not await _lets_through(bench, narrow, one):
            left.append((one.entry.cursor, "filtered"))
        elif not compiled.sampled(one.found["uuid"], one.person_id):
            left.append((one.entry.cursor, "sampled"))
        else:
            items += [await _claimed(bench, run, compiled, one, mapping) for mapping in mappings]
    return items


async def _claimed(
    bench: Bench, run: Run, compiled: CompiledDestination, one: _Found, mapping: str
) -> waiting.Item:
    """What an event asks for, with what masking, a threshold or a digest have to be asked; where that fails, it fails."""
    item = _item(bench, run, compiled, one, mapping)
    if not compiled.claims:
        return item
    past = item.invocation(run.project_id, run.name, item.id(run.name), item.captured_at)
    try:
        claim = await claims.claim_anywhere(bench.world, past, compiled)
    except ClaimError as error:
        return replace(item, kind=error.kind, error=compiled.redact(str(error)))
    return replace(item, claim=claim)


def _restrained(
    connection: Connection, run: Run, items: Iterable[waiting.Item], bench: Bench, counts: Counter[str]
) -> list[waiting.Item]:
    """Items with what masking, a threshold and a digest made of them, as they would have been asked then."""
    items = list(items)
    asking = [item.claim for item in items if item.claim is not None]
    outcomes = iter(claims.decide_past(connection, asking, run.name, bench.world.now_ms()) if asking else ())
    told = [item if item.claim is None else _decided(item, next(outcomes)) for item in items]
    if not run.dry_run:
        return told
    counts.update(item.verdict for item in told if item.verdict)
    return [item for item in told if item.verdict is None]


def _decided(item: waiting.Item, outcome: Outcome) -> waiting.Item:
    if not outcome.final:
        return item
    payload = item.payload if outcome.invocation.globals and outcome.verdict == "digested" else None
    return replace(item, verdict=outcome.verdict, error=outcome.error, payload=payload)


async def _lets_through(bench: Bench, narrow: CompiledDestination | None, one: _Found) -> bool:
    """Whether the replay's own filter, if it has one, lets an event through; where it fails, it does not."""
    try:
        return narrow is None or bool(await wanted(bench.world, narrow, one.found))
    except FilterError:
        return False


def _item(
    bench: Bench,
    run: Run,
    compiled: CompiledDestination,
    one: _Found,
    mapping: str,
    error: str | None = None,
) -> waiting.Item:
    assert run.destination_id is not None
    fresh = one.seen.globals(compiled.project, bench.options.public_url) if one.seen else None
    return waiting.Item(
        destination_id=run.destination_id,
        revision=compiled.destination.revision,
        mapping=mapping,
        partition=one.entry.place[0],
        position=one.entry.place[1],
        event_uuid=one.entry.uuid,
        event=one.entry.event,
        distinct_id=one.entry.distinct_id,
        captured_at=one.entry.cursor[0],
        payload=None if fresh is None else pack_globals(fresh),
        kind="filter" if error else None,
        error=error,
        globals=fresh or one.globals,
    )


def _chosen(
    connection: Connection, run: Run, span: Span, items: Sequence[waiting.Item], counts: Counter[str]
) -> Iterator[waiting.Item]:
    """Those items that nothing else has brought to the destination, or is about to."""
    erased = gone(connection, [(run.project_id, item.distinct_id, item.captured_at) for item in items])
    before = _before(connection, run, items)
    for number, (item, is_gone) in enumerate(zip(items, erased, strict=True)):
        reason = "gone" if is_gone else _left_out(span, item, before.get(number, ()))
        if reason is None:
            counts[runs.AS_IT_WAS if item.payload is None else runs.AS_IT_IS] += 1
            yield item
        else:
            counts[reason] += 1


def _before(connection: Connection, run: Run, items: Sequence[waiting.Item]) -> dict[int, list[Any]]:
    """What there was of the same events for the destination, by number of the item."""
    places = json.dumps([(item.partition, item.position) for item in items])
    found: dict[int, list[Any]] = {}
    given = {"places": places, "owner": run.destination_id, "run": run.name}
    for number, *row in connection.execute(BEFORE, given):
        found.setdefault(number, []).append(row)
    return found


def _left_out(span: Span, item: waiting.Item, before: Sequence[Any]) -> str | None:
    found = [row for row in before if row[0] == item.mapping or row[2] == "filter"]
    verdicts = {row[3] if row[1] == "digested" and row[3] else row[1] for row in found}
    if verdicts & OPEN:
        return "under_way"
    if not span.skip_delivered:
        return None
    return next((verdict for verdict in DEALT_WITH if verdict in verdicts), None)
