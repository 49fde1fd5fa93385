"""An invocation as data, and what comes of running it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hedgerow.hog.host import JournalEntry

FINAL = frozenset(
    {
        "delivered", "failed", "masked", "counted", "digested", "duplicate", "expired", "discarded", "superseded",
    }
)  # fmt: skip
OPEN = frozenset({"running", "retrying", "held", "scheduled"})


@dataclass(slots=True, eq=False)
class Invocation:
    """One event for one destination (and mapping): everything that a run needs, nothing that it does.

    ``globals`` are frozen at matching. ``journal`` has the completed calls; ``tries`` counts attempts of the call that is
    not completed yet, ``attempts`` all attempts, ``deaths`` workers that died
    while they ran it, ``printed`` the lines that are logged already; ``fresh`` is False once the ledger has a row. What shares a
    ``sequence`` goes out one after the other. Of a delivery that carries the events of others, ``carrier`` is its id (or that of the
    one that it runs again), and ``summary`` what its templates see of them once it is taken in hand.
    """

    id: bytes
    project_id: int
    destination_id: bytes
    revision: int
    mapping: str
    run: str
    partition: int
    position: int
    event_uuid: bytes
    event: str
    distinct_id: str
    captured_at: int
    created_at: int
    globals: Mapping[str, Any]
    journal: list[JournalEntry] = field(default_factory=list)
    tries: int = 0
    attempts: int = 0
    deaths: int = 0
    printed: int = 0
    fresh: bool = True
    sequence: str | None = None
    carrier: bytes | None = None
    summary: Mapping[str, Any] | None = None


@dataclass(slots=True)  # not frozen, like the next: making a frozen one takes three times as long
class Excerpt:
    """The part of a request or response that may be kept: headers and the beginning of the body."""

    headers: Mapping[str, str]
    body: bytes
    size: int


@dataclass(slots=True)
class Attempt:
    """One request that was made, or refused before it left.

    Nothing in it is redacted yet: that happens when a row is made of it, which for most successes is never.
    """

    number: int
    ordinal: int
    at: int
    duration_ms: int
    method: str
    url: str
    status: int | None
    error: str | None
    request: Excerpt
    response: Excerpt | None
    redact: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One log line of an invocation: level is debug, info, warn or error."""

    at: int
    level: str
    message: str


@dataclass(slots=True)
class Outcome:
    """The state an invocation has reached, to be settled.

    Attributes:
        invocation: whose.
        verdict: one of FINAL or OPEN.
        kind: for ``failed``: ``inputs``, ``filter``, ``hog``, ``limit_*``, ``http_4xx``, ``http_5xx``, ``http_3xx``, ``timeout``, ``dns``,
            ``refused``, ``reset``, ``tls``, ``egress``, ``crash``, ``diverged``...
        error: one line for a person.
        status: of the last response.
        duration_ms: from the first run to now, in this process.
        next_at: when an open row is due, milliseconds.
        attempts: requests made since the last outcome.
        lines: log lines since the last outcome.
    """

    invocation: Invocation
    verdict: str
    at: int
    kind: str | None = None
    error: str | None = None
    status: int | None = None
    duration_ms: int | None = None
    next_at: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.verdict in FINAL
