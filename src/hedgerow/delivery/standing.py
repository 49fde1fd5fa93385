"""How destinations stand: health, pause and hold together, as people read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hedgerow.delivery import health, holding
from hedgerow.delivery.watcher import DEGRADED, DISABLED, HEALTHY, QUARANTINED
from hedgerow.store import Connection

# PostHog's numbers of the states; it knows no quarantine, which also keeps events back.
NUMBERS: Final = {HEALTHY: 1, DEGRADED: 2, QUARANTINED: 3, DISABLED: 3}
# PostHog tells how full the bucket is that it charges; its thresholds are at 80 % and at nothing.
TOKENS: Final = {HEALTHY: 10_000, DEGRADED: 8_000, QUARANTINED: 0, DISABLED: 0}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one destination stands; times are milliseconds."""

    told: health.Standing = field(default_factory=lambda: health.Standing(health.WELL))
    paused_at: int | None = None
    held: holding.Held = field(default_factory=holding.Held)

    @property
    def number(self) -> int:
        """The state as PostHog's number."""
        return NUMBERS[self.told.health.state]

    @property
    def tokens(self) -> int:
        """What PostHog's bucket would hold in this state."""
        return TOKENS[self.told.health.state]


def standings(connection: Connection, destination_ids: Iterable[bytes]) -> dict[bytes, Standing]:
    """How some destinations stand."""
    wanted = list(destination_ids)
    told = health.standings(connection, wanted)
    paused = holding.paused(connection, wanted)
    held = holding.held(connection, wanted)
    return {
        one: Standing(told.get(one, health.Standing(health.WELL)), paused.get(one), held[one])
        for one in wanted
    }
