"""Who comes in: projects, users, members, sessions, keys, and what they did."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from hedgerow.store.tables.schemas import state

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
