"""What the web process knows of the others: it rings their bells and hears from the supervisor who is up."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Roster:
    """Who is up, by the supervisor's last word."""

    workers: list[WorkerState] = field(default_factory=list)

    def listen(self, descriptor: int) -> None:
        """Follow the supervisor's messages from now on."""
        source = socket.socket(fileno=descriptor)
        source.setblocking(False)
        asyncio.get_running_loop().add_reader(source, self._hear, source)

    def _hear(self, source: socket.socket) -> None:
        try:
            message = source.recv(MESSAGE_LIMIT)
        except BlockingIOError:
            return
        self.workers = [WorkerState(**worker) for worker in json.loads(message)]

    @property
    def missing(self) -> list[str]:
        """Names of the workers that are down."""
        return [worker.name for worker in self.workers if not worker.pid]
