"""Standing by: an instance that takes events in and holds what they lead to, but sends nothing and renews nothing.

It is how two copies of one instance can be there at a time, as after a restore or during a move: only one of them speaks.
"""

from __future__ import annotations

from typing import Final

from hedgerow.store import Connection

REASON: Final = "The instance stands by: 'hedgerow standby off' lets it send."
SINCE: Final = "SELECT value FROM counters WHERE name = 'standby'"
BEGIN: Final = "INSERT INTO counters (name, value) VALUES ('standby', ?) ON CONFLICT (name) DO NOTHING"
END: Final = "DELETE FROM counters WHERE name = 'standby'"
# Workers look at their gates anew when this counter moves.
TOUCH: Final = """
INSERT INTO counters (name, value) VALUES ('gates', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1
"""


def since(connection: Connection) -> int | None:
    """Since when the instance stands by, in milliseconds; None when it does not."""
    found = connection.execute(SINCE).get
    return None if found is None else int(found)


def begin(connection: Connection, now: int) -> None:
    """Send nothing from now on. Beginning twice is beginning once."""
    connection.execute(BEGIN, (now,))
    connection.execute(TOUCH)


def end(connection: Connection) -> None:
    """Send again; what was held follows behind what comes in."""
    connection.execute(END)
    connection.execute(TOUCH)
