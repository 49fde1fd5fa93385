"""How often something may be tried: counted in the store, so that it holds for all processes and outlives them.

A try is counted before it is made, and given back when it was right: many at the same moment get no more than one after
the other. What is counted is hashed, since it may be what somebody typed into the wrong field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from hedgerow.store import Connection

IPV6_NETWORK = 64

_COUNT = """
INSERT INTO throttles (key, count, until) VALUES (:key, 1, :until)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN until <= :now THEN 1 ELSE count + 1 END,
  until = CASE WHEN until <= :now THEN :until ELSE until END
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries within a window, for one key."""

    key: str
    tries: int
    window_ms: int


class Throttled(Exception):
    """Tried too often; ``seconds`` says when to come back."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts. Try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self.seconds = seconds


def key(kind: str, who: str) -> str:
    """Under what somebody's tries are counted."""
    return f"{kind}:{hashlib.sha256(who.encode('utf-8', 'surrogatepass')).hexdigest()}"


def network(address: str) -> str:
    """An address as tries are counted for it: whoever has one IPv6 address has a whole network of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(int(found) >> (128 - IPV6_NETWORK)) if isinstance(found, IPv6Address) else str(found)


def take(conn: Connection, limits: Sequence[Limit], now: int) -> None:
    """Count a try against all limits.

    Raises:
        Throttled: one of them is used up; then nothing is counted.
    """
    waits = [_wait(conn, limit, now) for limit in limits]
    if any(waits):
        raise Throttled(-(-max(waits) // 1000))
    conn.execute("DELETE FROM throttles WHERE until <= ?", (now,))
    for limit in limits:
        conn.execute(_COUNT, {"key": limit.key, "now": now, "until": now + limit.window_ms})


def _wait(conn: Connection, limit: Limit, now: int) -> int:
    """Milliseconds until the next try, 0 when it may be now."""
    row = conn.execute("SELECT count, until FROM throttles WHERE key = ?", (limit.key,)).fetchone()
    count, until = row or (0, 0)
    return max(0, until - now) if count >= limit.tries else 0


def give_back(conn: Connection, limit: Limit) -> None:
    """Uncount a try that was right."""
    conn.execute("UPDATE throttles SET count = count - 1 WHERE key = ? AND count > 0", (limit.key,))


def forget(conn: Connection, limit: Limit) -> None:
    """Begin counting anew."""
    conn.execute("DELETE FROM throttles WHERE key = ?", (limit.key,))
