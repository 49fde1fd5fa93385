"""Forgetting old telemetry, in small steps that nobody has to wait for."""

from __future__ import annotations

from functools import partial

from hedgerow.store import Connection, Database

ROWS = 2_000

# Lines come in nearly in the order of time, so that the oldest are where the smallest ids are.
_LOGS = """
DELETE FROM log_entries WHERE id IN (
  SELECT id FROM (SELECT id, at FROM log_entries ORDER BY id LIMIT :rows) WHERE at < :before
)
"""
_METRICS = """
DELETE FROM metrics_hourly WHERE (destination_id, hour, kind, name) IN (
  SELECT destination_id, hour, kind, name FROM metrics_hourly WHERE hour > 0 AND hour < :before LIMIT :rows
)
"""
_LATENCIES = """
DELETE FROM latency_hourly WHERE (destination_id, hour, bucket) IN (
  SELECT destination_id, hour, bucket FROM latency_hourly WHERE hour > 0 AND hour < :before LIMIT :rows
)
"""


async def prune(telemetry: Database, *, logs_before: int, metrics_before: int, rows: int = ROWS) -> int:
    """Delete log lines and hourly metrics older than some times; totals since the beginning stay.

    Args:
        telemetry: the telemetry file.
        logs_before: milliseconds since the epoch.
        metrics_before: milliseconds since the epoch.
        rows: how many rows one transaction deletes at most.

    Returns:
        How many rows went.
    """
    gone = 0
    for sql, before in ((_LOGS, logs_before), (_METRICS, metrics_before), (_LATENCIES, metrics_before)):
        while True:
            step = await telemetry.write(partial(_delete, sql=sql, before=before, rows=rows))
            gone += step
            if step < rows:
                break
    return gone


def _delete(conn: Connection, sql: str, before: int, rows: int) -> int:
    conn.execute(sql, {"before": before, "rows": rows})
    return conn.changes()
