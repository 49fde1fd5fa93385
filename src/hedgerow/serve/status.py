"""What the web process knows of the others: it rings their bells and hears from the supervisor who is up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass

MESSAGE_LIMIT = 65536


class Bells:
    """Wakes the workers. One ring stands for all that was appended in one turn of the event loop."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._sockets = [socket.socket(fileno=fd) for fd in descriptors]
        self._rung = False

    def ring(self) -> None:
        """Tell all workers that there is something new."""
        if not self._rung:
            self._rung = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._rung = False
        for bell in self._sockets:
            try:
                bell.send(b"!")
            except OSError:
                continue


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as the supervisor sees it; ``pid`` is 0 while it is down."""

    name: str
    pid: int
    restarts: int


class Roster:
    """Who is up, by the supervisor's last word; to be made inside a running event loop."""

    def __init__(self, descriptor: int) -> None:
        self.workers: list[WorkerState] = []
        self.heard = False
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.workers = [WorkerState(**worker) for worker in json.loads(self._socket.recv(MESSAGE_LIMIT))]
            self.heard = True

    def report_up(self) -> None:
        """Tell the supervisor that this process answers."""
        with contextlib.suppress(OSError):
            self._socket.send(b"up")

    @property
    def missing(self) -> list[str]:
        """Names of the workers that are down; before the supervisor's first word nobody is known to be up."""
        if not self.heard:
            return ["the worker"]
        return [worker.name for worker in self.workers if not worker.pid]
