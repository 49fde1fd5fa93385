"""The first process: holds the port and the folder, deals out the work, keeps the others alive.

It does nothing else, so that there is little that could end it. The listening socket stays open here while the web process
is started again: clients wait a moment instead of being refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hedgerow.serve.children import Child
from hedgerow.serve.inherit import HOPELESS, Inheritance
from hedgerow.settings import Settings, environment, variable

logger = logging.getLogger(__name__)

BACKLOG = 1024
# A just killed predecessor's children may hold the port for a moment.
PORT_PATIENCE_S = 1.0
# What remains of the shutdown time when the children are killed: enough to reap them.
LAST_MOMENT_S = 0.5
MESSAGE_LIMIT = 64


class PortTaken(Exception):
    """The port cannot be listened on. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two connected sockets, one for each side."""

    near: socket.socket
    far: socket.socket


def deal(partitions: int, workers: int) -> list[tuple[int, ...]]:
    """Partitions of each worker, dealt round robin. Workers beyond the number of partitions would be idle: they get none."""
    return [tuple(range(index, partitions, workers)) for index in range(min(workers, partitions))]


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket.

    Raises:
        PortTaken: somebody else has it, or the address is not ours.
    """
    deadline = time.monotonic() + PORT_PATIENCE_S
    while True:
        try:
            return _bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise PortTaken(_why_not(host, port, error)) from error
            time.sleep(0.05)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)
    opened.setblocking(False)
    return opened


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program. Choose another: hedgerow serve --port {port + 1}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"Port {port} needs more rights than this user has. Choose one above 1023: hedgerow serve --port 8000"
    return f"Cannot listen on {host}:{port}: {error.strerror or error}. Check --host and --port."


def _nothing() -> None:
    pass


def datagram_pair() -> Pair:
    """A pair of sockets that keep messages apart and never block."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near.setblocking(False)
    far.setblocking(False)
    return Pair(near, far)


class Supervisor:
    """Runs one web process and the workers until it is told to stop."""

    def __init__(
        self, settings: Settings, listener: socket.socket, partitions: int, *, on_up: Callable[[], None]
    ) -> None:
        """Prepare the children.

        Args:
            settings: what they get.
            listener: the listening socket for the web process.
            partitions: of the event log.
            on_up: called once, when the web process answers for the first time.
        """
        self._settings = settings
        self._on_up = on_up
        self._listener = listener
        self._alive_read, self._alive_write = os.pipe()
        self._status = datagram_pair()
        shares = deal(partitions, settings.worker_processes)
        self._wakes = [datagram_pair() for _ in shares]
        variables = {**os.environ, **environment(settings)}
        variables[variable("data_dir")] = str(settings.data_dir.resolve())
        self.workers = [
            Child("hedgerow.serve.worker", self._worker(index, share), variables, self._tell)
            for index, share in enumerate(shares)
        ]
        self.web = Child("hedgerow.serve.web", self._web(), variables, self._tell)
        self._signals = 0
        self._stop = asyncio.Event()

    @property
    def children(self) -> Sequence[Child]:
        """Everything it keeps running."""
        return (self.web, *self.workers)

    def _web(self) -> Inheritance:
        return Inheritance(
            "web",
            alive=self._alive_read,
            listen=self._listener.fileno(),
            status=self._status.far.fileno(),
            bells=tuple(pair.near.fileno() for pair in self._wakes),
        )

    def _worker(self, index: int, share: tuple[int, ...]) -> Inheritance:
        wake = self._wakes[index].far.fileno()
        return Inheritance(f"worker-{index + 1}", alive=self._alive_read, wake=wake, partitions=share)

    def _tell(self) -> None:
        """Let the web process know who is up, for readiness."""
        state = [
            {"name": child.name, "pid": child.pid, "restarts": child.starts - 1} for child in self.workers
        ]
        try:
            self._status.near.send(json.dumps(state).encode())
        except (BlockingIOError, OSError):
            logger.debug("the web process is behind with reading who is up")

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            self._status.near.recv(MESSAGE_LIMIT)
            logger.info("answering at %s", self._settings.local_url)
            greet, self._on_up = self._on_up, _nothing
            greet()

    def request_stop(self) -> None:
        """First call: end in good order. Second call: end now."""
        self._signals += 1
        self._stop.set()
        if self._signals > 1:
            self._kill()

    def _kill(self) -> None:
        for child in self.children:
            child.signal(signal.SIGKILL)

    async def run(self) -> int:
        """Run until a signal or a child beyond help.

        Returns:
            The exit status of the command: 0 after a requested stop.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asks that a closed terminal be ignored
                loop.add_signal_handler(number, self.request_stop)
        loop.add_reader(self._status.near, self._hear)
        tasks = [asyncio.create_task(child.keep_running()) for child in self.children]
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        hopeless = any(task.done() and task.result() == HOPELESS for task in tasks)
        await self._end(tasks)
        return 1 if hopeless else 0

    async def _end(self, tasks: Sequence[asyncio.Task[int]]) -> None:
        logger.info("stopping: what is in flight may finish")
        for child in self.children:
            child.stop()
        waiting = [task for task, child in zip(tasks, self.children, strict=True) if child.pid]
        if waiting:
            patience = max(0.1, self._settings.shutdown_s - LAST_MOMENT_S)
            _, late = await asyncio.wait(waiting, timeout=patience)
            if late:
                logger.warning("%d process(es) did not end in time and are killed", len(late))
                self._kill()
                await asyncio.wait(late, timeout=LAST_MOMENT_S)
        for task in tasks:
            task.cancel()
        logger.info("stopped")
