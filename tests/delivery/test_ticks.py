"""Events that schedules make up: what they are called, where they stand, and that they are forgotten like all others."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from hedgerow.delivery import housekeeping, ticks
from hedgerow.delivery.eraser import Eraser, request
from hedgerow.delivery.identity import delivery_id
from hedgerow.delivery.state import pack_globals
from hedgerow.log.memory import MemoryLog
from hedgerow.log.segments import partition_of
from hedgerow.settings import Settings
from hedgerow.store import Database
from support.store import fresh_store

HOOK = uuid.UUID("0191f3c0-1d2e-7d00-8000-5f0c6a3b9d10")
ADA, GRACE = "5f3c1d6a-0000-5000-8000-000000000001", "5f3c1d6a-0000-5000-8000-000000000002"
NOW = 1_780_000_000_000
DAY = 86_400_000
ROW = """
INSERT INTO deliveries (id, project_id, destination_id, revision, run, partition, position, event_uuid, event, distinct_id,
    verdict, captured_at, created_at, updated_at) VALUES (?, 1, ?, 1, 'run', ?, ?, ?, '$schedule', ?, ?, ?, ?, ?)
"""
RUN = """
INSERT INTO replays (id, project_id, kind, wanted, digest, state, created_at, finished_at)
VALUES (?, 1, ?, '{}', x'00', 'done', ?, ?)
"""


@pytest.fixture
def state(tmp_path):
    """The state of an instance with a project."""
    fresh_store(tmp_path)
    opened = Database(tmp_path / "state.db")
    opened.write_now(
        lambda c: c.execute("INSERT INTO projects (id, name, token, created_at) VALUES (1, 'a', 'b', 0)")
    )
    yield opened
    opened.close()


def test_the_same_tick_and_person_make_the_same_event():
    """Whoever makes it, whenever; another tick, person or destination makes another one."""
    first = ticks.event(str(HOOK), NOW, ADA, "ada", NOW + 5)
    assert first.uuid == ticks.event(str(HOOK), NOW, ADA, "ada@example.com", NOW + 99).uuid
    others = {
        ticks.event(str(HOOK), NOW + 1, ADA, "ada", NOW).uuid,
        ticks.event(str(HOOK), NOW, GRACE, "ada", NOW).uuid,
        ticks.event(GRACE, NOW, ADA, "ada", NOW).uuid,
    }
    assert len(others | {first.uuid}) == 4
    assert (first.event, first.timestamp, first.properties) == ("$schedule", "2026-05-28T20:26:40.000Z", {})
    assert ticks.is_made_up(first)


def test_no_two_events_share_a_place(state):
    """Also far down the years; and no record of the log has such a place."""
    numbers = [state.write_now(ticks.next_number) for _ in range(3)]
    assert numbers == [1, 2, 3]
    places = {ticks.position(number, person) for number in (1, 2, 1 << 29) for person in (1, 2, 1 << 32)}
    assert len(places) == 9
    assert all(place > ticks.FIRST_POSITION and ticks.is_tick(place) for place in places)
    assert asyncio.run(MemoryLog().read_at([(0, place) for place in places])) == [None] * 9


def test_a_deleted_persons_deliveries_of_ticks_are_scrubbed(state, tmp_path):
    """What waits is discarded, and nothing tells of the person any more; others' stay."""
    log = MemoryLog()

    def fill(connection):
        for number, (name, verdict) in enumerate(
            [("ada", "scheduled"), ("ada", "delivered"), ("bob", "scheduled")]
        ):
            event = uuid.uuid5(HOOK, str(number)).bytes
            place = partition_of(1, name, log.partitions), ticks.position(number + 1, 7)
            identity = delivery_id(NOW, event, HOOK.bytes, "", "run")
            connection.execute(ROW, (identity, HOOK.bytes, *place, event, name, verdict, NOW, NOW, NOW))
            payload = pack_globals({"person": {"id": name}})
            connection.execute("INSERT INTO delivery_payloads VALUES (?, ?, ?)", (*place, payload))
        request(connection, 1, ["ada"], NOW + 1)

    state.write_now(fill)
    telemetry = Database(tmp_path / "telemetry.db")
    assert asyncio.run(Eraser(state, telemetry, log, lambda: NOW + DAY).work())
    telemetry.close()
    rows = "SELECT distinct_id, verdict FROM deliveries ORDER BY verdict"
    found = state.read_now(lambda c: c.execute(rows).fetchall())
    assert found == [("", "delivered"), ("", "discarded"), ("bob", "scheduled")]
    assert state.read_now(lambda c: c.execute("SELECT count(*) FROM delivery_payloads").get) == 1


def test_runs_of_schedules_do_not_stay_for_ever(state):
    """Finished ones go with the deliveries of their time, and notes of persons with their destination; what people ordered stays."""
    old, new = NOW - 100 * DAY, NOW - DAY

    def fill(connection):
        for number, (kind, at, end) in enumerate(
            [("schedule", old, old), ("schedule", new, new), ("schedule", old, None), ("rerun", old, old)]
        ):
            connection.execute(RUN, (bytes([number]) * 16, kind, at, end))
        destination = "INSERT INTO destinations (id, project_id, type, name, deleted, created_at, updated_at) VALUES (?, 1, 'destination', 'a', ?, 0, 0)"
        for owner, deleted in ((b"a" * 16, 1), (b"b" * 16, 0)):
            connection.execute(destination, (owner, deleted))
            connection.execute("INSERT INTO schedule_persons VALUES (?, 1, 1, 0)", (owner,))

    state.write_now(fill)
    keeper = housekeeping.Housekeeping(Settings(), MemoryLog(), state, state)
    asyncio.run(keeper._forget_ticks(NOW - 30 * DAY))
    left = state.read_now(lambda c: c.execute("SELECT id FROM replays ORDER BY id").fetchall())
    assert [row[0][0] for row in left] == [1, 2, 3]
    notes = state.read_now(lambda c: c.execute("SELECT destination_id FROM schedule_persons").fetchall())
    assert notes == [(b"b" * 16,)]
