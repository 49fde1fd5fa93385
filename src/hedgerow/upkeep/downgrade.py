"""The way back to an earlier release: what it does not know is ended in a way that it understands, then its schema is restored.

An earlier release must not misread what a later one left: a destination that fires by schedule there would be one that takes
every event here. So such destinations are switched off first, and verdicts that came later get the nearest one that was there before.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hedgerow.delivery import standby
from hedgerow.serve.folder import DataFolder, FolderError
from hedgerow.store import Connection, StoreError
from hedgerow.store.database import transact
from hedgerow.store.migrate import SCHEMAS, downgrade_file, known, migrate_file, revision_of
from hedgerow.upkeep.errors import UpkeepError
from hedgerow.upkeep.snapshot import opened

AUTHOR: Final = "hedgerow downgrade"


@dataclass(frozen=True, slots=True)
class Release:
    """An earlier release, as far as stepping back to it needs to be known.

    Attributes:
        schema: the revision of each schema.
        fields: parts of a destination's configuration that came later and change what it does.
        verdicts: of deliveries, those that it knows.
        runs: the kinds of runs that it knows.
    """

    schema: Mapping[str, str]
    fields: tuple[str, ...]
    verdicts: tuple[str, ...]
    runs: tuple[str, ...]


RELEASES: Final[Mapping[str, Release]] = {
    "0.1.0": Release(
        {"state": "0001", "telemetry": "0001"},
        ("threshold", "digest", "schedule"),
        (
            "delivered", "failed", "masked", "digested", "duplicate", "expired", "discarded", "superseded",
            "running", "retrying", "held", "scheduled",
        ),
        ("rerun", "replay"),
    )
}  # fmt: skip


@dataclass(slots=True)
class Losses:
    """What an earlier release cannot have.

    Attributes:
        destinations: names of those that are switched off, because it would take them for something else.
        discarded: deliveries that are open and can only be thrown away.
        renamed: deliveries whose verdict it does not know; they become ``masked``.
        runs: runs of a kind that it does not know.
        rows: of tables that it does not have, by table.
    """

    destinations: list[str] = field(default_factory=list)
    discarded: int = 0
    renamed: int = 0
    runs: int = 0
    rows: dict[str, int] = field(default_factory=dict)


LATER: Final = """
SELECT d.id, d.revision, d.name FROM destinations d
JOIN destination_revisions r ON r.destination_id = d.id AND r.number = d.revision
WHERE d.deleted = 0 AND d.enabled = 1
AND EXISTS (SELECT 1 FROM json_each(r.config) f JOIN json_each(?) w ON w.value = f.key WHERE f.type <> 'null')
ORDER BY d.name
"""
SWITCHED_OFF: Final = """
INSERT INTO destination_revisions (destination_id, number, config, secrets, author, message, created_at)
SELECT destination_id, number + 1, json_set(config, '$.enabled', json('false')), secrets, ?, ?, ?
FROM destination_revisions WHERE destination_id = ? AND number = ?
"""
OFF: Final = "UPDATE destinations SET enabled = 0, revision = revision + 1, updated_at = max(updated_at + 1, ?) WHERE id = ?"
# What was gathered for a digest that was not sent yet, and what has no record in the log.
GATHERED: Final = """
verdict = 'digested' AND id IN (
    SELECT c.delivery_id FROM delivery_carriers c JOIN deliveries d ON d.id = c.carrier_id
    WHERE d.verdict IN ('running', 'retrying', 'held', 'scheduled')
)
"""
RECORDLESS: Final = "position < 0 AND verdict IN ('running', 'retrying', 'held', 'scheduled')"
UNKNOWN: Final = "verdict NOT IN (SELECT value FROM json_each(?))"
END: Final = "UPDATE deliveries SET verdict = ?, error = ?, next_at = NULL, journal = NULL WHERE "
OTHER_RUNS: Final = "kind NOT IN (SELECT value FROM json_each(?))"
TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def plan(folder: Path, release: str) -> Losses:
    """What would be lost by stepping back to a release; nothing is changed.

    Raises:
        UpkeepError: there is no such way.
    """
    target = _release(folder, release)
    kept = _tables_of(target)
    with opened(folder / "state.db") as connection:
        _refuse_standby(connection)
        if revision_of(connection) == target.schema["state"]:
            return Losses()
        found = Losses(
            [str(name) for _, _, name in _later(connection, target)],
            _count(connection, f"{GATHERED} OR {RECORDLESS}"),
            _count(connection, UNKNOWN, target.verdicts),
            _count(connection, OTHER_RUNS, target.runs, table="replays"),
        )
        gone = [str(name) for (name,) in connection.execute(TABLES) if name not in kept]
        rows = {name: _count(connection, "1", table=name) for name in sorted(gone)}
        found.rows = {name: count for name, count in rows.items() if count}
        return found


def step_back(folder: Path, release: str, now: int) -> None:
    """Bring a data folder to the schema of an earlier release. No server may use it meanwhile.

    Args:
        folder: the data folder.
        release: its version.
        now: milliseconds since the epoch.

    Raises:
        UpkeepError: it is in use, damaged, or there is no such way.
    """
    target = _release(folder, release)
    try:
        held = DataFolder(folder)
    except FolderError as error:
        raise UpkeepError(str(error)) from error
    try:
        with opened(folder / "state.db") as connection:
            _refuse_standby(connection)
            if revision_of(connection) != target.schema["state"]:
                transact(connection, lambda c: _unlearn(c, target, release, now))
        for schema in SCHEMAS:
            downgrade_file(folder / f"{schema}.db", schema, target.schema[schema])
    except StoreError as error:
        raise UpkeepError(str(error)) from error
    finally:
        held.close()


def _release(folder: Path, release: str) -> Release:
    """What is known of a release that there is a way to from this folder."""
    if release not in RELEASES:
        raise UpkeepError(f"There is no way to {release} from here. Known: {', '.join(RELEASES)}.")
    if not (folder / "state.db").exists():
        raise UpkeepError(f"{folder} is no data folder of a server that has run. Name it with --data-dir.")
    for schema in SCHEMAS:
        with opened(folder / f"{schema}.db") as connection:
            if revision_of(connection) not in known(schema):
                raise UpkeepError(
                    f"{folder} was made by a newer release of Hedgerow. Step back with that one."
                )
    return RELEASES[release]


def _refuse_standby(connection: Connection) -> None:
    if standby.since(connection) is not None:
        raise UpkeepError(
            "The instance stands by, which an earlier release does not know: it would send. "
            "Run 'hedgerow standby off' first if it may."
        )


def _tables_of(release: Release) -> set[str]:
    """The tables that a release has."""
    with tempfile.TemporaryDirectory() as stage:
        path = Path(stage) / "state.db"
        migrate_file(path, "state", revision=release.schema["state"])
        with opened(path) as connection:
            return {str(name) for (name,) in connection.execute(TABLES)}


def _later(connection: Connection, release: Release) -> list[Any]:
    """Destinations that are on and that the release would take for something else."""
    return connection.execute(LATER, (json.dumps(release.fields),)).fetchall()


def _count(
    connection: Connection, where: str, values: Sequence[str] = (), *, table: str = "deliveries"
) -> int:
    given = (json.dumps(values),) if values else ()
    return int(connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", given).get)  # noqa: S608 - our own words


def _unlearn(connection: Connection, release: Release, version: str, now: int) -> None:
    """End what the release does not know, in a way that it understands."""
    for identity, revision, _ in _later(connection, release):
        why = f"Switched off: release {version} does not know all of its configuration."
        connection.execute(SWITCHED_OFF, (AUTHOR, why, now, identity, revision))
        connection.execute(OFF, (now, identity))
    connection.execute(
        f"{END}{GATHERED}", ("discarded", f"Gathered for a digest, which release {version} does not have.")
    )
    connection.execute(
        f"{END}{RECORDLESS}", ("discarded", f"Made by a schedule, which release {version} does not have.")
    )
    unknown = (f"Passed over in a way that release {version} does not know.", json.dumps(release.verdicts))
    connection.execute(f"{END}{UNKNOWN}", ("masked", *unknown))
    connection.execute(f"DELETE FROM replays WHERE {OTHER_RUNS}", (json.dumps(release.runs),))  # noqa: S608 - our own words
    connection.execute("DELETE FROM replay_places WHERE replay_id NOT IN (SELECT id FROM replays)")
