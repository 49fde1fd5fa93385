"""Re-runs and replays."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from hedgerow.store.tables.schemas import state

# Re-runs of deliveries and replays of events: see replay/runs.py.
replays = Table(
    "replays",
    state,
    Column("id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    # ``rerun`` or ``replay``.
    Column("kind", Text, nullable=False),
    # Whose deliveries they are; null when they may be several destinations'.
    Column("destination_id", LargeBinary),
    # What was asked for, JSON; ``digest`` is the same for the same selection.
    Column("wanted", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("key", Text),
    Column("dry_run", Integer, nullable=False, server_default="0"),
    Column("rate", Float),
    # ``running``, ``paused``, ``cancelling``; and once it is over ``done`` or ``cancelled``.
    Column("state", Text, nullable=False),
    # Records or rows to look at; null while nobody has counted.
    Column("total", Integer),
    # Deliveries by verdict once it is over; JSON.
    Column("counts", Text),
    Column("author", Text),
    Column("created_at", Integer, nullable=False),
    Column("finished_at", Integer),
    Index("replays_by_project", "project_id", "created_at"),
    Index("replays_by_key", "project_id", "key", unique=True),
    Index(
        "replays_open",
        "created_at",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    sqlite_with_rowid=False,
)

# How far the selection of a run has come, in each partition whose owner selects a part of it.
replay_places = Table(
    "replay_places",
    state,
    Column("replay_id", LargeBinary, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("cursor", Text),
    Column("done", Integer, nullable=False, server_default="0"),
    # What was looked at, and what became of it by reason; JSON.
    Column("counts", Text, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("replay_id", "partition"),
    sqlite_with_rowid=False,
)
