"""Gates: whether a destination takes invocations now, as a worker knows it from its last look at the store.

A closed gate does not stop matching: what the destination wants is held. Folding looks at the gates after it read the log,
so an event that was acknowledged after a pause is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hedgerow.delivery import standby
from hedgerow.delivery.watcher import DISABLED, QUARANTINED, Health
from hedgerow.store import Connection

COUNTER: Final = "gates"
VERSION = "SELECT value FROM counters WHERE name = 'gates'"
HEALTH = "SELECT destination_id, state, since, memory, probe_id, probe_until FROM destination_health"
HOLDS = "SELECT destination_id, paused_at, rate, sift_to, discard_to FROM destination_holds"

REASONS = {
    "paused": "The destination is paused.",
    QUARANTINED: "The destination is quarantined: it is tried again from time to time.",
    DISABLED: "The destination was disabled after repeated trouble: save it enabled to go on.",
}


@dataclass(slots=True)
class Gate:
    """What is known of one destination that is not simply well.

    Attributes:
        health: its state.
        paused: whether a person paused it, or the whole instance stands by.
        rate: held deliveries a second that a person asked for; None for the default.
        sifting: whether what is held is being thinned out or thrown away, and so must not go out yet.
        probe: the one delivery that may pass although the gate is closed.
        probe_until: when the probe counts as lost.
        standby: whether the whole instance stands by.
    """

    health: Health
    paused: bool = False
    rate: float | None = None
    sifting: bool = False
    probe: bytes | None = None
    probe_until: int = 0
    standby: bool = False

    @property
    def closed(self) -> str | None:
        """Why nothing passes, or None."""
        if self.standby:
            return standby.REASON
        if self.paused:
            return REASONS["paused"]
        return REASONS[self.health.state] if self.health.holds else None


WELL: Final = Gate(Health())
STANDBY: Final = Gate(Health(), paused=True, standby=True)


class Gates:
    """All gates that a worker knows of; a destination that is not among them is open, unless the instance stands by."""

    def __init__(self) -> None:
        self._version = -1
        self._gates: dict[bytes, Gate] = {}
        self._others = WELL

    def refresh(self, connection: Connection) -> None:
        """Read the gates anew if any of them changed."""
        version = connection.execute(VERSION).get or 0
        if version == self._version:
            return
        gates: dict[bytes, Gate] = {}
        for destination_id, state, since, memory, probe, until in connection.execute(HEALTH):
            health = Health.remembered(state, since, memory)
            gates[destination_id] = Gate(health, probe=probe, probe_until=until or 0)
        for destination_id, paused_at, rate, sift_to, discard_to in connection.execute(HOLDS):
            gate = gates.setdefault(destination_id, Gate(Health()))
            gate.paused, gate.rate = paused_at is not None, rate
            gate.sifting = sift_to is not None or discard_to is not None
        self._others = WELL
        if standby.since(connection) is not None:
            self._others = STANDBY
            for gate in gates.values():
                gate.paused = gate.standby = True
        self._gates, self._version = gates, version

    def closed(self, destination_id: bytes, invocation_id: bytes = b"") -> str | None:
        """Why an invocation must be held, or None when it may run."""
        gate = self._gates.get(destination_id)
        if gate is None:
            return standby.REASON if self._others is STANDBY else None
        return None if gate.probe == invocation_id and not gate.paused else gate.closed

    def of(self, destination_id: bytes) -> Gate:
        """The gate of a destination."""
        return self._gates.get(destination_id, self._others)

    def all(self) -> dict[bytes, Gate]:
        """Every gate that has something to say."""
        return self._gates


def touch(connection: Connection) -> None:
    """Say that some gate changed; part of the transaction that changes it."""
    connection.execute(standby.TOUCH)
