"""Health and metrics: what load balancers and Prometheus are told."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from hedgerow.events import Draft, Event
from hedgerow.log.memory import MemoryLog
from hedgerow.serve.gateway import Gateway
from hedgerow.serve.health import Health
from hedgerow.serve.lag import LagMeter
from hedgerow.serve.metrics import Exposition
from hedgerow.serve.status import WorkerState
from hedgerow.settings import Settings
from hedgerow.store import Database
from support.asgi import call
from support.store import fresh_store

NOW = 1_780_000_000.0


class StubRoster:
    """Workers as a test wants them."""

    def __init__(self, *pids):
        self.workers = [WorkerState(f"worker-{n}", pid, 2) for n, pid in enumerate(pids, 1)]
        self.missing = [worker.name for worker in self.workers if not worker.pid]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Migrated, empty files."""
    folder = tmp_path_factory.mktemp("health")
    fresh_store(folder)
    (folder / "events").mkdir()
    state, telemetry = Database(folder / "state.db"), Database(folder / "telemetry.db")
    yield folder, state, telemetry
    state.close()
    telemetry.close()


@pytest.fixture
def health(stores):
    """A healthy instance to spoil."""
    folder, state, telemetry = stores
    log = MemoryLog(2)
    lag = LagMeter(state, log, lambda: NOW)
    settings = Settings(disk_reserve_bytes=0, ready_lag_s=60)
    return Health(settings, folder, state, telemetry, lag, StubRoster(7), lambda: {"events": 3}), log


def get(app, path):
    """The answer to a GET."""
    return asyncio.run(call(app, "GET", path))


def append(log, age_s):
    """An event of some age that nobody settles."""
    at = int((NOW - age_s) * 1000)
    asyncio.run(log.append([Draft(1, "ada", at, Event("u", "e", "ada").encode())]))


def test_live_says_only_that_it_answers(health):
    """However bad things are, a process that answers is alive."""
    app, log = health
    append(log, 10_000)
    assert get(app, "/_health/live").json == {"status": "live"}


def test_ready_when_all_is_well(health):
    """With and without the slash."""
    for path in ("/_health/ready", "/_health/ready/"):
        answer = get(health[0], path)
        assert (answer.status, answer.json) == (200, {"status": "ready", "troubles": []})


def test_a_missing_worker_is_trouble(health):
    """It is named."""
    app, _ = health
    app.roster = StubRoster(7, 0)
    answer = get(app, "/_health/ready")
    assert (answer.status, answer.json["troubles"]) == (503, ["worker-2 is down"])


@pytest.mark.parametrize(("age", "status"), [(30, 200), (90, 503)])
def test_old_unsettled_events_are_trouble(health, age, status):
    """The age of the oldest unsettled event is the first sign of trouble."""
    app, log = health
    append(log, age)
    append(log, 1)
    assert get(app, "/_health/ready").status == status


def test_a_full_disk_is_trouble(health):
    """Before capture has to refuse events, readiness says so."""
    app, _ = health
    app.settings = Settings(disk_reserve_bytes=2**62)
    assert "nearly full" in get(app, "/_health/ready").json["troubles"][0]


def test_metrics_are_in_prometheus_form(health):
    """Each line is a comment or a sample; the numbers are those of the parts."""
    app, log = health
    append(log, 12)
    text = get(app, "/metrics").body.decode()
    for line in text.splitlines():
        assert line.startswith("# ") or re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+-]+', line), (
            line
        )
    assert 'hedgerow_capture_total{what="events"} 3' in text
    assert 'hedgerow_worker_up{worker="worker-1"} 1' in text
    assert 'hedgerow_worker_restarts_total{worker="worker-1"} 2' in text
    assert 'hedgerow_incidents_open{acknowledged="false"} 0' in text
    assert re.search(r'hedgerow_oldest_unsettled_seconds\{partition="\d"\} 12\n', text)


def test_labels_cannot_break_the_format():
    """Quotes, backslashes and line ends in a label are escaped."""
    out = Exposition()
    out.gauge("a", "Text.", 1.5, what='x"\\\n')
    assert out.encode() == b'# HELP a Text.\n# TYPE a gauge\na{what="x\\"\\\\\\n"} 1.5\n'


def test_the_lag_is_read_once_a_second(stores):
    """Many askers do not make many queries."""
    now = [NOW]
    log = MemoryLog(1)
    meter = LagMeter(stores[1], log, lambda: now[0])

    async def scenario():
        assert (await meter.read()).worst == 0
        append_at = int((NOW - 5) * 1000)
        await log.append([Draft(1, "ada", append_at, b"{}")])
        assert (await meter.read()).worst == 0
        now[0] += 1
        assert (await meter.read()).worst == 6

    asyncio.run(scenario())


def test_the_gateway_asks_its_handlers_in_order():
    """The first handler that wants a path gets it, the API gets the rest, other protocols get nothing."""
    seen = []

    class Handler:
        def __init__(self, prefix):
            self.prefix = prefix

        def handles(self, path):
            return path.startswith(self.prefix)

        async def __call__(self, _scope, _receive, send):
            seen.append(self.prefix)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": json.dumps(self.prefix).encode()})

    gateway = Gateway([Handler("/a"), Handler("/ab")], Handler("api"))
    for path in ("/abc", "/a", "/x"):
        asyncio.run(call(gateway, "GET", path))
    assert seen == ["/a", "/a", "api"]
    asyncio.run(gateway({"type": "websocket"}, None, None))
