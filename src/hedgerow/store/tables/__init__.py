"""Every table of Hedgerow, one definition for both dialects. The names are the contract between rooms.

Conventions: times are integer milliseconds since the epoch, UTC. UUIDs are 16 bytes. ``json`` columns hold text
written by the rooms that own them; ``state`` and ``journal`` blobs begin with a format version byte.
"""

from __future__ import annotations

# A table is in its schema once its module is imported.
from hedgerow.store.tables import accounts, alerts, configuration, health, logs, people, pipeline, runs
from hedgerow.store.tables.schemas import state, telemetry

__all__ = [
    "accounts",
    "alerts",
    "configuration",
    "health",
    "logs",
    "people",
    "pipeline",
    "runs",
    "state",
    "telemetry",
]
