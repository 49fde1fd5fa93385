"""Forgetting a person."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from hedgerow.store import Connection

ALL_IDS = """
SELECT d.distinct_id FROM persons p JOIN person_distinct_ids d ON d.person_id = p.id
WHERE p.project_id = ? AND p.uuid = ? ORDER BY d.distinct_id
"""
_STATEMENTS = (
    "DELETE FROM person_distinct_ids WHERE person_id IN (SELECT id FROM persons WHERE project_id = ? AND uuid = ?)",
    "DELETE FROM persons WHERE project_id = ? AND uuid = ?",
)
_PERSONLESS = "DELETE FROM personless_distinct_ids WHERE project_id = ? AND distinct_id = ?"
# Samples are texts; an id stands in them as JSON writes it.
_SAMPLES = "UPDATE ingestion_warnings SET sample = '{}' WHERE project_id = ? AND instr(sample, ?)"


def all_distinct_ids(connection: Connection, project_id: int, identity: bytes) -> list[str]:
    """Every id that stands for a person; none when there is no such person."""
    return [str(name) for (name,) in connection.execute(ALL_IDS, (project_id, identity))]


def forget_person(connection: Connection, project_id: int, identity: bytes) -> None:
    """Delete a person and the ids that stand for them; whoever comes with one of these ids later is new.

    Args:
        connection: inside a writing transaction.
        project_id: whose person.
        identity: the person's uuid.
    """
    for distinct_id in all_distinct_ids(connection, project_id, identity):
        connection.execute(_PERSONLESS, (project_id, distinct_id))
    for statement in _STATEMENTS:
        connection.execute(statement, (project_id, identity))


def forget_samples(connection: Connection, project_id: int, distinct_ids: Iterable[str]) -> None:
    """Empty the samples of warnings that name one of some ids; how often something was warned of stays."""
    for distinct_id in distinct_ids:
        connection.execute(_SAMPLES, (project_id, orjson.dumps(distinct_id).decode()))
