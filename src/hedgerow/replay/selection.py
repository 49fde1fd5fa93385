"""Which deliveries a re-run wants: by their ids, or by the same conditions as the ledger's list.

A selection speaks of the moment it was made: what got its verdict later is not in it, so a re-run never selects its own work. Left out
is what another run is busy with, and what has arrived since, unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from hedgerow.delivery.identity import NO_DESTINATION, raw, text
from hedgerow.delivery.invocation import FINAL, OPEN
from hedgerow.delivery.queries import Delivery, Search, find, search
from hedgerow.store import Connection

# What never reached its tool although nobody decided that it should not.
MISSED: Final = ("failed", "expired")
RERUNNABLE: Final = frozenset(FINAL - {"duplicate"})
MOST_IDS: Final = 10_000
START: Final = bytes(16)

_BINARY: Final = ("destination", "event_uuid", "carrier")
_RERUNNABLE = ", ".join(f"'{verdict}'" for verdict in sorted(RERUNNABLE))
_QUOTED_OPEN = ", ".join(f"'{verdict}'" for verdict in sorted(OPEN))
# Of the same event, destination and mapping: something that arrived, or that is on its way. A filter that failed knew no mapping yet.
SIBLINGS = """
SELECT verdict FROM deliveries
WHERE partition = ? AND position = ? AND destination_id = ? AND (mapping = ? OR ? = 'filter') AND id <> ?
"""
COUNT = """
SELECT destination_id, verdict, count(*), sum({arrived}) FROM ({inner}) AS d
WHERE updated_at <= :asked_at AND destination_id <> :nobody AND verdict IN ({verdicts})
AND (:owner IS NULL OR destination_id = :owner) AND attempts <= :max_attempts
AND (NOT json_array_length(:kinds) OR kind IN (SELECT value FROM json_each(:kinds))) GROUP BY 1, 2
"""
ARRIVED = f"""
EXISTS (
    SELECT 1 FROM deliveries o WHERE o.partition = d.partition AND o.position = d.position
    AND o.destination_id = d.destination_id AND (o.mapping = d.mapping OR d.kind = 'filter') AND o.id <> d.id
    AND o.verdict IN ('delivered', {_QUOTED_OPEN})
)
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class Selection:
    """Deliveries to run again.

    Attributes:
        asked_at: milliseconds; what got its verdict later is not in it.
        search: conditions, unless ids are given.
        ids: of deliveries, in order.
        revision: ``current`` or ``original``: that of the destination to run them with.
        skip_delivered: leave out what has arrived since; what was selected as delivered is run all the same.
        kinds: of failures, when not all will do.
        max_attempts: leave out what was tried more often.
        most: run no more than so many, the oldest.
    """

    asked_at: int
    search: Search = field(default_factory=lambda: Search(verdicts=MISSED))
    ids: tuple[bytes, ...] | None = None
    revision: str = "current"
    skip_delivered: bool = True
    kinds: tuple[str, ...] = ()
    max_attempts: int | None = None
    most: int | None = None

    def encode(self) -> dict[str, Any]:
        """As a run keeps it."""
        kept = {name: value for name in Search.__slots__ if (value := getattr(self.search, name)) is not None}
        kept |= {name: text(kept[name]) for name in _BINARY if name in kept}
        ids = None if self.ids is None else [text(identity) for identity in self.ids]
        return {
            "asked_at": self.asked_at, "search": kept, "ids": ids, "revision": self.revision,
            "skip_delivered": self.skip_delivered, "kinds": self.kinds, "max_attempts": self.max_attempts,
            "most": self.most,
        }  # fmt: skip

    @classmethod
    def decode(cls, kept: Mapping[str, Any]) -> Selection:
        """What ``encode`` wrote."""
        conditions = dict(kept["search"])
        conditions |= {name: raw(conditions[name]) for name in _BINARY if name in conditions}
        ids = None if kept["ids"] is None else tuple(raw(identity) for identity in kept["ids"])
        return cls(
            kept["asked_at"], Search(**conditions), ids, kept["revision"], kept["skip_delivered"], tuple(kept["kinds"]),
            kept["max_attempts"], kept["most"],
        )  # fmt: skip

    # ------------------------------------------------------------- what is in it

    def step(
        self, connection: Connection, project_id: int, behind: bytes, limit: int
    ) -> tuple[list[Delivery], bytes | None]:
        """The next deliveries that fit, oldest first; not all of them may be run, see ``left_out``.

        Args:
            connection: inside a transaction.
            project_id: whose.
            behind: the last one already seen, ``START`` at the beginning.
            limit: at most so many.

        Returns:
            The deliveries, and behind which one the next step begins: None when these were the last.
        """
        if self.ids is None:
            rows = search(connection, project_id, replace(self.search, behind=behind, limit=limit))
            return rows, raw(rows[-1].id) if len(rows) == limit else None
        wanted = sorted(identity for identity in set(self.ids) if identity > behind)[:limit]
        found = [find(connection, project_id, identity) for identity in wanted]
        return [row for row in found if row is not None], wanted[-1] if len(wanted) == limit else None

    def left_out(self, connection: Connection, row: Delivery, run_name: str) -> str | None:
        """Why a delivery that fits is not run again, or None when it is."""
        if not self._fits(row):
            return "other"
        if row.verdict in OPEN:
            return "open"
        if raw(row.destination_id) == NO_DESTINATION or row.verdict == "duplicate":
            return "no_destination"
        if row.updated_at > self.asked_at or row.run == run_name:
            return "later"
        if row.kind == "filter" and self.revision == "original":
            return "filter"  # that revision could not tell whether it wants the event, and still cannot
        place = row.partition, row.position, raw(row.destination_id), row.mapping, row.kind, raw(row.id)
        others = {verdict for (verdict,) in connection.execute(SIBLINGS, place)}
        if others & OPEN:
            return "under_way"
        if self.skip_delivered and row.verdict != "delivered" and "delivered" in others:
            return "delivered"
        return None

    def _fits(self, row: Delivery) -> bool:
        """What the search does not ask for by itself."""
        owner, verdicts = self.search.destination, self.search.verdicts
        after, before = self.search.after, self.search.before
        return (
            (not verdicts or row.verdict in verdicts)
            and (after is None or row.captured_at > after)
            and (before is None or row.captured_at < before)
            and (not self.kinds or row.kind in self.kinds)
            and (self.max_attempts is None or row.attempts <= self.max_attempts)
            and (owner is None or row.destination_id == text(owner))
        )

    def count(self, connection: Connection, project_id: int) -> Counts:
        """How many would be run, as far as one look can tell.

        Args:
            connection: inside a reading transaction.
            project_id: whose.
        """
        if self.ids is not None:
            return self._count_ids(connection, project_id)
        statement, values = self.search.statement(), {**self.search.parameters(), "limit": -1}
        arrived = ARRIVED if self.skip_delivered else "0"
        asked = COUNT.format(
            arrived=f"(d.verdict <> 'delivered' AND {arrived})", inner=statement, verdicts=_RERUNNABLE
        )  # fmt: skip
        given = {
            **values, "project": project_id, "asked_at": self.asked_at, "nobody": NO_DESTINATION,
            "owner": self.search.destination, "max_attempts": 1 << 30 if self.max_attempts is None else self.max_attempts,
            "kinds": orjson.dumps(self.kinds).decode(),
        }  # fmt: skip
        counts = Counts()
        for owner, verdict, number, arrived_number in connection.execute(asked, given):
            there = int(number) - int(arrived_number or 0)
            counts.arrived += int(arrived_number or 0)
            counts.add(text(owner), verdict, there)
        return counts

    def _count_ids(self, connection: Connection, project_id: int) -> Counts:
        """The same, one by one."""
        counts = Counts()
        rows, _ = self.step(connection, project_id, START, MOST_IDS + 1)
        for row in rows:
            reason = self.left_out(connection, row, "")
            if reason is None:
                counts.add(row.destination_id, row.verdict, 1)
            elif reason in {"delivered", "under_way"}:
                counts.arrived += 1
        return counts


@dataclass(slots=True)
class Counts:
    """What a selection comes to; ``arrived`` are left out because they are delivered or on their way by now."""

    by_destination: dict[str, int] = field(default_factory=dict)
    by_verdict: dict[str, int] = field(default_factory=dict)
    arrived: int = 0

    def add(self, destination_id: str, verdict: str, number: int) -> None:
        """Count some that would be run."""
        if number:
            self.by_destination[destination_id] = self.by_destination.get(destination_id, 0) + number
            self.by_verdict[verdict] = self.by_verdict.get(verdict, 0) + number

    @property
    def total(self) -> int:
        """How many would be run."""
        return sum(self.by_verdict.values())

    def bounded(self, most: int | None) -> int:
        """How many of them are run when no more than ``most`` are wanted."""
        return self.total if most is None else min(self.total, most)
