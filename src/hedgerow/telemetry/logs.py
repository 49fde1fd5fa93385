"""Reading log lines of destinations."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from hedgerow.store import Connection
from hedgerow.telemetry.batch import Line

_WHERE = """
FROM log_entries
WHERE destination_id = :destination
  AND at > coalesce(:after, -1) AND at < coalesce(:before, 9000000000000000)
  AND (:levels IS NULL OR level IN (SELECT value FROM json_each(:levels)))
  AND (:search IS NULL OR message LIKE :search ESCAPE '\\')
  AND (:instance IS NULL OR delivery_id = :instance)
"""
_READ = f"""
SELECT project_id, destination_id, delivery_id, at, level, message {_WHERE}
ORDER BY at DESC, id DESC LIMIT :limit OFFSET :offset
"""
_COUNT = f"SELECT count(*) {_WHERE}"

Binding = dict[str, int | str | bytes | None]


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
    return [Line(*row) for row in conn.execute(_READ, {**bound, "limit": limit, "offset": offset})]


def count_logs(
    conn: Connection,
    destination_id: bytes,
    *,
    after: int | None = None,
    before: int | None = None,
    levels: Sequence[str] = (),
    search: str | None = None,
    instance_id: bytes | None = None,
) -> int:
    """How many lines ``read_logs`` would find without a limit."""
    bound = _binding(destination_id, after, before, levels, search, instance_id)
    ((found,),) = conn.execute(_COUNT, bound)
    return int(found)


def _binding(
    destination: bytes,
    after: int | None,
    before: int | None,
    levels: Sequence[str],
    search: str | None,
    instance: bytes | None,
) -> Binding:
    return {
        "destination": destination,
        "after": after,
        "before": before,
        "levels": orjson.dumps([level.lower() for level in levels]).decode() if levels else None,
        "search": _like(search) if search else None,
        "instance": instance,
    }


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
