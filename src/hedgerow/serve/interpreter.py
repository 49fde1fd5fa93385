"""Python's own knobs, set for processes that handle events in batches."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.0005
"""How long the thread that writes waits at most for the interpreter while the event loop computes.

At Python's default of 5 ms a transaction of some milliseconds kept the write lock ten times as long, and all other
processes waited for it.
"""


def tune() -> None:
    """Set both knobs: the collector's, and how soon a thread gets its turn."""
    calm_collector()
    sys.setswitchinterval(SWITCH_S)


def calm_collector() -> None:
    """Look for garbage more rarely, and not among what lives as long as the process.

    A batch of events is thousands of objects that die by reference count; at Python's default the collector would walk
    through them several times per batch, which costs capture up to half of its speed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
