"""Log lines and metrics, in a file of their own, which may lag behind and keep their own mark."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from hedgerow.store.tables.schemas import telemetry

log_entries = Table(
    "log_entries",
    telemetry,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("destination_id", LargeBinary, nullable=False),
    Column("delivery_id", LargeBinary),
    Column("at", Integer, nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index("log_entries_by_destination", "destination_id", "at"),
    Index("log_entries_by_delivery", "delivery_id"),
    # What people look for among a lot that went well.
    Index(
        "log_entries_of_trouble",
        "destination_id",
        "at",
        sqlite_where=text("level IN ('warn', 'error')"),
        postgresql_where=text("level IN ('warn', 'error')"),
    ),
)

metrics_hourly = Table(
    "metrics_hourly",
    telemetry,
    Column("project_id", Integer, nullable=False),
    Column("destination_id", LargeBinary, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("destination_id", "hour", "kind", "name"),
    Index("metrics_hourly_by_project", "project_id", "hour"),
    sqlite_with_rowid=False,
)

latency_hourly = Table(
    "latency_hourly",
    telemetry,
    Column("project_id", Integer, nullable=False),
    Column("destination_id", LargeBinary, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("destination_id", "hour", "bucket"),
    sqlite_with_rowid=False,
)

# Events that were offered to many destinations at once and are not yet shared out: see telemetry/offers.py.
offers = Table(
    "offers",
    telemetry,
    Column("roster", LargeBinary, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("project_id", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("members", LargeBinary),
    PrimaryKeyConstraint("roster", "hour"),
)

marks = Table(
    "marks",
    telemetry,
    Column("source", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
)
