"""Selecting for a re-run: its deliveries become rows that wait for their turn, a step at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from hedgerow.delivery.erasure import gone
from hedgerow.delivery.identity import raw
from hedgerow.delivery.invocation import OPEN
from hedgerow.delivery.keepers import Bench
from hedgerow.delivery.queries import Delivery
from hedgerow.delivery.state import pack_globals
from hedgerow.delivery.ticks import is_tick
from hedgerow.events import Record
from hedgerow.replay import runs, scheduling, variables, waiting
from hedgerow.replay.runs import Place, Run
from hedgerow.replay.selection import START, Selection
from hedgerow.store import Connection

STEP: Final = 100
GONE: Final = "Neither the ledger nor the event log has this event any more."


async def step(bench: Bench, run: Run, place: Place) -> None:
    """Select a step further.

    Args:
        bench: of the worker that owns the run's home.
        run: a re-run.
        place: how far it has come.
    """
    store, selection = bench.world.store, Selection.decode(run.wanted)
    rows, end, bare = await bench.reader.read(lambda connection: _look(connection, run, place, selection))
    records = [r for r in await variables.records_at(bench.world.log, bare) if r is not None]
    made_up = [row for row in rows if is_tick(row.position) and (row.partition, row.position) in bare]
    seen = await bench.reader.read(
        lambda c: {
            **_payloads(bench, c, records),
            **scheduling.payloads_again(bench, c, run.project_id, made_up),
        }
    )
    items = {row.id: _item(row, seen, selection, bare) for row in rows}

    def work(connection: Connection) -> None:
        reasons = [selection.left_out(connection, row, run.name) for row in rows]
        room = None if selection.most is None else max(0, selection.most - place.counts.get(runs.SELECTED, 0))
        chosen = [items[row.id] for row, reason in zip(rows, reasons, strict=True) if reason is None][:room]
        new = waiting.add(connection, run, _still_there(connection, run, chosen), bench.world.now_ms())
        counts = Counter(filter(None, reasons)) + Counter({"under_way": len(chosen) - new})
        counts += Counter({runs.LOOKED_AT: len(rows), runs.SELECTED: new})
        cursor = None if end is None else end.hex()
        done = end is None or (room is not None and new >= room)
        runs.move(connection, run, place, cursor=cursor, done=done, counts=counts)

    # Not durable by itself: what a power cut undoes is selected again, under the same ids.
    await store.write(work, durable=False)


def _look(
    connection: Connection, run: Run, place: Place, selection: Selection
) -> tuple[Sequence[Delivery], bytes | None, Sequence[tuple[int, int]]]:
    """The next deliveries, behind which one the step after them begins, and the places of events that the ledger has not kept."""
    behind = bytes.fromhex(place.cursor) if place.cursor else START
    rows, end = selection.step(connection, run.project_id, behind, STEP)
    places = sorted({(row.partition, row.position) for row in rows if row.verdict not in OPEN})
    return rows, end, [one for one in places if not waiting.has_payload(connection, *one)]


def _payloads(
    bench: Bench, connection: Connection, records: Sequence[Record]
) -> dict[tuple[int, int], bytes]:
    """What programs see of events with their persons as they are now, packed; those of deleted persons are left out."""
    packed: dict[tuple[int, int], bytes] = {}
    for record, seen in zip(records, variables.as_now(connection, records), strict=True):
        plan = bench.configuration.plans.get(record.project_id)
        if seen is not None and plan is not None:
            globals_ = seen.globals(plan.project, bench.options.public_url)
            packed[record.partition, record.position] = pack_globals(globals_)
    return packed


def _still_there(connection: Connection, run: Run, items: Sequence[waiting.Item]) -> Iterator[waiting.Item]:
    """Items whose person was not deleted since they were looked at; of the others nothing may be kept."""
    erased = gone(connection, [(run.project_id, item.distinct_id, item.captured_at) for item in items])
    for item, is_gone in zip(items, erased, strict=True):
        yield _erased(item) if is_gone else item


def _erased(item: waiting.Item) -> waiting.Item:
    """What may still be run of an item: nothing, but for the events of others that it carries."""
    blank = replace(item, distinct_id="", payload=None)
    return blank if item.carrier else replace(blank, kind="gone", error=GONE)


def _item(
    row: Delivery,
    seen: Mapping[tuple[int, int], bytes],
    selection: Selection,
    bare: Sequence[tuple[int, int]],
) -> waiting.Item:
    """What a delivery becomes in the run. One whose event is nowhere any more fails, so that it has a verdict too."""
    place = (row.partition, row.position)
    carrier = raw(row.carrier) if row.carrier and row.verdict != "digested" else None
    is_gone = place in bare and place not in seen and carrier is None
    asks_anew = row.kind == "filter" and selection.revision == "current"
    return waiting.Item(
        destination_id=raw(row.destination_id),
        revision=waiting.NEVER if asks_anew else row.revision,
        mapping=row.mapping,
        partition=row.partition,
        position=row.position,
        event_uuid=raw(row.event_uuid),
        event=row.event,
        distinct_id=row.distinct_id,
        captured_at=row.captured_at,
        payload=seen.get(place),
        kind="gone" if is_gone else None,
        error=GONE if is_gone else None,
        carrier=carrier,
    )
