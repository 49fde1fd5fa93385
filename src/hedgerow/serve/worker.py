"""``python -m hedgerow.serve.worker``: a process that delivers the events of some partitions."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys

import uvloop

from hedgerow.delivery.keepers import Bench
from hedgerow.delivery.worker import run_worker
from hedgerow.destinations.secrets import Keyring
from hedgerow.integrations.hub import apps_of
from hedgerow.integrations.kinds import KINDS
from hedgerow.integrations.renewing import Renewer
from hedgerow.integrations.vendors import Vendors
from hedgerow.replay.feeding import Feeder
from hedgerow.replay.ticking import Ticker
from hedgerow.serve.inherit import HOPELESS, Inheritance, follow_supervisor, received
from hedgerow.serve.interpreter import tune
from hedgerow.serve.logs import log_to_stderr
from hedgerow.settings import Settings, SettingsError, load

logger = logging.getLogger(__name__)


async def work(settings: Settings, inheritance: Inheritance) -> None:
    """Deliver until SIGTERM, then finish or put down what is in flight."""
    tune()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    wake = socket.socket(fileno=inheritance.wake)
    wake.setblocking(False)

    def renewer(bench: Bench) -> Renewer:
        vendors = Vendors(bench.world.transport, apps_of(settings), KINDS)
        assert isinstance(bench.world.sealer, Keyring)
        return Renewer(bench.world, vendors, bench.world.sealer)

    await run_worker(
        settings, partitions=inheritance.partitions, wake=wake, stop=stop, keepers=(Feeder, Ticker, renewer)
    )


def main() -> int:
    """Run one worker process; the supervisor calls this."""
    inheritance = received(__spec__.name if __spec__ else __name__)
    follow_supervisor(inheritance.alive)
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return HOPELESS
    log_to_stderr(inheritance.name, settings.log_level, settings.log_format)
    uvloop.run(work(settings, inheritance))
    return 0


if __name__ == "__main__":
    sys.exit(main())
