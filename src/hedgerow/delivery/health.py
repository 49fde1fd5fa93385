"""The health of destinations in the store: reading it, changing it, and telling their owners.

A change is one transaction: the new state, a log line of the destination with the evidence, and an event in the outbox.
All functions are parts of a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from hedgerow.delivery import gates
from hedgerow.delivery.internal import STATE_CHANGED, WARNED, emit
from hedgerow.delivery.watcher import HEALTHY, Health, Step, Tally, reopened
from hedgerow.store import Connection
from hedgerow.telemetry import Batch, put

READ = "SELECT state, since, memory, evidence, probe_id FROM destination_health WHERE destination_id = ?"
READ_SOME = """
SELECT destination_id, state, since, memory, evidence FROM destination_health
WHERE destination_id IN (SELECT unhex(value) FROM json_each(?))
"""
WRITE = """
INSERT INTO destination_health (destination_id, project_id, state, since, evidence, memory)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (destination_id) DO UPDATE SET state = excluded.state, since = excluded.since, evidence = excluded.evidence,
    memory = excluded.memory, probe_id = NULL, probe_until = NULL
"""
FORGET = "DELETE FROM destination_health WHERE destination_id = ?"
ABOUT = "SELECT project_id, name, type FROM destinations WHERE id = ?"
PROBE = "UPDATE destination_health SET probe_id = ?, probe_until = ? WHERE destination_id = ?"

PUT_DELTA = "INSERT INTO health_deltas (home, destination_id, body) VALUES (?, ?, ?)"
DELTAS = """
SELECT seq, destination_id, body FROM health_deltas WHERE home IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT 1000
"""
FORGET_DELTA = "DELETE FROM health_deltas WHERE seq = ?"

WELL: Final = Health()


@dataclass(frozen=True, slots=True)
class Standing:
    """A destination's health as people read it."""

    health: Health
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Delta:
    """What was seen of one destination since the last report: results, and how a probe went (None: no probe)."""

    tally: Tally = field(default_factory=Tally)
    probe: bool | None = None

    def add(self, other: Delta) -> None:
        """Take in another report."""
        self.tally += other.tally
        self.probe = self.probe if other.probe is None else other.probe


def home_of(destination_id: bytes, partitions: int) -> int:
    """The partition whose owner watches a destination: locks of partitions decide, no lease of its own is needed."""
    return int.from_bytes(destination_id[-8:], "big") % partitions


def read(connection: Connection, destination_id: bytes) -> tuple[Health, bytes | None]:
    """The state of a destination and the probe that is under way."""
    row = connection.execute(READ, (destination_id,)).fetchone()
    if row is None:
        return WELL, None
    state, since, memory, _, probe = row
    return Health.remembered(state, since, memory), probe


def standings(connection: Connection, destination_ids: Iterable[bytes]) -> dict[bytes, Standing]:
    """The health of some destinations; one that is not in the answer is healthy."""
    wanted = orjson.dumps([one.hex() for one in destination_ids]).decode()
    return {
        destination_id: Standing(Health.remembered(state, since, memory), orjson.loads(evidence))
        for destination_id, state, since, memory, evidence in connection.execute(READ_SOME, (wanted,))
    }


def take_step(
    connection: Connection,
    destination_id: bytes,
    step: Step,
    *,
    home: int,
    now: int,
    evidence: Mapping[str, Any] | None = None,
) -> bool:
    """Write a decision of the watcher, and tell it.

    Args:
        connection: inside a writing transaction.
        destination_id: whose health it is about.
        step: the decision.
        home: the partition whose owner brings the event into the log.
        now: milliseconds.
        evidence: what led to it.

    Returns:
        Whether the destination still exists; nothing is written otherwise.
    """
    row = connection.execute(ABOUT, (destination_id,)).fetchone()
    if row is None:
        return False
    project_id, name, kind = row
    before, _ = read(connection, destination_id)
    found = {"reason": step.reason, **(evidence or {})}
    _keep(connection, destination_id, project_id, step, found)
    gates.touch(connection)
    if step.reason:
        line(connection, project_id, destination_id, now, _level(step), f"{name}: {step.reason}")
    if step.kind == "note":
        return True
    properties = {
        "destination_name": name,
        "destination_type": kind,
        "previous_state": before.state,
        "state": step.health.state,
        "reason": step.reason,
        "evidence": evidence or {},
    }
    what = STATE_CHANGED if step.kind == "change" else WARNED
    emit(
        connection,
        home=home,
        project_id=project_id,
        subject=destination_id,
        name=what,
        properties=properties,
        now=now,
    )
    return True


def _keep(
    connection: Connection, destination_id: bytes, project_id: int, step: Step, evidence: Mapping[str, Any]
) -> None:
    """Write the state; the evidence of an earlier change stays when this is only something to be remembered."""
    health = step.health
    if health.state == HEALTHY and not health.quarantines:
        connection.execute(FORGET, (destination_id,))
        return
    kept = orjson.dumps(evidence).decode()
    if step.kind == "note":
        row = connection.execute(READ, (destination_id,)).fetchone()
        kept = row[3] if row else kept
    connection.execute(WRITE, (destination_id, project_id, health.state, health.since, kept, health.memory()))


def _level(step: Step) -> str:
    """Everything that an owner should hear of is a warning, a recovery included."""
    return "info" if step.kind == "note" else "warn"


def line(
    connection: Connection, project_id: int, destination_id: bytes, now: int, level: str, message: str
) -> None:
    """Write a log line of a destination that is about no single delivery."""
    batch = Batch()
    batch.line(project_id, destination_id, None, now, level, message)
    put(connection, batch)


def saved(connection: Connection, destination_id: bytes, *, home: int, now: int) -> None:
    """A person saved a destination that is on: quarantine and disablement end, it is watched anew as degraded."""
    before, _ = read(connection, destination_id)
    step = reopened(before, now)
    if step is not None:
        take_step(connection, destination_id, step, home=home, now=now, evidence={"by": "a person"})


def start_probe(connection: Connection, destination_id: bytes, delivery_id: bytes, until: int) -> None:
    """Let one held delivery through."""
    connection.execute(PROBE, (delivery_id, until, destination_id))
    gates.touch(connection)


# ------------------------------------------------------------------ deltas


def report(connection: Connection, deltas: Mapping[bytes, Delta], partitions: int) -> None:
    """Leave what was seen for the worker that watches the destination."""
    connection.executemany(
        PUT_DELTA,
        [
            (home_of(owner, partitions), owner, orjson.dumps([asdict(delta.tally), delta.probe]).decode())
            for owner, delta in deltas.items()
        ],
    )


def reported(connection: Connection, homes: str) -> tuple[list[int], dict[bytes, Delta]]:
    """What other workers saw of our destinations: the rows to delete and their sums."""
    rows: list[int] = []
    found: dict[bytes, Delta] = {}
    for seq, owner, body in connection.execute(DELTAS, (homes,)):
        tally, probe = orjson.loads(body)
        rows.append(seq)
        found.setdefault(owner, Delta()).add(Delta(Tally(**tally), probe))
    return rows, found


def forget_reports(connection: Connection, rows: Iterable[int]) -> None:
    """Delete reports that were taken in."""
    connection.executemany(FORGET_DELTA, [(seq,) for seq in rows])
