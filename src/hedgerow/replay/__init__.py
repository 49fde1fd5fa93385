"""Second chances: run deliveries again, and bring events of the log to destinations that did not get them.

A *run* is one such order (``runs.py``). Selecting puts what it wants into the ledger as rows that wait for their turn
(``selection.py``, ``replaying.py``, ``waiting.py``); feeding sends them, behind live traffic (``feeding.py``). Both happen in the workers,
each in the partitions that it owns, in small steps that a crash cannot tear apart.
"""

from hedgerow.replay.runs import KeyTaken, Progress, Run, RunUnderWay
from hedgerow.replay.selection import Selection

__all__ = ["KeyTaken", "Progress", "Run", "RunUnderWay", "Selection"]
