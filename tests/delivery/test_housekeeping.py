"""Retention: what is past its time or size goes, what is still needed stays."""

from __future__ import annotations

import asyncio

import pytest

from hedgerow.delivery import housekeeping
from hedgerow.delivery.housekeeping import Housekeeping
from hedgerow.events import Draft, Event
from hedgerow.log.segments import HOUR_MS
from hedgerow.log.sqlite import SqliteLog
from hedgerow.people import IngestionWarning, record_warnings
from hedgerow.settings import Settings
from hedgerow.store import Database
from support.store import fresh_store

NOW = 490_000 * HOUR_MS
DAY_MS = 24 * HOUR_MS


class World:
    """A data folder with a clock."""

    def __init__(self, folder):
        self.ms = NOW
        self.state, self.telemetry = Database(folder / "state.db"), Database(folder / "telemetry.db")
        self.log = SqliteLog(folder / "events", 1, clock=lambda: self.ms / 1000)

    def tidy(self, **settings):
        keeper = Housekeeping(Settings(**settings), self.log, self.state, self.telemetry)
        asyncio.run(keeper.tidy(self.ms))

    def append(self, hours_ago, size=1000):
        self.ms = NOW - hours_ago * HOUR_MS
        payload = Event("u", "e", "ada", {"p": "x" * size}).encode()
        self.log.append_now([Draft(1, "ada", self.ms, payload)] * 10)
        self.ms = NOW

    def settle(self):
        end = asyncio.run(self.log.end(0))
        sql = "INSERT INTO positions (partition, settled_to) VALUES (0, ?) ON CONFLICT DO UPDATE SET settled_to = ?"
        self.state.write_now(lambda c: c.execute(sql, (end, end)))

    def hours(self):
        return [490_000 - hour for hour in self.log._reader.hours()]

    def count(self, table):
        return self.state.read_now(lambda c: c.execute(f"SELECT count(*) FROM {table}").get)


@pytest.fixture
def world(tmp_path):
    fresh_store(tmp_path)
    made = World(tmp_path)
    made.state.write_now(
        lambda c: c.execute("INSERT INTO projects (id, name, token, created_at) VALUES (1, 'a', 'b', 0)")
    )
    yield made
    made.log.close()
    made.state.close()
    made.telemetry.close()


def test_the_log_is_kept_by_age_and_by_size(world):
    """Whichever is met first, behind everything that is settled; the open hour always stays."""
    for hours_ago in (30, 20, 10, 0):
        world.append(hours_ago, size=20_000)
    world.tidy(log_retention_hours=25)
    assert world.hours() == [30, 20, 10, 0], "nothing is settled yet"
    world.settle()
    world.tidy(log_retention_hours=25)
    assert world.hours() == [20, 10, 0]
    total = sum(map(world.log._reader.size, world.log._reader.hours()))
    world.tidy(log_retention_hours=25, log_max_bytes=total - 1)
    assert world.hours() == [10, 0]
    world.tidy(log_retention_hours=25, log_max_bytes=1)
    assert world.hours() == [0]


def test_the_index_outlives_the_events_while_it_tells_duplicates(world):
    """A short retention of events does not shorten the window in which a re-sent one is noticed."""
    for hours_ago in (1, 10, 30):
        row = (0, 100 - hours_ago, 1, bytes([hours_ago] * 16), "e", "ada", NOW - hours_ago * HOUR_MS)
        world.state.write_now(
            lambda c, row=row: c.execute("INSERT INTO event_index VALUES (?,?,?,?,?,?,?)", row)
        )
    world.tidy(log_retention_hours=2, dedupe_window_hours=24)
    assert world.count("event_index") == 2
    world.tidy(log_retention_hours=2, dedupe_window_hours=0)
    assert world.count("event_index") == 1


DELIVERY = """
INSERT INTO deliveries (id, project_id, destination_id, revision, partition, position, event_uuid, event, distinct_id, verdict,
    captured_at, created_at, updated_at)
VALUES (?, 1, x'00', 1, ?, ?, x'01', 'e', 'ada', 'held', ?, ?, ?)
"""


def test_variables_of_events_go_with_their_last_delivery(world, monkeypatch):
    """They are looked through in small steps, and those that a delivery refers to stay."""
    monkeypatch.setattr(housekeeping, "STEP", 3)
    monkeypatch.setattr(housekeeping, "REST_S", 0)

    def fill(connection):
        for partition in (0, 1):
            for position in range(10):
                connection.execute(
                    "INSERT INTO delivery_payloads VALUES (?, ?, x'02')", (partition, position)
                )
        for number, place in enumerate([(0, 4), (1, 0), (1, 9)]):
            identity = (NOW << 80 | number).to_bytes(16, "big")
            connection.execute(DELIVERY, (identity, *place, NOW, NOW, NOW))

    world.state.write_now(fill)
    world.tidy()
    left = world.state.read_now(
        lambda c: c.execute("SELECT partition, position FROM delivery_payloads ORDER BY 1, 2").fetchall()
    )
    assert left == [(0, 4), (1, 0), (1, 9)]


def test_warnings_and_erasures_do_not_stay_for_ever(world):
    """Warnings go with the log lines; an erasure when no record of its time can be read anew."""
    rows = [(1, NOW - days * DAY_MS, IngestionWarning("k", {})) for days in (1, 20)]
    world.state.write_now(lambda c: record_warnings(c, rows))
    for days in (1, 20):
        at = NOW - days * DAY_MS
        world.state.write_now(
            lambda c, at=at: c.execute("INSERT INTO erasures VALUES (1, ?, ?)", (bytes([at % 251]), at))
        )
    world.append(24 * 25)
    world.tidy()
    assert (world.count("ingestion_warnings"), world.count("erasures")) == (1, 2)
    world.settle()
    world.tidy()
    assert world.count("erasures") == 1


def test_the_audit_log_keeps_its_time(world, monkeypatch):
    """Old entries go, in steps; a moment when the clock was wrong costs nothing that is young."""
    monkeypatch.setattr(housekeeping, "STEP", 2)
    put = "INSERT INTO audit (at, actor, via, activity, scope) VALUES (?, 'ada', 'key', 'updated', 'Action')"
    for days in (50, 40, 35, 20, 31, 0):
        world.state.write_now(lambda c, at=NOW - days * DAY_MS: c.execute(put, (at,)))
    world.tidy()
    assert world.count("audit") == 6
    world.tidy(audit_retention_days=30)
    left = world.state.read_now(
        lambda c: [(NOW - at) // DAY_MS for (at,) in c.execute("SELECT at FROM audit")]
    )
    assert left == [20, 31, 0]


def test_names_that_are_not_seen_any_more_go(world):
    """With the pairs of an event that went."""

    def put(connection):
        for name, at in (("old", NOW - 100 * DAY_MS), ("new", NOW - 80 * DAY_MS)):
            connection.execute("INSERT INTO event_definitions VALUES (1, ?1, ?2, ?2)", (name, at))
            connection.execute("INSERT INTO event_properties VALUES (1, ?1, 'p', ?2)", (name, NOW))
            connection.execute(
                "INSERT INTO property_definitions VALUES (1, 'event', -1, ?1, 'String', ?2, ?2)", (name, at)
            )

    world.state.write_now(put)
    world.tidy()
    for table in ("event_definitions", "event_properties", "property_definitions"):
        assert world.count(table) == 1


def test_made_up_names_make_room_again(world):
    """Where a project has all the names it may have, a thousand go that came once and not since a day."""

    def put(connection):
        rows = [(f"made up {n}", NOW - 2 * DAY_MS, NOW - 2 * DAY_MS) for n in range(5000)]
        rows[0] = ("rare", NOW - 9 * DAY_MS, NOW - 2 * DAY_MS)
        connection.executemany("INSERT INTO event_definitions VALUES (1, ?, ?, ?)", rows)
        connection.execute("INSERT INTO event_definitions VALUES (2, 'once', ?1, ?1)", (NOW - 2 * DAY_MS,))

    world.state.write_now(put)
    world.tidy()
    assert world.count("event_definitions") == 4001
    left = "event_definitions WHERE name IN ('rare', 'once')"
    assert world.count(left) == 2
