"""Random numbers that a replay repeats: the n-th one of a run depends on the run's seed and on n alone."""

from __future__ import annotations

import hashlib
import os
import uuid


class Randomness:
    """A stream of random numbers and UUIDs.

    Args:
        seed: where they come from. An empty seed stands for one that nobody can repeat.
    """

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed or os.urandom(16)
        self._count = 0

    def _block(self) -> bytes:
        self._count += 1
        return hashlib.sha256(
            len(self._seed).to_bytes(8, "big") + self._seed + self._count.to_bytes(8, "big")
        ).digest()

    def number(self) -> float:
        """A float in ``[0, 1)`` with 53 random bits."""
        return (int.from_bytes(self._block()[:7], "big") >> 3) / 2**53

    def uuid4(self) -> str:
        """A UUID of version 4."""
        return str(uuid.UUID(bytes=self._block()[:16], version=4))
