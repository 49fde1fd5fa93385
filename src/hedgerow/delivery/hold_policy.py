"""How much may be held, how long, and how fast it goes out again: the numbers of holding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """What an operator can set about holding.

    Attributes:
        rows: held deliveries of one destination; more make the oldest expire.
        age_s: how long a delivery may be held, from its capture on.
        disk_share: share of the disk that all that is held may take.
        per_second: how fast what was held is sent, unless somebody says otherwise.
        step: rows that one transaction touches.
        time_share: share of the store's time that clearing out may take.
    """

    rows: int = 1_000_000
    age_s: float = 7 * 86_400.0
    disk_share: float = 0.2
    per_second: float = 100.0
    step: int = 500
    time_share: float = 0.25
