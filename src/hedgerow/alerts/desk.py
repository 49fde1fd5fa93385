"""Alerts at work: what the process that answers HTTP runs beside its requests, over files of its own.

There, and not in a worker, since workers that are down or behind are a thing to be told of.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hedgerow.alerts.evaluator import Evaluator
from hedgerow.alerts.mailer import Mailer
from hedgerow.alerts.smtp import Post
from hedgerow.settings import Settings
from hedgerow.store import Database


@dataclass(frozen=True, slots=True)
class Desk:
    """Looks at the rules and sends the mails.

    Attributes:
        state: the state file once more, so that a search over the API holds nothing up.
        telemetry: the telemetry file once more.
    """

    state: Database
    telemetry: Database
    evaluator: Evaluator
    mailer: Mailer

    @classmethod
    def of(cls, settings: Settings, *, lag: Callable[[], Awaitable[float]], now: Callable[[], int]) -> Desk:
        """Over the files of an instance.

        Args:
            settings: of the instance.
            lag: tells how old the oldest unsettled event is, in seconds.
            now: milliseconds.
        """
        state, telemetry = (Database(settings.data_dir / name) for name in ("state.db", "telemetry.db"))
        mailer = Mailer(
            state, Post.of(settings), now=now, random=os.urandom, gap_s=settings.alerts_mail_gap_s,
            base_url=settings.base_url,
        )  # fmt: skip
        evaluator = Evaluator(
            state, telemetry, lag=lag, now=now, random=os.urandom, partitions=settings.partitions,
            every_s=settings.alerts_every_s, holder=str(uuid.uuid4()), told=mailer.wake,
        )  # fmt: skip
        return cls(state, telemetry, evaluator, mailer)

    async def run(self) -> None:
        """Work until cancelled."""
        await asyncio.gather(self.evaluator.run(), self.mailer.run())

    def close(self) -> None:
        """Close the files."""
        self.telemetry.close()
        self.state.close()
