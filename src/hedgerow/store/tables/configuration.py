"""What people set up: destinations with their revisions, actions, cohorts, accounts at vendors."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from hedgerow.store.tables.schemas import state

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
    # Where it was imported from; null for what was made here.
    Column("origin", Text),
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
    # As of actions.
    Column("origin", Text),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("cohorts_by_project", "project_id", "deleted"),
    sqlite_autoincrement=True,
)

# The names that configuration files have for what they describe; see configuration/keys.py.
configuration_keys = Table(
    "configuration_keys",
    state,
    Column("project_id", Integer, nullable=False),
    # destinations, actions or cohorts.
    Column("kind", Text, nullable=False),
    # Id of the destination, action or cohort, as text.
    Column("item", Text, nullable=False),
    Column("key", Text, nullable=False),
    PrimaryKeyConstraint("project_id", "kind", "item"),
    sqlite_with_rowid=False,
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
