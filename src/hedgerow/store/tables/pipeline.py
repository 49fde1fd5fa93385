"""Positions, the event index, and the ledger."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from hedgerow.store.tables.schemas import state

positions = Table(
    "positions",
    state,
    Column("partition", Integer, primary_key=True),
    Column("folded_to", Integer, nullable=False, server_default="0"),
    Column("settled_to", Integer, nullable=False, server_default="0"),
    # Whether an owner took the partition and did not give it back in order: it runs, or it died.
    Column("owned", Integer, nullable=False, server_default="0"),
    # How often work began at the place ``begun_at`` without getting past it: see delivery/partitions.py.
    Column("begun", Integer, nullable=False, server_default="0"),
    Column("begun_at", Integer, nullable=False, server_default="-1"),
)

event_index = Table(
    "event_index",
    state,
    Column("partition", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("project_id", Integer, nullable=False),
    Column("uuid", LargeBinary, nullable=False),
    Column("event", Text, nullable=False),
    Column("distinct_id", Text, nullable=False),
    Column("captured_at", Integer, nullable=False),
    PrimaryKeyConstraint("partition", "position"),
    Index("event_index_by_uuid", "uuid"),
    Index("event_index_by_time", "project_id", "captured_at"),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    state,
    Column("id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("destination_id", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("mapping", Text, nullable=False, server_default=""),
    Column("run", Text, nullable=False, server_default=""),
    Column("partition", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("event_uuid", LargeBinary, nullable=False),
    Column("event", Text, nullable=False),
    Column("distinct_id", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("kind", Text),
    Column("error", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("status", Integer),
    Column("duration_ms", Integer),
    Column("captured_at", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    # When an open row may run; null for final rows and for those that are held.
    Column("next_at", Integer),
    # How often a worker died while it ran.
    Column("deaths", Integer, nullable=False, server_default="0"),
    Column("journal", LargeBinary),
    # What deliveries of an ordered destination have in common that go out one after the other.
    Column("sequence", Text),
    Index("deliveries_by_destination", "destination_id", "id"),
    Index("deliveries_by_record", "partition", "position"),
    # For searches, newest first. What is like most rows needs none: the primary key leads there at once.
    Index("deliveries_by_event", "project_id", "event", "id"),
    Index("deliveries_by_person", "project_id", "distinct_id", "id"),
    Index(
        "deliveries_by_verdict",
        "project_id",
        "verdict",
        "id",
        sqlite_where=text("verdict <> 'delivered'"),
        postgresql_where=text("verdict <> 'delivered'"),
    ),
    Index(
        "deliveries_by_kind",
        "project_id",
        "kind",
        "id",
        sqlite_where=text("kind IS NOT NULL"),
        postgresql_where=text("kind IS NOT NULL"),
    ),
    Index(
        "deliveries_by_status",
        "project_id",
        "status",
        "id",
        sqlite_where=text("status >= 300"),
        postgresql_where=text("status >= 300"),
    ),
    # A duplicate's record is not in the event index.
    Index(
        "deliveries_duplicate",
        "event_uuid",
        sqlite_where=text("verdict = 'duplicate'"),
        postgresql_where=text("verdict = 'duplicate'"),
    ),
    Index(
        "deliveries_open",
        "destination_id",
        "next_at",
        "partition",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
    Index(
        "deliveries_in_sequence",
        "destination_id",
        "sequence",
        "captured_at",
        "partition",
        "position",
        sqlite_where=text("sequence IS NOT NULL AND next_at IS NOT NULL"),
        postgresql_where=text("sequence IS NOT NULL AND next_at IS NOT NULL"),
    ),
    # What a re-run or a replay asked for: what waits for its turn, by whose turn it is, and how far the run has come.
    Index(
        "deliveries_by_run",
        "run",
        "verdict",
        "destination_id",
        "partition",
        "id",
        sqlite_where=text("run <> ''"),
        postgresql_where=text("run <> ''"),
    ),
    # What is held, oldest first, and by whose it is: empty as long as all is well.
    Index(
        "deliveries_held",
        "destination_id",
        "id",
        sqlite_where=text("verdict = 'held'"),
        postgresql_where=text("verdict = 'held'"),
    ),
    Index(
        "deliveries_held_in_sequence",
        "destination_id",
        "sequence",
        "captured_at",
        "partition",
        "position",
        sqlite_where=text("verdict = 'held' AND sequence IS NOT NULL"),
        postgresql_where=text("verdict = 'held' AND sequence IS NOT NULL"),
    ),
    Index(
        "deliveries_held_by_person",
        "destination_id",
        "distinct_id",
        "id",
        sqlite_where=text("verdict = 'held'"),
        postgresql_where=text("verdict = 'held'"),
    ),
    sqlite_with_rowid=False,
)

delivery_attempts = Table(
    "delivery_attempts",
    state,
    Column("delivery_id", LargeBinary, nullable=False),
    Column("number", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("request", LargeBinary),
    Column("response", LargeBinary),
    PrimaryKeyConstraint("delivery_id", "number"),
    sqlite_with_rowid=False,
)

delivery_payloads = Table(
    "delivery_payloads",
    state,
    Column("partition", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("globals", LargeBinary, nullable=False),
    PrimaryKeyConstraint("partition", "position"),
)
