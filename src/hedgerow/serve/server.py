"""The HTTP server inside our own event loop: granian, embedded, on a socket that the supervisor opened.

Measured beside its rivals in ``bench/choices/servers.py``.
"""

from __future__ import annotations

import logging
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server

BACKLOG = 1024
# Requests in the application at a time; more wait in the socket's queue.
CONCURRENCY = 4096
HEADER_TIMEOUT_MS = 10_000
HEADER_BYTES = 65_536


class InheritedServer(Server):
    """Granian on a listening socket that exists already.

    Left to itself it opens the port with ``SO_REUSEPORT`` on Linux, so that a second instance on the same port would get
    half of the events instead of an error.
    """

    def __init__(self, application: Any, descriptor: int) -> None:
        # The library says at each start that its embedded server is experimental; ours is covered by our own tests.
        logging.getLogger("_granian").setLevel(logging.ERROR)
        self._descriptor = descriptor
        super().__init__(
            application,
            interface=Interfaces.ASGINL,  # no lifespan: what the application needs is opened around the server
            http=HTTPModes.http1,  # "auto" would wait for ever for the first byte of a silent connection
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONCURRENCY,
            log_enabled=False,
            http1_settings=HTTP1Settings(
                header_read_timeout=HEADER_TIMEOUT_MS, keep_alive=True, max_buffer_size=HEADER_BYTES
            ),
        )

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self._descriptor, False, BACKLOG)  # type: ignore[call-arg, assignment]
