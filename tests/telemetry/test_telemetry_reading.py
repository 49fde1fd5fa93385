"""Asking for log lines, metrics and latencies."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from hedgerow.store import Connection, tables
from hedgerow.telemetry import (
    BadPeriod,
    Batch,
    count_logs,
    histogram,
    latency,
    metrics,
    parse_when,
    prometheus_text,
    read_logs,
    search_logs,
    snapshot,
    totals,
)
from hedgerow.telemetry.outbox import store as keep
from support.people import NOON, store

ONE, TWO = bytes(16), bytes([1] * 16)
RUN = bytes([7] * 16)
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def conn() -> Iterator[Connection]:
    with store(schema=tables.telemetry) as connection:
        yield connection


def lines(conn: Connection) -> None:
    batch = Batch()
    for number, (level, text) in enumerate(
        [("info", "Hello 100%"), ("warn", "slow"), ("error", "a_b broke"), ("info", "bye")]
    ):
        batch.line(1, ONE, RUN if number % 2 else None, NOON + number, level, text)
    batch.line(1, TWO, None, NOON, "info", "of another")
    keep(conn, batch)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["bye", "a_b broke", "slow", "Hello 100%"]),
        ({"limit": 2}, ["bye", "a_b broke"]),
        ({"limit": 2, "offset": 3}, ["Hello 100%"]),
        ({"after": NOON + 1}, ["bye", "a_b broke"]),
        ({"before": NOON + 1}, ["Hello 100%"]),
        ({"levels": ["WARN", "error"]}, ["a_b broke", "slow"]),
        ({"search": "hELLO"}, ["Hello 100%"]),
        ({"search": "0%"}, ["Hello 100%"]),
        ({"search": "a_b"}, ["a_b broke"]),
        ({"search": "_"}, ["a_b broke"]),
        ({"search": "\\"}, []),
        ({"instance_id": RUN}, ["bye", "slow"]),
        ({"instance_id": RUN, "levels": ["info"], "search": "y"}, ["bye"]),
    ],
)
def test_lines_are_found(conn, asked, found):
    """Each condition narrows the lines of one destination, the newest first."""
    lines(conn)
    assert [line.message for line in read_logs(conn, ONE, **asked)] == found
    rest = {key: value for key, value in asked.items() if key not in {"limit", "offset"}}
    if rest == asked:
        assert count_logs(conn, ONE, **rest) == len(found)


def test_a_search_goes_on_where_the_last_one_ended(conn):
    """Each looks through whole milliseconds; the pieces together find each line once."""
    batch = Batch()
    for number in range(40):
        batch.line(1, ONE, None, NOON + number // 4, "info", f"order {number % 3}")
    keep(conn, batch)
    found, before, turns = [], None, 0
    while turns == 0 or before is not None:
        some = search_logs(conn, ONE, "ORDER 1", before=before, most=7)
        assert some.count == len(some.lines) <= 4
        found, before, turns = found + some.lines, some.edge, turns + 1
    assert turns == 6  # the last one finds out that there are none before
    assert found == read_logs(conn, ONE, search="order 1")


def test_a_search_has_pages(conn):
    """Its count is that of all it came upon."""
    lines(conn)
    some = search_logs(conn, ONE, "B", limit=1, offset=1)
    assert ([line.message for line in some.lines], some.count, some.edge) == (["a_b broke"], 2, None)
    assert search_logs(conn, ONE, "b", levels=["ERROR"], after=NOON + 2).lines == []


def test_lines_of_one_moment_stay_in_order(conn):
    """Lines with equal times are shown in the reverse of the order in which they were written."""
    batch = Batch()
    for text in "abc":
        batch.line(1, ONE, None, NOON, "info", text)
    keep(conn, batch)
    assert [line.message for line in read_logs(conn, ONE)] == ["c", "b", "a"]


def count(conn: Connection) -> None:
    batch = Batch()
    for at, kind, name, n in (
        (NOON, "success", "succeeded", 3),
        (NOON + HOUR, "success", "succeeded", 1),
        (NOON + DAY, "failure", "failed", 2),
        (NOON + DAY, "failure", "inputs_failed", 5),
        (NOON - 10 * DAY, "success", "succeeded", 100),
    ):
        batch.count(1, ONE, at, kind, name, n)
    batch.count(1, TWO, NOON, "success", "succeeded", 50)
    keep(conn, batch)


def test_metrics_by_day(conn):
    """Each day has a label, and what did not happen is zero."""
    count(conn)
    assert metrics(conn, ONE, after=NOON - DAY, before=NOON + DAY + HOUR) == {
        "labels": ["2025-12-31", "2026-01-01", "2026-01-02"],
        "series": [{"name": "failure", "values": [0, 0, 7]}, {"name": "success", "values": [0, 4, 0]}],
    }


def test_metrics_by_hour_and_name(conn):
    """Hours are labelled to the minute; a breakdown by name has a series for each."""
    count(conn)
    found = metrics(conn, ONE, after=NOON, before=NOON + 2 * HOUR, interval="hour", breakdown_by="name")
    assert found == {
        "labels": ["2026-01-01T12:00", "2026-01-01T13:00"],
        "series": [{"name": "succeeded", "values": [3, 1]}],
    }


def test_metrics_by_week(conn):
    """Weeks begin on Sunday."""
    count(conn)
    found = metrics(conn, ONE, after=NOON, before=NOON + 5 * DAY, interval="week", kinds=["failure"])
    assert found == {
        "labels": ["2025-12-28", "2026-01-04"],
        "series": [{"name": "failure", "values": [7, 0]}],
    }


def test_no_data_is_no_series(conn):
    """A destination to which nothing happened has labels and no series."""
    assert metrics(conn, ONE, after=NOON, before=NOON + 1)["series"] == []


def test_totals(conn):
    """Totals add up a period, by kind or name, of some or all."""
    count(conn)
    period = {"after": NOON, "before": NOON + 2 * DAY}
    assert totals(conn, ONE, **period) == {"failure": 7, "success": 4}
    assert totals(conn, ONE, **period, breakdown_by="name", names=["failed", "succeeded"]) == {
        "failed": 2,
        "succeeded": 4,
    }


@pytest.mark.parametrize(
    "wrong", [{"interval": "year"}, {"breakdown_by": "who"}, {"interval": "hour", "after": 0}]
)
def test_questions_that_make_no_sense_are_refused(conn, wrong):
    """Unknown words, and more points than anybody reads, are an error of the asker."""
    with pytest.raises(BadPeriod):
        metrics(conn, ONE, **{"after": NOON, "before": NOON + DAY, **wrong})
    with pytest.raises(BadPeriod):
        totals(conn, ONE, after=0, before=1, breakdown_by="who")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-7d", NOON - 7 * DAY), ("-24h", NOON - DAY), (" -1w ", NOON - 7 * DAY), ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01T12:00:00", NOON), ("2026-01-01T14:00:00.500+02:00", NOON + 500), ("2026-01-01", NOON - DAY // 2),
    ],
)  # fmt: skip
def test_times_are_read(text, expected):
    """Relative and absolute times, in UTC when they do not say."""
    assert parse_when(text, NOON) == expected


@pytest.mark.parametrize("text", ["", "7d", "-7x", "now", "-999999d", "2026-13-01"])
def test_times_that_are_none(text):
    """Anything else is refused with an example of how to write one."""
    with pytest.raises(BadPeriod, match="-7d"):
        parse_when(text, NOON)


@given(st.floats(0, 80_000_000))
def test_buckets_hold_what_they_say(ms):
    """A duration lies within the bounds of its bucket, which are less than 20 % apart."""
    index = histogram.bucket(ms)
    assert ms <= histogram.upper_bound(index) * (1 + 1e-6)
    assert index == 0 or ms > histogram.upper_bound(index - 1) * (1 - 1e-6)
    assert math.isclose(histogram.middle(index), ms, rel_tol=0.1) or index == 0


def test_bounds_that_are_exact():
    """A duration equal to a bound belongs below it, at every doubling that monitoring shows."""
    assert [histogram.bucket(2**power) for power in range(18)] == [4 * power for power in range(18)]


@given(st.lists(st.floats(0.1, 10_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_close(durations, share):
    """A quantile is never below the true one and less than 20 % (one millisecond at least) above."""
    counts: dict[int, int] = {}
    for ms in durations:
        counts[histogram.bucket(ms)] = counts.get(histogram.bucket(ms), 0) + 1
    true = sorted(durations)[math.ceil(share * len(durations)) - 1]
    found = histogram.quantile(counts, share)
    assert true * (1 - 1e-6) <= found <= max(1.0, true * 1.2)


def test_latency_of_a_period(conn):
    """Hours merge; without calls there is no latency."""
    batch = Batch()
    for number in range(100):
        batch.latency(1, ONE, NOON + (number % 3) * HOUR, 10 if number < 90 else 1000)
    keep(conn, batch)
    found = latency(conn, ONE, after=NOON, before=NOON + DAY)
    assert found[0.5] == found[0.9] < 12
    assert 1000 <= found[0.99] < 1200
    assert latency(conn, TWO, after=NOON, before=NOON + DAY) is None


def test_monitoring_reads_totals(conn):
    """Prometheus's own parser reads what we write, with the totals of every project."""
    batch = Batch()
    for project, destination in ((1, ONE), (2, TWO)):
        for day in range(3):
            batch.count(project, destination, NOON + day * DAY, "success", 'odd "name"\n', 2)
    for ms in (0.5, 3, 3, 500_000):
        batch.latency(1, ONE, NOON, ms)
    keep(conn, batch)
    families = {
        family.name: family for family in text_string_to_metric_families(prometheus_text(snapshot(conn)))
    }
    counters = families["hedgerow_destination_results"].samples
    assert [(s.labels["project"], s.labels["name"], s.value) for s in counters] == [
        ("1", 'odd "name"\n', 6),
        ("2", 'odd "name"\n', 6),
    ]
    samples = families["hedgerow_destination_duration_seconds"].samples
    buckets = {s.labels["le"]: s.value for s in samples if s.name.endswith("_bucket")}
    assert (buckets["0.001"], buckets["0.002"], buckets["0.004"], buckets["+Inf"]) == (1, 1, 3, 4)
    assert [s.value for s in samples if s.name.endswith("_count")] == [4]


def test_monitoring_of_nothing(conn):
    """A new server has no totals, and says so in good form."""
    assert snapshot(conn) == []
    assert prometheus_text([]).endswith("histogram\n")
