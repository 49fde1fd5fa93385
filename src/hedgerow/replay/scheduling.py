"""Selecting for a tick of a schedule: the persons that a destination's filters choose, a step at a time.

One worker walks through the persons in the order of their numbers, up to the one that was the newest when the tick began. Each chosen
person becomes a row that waits for its turn, with the person as they are at that moment; how far the walk has come is written with
the rows. It keeps only a little ahead of what is sent, and stands still while the destination takes nothing.

With ``only_changed`` the state in which a person was chosen is noted in the same transaction, and the person is passed over
until it is another one. So nobody's change is missed, whatever clocks do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from hedgerow.delivery import ticks
from hedgerow.delivery.erasure import gone
from hedgerow.delivery.identity import raw
from hedgerow.delivery.keepers import Bench
from hedgerow.delivery.queries import Delivery
from hedgerow.delivery.state import pack_globals
from hedgerow.destinations import CompiledDestination, FilterError, build_globals, filter_globals
from hedgerow.destinations.model import Destination
from hedgerow.log.segments import partition_of
from hedgerow.people import Folded
from hedgerow.people.queries import WalkedPerson, how_many, newest, walk
from hedgerow.replay import replaying, runs, tick_events, waiting
from hedgerow.replay.runs import Place, Run
from hedgerow.replay.wanting import wanted
from hedgerow.store import Connection

# Persons whose filters are asked in a step; those who are as they were cost next to nothing.
STEP: Final = 250
WIDE_STEP: Final = 2_000
UNCHANGED: Final = "unchanged"

TOLD = """
SELECT person_id, version, created_at FROM schedule_persons
WHERE destination_id = ? AND person_id > ? AND person_id <= ?
"""
TELL = """
INSERT INTO schedule_persons (destination_id, person_id, version, created_at) VALUES (?, ?, ?, ?)
ON CONFLICT (destination_id, person_id) DO UPDATE SET version = excluded.version, created_at = excluded.created_at
"""
FORGET = "DELETE FROM schedule_persons WHERE destination_id = ? AND person_id = ?"


@dataclass(frozen=True, slots=True)
class Tick:
    """What the run of a tick wants.

    Attributes:
        at: the moment of the schedule, milliseconds.
        number: no other tick has it.
        last: the newest person when it began; later ones are the next tick's.
        only_changed: pass over persons who are as they were when they were last chosen.
        by_hand: somebody asked for it.
    """

    at: int
    number: int
    last: int
    only_changed: bool = False
    by_hand: bool = False

    def encode(self) -> dict[str, Any]:
        """As a run keeps it."""
        return asdict(self)

    @classmethod
    def decode(cls, kept: Mapping[str, Any]) -> Tick:
        """What ``encode`` wrote."""
        return cls(**kept)


@dataclass(frozen=True, slots=True)
class Wish:
    """A tick that is to begin.

    Attributes:
        destination: with a schedule.
        at: the moment of the schedule.
        by_hand: who asked for it; None when its time has come.
        dry_run: only count.
        rate: deliveries a second; None for that of the schedule.
    """

    destination: Destination
    at: int
    by_hand: str | None = None
    dry_run: bool = False
    rate: float | None = None


def begin(
    connection: Connection, wish: Wish, *, partitions: int, now: int, randomness: bytes
) -> tuple[Run, bool]:
    """Begin the run of a tick.

    Args:
        connection: inside a writing transaction; of two that begin the same tick, the second finds the run of the first.
        wish: the tick.
        partitions: how many there are.
        now: milliseconds.
        randomness: ten bytes for the run's id.

    Returns:
        The run, and whether it is new.

    Raises:
        KeyTaken: somebody's idempotency key is the tick's.
    """
    destination = wish.destination
    schedule = destination.config.schedule or {}
    number = 0 if wish.dry_run else ticks.next_number(connection)
    only_changed = bool(schedule.get("only_changed"))
    tick = Tick(wish.at, number, newest(connection), only_changed, wish.by_hand is not None)
    order = runs.Order(
        destination.project_id, runs.SCHEDULE, tick.encode(), raw(destination.id),
        None if wish.dry_run else f"schedule:{destination.id}:{wish.at}", wish.dry_run,
        schedule.get("rate") if wish.rate is None else wish.rate, wish.by_hand, {"tick": wish.at},
    )  # fmt: skip
    run, new = runs.start(connection, order, partitions=partitions, now=now, randomness=randomness)
    if new:
        runs.expect(connection, run, how_many(connection, destination.project_id))
    return run, new


# ------------------------------------------------------------------------ selecting


async def step(bench: Bench, run: Run, place: Place) -> None:
    """Select a step further.

    Args:
        bench: of the worker that owns the run's home.
        run: the run of a tick.
        place: how far it has come.
    """
    tick, cursor = Tick.decode(run.wanted), int(place.cursor or 0)
    compiled = await bench.reader.read(lambda connection: replaying.published(bench, connection, run))
    if compiled is None or compiled.stream != ticks.STREAM:  # deleted, or events trigger it now
        await bench.world.store.write(lambda c: _move(c, run, place, None, Counter()))
        return
    if not run.dry_run and not await bench.reader.read(lambda c: _goes_on(bench, c, run)):
        return
    look = await bench.reader.read(lambda connection: _look(connection, run, tick, cursor))
    counts = Counter({runs.LOOKED_AT: look.number, UNCHANGED: look.number - len(look.persons)})
    chosen = await _wanted(bench, run, tick, compiled, look.persons, counts)

    def work(connection: Connection) -> None:
        told = Counter(counts)
        there = list(_still_there(connection, run, chosen, told))
        told[runs.SELECTED] += (
            len(there)
            if run.dry_run
            else waiting.add(connection, run, [one.item for one in there], bench.world.now_ms())
        )
        if tick.only_changed and not run.dry_run:
            _note(connection, run, [one.person for one in there], look.gone)
        _move(connection, run, place, look.end, told)

    # Not durable by itself: what a power cut undoes is selected again, under the same ids.
    await bench.world.store.write(work, durable=False)


def _goes_on(bench: Bench, connection: Connection, run: Run) -> bool:
    """Whether the destination takes something now, and not too much waits for it already."""
    assert run.destination_id is not None
    if bench.configuration.live(run.destination_id) is None or bench.gates.of(run.destination_id).closed:
        return False
    return replaying.has_room(connection, run, range(bench.world.log.partitions))


@dataclass(frozen=True, slots=True)
class _Look:
    """What a step has read: how many persons, those of them that may be chosen, where it ended, and notes of who is no more."""

    number: int
    persons: list[WalkedPerson]
    end: int | None
    gone: list[int]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A person, and one delivery for them."""

    person: WalkedPerson
    item: waiting.Item


def _look(connection: Connection, run: Run, tick: Tick, cursor: int) -> _Look:
    most = WIDE_STEP if tick.only_changed else STEP
    persons, end = walk(connection, run.project_id, after=cursor, last=tick.last, most=most)
    if not tick.only_changed:
        return _Look(len(persons), persons, end, [])
    rows: list[Any] = connection.execute(
        TOLD, (run.destination_id, cursor, tick.last if end is None else end)
    ).fetchall()
    told: dict[int, tuple[int, int]] = {row[0]: (row[1], row[2]) for row in rows}
    changed = [one for one in persons if told.get(one.number) != (one.version, one.created_at)]
    gone_by = told.keys() - {one.number for one in persons}
    if len(changed) > STEP:
        end = changed[STEP - 1].number
        persons = [one for one in persons if one.number <= end]
        gone_by = {number for number in gone_by if number <= end}
    return _Look(len(persons), changed[:STEP], end, sorted(gone_by))


async def _wanted(
    bench: Bench,
    run: Run,
    tick: Tick,
    compiled: CompiledDestination,
    persons: Sequence[WalkedPerson],
    counts: Counter[str],
) -> list[_Chosen]:
    """What is to be delivered; a filter that fails is a failed delivery, as it is for live traffic."""
    chosen: list[_Chosen] = []
    for number, person in enumerate(persons):
        if number % replaying.AT_ONCE == replaying.AT_ONCE - 1:
            await asyncio.sleep(0)
        one = _Subject(bench, run, tick, compiled, person)
        try:
            mappings = await wanted(bench.world, compiled, filter_globals(one.event, one.folded))
        except FilterError as error:
            chosen.append(_Chosen(person, one.item("", compiled.redact(str(error)))))
            continue
        if not mappings:
            counts["filtered"] += 1
        elif not compiled.sampled(one.event.uuid, one.person_id):
            counts["sampled"] += 1
        else:
            chosen += [_Chosen(person, one.item(mapping)) for mapping in mappings]
    return chosen


class _Subject:
    """One person with the event that the tick makes for them."""

    def __init__(
        self, bench: Bench, run: Run, tick: Tick, compiled: CompiledDestination, person: WalkedPerson
    ) -> None:
        self._bench, self._run, self._compiled = bench, run, compiled
        self._position = ticks.position(tick.number, person.number)
        state = person.state
        self.person_id = state.uuid
        self.event = ticks.event(
            compiled.destination.id, tick.at, state.uuid, person.known_as or state.uuid, run.created_at
        )
        self.folded = Folded(state, {})

    def item(self, mapping: str, error: str | None = None) -> waiting.Item:
        """A delivery for the person."""
        event, destination = self.event, self._compiled.destination
        globals_ = build_globals(
            event, self.folded, self._compiled.project, self._bench.options.public_url
        )  # fmt: skip
        return waiting.Item(
            destination_id=raw(destination.id),
            revision=destination.revision,
            mapping=mapping,
            partition=partition_of(self._run.project_id, event.distinct_id, self._bench.world.log.partitions),
            position=self._position,
            event_uuid=raw(event.uuid),
            event=event.event,
            distinct_id=event.distinct_id,
            captured_at=event.captured_at,
            payload=pack_globals(ticks.complete(event, globals_)),
            kind="filter" if error else None,
            error=error,
        )


def payloads_again(
    bench: Bench, connection: Connection, project_id: int, rows: Sequence[Delivery]
) -> dict[tuple[int, int], bytes]:
    """What programs see of deliveries of ticks that the ledger has not kept, by their places.

    Args:
        bench: of a worker.
        connection: inside a reading transaction.
        project_id: whose.
        rows: deliveries of ticks; those whose person is no more are left out.
    """
    plan = bench.configuration.plans.get(project_id)
    if plan is None:
        return {}
    return {
        place: pack_globals(seen.globals(plan.project, bench.options.public_url))
        for place, seen in tick_events.again(connection, project_id, rows).items()
    }


def _still_there(
    connection: Connection, run: Run, chosen: Sequence[_Chosen], counts: Counter[str]
) -> Iterable[_Chosen]:
    """Those whose person was not deleted since they were looked at."""
    erased = gone(
        connection, [(run.project_id, one.item.distinct_id, one.item.captured_at) for one in chosen]
    )
    for one, is_gone in zip(chosen, erased, strict=True):
        if is_gone:
            counts["gone"] += 1
        else:
            yield one


def _note(
    connection: Connection, run: Run, persons: Iterable[WalkedPerson], nobody_any_more: Iterable[int]
) -> None:
    """Remember in which state persons were chosen, and forget those who are no more: others may get their numbers."""
    owner = run.destination_id
    connection.executemany(TELL, [(owner, one.number, one.version, one.created_at) for one in persons])
    connection.executemany(FORGET, [(owner, number) for number in nobody_any_more])


def _move(connection: Connection, run: Run, place: Place, end: int | None, counts: Counter[str]) -> None:
    cursor = None if end is None else str(end)
    runs.move(connection, run, place, cursor=cursor, done=end is None, counts=counts)
