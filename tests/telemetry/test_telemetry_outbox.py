"""Telemetry moves to its own file exactly once, whoever moves it and whenever they die."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.store import Database, tables
from hedgerow.telemetry import Batch, Line, drain, outbox, prune, put, read_logs, totals
from hedgerow.telemetry.batch import LONGEST_MESSAGE
from support.people import NOON, store

DESTINATION = bytes(range(16))
DELIVERY = bytes(reversed(range(16)))
HOUR = 3_600_000


class Files:
    """A state file and a telemetry file."""

    def __init__(self, folder: Path) -> None:
        for name, schema in (("state", tables.state), ("telemetry", tables.telemetry)):
            with store(str(folder / f"{name}.db"), schema):
                pass
        self.state = Database(folder / "state.db", synchronous="OFF")
        self.telemetry = Database(folder / "telemetry.db", synchronous="OFF")

    def put(self, n: int = 1) -> None:
        """Tell of ``n`` successes, each with a line."""
        for _ in range(n):
            self.state.write_now(lambda conn: put(conn, told()))

    def drain(self, **options: int) -> int:
        """Move what is there."""
        return asyncio.run(drain(self.state, self.telemetry, **options))

    def count(self) -> int:
        """How many successes arrived."""
        found = self.telemetry.read_now(lambda conn: totals(conn, DESTINATION, after=0, before=NOON * 2))
        return found.get("success", 0)

    def waiting(self) -> int:
        """How many rows the outbox holds."""
        return self.state.read_now(lambda c: c.execute("SELECT count(*) FROM telemetry_outbox").fetchone()[0])


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    made = Files(tmp_path)
    yield made
    made.state.close()
    made.telemetry.close()


def told() -> Batch:
    batch = Batch()
    batch.count(1, DESTINATION, NOON, "success", "succeeded")
    batch.latency(1, DESTINATION, NOON, 12.5)
    batch.line(1, DESTINATION, DELIVERY, NOON, "INFO", "done")
    return batch


def test_a_batch_says_whether_there_is_anything_to_tell():
    """Nothing told is false, anything told is true."""
    assert not Batch()
    assert told()


def test_counts_fall_into_their_hour():
    """Times of one hour share a count."""
    batch = Batch()
    for at in (NOON, NOON + HOUR - 1, NOON + HOUR):
        batch.count(1, DESTINATION, at, "other", "filtered", 2)
    assert dict(batch.metrics) == {
        (1, DESTINATION, NOON, "other", "filtered"): 4,
        (1, DESTINATION, NOON + HOUR, "other", "filtered"): 2,
    }


@given(
    st.lists(
        st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, NOON), st.text(), st.integers(1, 9))
    ),
    st.lists(st.tuples(st.none() | st.binary(min_size=16, max_size=16), st.text())),
)
def test_a_batch_survives_its_encoding(counts, lines):
    """Decoding gives back what was encoded."""
    batch = Batch()
    for destination, at, name, n in counts:
        batch.count(1, destination, at, "other", name, n)
        batch.latency(1, destination, at, n)
    for delivery, text in lines:
        batch.line(1, DESTINATION, delivery, NOON, "warn", text)
    assert Batch.decode(batch.encode()) == batch


def test_half_a_surrogate_pair_is_replaced():
    """A line that no file could hold does not stop the others."""
    batch = Batch()
    batch.line(1, DESTINATION, None, NOON, "info", "a\ud800b")
    assert Batch.decode(batch.encode()).lines[0].message == "a?b"


def test_long_lines_are_cut_and_say_so():
    """A line has a limit, and tells how much is missing."""
    batch = Batch()
    batch.line(1, DESTINATION, None, NOON, "info", "x" * (LONGEST_MESSAGE + 7))
    assert batch.lines[0].message.endswith("... (7 more characters)")


def test_rows_of_another_format_are_refused():
    """A row that this release cannot read is not guessed at."""
    with pytest.raises(ValueError, match="format 2"):
        Batch.decode(b"[2, [], [], []]")


def test_draining_moves_everything_once(files):
    """What was put arrives, the outbox is empty after, and a second draining adds nothing."""
    files.put(5)
    assert files.drain(rows=2) == 5
    assert (files.count(), files.waiting(), files.drain(), files.count()) == (5, 0, 0, 5)
    (line, *_) = files.telemetry.read_now(lambda conn: read_logs(conn, DESTINATION))
    assert line == Line(1, DESTINATION, DELIVERY, NOON, "info", "done")


def test_a_rolled_back_transaction_tells_nothing(files):
    """Telemetry shares the fate of what it tells about."""

    def fail(conn):
        put(conn, told())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        files.state.write_now(fail)
    assert files.drain() == 0


def test_death_between_moving_and_forgetting_counts_nothing_twice(files, monkeypatch):
    """Rows that were moved but not yet deleted are only deleted later."""
    files.put(3)
    monkeypatch.setattr(outbox, "_forget", lambda conn, mark: None)
    files.drain()
    assert files.waiting() == 3
    monkeypatch.undo()
    files.drain()
    assert (files.count(), files.waiting()) == (3, 0)


def test_death_before_the_move_is_committed_loses_nothing(files, monkeypatch):
    """A move that fails leaves rows and mark as they were."""
    files.put(3)

    def die(conn, batch):
        original(conn, batch)
        raise RuntimeError

    original = outbox.store
    monkeypatch.setattr(outbox, "store", die)
    with pytest.raises(RuntimeError):
        files.drain()
    monkeypatch.undo()
    assert (files.count(), files.drain(), files.count()) == (0, 3, 3)


def test_two_workers_drain_at_the_same_time(files, tmp_path):
    """However two of them interleave, each row arrives once."""
    others = (
        Database(tmp_path / "state.db", synchronous="OFF"),
        Database(tmp_path / "telemetry.db", synchronous="OFF"),
    )
    files.put(40)

    async def both() -> None:
        await asyncio.gather(drain(files.state, files.telemetry, rows=3), drain(*others, rows=2))

    asyncio.run(both())
    for other in others:
        other.close()
    assert (files.count(), files.waiting()) == (40, 0)


def test_a_state_file_from_a_backup_goes_on_telling(files):
    """When the outbox is younger than the mark, the mark follows, and later rows arrive."""
    files.telemetry.write_now(
        lambda c: c.execute("INSERT INTO marks VALUES ('telemetry_outbox', 1000)").fetchall()
    )
    files.put(1)
    files.drain()
    files.put(2)
    files.drain()
    assert (files.count(), files.waiting()) == (2, 0)


def test_pruning_forgets_the_old_and_keeps_totals(files):
    """Old lines and hours go in small steps; what is new, and totals since the beginning, stay."""
    batch = Batch()
    for day in range(5):
        at = NOON + day * 24 * HOUR
        batch.count(1, DESTINATION, at, "success", "succeeded")
        batch.latency(1, DESTINATION, at, 5)
        batch.line(1, DESTINATION, None, at, "info", str(day))
    files.state.write_now(lambda conn: put(conn, batch))
    files.drain()
    limit = NOON + 3 * 24 * HOUR
    assert asyncio.run(prune(files.telemetry, logs_before=limit, metrics_before=limit, rows=2)) == 9
    assert files.count() == 2
    assert [line.message for line in files.telemetry.read_now(lambda c: read_logs(c, DESTINATION))] == [
        "4",
        "3",
    ]
    kept = "SELECT count FROM metrics_hourly WHERE hour = 0"
    assert files.telemetry.read_now(lambda c: c.execute(kept).fetchall()) == [(5,)]
