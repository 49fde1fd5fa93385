"""How destinations fare, what is held, masked, or to be forgotten."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from hedgerow.store.tables.schemas import state

# A destination without a row is healthy.
destination_health = Table(
    "destination_health",
    state,
    Column("destination_id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Integer, nullable=False),
    # What led to the state, for people; JSON.
    Column("evidence", Text, nullable=False, server_default="{}"),
    # What the watcher remembers besides; JSON, see delivery/watcher.py.
    Column("memory", Text, nullable=False, server_default="{}"),
    # The held delivery that is let through to try whether the destination is well again, and until when it may take.
    Column("probe_id", LargeBinary),
    Column("probe_until", Integer),
    sqlite_with_rowid=False,
)

# What workers saw of destinations that another worker watches; read and deleted by that one.
health_deltas = Table(
    "health_deltas",
    state,
    Column("seq", Integer, primary_key=True),
    Column("home", Integer, nullable=False),
    Column("destination_id", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
)

# What people asked for: a destination without a row is neither paused nor has it an order of its own.
destination_holds = Table(
    "destination_holds",
    state,
    Column("destination_id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("paused_at", Integer),
    # Held deliveries that go out per second after a resume; null for the default.
    Column("rate", Float),
    # Up to which delivery only the latest of each person stays (null: all stay), and how far that has come.
    Column("sift_to", LargeBinary),
    Column("sifted_to", LargeBinary),
    # Up to which delivery what is held is thrown away.
    Column("discard_to", LargeBinary),
    # The fullness of the hold, in percent, that was last warned of.
    Column("warned", Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

# Events about Hedgerow itself on their way into the event log; ``home`` is the partition whose owner brings them there.
internal_outbox = Table(
    "internal_outbox",
    state,
    Column("seq", Integer, primary_key=True),
    Column("home", Integer, nullable=False),
    Column("project_id", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# Repetitions of a delivery within a window, for destinations that mask them: see delivery/masking.py.
masks = Table(
    "masks",
    state,
    Column("destination_id", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("winner", LargeBinary, nullable=False),
    PrimaryKeyConstraint("destination_id", "hash"),
    Index("masks_by_expiry", "expires_at"),
    sqlite_with_rowid=False,
)

# What was accepted under a distinct id up to a time is forgotten; ``key`` hides the id: see delivery/erasure.py.
erasures = Table(
    "erasures",
    state,
    Column("project_id", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("until", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "key"),
    sqlite_with_rowid=False,
)

# Deletions of persons; ``body`` has the distinct ids until it is done.
erasure_jobs = Table(
    "erasure_jobs",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("requested_at", Integer, nullable=False),
    Column("finished_at", Integer),
    Column("events", Integer, nullable=False, server_default="0"),
    Column("deliveries", Integer, nullable=False, server_default="0"),
    Column("body", Text, nullable=False),
)

telemetry_outbox = Table(
    "telemetry_outbox",
    state,
    Column("seq", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# What destinations with a threshold or a digest know of a key: see delivery/counting.py and delivery/gathering.py.
delivery_windows = Table(
    "delivery_windows",
    state,
    Column("destination_id", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # When nobody will ask for it any more.
    Column("expires_at", Integer, nullable=False),
    # Of a threshold: when the events came that count.
    Column("times", LargeBinary),
    # Of a digest: when the interval ends, how many were gathered in it, and the delivery that will carry them.
    Column("until", Integer, nullable=False, server_default="0"),
    Column("count", Integer, nullable=False, server_default="0"),
    Column("carrier_id", LargeBinary),
    PrimaryKeyConstraint("destination_id", "hash"),
    Index("delivery_windows_by_expiry", "expires_at"),
    Index(
        "delivery_windows_by_carrier",
        "carrier_id",
        sqlite_where=text("carrier_id IS NOT NULL"),
        postgresql_where=text("carrier_id IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# Which delivery carries the event of another: that one is ``digested``. A carrier is among those that it carries; a run again of
# it names the first one, and carries the same.
delivery_carriers = Table(
    "delivery_carriers",
    state,
    Column("delivery_id", LargeBinary, primary_key=True),
    Column("carrier_id", LargeBinary, nullable=False),
    Column("again", Integer, nullable=False, server_default="0"),
    Index("delivery_carriers_by_carrier", "carrier_id", "again", "delivery_id"),
    sqlite_with_rowid=False,
)
