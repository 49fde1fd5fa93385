"""Work that one process at a time does. Who has a lease checks it inside the transaction that it guards.

So a process that was asleep for longer than its lease changes nothing once another has taken over. A lease that would last longer
than any does is of a clock that was set back, and counts for nothing.
"""

from __future__ import annotations

from typing import Final

from hedgerow.store import Connection

TAKE = """
INSERT INTO leases (name, holder, until) VALUES (:name, :holder, :until)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE leases.holder = excluded.holder OR leases.until <= :now OR leases.until > :now + :longest
RETURNING 1
"""
LONGEST_MS: Final = 4 * 3_600_000
READ = "SELECT holder, until FROM leases WHERE name = ?"


def take(connection: Connection, name: str, holder: str, *, now: int, lasts: int) -> bool:
    """Take a lease, or renew one's own; inside a writing transaction.

    Args:
        connection: to the state database.
        name: of the work.
        holder: who asks.
        now: milliseconds.
        lasts: milliseconds.

    Returns:
        Whether it is one's own now.
    """
    given = {"name": name, "holder": holder, "now": now, "until": now + lasts, "longest": LONGEST_MS}
    return connection.execute(TAKE, given).fetchone() is not None


def left(connection: Connection, name: str, holder: str, now: int) -> int | None:
    """For how many milliseconds one has a lease, 0 when it is to be had; None: it is another's."""
    row = connection.execute(READ, (name,)).fetchone()
    if row is None or not now < row[1] <= now + LONGEST_MS:
        return 0
    return int(row[1] - now) if row[0] == holder else None
