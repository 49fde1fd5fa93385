"""Latencies as counts in buckets whose bounds grow by a fixed ratio.

Bucket 0 holds up to one millisecond; bucket ``n`` holds what is above ``2 ** ((n - 1) / 4)`` and up to ``2 ** (n / 4)``
milliseconds. So a quantile is known within 10 %, a day fits in 106 buckets, and histograms of different workers and
hours merge by adding their counts: which an average, or a list of percentiles, cannot do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

PER_DOUBLING = 4
LAST = 120


def bucket(ms: float) -> int:
    """The bucket a duration belongs to."""
    if ms <= 1:
        return 0
    # The subtraction keeps a duration that equals a bound (2, 4, 8 ms) in the bucket below it.
    return min(LAST, math.ceil(math.log2(ms) * PER_DOUBLING - 1e-9))


def upper_bound(index: int) -> float:
    """The largest duration in a bucket, in milliseconds."""
    return float(2 ** (index / PER_DOUBLING))


def middle(index: int) -> float:
    """A duration that stands for all in a bucket, in milliseconds."""
    return 0.5 if index == 0 else float(2 ** ((index - 0.5) / PER_DOUBLING))


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The duration in milliseconds that a share of all observations does not exceed.

    Args:
        counts: observations by bucket.
        share: between 0 and 1; 0.5 is the median.

    Returns:
        The upper bound of the bucket it falls in, None without observations.
    """
    wanted = share * sum(counts.values())
    seen = 0
    for index in sorted(counts):
        seen += counts[index]
        if seen and seen >= wanted:
            return upper_bound(index)
    return None
