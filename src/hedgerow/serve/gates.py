"""When capture closes: the disk is nearly full, or the workers are too far behind.

A backlog without a bound would end on a full disk. It is measured beside the requests, never inside one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hedgerow.serve.lag import LagMeter
from hedgerow.settings import Settings
from hedgerow.store import StoreError

logger = logging.getLogger(__name__)

EVERY_S = 1.0
# Once closed it stays closed until a tenth of the limit is free again, so that it does not flutter.
REOPEN_AT = 0.9


class BacklogGate:
    """Closes capture while the events that nobody has settled yet are too many or too old.

    Call it for the reason; None means that it is open.
    """

    def __init__(self, settings: Settings, lag: LagMeter) -> None:
        self._settings = settings
        self._lag = lag
        self._reason: str | None = None

    def __call__(self) -> str | None:
        """Why capture is closed, by the last measurement."""
        return self._reason

    async def watch(self) -> None:
        """Measure once a second until cancelled; what cannot be measured leaves the gate as it is."""
        while True:
            try:
                await self.measure()
            except (StoreError, OSError) as error:
                logger.warning("backlog_unknown error=%s", error)
            await asyncio.sleep(EVERY_S)

    async def measure(self) -> None:
        """Open or close it by how far the workers are behind now."""
        scale = REOPEN_AT if self._reason else 1.0
        lag = await self._lag.read()
        limit_bytes, limit_s = self._settings.backlog_limit_bytes, self._settings.backlog_limit_s
        if limit_bytes and lag.size >= limit_bytes * scale:
            self._reason = (
                f"the workers are behind: about {lag.size >> 20} MiB of events wait for them, "
                f"{limit_bytes >> 20} MiB is the limit"
            )
        elif limit_s and lag.worst >= limit_s * scale:
            self._reason = f"the workers are behind: the oldest unsettled event is {lag.worst:.0f} s old, {limit_s:g} s is the limit"
        else:
            self._reason = None


def first_reason(*gates: Callable[[], str | None]) -> Callable[[], str | None]:
    """One gate of several: it gives the first reason that any of them has."""

    def gate() -> str | None:
        return next((reason for each in gates if (reason := each()) is not None), None)

    return gate
