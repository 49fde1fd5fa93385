"""What a worker has to tell about a moment of its work, collected in memory and written as one row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import orjson

from hedgerow.telemetry.histogram import bucket

FORMAT = 1
HOUR = 3_600_000
LONGEST_MESSAGE = 16_384
LEVELS = ("debug", "info", "warn", "error")

MetricKey = tuple[int, bytes, int, str, str]
LatencyKey = tuple[int, bytes, int, int]
OfferKey = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Line:
    """A log line of a destination. ``delivery_id`` is None when it is about no single delivery."""

    project_id: int
    destination_id: bytes
    delivery_id: bytes | None
    at: int
    level: str
    message: str


@dataclass(slots=True)
class Batch:
    """Counts, latencies and log lines that belong to one transaction.

    Attributes:
        metrics: counts by project, destination, hour, kind and name.
        latencies: counts by project, destination, hour and histogram bucket.
        offers: events by roster and hour: each was offered to all members, and whoever is not counted out filtered it.
        projects: whose roster it is.
        rosters: members of rosters in hours that have not been told of before.
        lines: log lines in the order in which they were written.
    """

    metrics: Counter[MetricKey] = field(default_factory=Counter)
    latencies: Counter[LatencyKey] = field(default_factory=Counter)
    offers: Counter[OfferKey] = field(default_factory=Counter)
    projects: dict[bytes, int] = field(default_factory=dict)
    rosters: dict[OfferKey, bytes] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.metrics or self.latencies or self.offers or self.lines)

    def count(
        self, project_id: int, destination_id: bytes, at_ms: int, kind: str, name: str, n: int = 1
    ) -> None:
        """Count something that happened to a destination, such as ``("success", "succeeded")``."""
        self.metrics[project_id, destination_id, at_ms - at_ms % HOUR, kind, name] += n

    def latency(self, project_id: int, destination_id: bytes, at_ms: int, ms: float) -> None:
        """Note how long a destination took."""
        self.latencies[project_id, destination_id, at_ms - at_ms % HOUR, bucket(ms)] += 1

    def offer(self, project_id: int, roster: bytes, at_ms: int) -> OfferKey:
        """Count an event that all members of a roster were offered; answers the key under which ``rosters`` must name them once."""
        told = roster, at_ms - at_ms % HOUR
        self.offers[told] += 1
        self.projects[roster] = project_id
        return told

    def line(
        self,
        project_id: int,
        destination_id: bytes,
        delivery_id: bytes | None,
        at_ms: int,
        level: str,
        message: str,
    ) -> None:
        """Note a log line; what is past ``LONGEST_MESSAGE`` characters is cut, and said to be."""
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[:LONGEST_MESSAGE]}... ({len(message) - LONGEST_MESSAGE} more characters)"
        self.lines.append(Line(project_id, destination_id, delivery_id, at_ms, level.lower(), message))

    def add(self, other: Batch) -> None:
        """Take in another batch."""
        self.metrics.update(other.metrics)
        self.latencies.update(other.latencies)
        self.offers.update(other.offers)
        self.projects.update(other.projects)
        self.rosters.update(other.rosters)
        self.lines.extend(other.lines)

    def encode(self) -> bytes:
        """The batch as one row keeps it: JSON that begins with a format version."""
        return orjson.dumps(
            [
                FORMAT,
                [(p, d.hex(), *rest, n) for (p, d, *rest), n in self.metrics.items()],
                [(p, d.hex(), *rest, n) for (p, d, *rest), n in self.latencies.items()],
                [self._encoded_offer(told, n) for told, n in self.offers.items()],
                [_encoded(line) for line in self.lines],
            ]
        )

    def _encoded_offer(self, told: OfferKey, n: int) -> tuple[str, int, int, int, str | None]:
        members = self.rosters.get(told)
        return (
            told[0].hex(),
            told[1],
            self.projects[told[0]],
            n,
            members.hex() if members is not None else None,
        )

    @classmethod
    def decode(cls, body: bytes) -> Batch:
        """The batch of a row."""
        version, *parts = orjson.loads(body)
        if version != FORMAT:
            raise ValueError(f"A telemetry row has format {version}; this release knows {FORMAT}.")
        metrics, latencies, offers, lines = parts
        found = [(bytes.fromhex(r), h, p, n, members) for r, h, p, n, members in offers]
        return cls(
            Counter({(p, bytes.fromhex(d), h, kind, name): n for p, d, h, kind, name, n in metrics}),
            Counter({(p, bytes.fromhex(d), h, index): n for p, d, h, index, n in latencies}),
            Counter({(roster, hour): n for roster, hour, _, n, _ in found}),
            {roster: project for roster, _, project, _, _ in found},
            {(roster, hour): bytes.fromhex(m) for roster, hour, _, _, m in found if m is not None},
            [
                Line(p, bytes.fromhex(d), r and bytes.fromhex(r), at, lvl, text)
                for p, d, r, at, lvl, text in lines
            ],
        )


def _encoded(line: Line) -> tuple[int, str, str | None, int, str, str]:
    # A program may print half of a surrogate pair, which is no text that a file could hold.
    message = line.message.encode("utf-8", "replace").decode()
    delivery = line.delivery_id.hex() if line.delivery_id is not None else None
    return line.project_id, line.destination_id.hex(), delivery, line.at, line.level, message
