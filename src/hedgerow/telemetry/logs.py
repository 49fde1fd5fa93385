"""Reading log lines of destinations."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from hedgerow.store import Connection
from hedgerow.telemetry.batch import Line

_READ = "SELECT project_id, destination_id, delivery_id, at, level, message FROM log_entries WHERE "
_PAGE = " ORDER BY at DESC, id DESC LIMIT :limit OFFSET :offset"
# Nobody reads through more pages than that; counting half a million lines for a number nobody needs takes long.
COUNTED = 10_000

# How each condition reads in SQL. The plus keeps SQLite from choosing the index of a destination for lines of one delivery.
_CONDITIONS = {
    "destination": "destination_id = :destination",
    "after": "at > :after",
    "before": "at < :before",
    "levels": "level IN (SELECT value FROM json_each(:levels))",
    "search": "message LIKE :search ESCAPE '\\'",
    "instance": "delivery_id = :instance",
}
# As literals: an index that holds such lines alone is used when the statement asks for no others in so many words.
TROUBLE = frozenset({"warn", "error"})
_TROUBLED = "level IN ('warn', 'error')"

Binding = dict[str, int | str | bytes]


def read_logs(
    conn: Connection,
    destination_id: bytes,
    *,
    after: int | None = None,
    before: int | None = None,
    levels: Sequence[str] = (),
    search: str | None = None,
    instance_id: bytes | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Line]:
    """Log lines of a destination, the newest first.

    Args:
        conn: on the telemetry file.
        destination_id: whose lines.
        after: only lines later than this many milliseconds since the epoch.
        before: only lines earlier than this.
        levels: only these, in whatever case; all when empty.
        search: only lines that contain this, whatever the case of ASCII letters.
        instance_id: only lines of this delivery.
        limit: how many at most.
        offset: how many to leave out at the start.
    """
    bound = _binding(destination_id, after, before, levels, search, instance_id)
    statement = _READ + _where(bound, levels) + _PAGE
    return [Line(*row) for row in conn.execute(statement, {**bound, "limit": limit, "offset": offset})]


def count_logs(
    conn: Connection,
    destination_id: bytes,
    *,
    after: int | None = None,
    before: int | None = None,
    levels: Sequence[str] = (),
    search: str | None = None,
    instance_id: bytes | None = None,
    most: int = COUNTED,
) -> int:
    """How many lines ``read_logs`` would find without a limit; counting stops at ``most``."""
    bound = _binding(destination_id, after, before, levels, search, instance_id)
    statement = f"SELECT count(*) FROM (SELECT 1 FROM log_entries WHERE {_where(bound, levels)} LIMIT :most)"  # noqa: S608
    ((found,),) = conn.execute(statement, {**bound, "most": most})
    return int(found)


def _where(bound: Binding, levels: Sequence[str]) -> str:
    """The conditions that are set."""
    chosen = [_CONDITIONS[name] for name in bound]
    if "instance" in bound:
        chosen[0] = f"+{chosen[0]}"
    elif levels and TROUBLE.issuperset(level.lower() for level in levels):
        chosen.append(_TROUBLED)
    return " AND ".join(chosen)


def _binding(
    destination: bytes,
    after: int | None,
    before: int | None,
    levels: Sequence[str],
    search: str | None,
    instance: bytes | None,
) -> Binding:
    given: dict[str, int | str | bytes | None] = {
        "destination": destination,
        "after": after,
        "before": before,
        "levels": orjson.dumps([level.lower() for level in levels]).decode() if levels else None,
        "search": _like(search) if search else None,
        "instance": instance,
    }
    return {name: value for name, value in given.items() if value is not None}


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
