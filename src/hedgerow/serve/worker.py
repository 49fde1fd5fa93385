"""``python -m hedgerow.serve.worker``: a process that delivers the events of some partitions."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys

import uvloop

from hedgerow.delivery.worker import run_worker
from hedgerow.replay.feeding import Feeder
from hedgerow.serve.collector import calm_collector
from hedgerow.serve.inherit import HOPELESS, Inheritance, follow_supervisor, log_to_stderr, received
from hedgerow.settings import Settings, SettingsError, load

logger = logging.getLogger(__name__)


async def work(settings: Settings, inheritance: Inheritance) -> None:
    """Deliver until SIGTERM, then finish or put down what is in flight."""
    calm_collector()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    wake = socket.socket(fileno=inheritance.wake)
    wake.setblocking(False)
    await run_worker(settings, partitions=inheritance.partitions, wake=wake, stop=stop, keepers=(Feeder,))


def main() -> int:
    """Run one worker process; the supervisor calls this."""
    inheritance = received(__spec__.name if __spec__ else __name__)
    follow_supervisor(inheritance.alive)
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return HOPELESS
    log_to_stderr(inheritance.name, settings.log_level)
    uvloop.run(work(settings, inheritance))
    return 0


if __name__ == "__main__":
    sys.exit(main())
