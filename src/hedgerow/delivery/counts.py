"""What one delivery adds to the metrics of its destination, told from its row of the ledger."""

from __future__ import annotations

from hedgerow.delivery.queries import Delivery
from hedgerow.delivery.settler import METRICS, UNTRIGGERED
from hedgerow.telemetry import Count


def counts_of(item: Delivery) -> list[Count]:
    """The counts that settling a delivery made, at the time it was last settled; an open one has none of its end yet."""
    counts: list[Count] = []
    if item.verdict not in UNTRIGGERED:
        counts.append((item.created_at, "other", "triggered", 1))
    if item.attempts:
        counts.append((item.updated_at, "other", "fetch", item.attempts))
    if item.verdict in METRICS:
        counts.append((item.updated_at, *METRICS[item.verdict], 1))
    return counts
