"""Every table of Hedgerow, one definition for both dialects. The names are the contract between rooms.

Two schemas because they are written by different hands at different speeds: ``state`` (people, configuration,
positions, the ledger) and ``telemetry`` (log lines and metrics, which may lag behind and keep their own mark).

Conventions: times are integer milliseconds since the epoch, UTC. UUIDs are 16 bytes. ``json`` columns hold text
written by the rooms that own them; ``state`` and ``journal`` blobs begin with a format version byte.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

state = MetaData()
telemetry = MetaData()

# ------------------------------------------------------------------ who

projects = Table(
    "projects",
    state,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("token", Text, nullable=False, unique=True),
    Column("settings", Text, nullable=False, server_default="{}"),
    Column("created_at", Integer, nullable=False),
)

# Former tokens of projects that still work for a while.
former_tokens = Table(
    "former_tokens",
    state,
    Column("token", Text, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("until", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Projects that were deleted: closed at once, emptied behind that.
deleted_projects = Table(
    "deleted_projects",
    state,
    Column("project_id", Integer, primary_key=True),
    Column("deleted_at", Integer, nullable=False),
    Column("emptied_at", Integer),
)

# A key without a user is the operator's own: it may do anything its scopes allow.
api_keys = Table(
    "api_keys",
    state,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer),
    Column("label", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    # Ids of the projects it is limited to, as a JSON list; null: all of its user's.
    Column("projects", Text),
    Column("created_at", Integer, nullable=False),
    Column("last_used_at", Integer),
    Index("api_keys_by_user", "user_id"),
)

users = Table(
    "users",
    state,
    Column("id", Integer, primary_key=True),
    Column("uuid", LargeBinary, nullable=False, unique=True),
    # In the one form that addresses are compared in.
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    # argon2id, with its parameters.
    Column("password", Text, nullable=False),
    # Owners of the instance: in every project, and in charge of users and projects.
    Column("is_owner", Integer, nullable=False, server_default="0"),
    Column("is_active", Integer, nullable=False, server_default="1"),
    # The secret of the second factor, sealed; in force from the moment it was confirmed.
    Column("totp", LargeBinary),
    Column("totp_confirmed_at", Integer),
    # The step of the last code that was taken: neither it nor an older one is taken again.
    Column("totp_step", Integer, nullable=False, server_default="0"),
    Column("current_project", Integer),
    Column("created_at", Integer, nullable=False),
    Column("last_login_at", Integer),
    sqlite_autoincrement=True,
)

members = Table(
    "members",
    state,
    Column("project_id", Integer, nullable=False),
    Column("user_id", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "user_id"),
    Index("members_by_user", "user_id"),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    state,
    Column("id", Integer, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("user_id", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("last_used_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("agent", Text, nullable=False, server_default=""),
    Index("sessions_by_user", "user_id"),
    sqlite_autoincrement=True,
)

# Links that let somebody in once: an invitation, a new password, the first owner's.
one_time_links = Table(
    "one_time_links",
    state,
    Column("id", Integer, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("email", Text, nullable=False, server_default=""),
    # Of an invitation: where to, and as what.
    Column("project_id", Integer),
    Column("role", Text),
    Column("is_owner", Integer, nullable=False, server_default="0"),
    # Of a new password: whose.
    Column("user_id", Integer),
    Column("created_by", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("used_at", Integer),
    Index("one_time_links_by_project", "project_id"),
    sqlite_autoincrement=True,
)

recovery_codes = Table(
    "recovery_codes",
    state,
    Column("user_id", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("user_id", "hash"),
    sqlite_with_rowid=False,
)

# How often something was tried in vain; ``key`` says what and by whom, hashed.
throttles = Table(
    "throttles",
    state,
    Column("key", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("until", Integer, nullable=False),
    Index("throttles_by_end", "until"),
    sqlite_with_rowid=False,
)

# Who changed what: see accounts/audit.py. Never changed, only added to.
audit = Table(
    "audit",
    state,
    Column("id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    # Null: about the instance itself.
    Column("project_id", Integer),
    Column("user_id", Integer),
    Column("actor", Text, nullable=False),
    # How they came in: session, key, link, system.
    Column("via", Text, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("activity", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("item_id", Text, nullable=False, server_default=""),
    Column("item_name", Text, nullable=False, server_default=""),
    # A JSON list of what was before and what is after, field by field.
    Column("changes", Text, nullable=False, server_default="[]"),
    Index("audit_by_project", "project_id", "id"),
    Index("audit_by_item", "scope", "item_id", "id"),
    Index("audit_by_user", "user_id", "id"),
    sqlite_autoincrement=True,
)

# --------------------------------------------------------------- people

persons = Table(
    "persons",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("uuid", LargeBinary, nullable=False),
    Column("properties", Text, nullable=False, server_default="{}"),
    Column("created_at", Integer, nullable=False),
    Column("is_identified", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="0"),
    Index("persons_by_uuid", "project_id", "uuid", unique=True),
)

person_distinct_ids = Table(
    "person_distinct_ids",
    state,
    Column("project_id", Integer, nullable=False),
    Column("distinct_id", Text, nullable=False),
    Column("person_id", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "distinct_id"),
    Index("person_distinct_ids_by_person", "person_id"),
    sqlite_with_rowid=False,
)

personless_distinct_ids = Table(
    "personless_distinct_ids",
    state,
    Column("project_id", Integer, nullable=False),
    Column("distinct_id", Text, nullable=False),
    PrimaryKeyConstraint("project_id", "distinct_id"),
    sqlite_with_rowid=False,
)

group_types = Table(
    "group_types",
    state,
    Column("project_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("idx", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "name"),
    Index("group_types_by_index", "project_id", "idx", unique=True),
)

groups = Table(
    "groups",
    state,
    Column("project_id", Integer, nullable=False),
    Column("type_index", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("properties", Text, nullable=False, server_default="{}"),
    Column("created_at", Integer, nullable=False),
    Column("version", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("project_id", "type_index", "key"),
    sqlite_with_rowid=False,
)

ingestion_warnings = Table(
    "ingestion_warnings",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("last_at", Integer, nullable=False),
    Column("sample", Text, nullable=False, server_default="{}"),
    Index("ingestion_warnings_by_kind", "project_id", "kind", "hour", unique=True),
)

# ----------------------------------------------------------- vocabulary

# Names seen in the event stream, for those who write filters: see delivery/vocabulary.py.
event_definitions = Table(
    "event_definitions",
    state,
    Column("project_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("last_seen_at", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "name"),
    sqlite_with_rowid=False,
)

property_definitions = Table(
    "property_definitions",
    state,
    Column("project_id", Integer, nullable=False),
    # Whose property it is: event, person or group; of a group, the number of its type.
    Column("owner", Text, nullable=False),
    Column("type_index", Integer, nullable=False, server_default="-1"),
    Column("name", Text, nullable=False),
    Column("kind", Text),
    Column("created_at", Integer, nullable=False),
    Column("last_seen_at", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "owner", "type_index", "name"),
    sqlite_with_rowid=False,
)

event_properties = Table(
    "event_properties",
    state,
    Column("project_id", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("property", Text, nullable=False),
    Column("last_seen_at", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "event", "property"),
    sqlite_with_rowid=False,
)

# --------------------------------------------------------- configuration

destinations = Table(
    "destinations",
    state,
    Column("id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("enabled", Integer, nullable=False, server_default="0"),
    Column("deleted", Integer, nullable=False, server_default="0"),
    Column("template_id", Text),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("execution_order", Integer),
    # Id of the user who made it; null for keys and tools.
    Column("created_by", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("destinations_by_project", "project_id", "deleted", "updated_at"),
)

destination_revisions = Table(
    "destination_revisions",
    state,
    Column("destination_id", LargeBinary, nullable=False),
    Column("number", Integer, nullable=False),
    Column("config", Text, nullable=False),
    Column("secrets", LargeBinary),
    Column("status", Text, nullable=False, server_default="published"),
    Column("author", Text),
    # Id of the user, when the author is one.
    Column("author_id", Integer),
    Column("message", Text),
    Column("created_at", Integer, nullable=False),
    PrimaryKeyConstraint("destination_id", "number"),
)

# What somebody prepares for a destination; live deliveries see nothing of it: see destinations/drafts.py.
destination_drafts = Table(
    "destination_drafts",
    state,
    Column("destination_id", LargeBinary, primary_key=True),
    # Of the text in ``config``; a newer one is refused instead of being misread.
    Column("format", Integer, nullable=False),
    # The revision it began from, and how often it was saved.
    Column("base", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("config", Text, nullable=False),
    Column("secrets", LargeBinary),
    Column("author", Text),
    Column("author_id", Integer),
    Column("message", Text),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Saved matchers: see destinations/definitions.py.
actions = Table(
    "actions",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("steps", Text, nullable=False, server_default="[]"),
    Column("deleted", Integer, nullable=False, server_default="0"),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("actions_by_project", "project_id", "deleted"),
    sqlite_autoincrement=True,
)

cohorts = Table(
    "cohorts",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("is_static", Integer, nullable=False, server_default="0"),
    Column("filters", Text, nullable=False, server_default="{}"),
    # Of a static one: ids of persons, and distinct ids, as JSON lists.
    Column("persons", Text, nullable=False, server_default="[]"),
    Column("distinct_ids", Text, nullable=False, server_default="[]"),
    Column("deleted", Integer, nullable=False, server_default="0"),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("cohorts_by_project", "project_id", "deleted"),
    sqlite_autoincrement=True,
)

counters = Table(
    "counters",
    state,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)

# ---------------------------------------------------------- integrations

# Accounts at vendors. ``secrets`` holds their tokens, sealed; see integrations/accounts.py.
integrations = Table(
    "integrations",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    # The vendor's own name of the account: connected again, it is the same one.
    Column("external_id", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("config", Text, nullable=False, server_default="{}"),
    Column("secrets", LargeBinary),
    # When the token ends, and since when it is there; null for those that do not end.
    Column("expires_at", Integer),
    Column("refreshed_at", Integer),
    # Who renews the token has until then.
    Column("refreshing_to", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("errors", Text, nullable=False, server_default=""),
    Column("created_by", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("integrations_by_account", "project_id", "kind", "external_id", unique=True),
    sqlite_autoincrement=True,
)

# Connections that were begun: whoever comes back from the vendor with the state (kept as a hash) ends them.
integration_states = Table(
    "integration_states",
    state,
    Column("hash", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("user_id", Integer),
    Column("verifier", LargeBinary, nullable=False),
    Column("next", Text, nullable=False, server_default=""),
    Column("ends_at", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# -------------------------------------------------------------- pipeline

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

OPEN_VERDICTS = ("running", "retrying", "held", "scheduled")

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

# --------------------------------------------------------------- replay

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

# --------------------------------------------------------------- health

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

# ------------------------------------------------------------- telemetry

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
