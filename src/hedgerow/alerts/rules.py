"""Rules in the store. All functions are parts of a transaction on the state database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hedgerow.alerts import incidents
from hedgerow.alerts.errors import AlertError
from hedgerow.alerts.judging import Watch
from hedgerow.alerts.model import MOST_RULES, Config, Rule
from hedgerow.store import Connection

COLUMNS = """
SELECT id, project_id, name, kind, enabled, config, since, created_by, created_at, updated_at FROM alert_rules
"""
ACTIVE = f"""
{COLUMNS} WHERE enabled = 1 AND project_id IN (SELECT id FROM projects)
AND project_id NOT IN (SELECT project_id FROM deleted_projects) ORDER BY id
"""  # noqa: S608 - our own words
PUT = """
INSERT INTO alert_rules (project_id, name, kind, enabled, config, since, created_by, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
CHANGE = "UPDATE alert_rules SET name = ?, enabled = ?, config = ?, since = ?, updated_at = ? WHERE id = ?"
COUNT = "SELECT count(*) FROM alert_rules WHERE project_id = ?"
FORGET = "DELETE FROM alert_rules WHERE id = ?"
FORGET_WATCHES = "DELETE FROM alert_watches WHERE rule_id = ?"
FORGET_NOTICES = "DELETE FROM alert_notices WHERE rule_id = ?"
WATCH = """
INSERT INTO alert_watches (rule_id, subject, memory) VALUES (?, ?, ?)
ON CONFLICT (rule_id, subject) DO UPDATE SET memory = excluded.memory
"""
FORGET_WATCH = "DELETE FROM alert_watches WHERE rule_id = ? AND subject = ?"

Totals = Mapping[str, tuple[int, int]]
"""How many deliveries of a destination (by its id as text) had succeeded and failed since the beginning."""


def add(connection: Connection, rule: Rule, totals: Totals) -> Rule:
    """Keep a new rule.

    Args:
        connection: inside a writing transaction.
        rule: without its number.
        totals: what happened so far and does not count.

    Raises:
        AlertError: the project has too many.
    """
    ((count,),) = connection.execute(COUNT, (rule.project_id,))
    if count >= MOST_RULES:
        raise AlertError(f"A project has at most {MOST_RULES} alerts.")
    values = (
        rule.project_id,
        rule.name,
        rule.kind,
        int(rule.enabled),
        rule.config.text(),
        rule.since,
        rule.created_by,
        rule.created_at,
        rule.updated_at,
    )
    ((number,),) = connection.execute(PUT, values)
    _begin(connection, number, rule, totals)
    found = get(connection, rule.project_id, number)
    assert found is not None
    return found


def change(connection: Connection, before: Rule, after: Rule, totals: Totals, now: int) -> Rule:
    """Keep what somebody changed. With another condition it begins anew; switched off, its incidents are over.

    Args:
        connection: inside a writing transaction.
        before: as it was read in this transaction.
        after: as it is to be.
        totals: what happened so far.
        now: milliseconds.
    """
    anew = before.config.condition != after.config.condition or (after.enabled and not before.enabled)
    since = now if anew else before.since
    # Whoever is deciding about the rule as it was sees that it was changed, even within the same millisecond.
    at = max(now, before.updated_at + 1)
    values = (after.name, int(after.enabled), after.config.text(), since, at, before.id)
    connection.execute(CHANGE, values)
    if anew or not after.enabled:
        incidents.withdraw(connection, before.id, now)
        connection.execute(FORGET_WATCHES, (before.id,))
    if anew:
        _begin(connection, before.id, after, totals)
    found = get(connection, before.project_id, before.id)
    assert found is not None
    return found


def remove(connection: Connection, rule: Rule, now: int) -> None:
    """Forget a rule. Its incidents end, and stay to be read; what was not mailed yet will not be."""
    incidents.withdraw(connection, rule.id, now)
    for sql in (FORGET_WATCHES, FORGET_NOTICES, FORGET):
        connection.execute(sql, (rule.id,))


def get(connection: Connection, project_id: int, number: int) -> Rule | None:
    """A rule of a project."""
    row = connection.execute(f"{COLUMNS} WHERE id = ? AND project_id = ?", (number, project_id)).fetchone()
    return None if row is None else _rule(row)


def listed(connection: Connection, project_id: int) -> list[Rule]:
    """The rules of a project, the oldest first."""
    return [
        _rule(row) for row in connection.execute(f"{COLUMNS} WHERE project_id = ? ORDER BY id", (project_id,))
    ]


def active(connection: Connection) -> list[Rule]:
    """All rules that are on, of projects that are there."""
    return [_rule(row) for row in connection.execute(ACTIVE)]


def watches(connection: Connection) -> dict[tuple[int, str], Watch]:
    """What rules remember."""
    rows = connection.execute("SELECT rule_id, subject, memory FROM alert_watches")
    return {(rule_id, subject): Watch.remembered(memory) for rule_id, subject, memory in rows}


def remember(connection: Connection, watched: Iterable[tuple[int, str, str]]) -> None:
    """Keep what rules remember: number of the rule, subject, memory; an empty memory is forgotten."""
    for rule_id, subject, memory in watched:
        if memory:
            connection.execute(WATCH, (rule_id, subject, memory))
        else:
            connection.execute(FORGET_WATCH, (rule_id, subject))


def _begin(connection: Connection, number: int, rule: Rule, totals: Totals) -> None:
    """What was counted before does not count. Whatever has no memory of its own began at nothing."""
    if rule.config.window_s is None:
        return
    counted = dict(totals)
    if rule.config.together:
        counted = {"": (sum(good for good, _ in totals.values()), sum(bad for _, bad in totals.values()))}
    fresh = (
        (subject, Watch(samples=[(rule.since, *counts)]))
        for subject, counts in counted.items()
        if any(counts)
    )
    remember(connection, ((number, subject, watch.text()) for subject, watch in fresh))


def _rule(row: tuple[Any, ...]) -> Rule:
    number, project_id, name, kind, enabled, config, *rest = row
    return Rule(number, project_id, name, kind, bool(enabled), Config.stored(config), *rest)
