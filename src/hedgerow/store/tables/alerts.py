"""Alerts: rules, what came of them, and the mails that tell of it. See alerts/."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from hedgerow.store.tables.schemas import state

alert_rules = Table(
    "alert_rules",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("enabled", Integer, nullable=False, server_default="1"),
    # What is watched and whom it is told; JSON, see alerts/model.py.
    Column("config", Text, nullable=False),
    # From when on results count: since it was made, switched on, or its condition changed.
    Column("since", Integer, nullable=False),
    Column("created_by", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("alert_rules_by_project", "project_id"),
    sqlite_autoincrement=True,
)

# What a rule remembers of each thing it watches: samples, since when it is ill or well; JSON. Nothing where all is quiet.
alert_watches = Table(
    "alert_watches",
    state,
    Column("rule_id", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("memory", Text, nullable=False),
    PrimaryKeyConstraint("rule_id", "subject"),
    sqlite_with_rowid=False,
)

alert_incidents = Table(
    "alert_incidents",
    state,
    Column("id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("rule_id", Integer, nullable=False),
    # The rule's name then: an incident outlives its rule.
    Column("rule_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # A destination's or account's id; empty: the rule watches all together.
    Column("subject", Text, nullable=False),
    Column("subject_name", Text, nullable=False, server_default=""),
    Column("opened_at", Integer, nullable=False),
    Column("resolved_at", Integer),
    # How it ended: ``recovered``, ``gone`` (what it is about is), ``withdrawn`` (the rule is).
    Column("resolution", Text),
    Column("acknowledged_at", Integer),
    Column("acknowledged_by", Text),
    # When it was last told of, for reminders.
    Column("told_at", Integer, nullable=False),
    # What was seen when it began and when it ended, in words, and the numbers; JSON.
    Column("opening", Text, nullable=False),
    Column("ending", Text),
    Index("alert_incidents_by_project", "project_id", "opened_at"),
    Index(
        "alert_incidents_open",
        "rule_id",
        "subject",
        unique=True,
        sqlite_where=text("resolved_at IS NULL"),
        postgresql_where=text("resolved_at IS NULL"),
    ),
    sqlite_with_rowid=False,
)

# What is to be mailed, until it is put into a mail.
alert_notices = Table(
    "alert_notices",
    state,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("rule_id", Integer, nullable=False),
    Column("incident_id", LargeBinary, nullable=False),
    Column("recipient", Text, nullable=False),
    # ``opened``, ``resolved`` or ``reminder``, and what to say; JSON.
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Index("alert_notices_by_recipient", "rule_id", "recipient", "id"),
    sqlite_autoincrement=True,
)

# Mails. What one says never changes, so that a repetition is the same message.
alert_mails = Table(
    "alert_mails",
    state,
    Column("id", LargeBinary, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("rule_id", Integer, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    # Ids of the incidents it tells of, and of the mail that it follows; JSON.
    Column("headers", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    # When to try (again); null once it is sent or given up.
    Column("next_at", Integer),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sent_at", Integer),
    Column("error", Text, nullable=False, server_default=""),
    Index("alert_mails_by_recipient", "rule_id", "recipient", "created_at"),
    Index(
        "alert_mails_waiting",
        "next_at",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# Work that one process at a time does, and until when it has it.
leases = Table(
    "leases",
    state,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Integer, nullable=False),
    sqlite_with_rowid=False,
)
