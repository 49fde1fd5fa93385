"""Persons and groups, and the words that events are made of."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from hedgerow.store.tables.schemas import state

# ---------------------------------------------------------------- people

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

# ------------------------------------------------------------ vocabulary

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
