"""``python -m hedgerow.serve.web``: the one process that answers HTTP. Capture, health and the API share its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop

from hedgerow.accounts import project_by_token
from hedgerow.accounts.emptying import Emptier
from hedgerow.alerts.desk import Desk
from hedgerow.alerts.smtp import Post
from hedgerow.api import Services, create_app
from hedgerow.capture import CachedProjects, CaptureApp, CaptureOptions, DiskGate, Project, Trail
from hedgerow.delivery.eraser import Eraser
from hedgerow.delivery.world import World
from hedgerow.destinations.errors import SecretsError
from hedgerow.destinations.secrets import Keyring
from hedgerow.insight import Tail
from hedgerow.integrations.hub import Hub
from hedgerow.integrations.renewing import Renewer
from hedgerow.log.sqlite import SqliteLog
from hedgerow.replay.trial import Trials
from hedgerow.serve.gates import BacklogGate, first_reason
from hedgerow.serve.gateway import Gateway
from hedgerow.serve.health import Health
from hedgerow.serve.inherit import HOPELESS, Inheritance, follow_supervisor, received
from hedgerow.serve.interpreter import calm_collector
from hedgerow.serve.lag import LagMeter
from hedgerow.serve.logs import log_to_stderr
from hedgerow.serve.server import InheritedServer
from hedgerow.serve.status import Bells, Roster
from hedgerow.settings import Settings, SettingsError, load
from hedgerow.store import Database, StoreError

logger = logging.getLogger(__name__)

# What is left of the shutdown time for closing the files after the last request.
CLOSING_S = 2.0
# The thread that writes the log needs the interpreter between two commits. At Python's default of 5 ms it would wait for it, under
# load, longer than for the disk.
SWITCH_S = 0.001


@dataclass(frozen=True, slots=True)
class Stores:
    """The open files of this process.

    ``front`` is the state store once more, with a thread of its own, for capture and health: a long search over the API must
    not hold up events.
    """

    state: Database
    front: Database
    telemetry: Database
    log: SqliteLog


@contextlib.contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Open the data folder's files and close them in the end."""
    folder = settings.data_dir
    stores = Stores(
        Database(folder / "state.db"),
        Database(folder / "state.db"),
        Database(folder / "telemetry.db"),
        SqliteLog(folder / "events", settings.partitions, clock=time.time),
    )
    try:
        yield stores
    finally:
        stores.log.close()
        stores.telemetry.close()
        stores.front.close()
        stores.state.close()


def capture_options(settings: Settings) -> CaptureOptions:
    """The settings that capture looks at."""
    return CaptureOptions(
        trusted_proxies=tuple(map(str, settings.trusted_proxies)),
        max_body=settings.max_body_bytes,
        max_event=settings.max_event_bytes,
        max_ai_event=settings.max_ai_event_bytes,
        body_timeout=settings.body_timeout_s,
    )


async def find_project(state: Database, token: str) -> Project | None:
    """The project that capture puts a token's events into."""
    found = await state.read(lambda connection: project_by_token(connection, token, now_ms()))
    return Project(found.id, found.settings) if found else None


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """The application and what runs beside it."""

    app: Gateway
    backlog: BacklogGate
    trail: Trail
    tail: Tail
    eraser: Eraser
    emptier: Emptier
    trials: Trials
    hub: Hub
    alerts: Desk


def build(settings: Settings, inheritance: Inheritance, stores: Stores, roster: Roster) -> Site:
    """Put the application together."""
    bells, tail = Bells(inheritance.bells), Tail()
    stores.log.on_append, stores.log.on_durable = bells.ring, tail.publish
    lag = LagMeter(stores.front, stores.log, time.time)
    backlog, trail = BacklogGate(settings, lag), Trail(stores.front)
    capture = CaptureApp(
        stores.log,
        CachedProjects(lambda token: find_project(stores.front, token)),
        clock=now_ms,
        options=capture_options(settings),
        gate=first_reason(DiskGate(settings.data_dir, settings.disk_reserve_bytes), backlog),
        warn=trail.add,
    )
    health = Health(
        settings, settings.data_dir, stores.front, stores.telemetry, lag, roster, lambda: capture.counters,
        first_reason(backlog, capture.trouble),
        lambda: tail.readers,
    )  # fmt: skip
    keyring, hub = Keyring.of(settings), Hub.of(settings)
    eraser = Eraser(stores.state, stores.telemetry, stores.log, now_ms)
    trials = Trials.of(settings, renewing(stores, hub, keyring).renew)
    services = Services(
        settings, stores.state, stores.telemetry, stores.log, keyring, now_ms, bells.ring, tail=tail, forget=eraser.wake,
        trials=trials, hub=hub, post=Post.of(settings),
    )  # fmt: skip

    async def lag_s() -> float:
        return (await lag.read()).worst

    emptier = Emptier(stores.state, now_ms)
    gateway = Gateway([capture, health], create_app(services))
    alerts = Desk.of(settings, lag=lag_s, now=now_ms)
    return Site(gateway, backlog, trail, tail, eraser, emptier, trials, hub, alerts)


def renewing(stores: Stores, hub: Hub, keyring: Keyring) -> Renewer:
    """What gets other tokens when a trial that really sends is refused; looking ahead is for workers."""
    chance = random.SystemRandom()
    world = World(time.time, chance, stores.log, stores.state, hub.vendors.transport, keyring)
    return Renewer(world, hub.vendors, keyring)


async def serve(settings: Settings, inheritance: Inheritance) -> None:
    """Answer requests until SIGTERM; then answer those that have begun, and close."""
    with open_stores(settings) as stores:
        calm_collector()
        sys.setswitchinterval(SWITCH_S)
        roster = Roster(inheritance.status)
        site = build(settings, inheritance, stores, roster)
        server = InheritedServer(site.app, inheritance.listen)
        serving = asyncio.create_task(server.serve())
        beside = [
            asyncio.create_task(work)
            for work in (site.backlog.watch(), site.eraser.run(), site.emptier.run(), site.alerts.run())
        ]
        roster.report_up()
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        site.tail.close()  # who watches would keep the server from ending
        server.stop()  # type: ignore[no-untyped-call]
        patience = max(0.5, settings.shutdown_s - CLOSING_S)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(serving, patience)
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await site.trials.close()
        await site.hub.close()
        site.alerts.close()
        await site.trail.flush()


def main() -> int:
    """Run the web process; the supervisor calls this."""
    inheritance = received(__spec__.name if __spec__ else __name__)
    follow_supervisor(inheritance.alive)
    try:
        settings = load()
        log_to_stderr(inheritance.name, settings.log_level, settings.log_format)
        uvloop.run(serve(settings, inheritance))
    except (SettingsError, SecretsError) as error:
        sys.stderr.write(f"{error}\n")
        return HOPELESS
    except StoreError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
