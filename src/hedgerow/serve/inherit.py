"""What the supervisor hands to a child process, and how a child learns that its supervisor is gone.

A child gets its settings through the environment, and its sockets and pipes as inherited file descriptors whose numbers
stand in its one argument. It must not outlive the supervisor, not even after ``kill -9``: a second instance would find
partitions and port taken. On Linux the kernel sees to it; everywhere a pipe whose writing end only the supervisor holds does.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass, field

# The exit code for "starting me again would end the same way" (EX_CONFIG of sysexits.h).
HOPELESS = 78
ORPHANED = 79
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Inheritance:
    """File descriptors and duties of one child.

    Attributes:
        name: ``web`` or ``worker-1``, for log lines.
        alive: reading end of the pipe that ends with the supervisor.
        listen: the web process's listening socket.
        status: the web process's end of the socket on which the supervisor tells who is up.
        bells: the web process's ends of the workers' wake-up sockets.
        wake: a worker's own end of its wake-up socket.
        partitions: what a worker owns.
    """

    name: str
    alive: int = -1
    listen: int = -1
    status: int = -1
    bells: tuple[int, ...] = ()
    wake: int = -1
    partitions: tuple[int, ...] = field(default=())

    def descriptors(self) -> tuple[int, ...]:
        """The file descriptors that must survive into the child."""
        return tuple(fd for fd in (self.alive, self.listen, self.status, self.wake, *self.bells) if fd >= 0)

    def encode(self) -> str:
        """The child's argument."""
        return json.dumps(asdict(self), separators=(",", ":"))


def decode(argument: str) -> Inheritance:
    """Read a child's argument."""
    raw = json.loads(argument)
    return Inheritance(**raw | {"bells": tuple(raw["bells"]), "partitions": tuple(raw["partitions"])})


def received(module: str) -> Inheritance:
    """This process's inheritance; ends the process when somebody started it by hand."""
    try:
        return decode(sys.argv[1])
    except (IndexError, ValueError, KeyError, TypeError):
        sys.stderr.write(f"{module} is started by 'hedgerow serve', not by hand.\n")
        raise SystemExit(2) from None


def follow_supervisor(alive: int) -> None:
    """From now on this process dies with its supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which then asks us to end
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    threading.Thread(target=_end_with, args=(alive,), daemon=True, name="supervisor-watch").start()


def _end_with(alive: int) -> None:
    # Nobody ever writes: the read returns when the last writing end is closed, that is, when the supervisor is gone.
    while os.read(alive, 1):
        pass
    os._exit(ORPHANED)
