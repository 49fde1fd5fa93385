"""Digests: of events that belong together the first is sent at once, those that follow as one summary per interval.

The first that follows becomes the *carrier*: it is ``scheduled`` for the end of the interval like any delivery that waits for a time,
so a restart, a crash or a pause is nothing special. The others are ``digested``: their verdict is final and names the
carrier. From the moment a worker takes the carrier in hand nothing is added to it, whatever the clock does. Events that come
in the interval behind a summary are gathered as well; when an interval passes without any, the next event is a first one again.

Events beyond the number that a summary lists are counted, their variables are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Invocation, Outcome
from hedgerow.delivery.state import dumps, unpack_globals
from hedgerow.destinations import CompiledDestination
from hedgerow.destinations.globals import listed, summary_of
from hedgerow.destinations.model import Destination
from hedgerow.destinations.windows import LISTED
from hedgerow.store import Connection

FIND: Final = "SELECT until, count, carrier_id FROM delivery_windows WHERE destination_id = ? AND hash = ?"
KEEP: Final = """
INSERT INTO delivery_windows (destination_id, hash, expires_at, until, count, carrier_id) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (destination_id, hash) DO UPDATE SET
    expires_at = excluded.expires_at, until = excluded.until, count = excluded.count, carrier_id = excluded.carrier_id
"""
CARRY: Final = "INSERT INTO delivery_carriers (delivery_id, carrier_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
VERDICT: Final = "SELECT verdict FROM deliveries WHERE id = ?"
CLOSE: Final = "UPDATE delivery_windows SET carrier_id = NULL WHERE carrier_id = ?"
CARRY_AGAIN: Final = (
    "INSERT INTO delivery_carriers (delivery_id, carrier_id, again) VALUES (?, ?, 1) ON CONFLICT DO NOTHING"
)
COUNT: Final = "SELECT count(*) FROM delivery_carriers WHERE carrier_id = ? AND again = 0"
CARRIED: Final = """
SELECT p.globals FROM delivery_carriers c JOIN deliveries d ON d.id = c.delivery_id
JOIN delivery_payloads p ON p.partition = d.partition AND p.position = d.position
WHERE c.carrier_id = ? AND c.again = 0 ORDER BY c.delivery_id LIMIT ?
"""
# What a summary's variables may take, packed as JSON.
LARGEST: Final = 512 * 1024


@dataclass(frozen=True, slots=True)
class Digest:
    """What a digest asks.

    Attributes:
        hash: what events that are gathered together have in common, 16 bytes.
        interval: a summary per so many seconds.
        limit: it lists at most so many events.
    """

    hash: bytes
    interval: int
    limit: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a key stands: when its interval ends, how many were gathered in it, and who will carry them.

    Without a carrier nothing came since the first event (``count`` 0), or the summary is on its way already.
    """

    until: int
    count: int = 0
    carrier: bytes | None = None

    def at(self, now_ms: int, interval_ms: int) -> Interval | None:
        """The interval that an event of this moment falls into; None when it is the first of a new one.

        An end that is further away than an interval lasts was fixed by a clock that has been set back since, or before the interval
        was shortened: what is gathered from now on does not wait for it.
        """
        if self.until > now_ms + interval_ms:
            return Interval(now_ms + interval_ms, count=max(1, self.count))
        if self.until > now_ms:
            return self
        following = self.until + interval_ms
        return Interval(following) if self.count and following > now_ms else None

    def expires_at(self, interval_ms: int) -> int:
        """When the next event is a first one again, whatever happens until then."""
        return self.until + interval_ms


class Digests:
    """The intervals that one transaction looks at."""

    def __init__(self, connection: Connection, kept_to: int | None = None) -> None:
        """``kept_to``: until when they are remembered; None as long as they matter."""
        self._connection = connection
        self._kept_to = kept_to
        self._intervals: dict[tuple[bytes, bytes], Interval | None] = {}
        self._expire: dict[tuple[bytes, bytes], int] = {}
        self._carried: list[tuple[bytes, bytes]] = []
        self._made: set[bytes] = set()

    def ask(self, invocation: Invocation, digest: Digest, now_ms: int) -> Outcome | None:
        """``scheduled`` for what becomes a carrier, ``digested`` for what is carried, None for what is sent at once."""
        name, interval_ms = (invocation.destination_id, digest.hash), digest.interval * 1000
        found = self._intervals[name] if name in self._intervals else find(self._connection, *name)
        interval = None if found is None else found.at(now_ms, interval_ms)
        if interval is None:
            self._keep(name, Interval(now_ms + interval_ms), interval_ms)
            return None
        carrier = interval.carrier
        if carrier is None or not self._is_waiting(carrier):
            self._keep(name, replace(interval, count=1, carrier=invocation.id), interval_ms)
            return self._become_carrier(invocation, interval.until, now_ms)
        self._keep(name, replace(interval, count=interval.count + 1), interval_ms)
        return self._join(invocation, carrier, interval.count + 1, digest.limit, now_ms)

    def _keep(self, name: tuple[bytes, bytes], interval: Interval, interval_ms: int) -> None:
        self._intervals[name] = interval
        self._expire[name] = self._kept_to or interval.expires_at(interval_ms)

    def _is_waiting(self, carrier: bytes) -> bool:
        """Whether a carrier will still be sent: nobody has discarded it, and nobody has it in hand."""
        return carrier in self._made or self._connection.execute(VERDICT, (carrier,)).get in (
            "scheduled",
            "held",
        )

    def _become_carrier(self, invocation: Invocation, until: int, now_ms: int) -> Outcome:
        self._made.add(invocation.id)
        self._carried.append((invocation.id, invocation.id))
        invocation.sequence = None  # it goes out at its time, and events of others with it
        return Outcome(
            invocation, "scheduled", now_ms, next_at=until, error="It waits for the summary of its interval."
        )

    def _join(self, invocation: Invocation, carrier: bytes, count: int, limit: int, now_ms: int) -> Outcome:
        self._carried.append((invocation.id, carrier))
        reason = f"It is part of the summary in delivery {text(carrier)}."
        if count > limit:
            reason = (
                f"It is counted in the summary in delivery {text(carrier)}, which lists the first {limit}."
            )
            invocation = replace(invocation, globals={})
        return Outcome(invocation, "digested", now_ms, error=reason)

    def write(self) -> None:
        """Keep what was decided."""
        self._connection.executemany(
            KEEP,
            [
                (*name, self._expire[name], one.until, one.count, one.carrier)
                for name, one in self._intervals.items()
                if one is not None
            ],
        )
        self._connection.executemany(CARRY, self._carried)


def find(connection: Connection, destination_id: bytes, hash_: bytes) -> Interval | None:
    """Where a key stands."""
    row: Any = connection.execute(FIND, (destination_id, hash_)).fetchone()
    return None if row is None else Interval(*row)


def take(connection: Connection, invocation: Invocation, compiled: CompiledDestination) -> bool:
    """Take a carrier in hand: what comes now is gathered for the next one.

    Returns:
        Whether there is still something to carry: the persons of all its events may have been deleted.
    """
    assert invocation.carrier is not None
    connection.execute(CLOSE, (invocation.carrier,))
    return attach(connection, invocation, compiled)


def attach(connection: Connection, invocation: Invocation, compiled: CompiledDestination) -> bool:
    """Give an invocation what it carries: ``events``, oldest first, and ``digest``; False when nothing is left of it."""
    assert invocation.carrier is not None
    found = read(connection, invocation.carrier, compiled.destination)
    if found is None:
        return False
    first, invocation.summary = found
    invocation.globals = invocation.globals or first  # its own event may be erased where others are not
    return True


def read(
    connection: Connection, carrier: bytes, destination: Destination
) -> tuple[Mapping[str, Any], dict[str, Any]] | None:
    """The globals of the first event that a summary carries, and what its templates see besides; None when all are forgotten."""
    settings = destination.config.digest
    limit = LISTED if settings is None else settings["limit"]
    found = list(_carried(connection, carrier, limit))
    if not found:
        return None
    count = int(connection.execute(COUNT, (carrier,)).get or 0)
    return found[0], summary_of([listed(one) for one in found], count)


def _carried(connection: Connection, carrier: bytes, limit: int) -> Iterator[Mapping[str, Any]]:
    """The globals of what is listed: as many as there is room for, the first in any case."""
    taken = 0
    for (packed,) in connection.execute(CARRIED, (carrier, limit)):
        globals_ = unpack_globals(packed)
        size = len(dumps(listed(globals_)))
        if taken and taken + size > LARGEST:
            return
        taken += size
        yield globals_
