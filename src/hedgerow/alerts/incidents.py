"""Incidents in the store. All functions are parts of a transaction on the state database."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from hedgerow.alerts.judging import Open
from hedgerow.alerts.model import Reading, Rule
from hedgerow.store import Connection

COLUMNS = """
SELECT id, project_id, rule_id, rule_name, kind, subject, subject_name, opened_at, resolved_at, resolution,
    acknowledged_at, acknowledged_by, told_at, opening, ending FROM alert_incidents
"""
OPEN = """
SELECT rule_id, subject, id, subject_name, opened_at, told_at, acknowledged_at FROM alert_incidents WHERE resolved_at IS NULL
"""
PUT = """
INSERT INTO alert_incidents (id, project_id, rule_id, rule_name, kind, subject, subject_name, opened_at, told_at, opening)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
END = "UPDATE alert_incidents SET resolved_at = ?, resolution = ?, ending = ? WHERE id = ? AND resolved_at IS NULL"
WITHDRAW = """
UPDATE alert_incidents SET resolved_at = ?, resolution = 'withdrawn' WHERE rule_id = ? AND resolved_at IS NULL
"""
TOLD = "UPDATE alert_incidents SET told_at = ? WHERE id = ?"
ACKNOWLEDGE = """
UPDATE alert_incidents SET acknowledged_at = ?, acknowledged_by = ?
WHERE id = ? AND acknowledged_at IS NULL AND resolved_at IS NULL
"""
LISTED = f"""
{COLUMNS} WHERE project_id = :project AND (:rule IS NULL OR rule_id = :rule)
AND (:open IS NULL OR (resolved_at IS NULL) = :open) ORDER BY opened_at DESC, id DESC LIMIT :limit OFFSET :offset
"""
COUNT = """
SELECT count(*) FROM alert_incidents WHERE project_id = :project AND (:rule IS NULL OR rule_id = :rule)
AND (:open IS NULL OR (resolved_at IS NULL) = :open)
"""
OPEN_BY_RULE = """
SELECT rule_id, count(*) FROM alert_incidents WHERE project_id = ? AND resolved_at IS NULL GROUP BY rule_id
"""
OPEN_COUNTS = """
SELECT acknowledged_at IS NOT NULL, count(*) FROM alert_incidents WHERE resolved_at IS NULL GROUP BY 1
"""
STALE = """
DELETE FROM alert_incidents WHERE id IN (SELECT id FROM alert_incidents WHERE resolved_at < ? LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that a rule found. Times in milliseconds."""

    id: bytes
    project_id: int
    rule_id: int
    rule_name: str
    kind: str
    subject: str
    subject_name: str
    opened_at: int
    resolved_at: int | None
    resolution: str | None
    acknowledged_at: int | None
    acknowledged_by: str | None
    told_at: int
    opening: Mapping[str, Any]
    ending: Mapping[str, Any] | None

    @property
    def uuid(self) -> str:
        """Its id as people write it."""
        return str(uuid.UUID(bytes=self.id))


def seen(reading: Reading) -> dict[str, Any]:
    """What is kept of a reading."""
    return {"text": reading.text, "value": reading.value, "evidence": dict(reading.evidence)}


def put(connection: Connection, identity: bytes, rule: Rule, reading: Reading, now: int) -> None:
    """An incident begins."""
    opening = orjson.dumps(seen(reading)).decode()
    values = (
        identity,
        rule.project_id,
        rule.id,
        rule.name,
        rule.kind,
        reading.subject,
        reading.name,
        now,
        now,
        opening,
    )
    connection.execute(PUT, values)


def end(connection: Connection, identity: bytes, reading: Reading, resolution: str, now: int) -> None:
    """An incident is over."""
    connection.execute(END, (now, resolution, orjson.dumps(seen(reading)).decode(), identity))


def withdraw(connection: Connection, rule_id: int, now: int) -> None:
    """The incidents of a rule end with it; nobody is told."""
    connection.execute(WITHDRAW, (now, rule_id))


def told(connection: Connection, identity: bytes, now: int) -> None:
    """Somebody is reminded of it."""
    connection.execute(TOLD, (now, identity))


def acknowledge(connection: Connection, identity: bytes, who: str, now: int) -> bool:
    """Somebody looks after it: no reminders any more. False: it is over, or somebody does already."""
    connection.execute(ACKNOWLEDGE, (now, who, identity))
    return connection.changes() > 0


def opened(connection: Connection) -> dict[tuple[int, str], Open]:
    """The open incidents of all rules, by rule and subject."""
    return {
        (rule_id, subject): Open(identity, name, opened_at, told_at, acknowledged_at is not None)
        for rule_id, subject, identity, name, opened_at, told_at, acknowledged_at in connection.execute(OPEN)
    }


def get(connection: Connection, project_id: int, identity: bytes) -> Incident | None:
    """An incident of a project."""
    row = connection.execute(f"{COLUMNS} WHERE id = ? AND project_id = ?", (identity, project_id)).fetchone()
    return None if row is None else _incident(row)


def listed(
    connection: Connection,
    project_id: int,
    *,
    rule_id: int | None,
    open_: bool | None,
    limit: int,
    offset: int,
) -> tuple[list[Incident], int]:
    """Incidents of a project, the newest first, and how many there are in all.

    Args:
        connection: inside a transaction.
        project_id: whose.
        rule_id: only those of a rule.
        open_: only those that are open, or only those that are over.
        limit: how many at most.
        offset: how many to leave out.
    """
    given = {"project": project_id, "rule": rule_id, "open": None if open_ is None else int(open_)}
    rows = connection.execute(LISTED, {**given, "limit": limit, "offset": offset})
    found = [_incident(row) for row in rows]
    ((count,),) = connection.execute(COUNT, given)
    return found, int(count)


def open_by_rule(connection: Connection, project_id: int) -> dict[int, int]:
    """How many incidents of each rule are open."""
    return dict(connection.execute(OPEN_BY_RULE, (project_id,)))


def open_counts(connection: Connection) -> dict[bool, int]:
    """How many incidents are open in all projects, by whether somebody looks after them."""
    found = {bool(cared_for): int(count) for cared_for, count in connection.execute(OPEN_COUNTS)}
    return {False: 0, True: 0} | found


def mails(connection: Connection, found: Collection[Incident]) -> dict[bytes, list[dict[str, Any]]]:
    """The mails that told of some incidents, oldest first: recipient, times, what went wrong."""
    rules = orjson.dumps(sorted({one.rule_id for one in found})).decode()
    since = min((one.opened_at for one in found), default=0)
    rows = connection.execute(
        "SELECT recipient, subject, headers, created_at, sent_at, next_at, attempts, error FROM alert_mails "
        "WHERE rule_id IN (SELECT value FROM json_each(?)) AND created_at >= ? ORDER BY created_at",
        (rules, since),
    )
    told: dict[bytes, list[dict[str, Any]]] = {}
    for recipient, subject, headers, created_at, sent_at, next_at, attempts, error in rows:
        mail = {
            "recipient": recipient, "subject": subject, "created_at": created_at, "sent_at": sent_at, "next_at": next_at,
            "attempts": attempts, "error": error,
        }  # fmt: skip
        for identity in orjson.loads(headers)["incidents"]:
            told.setdefault(bytes.fromhex(identity), []).append(mail)
    return told


def _incident(row: tuple[Any, ...]) -> Incident:
    *_, opening, ending = row
    values = (*row[:-2], orjson.loads(opening), None if ending is None else orjson.loads(ending))
    return Incident(*values)
