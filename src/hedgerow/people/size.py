"""How much may be known about one person or group."""

from __future__ import annotations

LARGEST = 640 * 1024
"""Bytes of JSON. PostHog's own limit; past it an update is refused as a whole, with a warning."""


def fits(text: str) -> bool:
    """Whether properties in this text may be kept."""
    return len(text) * 4 <= LARGEST or len(text.encode()) <= LARGEST
