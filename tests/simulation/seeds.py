"""How many runs simulations have, and how they are gone through."""

from __future__ import annotations

import logging
import os

RUNS = int(os.environ.get("HEDGEROW_SIMULATION_RUNS", "10000"))
ALOUD = 5


def survive(make, runs: int, chunk: int = 0, chunks: int = 1) -> None:
    """Go through the seeds of a chunk, and judge each; a failure says which it was.

    What is logged of locked databases takes a tenth of the time, so only some seeds are heard. Run one by itself, and it is.

    Args:
        make: a run by its seed, with ``go`` and ``judge``.
        runs: of all chunks.
    """
    try:
        for number, seed in enumerate(range(chunk, runs, chunks)):
            logging.disable(logging.NOTSET if number < ALOUD else logging.CRITICAL)
            live(make, seed)
    finally:
        logging.disable(logging.NOTSET)


def live(make, seed: int) -> None:
    """One of them."""
    run = make(seed)
    try:
        run.go()
        run.judge()
    except Exception as error:
        raise AssertionError(f"seed {seed}: {error!r}") from error
