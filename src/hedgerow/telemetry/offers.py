"""Who filtered an event out, counted without touching those who did.

An event is offered to a roster of destinations, perhaps ten thousand of them, and nearly all filter it out. So a worker counts it
once for the roster, and counts it out (``filtered`` - 1) for the few that took it. ``share`` adds the roster's counts to each
member now and then; until then whoever reads adds them. The sum is exact at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator

from hedgerow.store import Connection, Database

KIND, NAME = "other", "filtered"
ID_BYTES = 16
KEPT_MS = 24 * 3_600_000

_OF = """
SELECT hour, count FROM offers
WHERE count > 0 AND hour >= :first AND hour < :before AND (instr(members, :destination) - 1) % 16 = 0
"""
_PENDING = "SELECT roster, hour, project_id, count, members FROM offers WHERE count > 0"
_SHARED = "UPDATE offers SET count = 0 WHERE roster = ? AND hour = ?"
# A worker names the members of a roster once an hour, so that rows of hours long gone are not needed again.
_STALE = "DELETE FROM offers WHERE count = 0 AND hour < (SELECT max(hour) FROM offers) - ?"
_COUNT = """
INSERT INTO metrics_hourly (project_id, destination_id, hour, kind, name, count) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (destination_id, hour, kind, name) DO UPDATE SET count = metrics_hourly.count + excluded.count
"""


def offered(conn: Connection, destination_id: bytes, *, first: int, before: int) -> list[tuple[int, int]]:
    """What is not shared out yet of a destination's ``filtered``: hours and counts.

    Args:
        conn: on the telemetry file.
        destination_id: whose.
        first: hours from this one, milliseconds since the epoch.
        before: up to this time.
    """
    rows = conn.execute(_OF, {"destination": destination_id, "first": first, "before": before})
    return [(hour, count) for hour, count in rows]


def pending(conn: Connection) -> dict[tuple[int, bytes], int]:
    """What is not shared out yet, of all destinations: counts by project and destination."""
    found: dict[tuple[int, bytes], int] = {}
    for _, _, project_id, count, members in conn.execute(_PENDING):
        for member in _ids(members):
            found[project_id, member] = found.get((project_id, member), 0) + count
    return found


async def share(telemetry: Database) -> None:
    """Add the counts of rosters to their members, one roster at a time."""
    while await telemetry.write(_share_one):
        pass
    await telemetry.write(lambda conn: conn.execute(_STALE, (KEPT_MS,)) and None)


def _share_one(conn: Connection) -> bool:
    row = conn.execute(f"{_PENDING} LIMIT 1").fetchone()
    if row is None:
        return False
    roster, hour, project_id, count, members = row
    hours = (hour, 0)  # hour 0 holds the total since the beginning
    conn.executemany(
        _COUNT,
        [(project_id, member, when, KIND, NAME, count) for member in _ids(members) for when in hours],
    )
    conn.execute(_SHARED, (roster, hour))
    return True


def _ids(members: bytes) -> Iterator[bytes]:
    return (members[start : start + ID_BYTES] for start in range(0, len(members), ID_BYTES))
