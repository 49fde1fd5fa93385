"""Reading log lines of destinations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from hedgerow.store import Connection
from hedgerow.telemetry.batch import Line

_READ = "SELECT project_id, destination_id, delivery_id, at, level, message FROM log_entries WHERE "
_NEWEST = " ORDER BY at DESC, id DESC "
_PAGE = _NEWEST + "LIMIT :limit OFFSET :offset"
_CHOSEN = "id IN (SELECT value FROM json_each(:ids))" + _NEWEST  # noqa: S608 - our own words
# Nobody reads through more pages than that; counting half a million lines for a number nobody needs takes long.
COUNTED = 10_000
# A text is in no index. A search looks through so many lines at a time, which takes about 30 ms, and goes on when asked to.
SEARCHED = 50_000

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


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came upon.

    Attributes:
        lines: those on the page, the newest first.
        count: how many lines there are with the text, among those that were looked through.
        edge: the time of the oldest line that was looked through, when there may be older ones.
    """

    lines: list[Line]
    count: int
    edge: int | None


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


def search_logs(
    conn: Connection,
    destination_id: bytes,
    search: str,
    *,
    after: int | None = None,
    before: int | None = None,
    levels: Sequence[str] = (),
    limit: int = 50,
    offset: int = 0,
    most: int = SEARCHED,
) -> Found:
    """Log lines with a text, the newest first, among about ``most`` lines: whole milliseconds are looked through.

    Args:
        conn: on the telemetry file.
        destination_id: whose lines.
        search: what they contain, whatever the case of ASCII letters.
        after: only lines later than this many milliseconds since the epoch.
        before: only lines earlier than this.
        levels: only these, in whatever case; all when empty.
        limit: how many at most.
        offset: how many to leave out at the start.
        most: how many lines to look through; those before them are for another search, with ``before``.
    """
    bound = _binding(destination_id, after, before, levels, None, None)
    statement = f"SELECT at FROM log_entries WHERE {_where(bound, levels)}{_NEWEST}LIMIT 1 OFFSET :most"  # noqa: S608
    edge = next((at for (at,) in conn.execute(statement, {**bound, "most": most})), None)
    bound = _binding(destination_id, after if edge is None else edge - 1, before, levels, search, None)
    statement = f"SELECT id FROM log_entries WHERE {_where(bound, levels)}{_NEWEST}LIMIT :counted"  # noqa: S608
    ids = [one for (one,) in conn.execute(statement, {**bound, "counted": offset + limit + COUNTED})]
    chosen = orjson.dumps(ids[offset : offset + limit]).decode()
    return Found([Line(*row) for row in conn.execute(_READ + _CHOSEN, {"ids": chosen})], len(ids), edge)


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
