"""Runs: re-runs of deliveries, replays of events and ticks of schedules, as rows of the store.

All functions are parts of a transaction. A run goes through these states: ``running`` and ``paused``, back and forth; ``cancelling``
while what it had selected is taken back; and in the end ``done`` or ``cancelled``, with the count of its verdicts.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from hedgerow.delivery.identity import ORIGINAL, text
from hedgerow.delivery.invocation import OPEN
from hedgerow.destinations.model import new_id
from hedgerow.store import Connection

RERUN: Final = "rerun"
REPLAY: Final = "replay"
SCHEDULE: Final = "schedule"
KINDS: Final = (RERUN, REPLAY, SCHEDULE)
RUNNING: Final = "running"
PAUSED: Final = "paused"
CANCELLING: Final = "cancelling"
DONE: Final = "done"
CANCELLED: Final = "cancelled"

COLUMNS = "id, project_id, kind, destination_id, wanted, key, dry_run, rate, state, total, counts, author, created_at, finished_at"
START = """
INSERT INTO replays (id, project_id, kind, destination_id, wanted, digest, key, dry_run, rate, state, author, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?)
"""
PLACE = "INSERT INTO replay_places (replay_id, partition) VALUES (?, ?)"
FIND = f"SELECT {COLUMNS} FROM replays WHERE project_id = ? AND id = ?"  # noqa: S608 - our own names
BY_KEY = f"SELECT {COLUMNS}, digest FROM replays WHERE project_id = ? AND key = ?"  # noqa: S608
SAME = f"""
SELECT {COLUMNS} FROM replays
WHERE finished_at IS NULL AND project_id = ? AND digest = ? AND dry_run = 0 ORDER BY created_at LIMIT 1
"""  # noqa: S608
LIST = f"""
SELECT {COLUMNS} FROM replays WHERE project_id = :project AND dry_run = 0
AND (:kind IS NULL OR kind = :kind) AND (:owner IS NULL OR destination_id = :owner)
ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset
"""  # noqa: S608
BUSY = f"""
SELECT {COLUMNS} FROM replays
WHERE finished_at IS NULL AND project_id = ? AND kind = ? AND destination_id = ? AND dry_run = 0 LIMIT 1
"""  # noqa: S608
UNFINISHED = f"SELECT {COLUMNS} FROM replays WHERE finished_at IS NULL ORDER BY created_at, id"  # noqa: S608
STATE = """
UPDATE replays SET state = :new WHERE id = :id AND state IN (SELECT value FROM json_each(:old)) RETURNING 1
"""
GOES_ON = "SELECT 1 FROM replays WHERE id = ? AND state = 'running'"
TOTAL = "UPDATE replays SET total = ? WHERE id = ?"
FINISH = "UPDATE replays SET state = ?, counts = ?, finished_at = ? WHERE id = ? AND finished_at IS NULL"
FORGET_PLACES = "DELETE FROM replay_places WHERE replay_id = ?"
FORGET_DRY = "DELETE FROM replays WHERE dry_run = 1 AND created_at < ?"
PLACES = "SELECT partition, cursor, done, counts FROM replay_places WHERE replay_id = ?"
MOVE = "UPDATE replay_places SET cursor = ?, done = ?, counts = ? WHERE replay_id = ? AND partition = ?"
VERDICTS = "SELECT verdict, count(*) FROM deliveries WHERE run = ? AND run <> '' GROUP BY verdict"
ANY_OPEN = "SELECT 1 FROM deliveries WHERE run = ? AND run <> '' AND verdict = ? LIMIT 1"
# What selecting counts beside what it selected: why something was left out.
LOOKED_AT: Final = "looked_at"
SELECTED: Final = "selected"
AS_IT_WAS: Final = "as_it_was"
AS_IT_IS: Final = "as_it_is"


class RunUnderWay(Exception):
    """The same selection is being run already; ``run`` tells by which run."""

    def __init__(self, run: Run) -> None:
        super().__init__(
            f"This selection is being run already, by run {text(run.id)}. Wait until it is over, or cancel it."
        )
        self.run = run


class KeyTaken(Exception):
    """The idempotency key belongs to a run that wanted something else."""


@dataclass(frozen=True, slots=True)
class Run:
    """One order to run something again.

    Attributes:
        id: 16 bytes.
        project_id: whose.
        kind: ``rerun``, ``replay`` or ``schedule``.
        destination_id: whose deliveries; None when they may be several destinations'.
        wanted: what was asked for, as ``Selection``, ``Span`` or ``Tick`` writes it.
        key: the idempotency key it came with.
        dry_run: only count.
        rate: deliveries a second of each destination; None for the default.
        state: see the module.
        total: how many rows or events there are to look at, None while that is not known.
        counts: once it is over, deliveries by verdict and what was left out.
        author: who asked for it.
        created_at: milliseconds.
        finished_at: likewise, None while it is not over.
    """

    id: bytes
    project_id: int
    kind: str
    destination_id: bytes | None
    wanted: Mapping[str, Any]
    key: str | None
    dry_run: bool
    rate: float | None
    state: str
    total: int | None
    counts: Mapping[str, Mapping[str, int]]
    author: str | None
    created_at: int
    finished_at: int | None

    @property
    def name(self) -> str:
        """What its deliveries have in the column ``run``, and their ids are made with."""
        return text(self.id) + (ORIGINAL if self.wanted.get("revision") == "original" else "")

    @property
    def home(self) -> int:
        """A number that stands for it where one partition's owner has to see to something."""
        return int.from_bytes(self.id[-8:], "big")


@dataclass(frozen=True, slots=True)
class Place:
    """How far selecting has come in a partition, and what it counted there."""

    partition: int
    cursor: str | None = None
    done: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        looked_at: rows or events that were looked at.
        selected: how many of them are run, or would be.
        left_out: the others, by reason.
        persons: of how many of them the ledger had the person ``as_it_was``, and of how many it is ``as_it_is`` now.
        verdicts: what became of the selected ones so far.
        selecting: whether there is more to look at.
    """

    looked_at: int
    selected: int
    left_out: Mapping[str, int]
    persons: Mapping[str, int]
    verdicts: Mapping[str, int]
    selecting: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What a new run is to be; the attributes are those of ``Run``."""

    project_id: int
    kind: str
    wanted: Mapping[str, Any]
    destination_id: bytes | None = None
    key: str | None = None
    dry_run: bool = False
    rate: float | None = None
    author: str | None = None
    same_as: Mapping[str, Any] | None = None
    """What tells the same selection; ``wanted`` where that is not given."""

    @property
    def digest(self) -> bytes:
        """The same for the same selection."""
        told = [self.kind, text(self.destination_id or bytes(16)), self.same_as or self.wanted]
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def start(
    connection: Connection, order: Order, *, partitions: int, now: int, randomness: bytes
) -> tuple[Run, bool]:
    """Begin a run.

    Args:
        connection: inside a writing transaction.
        order: what it is to be.
        partitions: how many there are. A replay is selected by all owners, each in its own partitions, others by one.
        now: milliseconds.
        randomness: ten bytes for its id.

    Returns:
        The run, and whether it is new: an order with a known key is the run that it was the first time.

    Raises:
        KeyTaken: the key belongs to another order.
        RunUnderWay: without a key: the same selection is being run already.
    """
    if order.key is not None:
        row = connection.execute(BY_KEY, (order.project_id, order.key)).fetchone()
        if row is not None:
            if row[-1] != order.digest:
                raise KeyTaken(
                    f"The idempotency key {order.key!r} belongs to a run that wanted something else."
                )
            return _run(row[:-1]), False
    elif not order.dry_run:
        row = connection.execute(SAME, (order.project_id, order.digest)).fetchone()
        if row is not None:
            raise RunUnderWay(_run(row))
    identity = uuid.UUID(new_id(now, randomness)).bytes
    values = (
        identity, order.project_id, order.kind, order.destination_id, orjson.dumps(order.wanted).decode(), order.digest,
        order.key, order.dry_run, order.rate, order.author, now,
    )  # fmt: skip
    connection.execute(START, values)
    found = find(connection, order.project_id, identity)
    assert found is not None
    selecting = range(partitions) if order.kind == REPLAY else [found.home % partitions]
    connection.executemany(PLACE, [(identity, partition) for partition in selecting])
    return found, True


def find(connection: Connection, project_id: int, run_id: bytes) -> Run | None:
    """A run of a project, or None."""
    row = connection.execute(FIND, (project_id, run_id)).fetchone()
    return _run(row) if row else None


def listed(
    connection: Connection,
    project_id: int,
    *,
    kind: str | None = None,
    destination_id: bytes | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[Run]:
    """Runs of a project, newest first; those that only counted are left out."""
    given = {"project": project_id, "kind": kind, "owner": destination_id, "limit": limit, "offset": offset}
    return [_run(row) for row in connection.execute(LIST, given)]


def unfinished(connection: Connection) -> list[Run]:
    """All runs that are not over, oldest first."""
    return [_run(row) for row in connection.execute(UNFINISHED)]


def under_way(connection: Connection, project_id: int, kind: str, destination_id: bytes) -> Run | None:
    """A run of a kind that a destination is not through with."""
    row = connection.execute(BUSY, (project_id, kind, destination_id)).fetchone()
    return _run(row) if row else None


def pause(connection: Connection, run: Run) -> bool:
    """Select and send nothing more for now; what is under way ends as it does. Whether that changes anything."""
    return _change(connection, run, PAUSED, RUNNING)


def resume(connection: Connection, run: Run) -> bool:
    """Go on after a pause. Whether that changes anything."""
    return _change(connection, run, RUNNING, PAUSED)


def cancel(connection: Connection, run: Run) -> bool:
    """Send nothing more, and discard what waits. Whether that changes anything."""
    return _change(connection, run, CANCELLING, RUNNING, PAUSED)


def _change(connection: Connection, run: Run, new: str, *old: str) -> bool:
    given = {"id": run.id, "new": new, "old": orjson.dumps(old).decode()}
    return connection.execute(STATE, given).fetchone() is not None


def goes_on(connection: Connection, run: Run) -> bool:
    """Whether nobody has paused, cancelled or ended a run."""
    return connection.execute(GOES_ON, (run.id,)).fetchone() is not None


def expect(connection: Connection, run: Run, total: int) -> None:
    """Note how many there are to look at."""
    connection.execute(TOTAL, (total, run.id))


def finish(connection: Connection, run: Run, now: int) -> None:
    """End a run: keep its count, since rows of the ledger do not stay for ever."""
    reached = progress(connection, run)
    counts = {
        "selection": {
            LOOKED_AT: reached.looked_at,
            SELECTED: reached.selected,
            **reached.left_out,
            **reached.persons,
        },
        "verdicts": dict(reached.verdicts),
    }
    state = CANCELLED if run.state == CANCELLING else DONE
    connection.execute(FINISH, (state, orjson.dumps(counts).decode(), now, run.id))
    connection.execute(FORGET_PLACES, (run.id,))


def forget_dry_runs(connection: Connection, before: int) -> None:
    """Throw away what counted once and was not asked about again."""
    connection.execute(FORGET_DRY, (before,))


def is_open(connection: Connection, run: Run) -> bool:
    """Whether deliveries of a run are not final yet."""
    return any(connection.execute(ANY_OPEN, (run.name, verdict)).fetchone() for verdict in sorted(OPEN))


def places(connection: Connection, run: Run) -> list[Place]:
    """How far selecting has come, by partition."""
    return [
        Place(partition, cursor, bool(done), orjson.loads(counts))
        for partition, cursor, done, counts in connection.execute(PLACES, (run.id,))
    ]


def move(
    connection: Connection, run: Run, place: Place, *, cursor: str | None, done: bool, counts: Counter[str]
) -> Place:
    """Note how far selecting has come, in the transaction that writes what it selected; the place as it is then."""
    summed = Counter(place.counts) + counts
    connection.execute(
        MOVE, (cursor, done, orjson.dumps(dict(summed)).decode(), run.id, place.partition)
    )  # fmt: skip
    return Place(place.partition, cursor, done, summed)


def progress(connection: Connection, run: Run) -> Progress:
    """How far a run has come."""
    if run.finished_at is not None:
        return _progress(Counter(run.counts["selection"]), run.counts["verdicts"], selecting=False)
    found = places(connection, run)
    selection: Counter[str] = Counter()
    for place in found:
        selection.update(place.counts)
    verdicts: dict[str, int] = {row[0]: row[1] for row in connection.execute(VERDICTS, (run.name,))}
    return _progress(selection, verdicts, selecting=not all(place.done for place in found))


def _progress(selection: Counter[str], verdicts: Mapping[str, int], *, selecting: bool) -> Progress:
    persons = {name: selection.pop(name, 0) for name in (AS_IT_WAS, AS_IT_IS)}
    left_out = {name: n for name, n in selection.items() if n and name not in {LOOKED_AT, SELECTED}}
    return Progress(selection[LOOKED_AT], selection[SELECTED], left_out, persons, verdicts, selecting)


def _run(row: Sequence[Any]) -> Run:
    (
        identity, project_id, kind, destination_id, wanted, key, dry_run, rate, state, total, counts, author, created_at,
        finished_at,
    ) = row  # fmt: skip
    kept = orjson.loads(counts) if counts else {}
    return Run(
        identity, project_id, kind, destination_id, orjson.loads(wanted), key, bool(dry_run), rate, state, total, kept,
        author, created_at, finished_at,
    )  # fmt: skip
