"""``/_health/live``, ``/_health/ready`` and ``/metrics``: for load balancers, orchestrators and Prometheus."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from hedgerow.alerts.incidents import open_counts
from hedgerow.delivery import standby
from hedgerow.serve.gateway import Receive, Scope, Send, answer
from hedgerow.serve.lag import LagMeter
from hedgerow.serve.metrics import Exposition, ledger_counts
from hedgerow.serve.status import Roster
from hedgerow.settings import Settings
from hedgerow.store import Database, StoreError
from hedgerow.telemetry import prometheus_text, snapshot

PATHS = frozenset({"/_health/live", "/_health/ready", "/metrics"})


@dataclass(slots=True)
class Health:
    """Answers the three paths.

    Attributes:
        settings: the limits.
        folder: the data folder, whose disk is watched.
        state: the state store.
        telemetry: what destinations have counted.
        lag: how far the workers are behind.
        roster: who is up.
        counters: what capture has counted since this process began.
        backlog: why capture is closed because the workers are behind, or the log cannot be written, if so.
        tail_readers: how many follow events.
    """

    settings: Settings
    folder: Path
    state: Database
    telemetry: Database
    lag: LagMeter
    roster: Roster
    counters: Callable[[], Mapping[str, int]]
    backlog: Callable[[], str | None] = lambda: None
    tail_readers: Callable[[], int] = lambda: 0

    def handles(self, path: str) -> bool:
        """Whether the path is one of the three."""
        return path.rstrip("/") in PATHS

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        path = scope["path"].rstrip("/")
        if path == "/_health/live":
            await _json(send, 200, {"status": "live"})
        elif path == "/_health/ready":
            troubles = await self.troubles()
            status = {"status": "not ready" if troubles else "ready", "troubles": troubles}
            await _json(send, 503 if troubles else 200, status)
        else:
            text = await self._exposition()
            await answer(send, 200, text, b"text/plain; version=0.0.4; charset=utf-8")

    async def troubles(self) -> list[str]:
        """Why this instance should not get traffic, in words; empty when it is ready."""
        found = [f"{name} is down" for name in self.roster.missing]
        free = shutil.disk_usage(self.folder).free
        if free < self.settings.disk_reserve_bytes:
            found.append(f"the disk is nearly full: {free // 2**20} MiB are free")
        if not os.access(self.folder / "events", os.W_OK):
            found.append("the event log cannot be written")
        if (reason := self.backlog()) is not None:
            found.append(reason)
        try:
            worst = (await self.lag.read()).worst
        except StoreError as error:
            return [*found, str(error)]
        if worst > self.settings.ready_lag_s:
            found.append(f"the oldest unsettled event is {worst:.0f} s old")
        return found

    async def _exposition(self) -> bytes:
        out = Exposition()
        for name, value in sorted(self.counters().items()):
            out.counter("hedgerow_capture_total", "What capture has counted.", value, what=name)
        for verdict, value in (await self.state.read(ledger_counts)).items():
            out.gauge(
                "hedgerow_deliveries_open", "Deliveries without a final verdict.", value, verdict=verdict
            )
        for partition, age in (await self.lag.read()).seconds.items():
            out.gauge(
                "hedgerow_oldest_unsettled_seconds", "Age of the oldest unsettled event.", age,
                partition=str(partition),
            )  # fmt: skip
        out.gauge(
            "hedgerow_unsettled_bytes", "About how many bytes of events wait.", (await self.lag.read()).size
        )
        for cared_for, value in (await self.state.read(open_counts)).items():
            out.gauge(
                "hedgerow_incidents_open", "Alerts that have something to say.", value,
                acknowledged=str(cared_for).lower(),
            )  # fmt: skip
        waits = await self.state.read(standby.since) is not None
        out.gauge("hedgerow_standby", "Whether the instance stands by, and sends nothing.", int(waits))
        out.gauge("hedgerow_tail_readers", "Who follows events.", self.tail_readers())
        for worker in self.roster.workers:
            out.gauge(
                "hedgerow_worker_up", "Whether a worker runs.", int(bool(worker.pid)), worker=worker.name
            )
            out.counter(
                "hedgerow_worker_restarts_total", "Unwanted ends.", worker.restarts, worker=worker.name
            )
        return out.encode() + prometheus_text(await self.telemetry.read(snapshot)).encode()


async def _json(send: Send, status: int, body: object) -> None:
    await answer(send, status, orjson.dumps(body), b"application/json")
