"""Selecting for a re-run: its deliveries become rows that wait for their turn, a step at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from hedgerow.delivery.identity import raw
from hedgerow.delivery.invocation import OPEN
from hedgerow.delivery.keepers import Bench
from hedgerow.delivery.queries import Delivery
from hedgerow.events import Record
from hedgerow.replay import runs, variables, waiting
from hedgerow.replay.runs import Place, Run
from hedgerow.replay.selection import START, Selection
from hedgerow.replay.variables import Seen
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
    selection = Selection.decode(run.wanted)
    rows, end, bare = await bench.world.store.read(
        lambda connection: _look(connection, run, place, selection)
    )
    records = [r for r in await variables.records_at(bench.world.log, bare) if r is not None]

    def work(connection: Connection) -> None:
        reasons = [selection.left_out(connection, row, run.name) for row in rows]
        room = None if selection.most is None else max(0, selection.most - place.counts.get(runs.SELECTED, 0))
        chosen = [row for row, reason in zip(rows, reasons, strict=True) if reason is None][:room]
        seen = dict(zip(map(_where, records), variables.as_now(connection, records), strict=True))
        items = [_item(bench, row, seen, selection, bare) for row in chosen]
        new = waiting.add(connection, run, items, bench.world.now_ms())
        counts = Counter(filter(None, reasons)) + Counter({"under_way": len(items) - new})
        counts += Counter({runs.LOOKED_AT: len(rows), runs.SELECTED: new})
        cursor = None if end is None else end.hex()
        done = end is None or (room is not None and new >= room)
        runs.move(connection, run, place, cursor=cursor, done=done, counts=counts)

    await bench.world.store.write(work)


def _look(
    connection: Connection, run: Run, place: Place, selection: Selection
) -> tuple[Sequence[Delivery], bytes | None, Sequence[tuple[int, int]]]:
    """The next deliveries, behind which one the step after them begins, and the places of events that the ledger has not kept."""
    behind = bytes.fromhex(place.cursor) if place.cursor else START
    rows, end = selection.step(connection, run.project_id, behind, STEP)
    places = sorted({(row.partition, row.position) for row in rows if row.verdict not in OPEN})
    return rows, end, [one for one in places if not waiting.has_payload(connection, *one)]


def _where(record: Record) -> tuple[int, int]:
    return record.partition, record.position


def _item(
    bench: Bench,
    row: Delivery,
    seen: dict[tuple[int, int], Seen | None],
    selection: Selection,
    bare: Sequence[tuple[int, int]],
) -> waiting.Item:
    """What a delivery becomes in the run. One whose event is nowhere any more fails, so that it has a verdict too."""
    place = (row.partition, row.position)
    now_seen = seen.get(place)
    plan = bench.configuration.plans.get(now_seen.record.project_id) if now_seen else None
    globals_ = now_seen.globals(plan.project, bench.options.public_url) if now_seen and plan else None
    is_gone = place in bare and globals_ is None
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
        globals=globals_,
        kind="gone" if is_gone else None,
        error=GONE if is_gone else None,
    )
