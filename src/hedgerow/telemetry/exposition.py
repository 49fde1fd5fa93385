"""Telemetry for Prometheus: totals since the beginning, as its text format writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hedgerow.store import Connection
from hedgerow.telemetry import histogram, offers
from hedgerow.telemetry.outbox import TOTAL

# Bounds in milliseconds: every doubling up to about two minutes, each of them also a bound of our own buckets.
BOUNDS = tuple(2**power for power in range(18))

# The few projects there are, found by jumping along the index instead of reading all of it.
_PROJECTS = """
WITH RECURSIVE project(id) AS (
  SELECT min(project_id) FROM metrics_hourly
  UNION ALL
  SELECT (SELECT min(project_id) FROM metrics_hourly WHERE project_id > project.id)
  FROM project WHERE project.id IS NOT NULL
)
SELECT id FROM project WHERE id IS NOT NULL
"""
_COUNTS = """
SELECT destination_id, kind, name, count FROM metrics_hourly
WHERE project_id = ? AND hour = ? ORDER BY destination_id, kind, name
"""
_LATENCIES = "SELECT bucket, count FROM latency_hourly WHERE destination_id = ? AND hour = ?"


@dataclass(frozen=True, slots=True)
class DestinationTotals:
    """What happened to one destination since the beginning."""

    project_id: int
    destination_id: bytes
    counts: Mapping[tuple[str, str], int]
    latencies: Mapping[int, int]


def snapshot(conn: Connection) -> list[DestinationTotals]:
    """Totals of every destination; ``conn`` is on the telemetry file."""
    found = []
    waiting = offers.pending(conn)
    projects: list[Any] = conn.execute(_PROJECTS).fetchall()
    for project_id in sorted({project for (project,) in projects} | {project for project, _ in waiting}):
        counts: dict[bytes, dict[tuple[str, str], int]] = {}
        for destination_id, kind, name, count in conn.execute(_COUNTS, (project_id, TOTAL)):
            counts.setdefault(destination_id, {})[kind, name] = count
        for (owner, destination_id), count in waiting.items():
            if owner == project_id:
                own = counts.setdefault(destination_id, {})
                own[offers.KIND, offers.NAME] = own.get((offers.KIND, offers.NAME), 0) + count
        for destination_id, own in counts.items():
            latencies = dict(conn.execute(_LATENCIES, (destination_id, TOTAL)))
            found.append(DestinationTotals(project_id, destination_id, own, latencies))
    return found


def prometheus_text(totals: Sequence[DestinationTotals]) -> str:
    """The totals in Prometheus's text format.

    ``hedgerow_destination_results_total`` counts by kind and name; ``hedgerow_destination_duration_seconds`` is a
    histogram whose sum is known within 10 %.
    """
    lines = [
        "# HELP hedgerow_destination_results_total What became of events at a destination.",
        "# TYPE hedgerow_destination_results_total counter",
    ]
    for one in totals:
        for (kind, name), count in one.counts.items():
            labels = f'{_labels(one)},kind="{_escaped(kind)}",name="{_escaped(name)}"'
            lines.append(f"hedgerow_destination_results_total{{{labels}}} {count}")
    lines += [
        "# HELP hedgerow_destination_duration_seconds How long a destination took to answer.",
        "# TYPE hedgerow_destination_duration_seconds histogram",
    ]
    for one in totals:
        if one.latencies:
            lines += _histogram(one)
    return "\n".join(lines) + "\n"


def _histogram(one: DestinationTotals) -> Iterator[str]:
    name, labels = "hedgerow_destination_duration_seconds", _labels(one)
    for bound in BOUNDS:
        seen = sum(count for index, count in one.latencies.items() if index <= histogram.bucket(bound))
        yield f'{name}_bucket{{{labels},le="{bound / 1000:g}"}} {seen}'
    count = sum(one.latencies.values())
    yield f'{name}_bucket{{{labels},le="+Inf"}} {count}'
    total = sum(histogram.middle(index) * times for index, times in one.latencies.items()) / 1000
    yield f"{name}_sum{{{labels}}} {total:.6g}"
    yield f"{name}_count{{{labels}}} {count}"


def _labels(one: DestinationTotals) -> str:
    text = one.destination_id.hex()
    uuid = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return f'project="{one.project_id}",destination="{uuid}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
