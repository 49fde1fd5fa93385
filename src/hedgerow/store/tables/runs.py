"""Re-runs, replays and ticks of schedules."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from hedgerow.store.tables.schemas import state

# Re-runs of deliveries, replays of events and ticks of schedules: see replay/runs.py.
replays = Table(
    "replays",
    state,
    Column("id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    # ``rerun``, ``replay`` or ``schedule``.
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

# How far each destination with a schedule has come: see replay/ticking.py.
schedules = Table(
    "schedules",
    state,
    Column("destination_id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    # When it fires, as it was when the row was made; another cadence begins anew.
    Column("cadence", Text, nullable=False),
    # Ticks up to this moment are decided upon.
    Column("decided_to", Integer, nullable=False),
    # The last tick that began, its run, and how many ticks were passed over for it.
    Column("tick_at", Integer),
    Column("run_id", LargeBinary),
    Column("passed", Integer, nullable=False, server_default="0"),
    # Why a tick that is due does not begin.
    Column("waits", Text),
    sqlite_with_rowid=False,
)

# Which state of a person a destination with ``only_changed`` was last told: see replay/scheduling.py.
schedule_persons = Table(
    "schedule_persons",
    state,
    Column("destination_id", LargeBinary, nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    PrimaryKeyConstraint("destination_id", "person_id"),
    sqlite_with_rowid=False,
)
