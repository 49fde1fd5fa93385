"""Names to addresses: off the event loop, one look-up per name at a time, remembered for a few seconds."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias

from hedgerow.delivery.transport import TransportError

__all__ = ["AddressInfo", "CachedResolver", "Lookup"]

AddressInfo: TypeAlias = tuple[Any, Any, int, str, Any]
"""One row of ``socket.getaddrinfo``: family, type, protocol, canonical name, socket address."""


class Lookup(Protocol):
    """Resolves a name, as ``socket.getaddrinfo`` does; may block."""

    def __call__(self, host: str, port: int, /) -> Sequence[AddressInfo]:
        """The addresses of a host.

        Raises:
            OSError: there are none, or nobody could say.
        """


def system_lookup(host: str, port: int) -> Sequence[AddressInfo]:
    """Ask the system's resolver."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)


class CachedResolver:
    """Look-ups shared by all who ask for the same name, kept for ``ttl`` seconds.

    It has threads of its own, so that names whose servers do not answer hold up nothing but other new names.

    Args:
        lookup: who is asked.
        ttl: seconds an answer is kept. Failures are not kept.
        threads: look-ups at a time.
        max_names: answers kept at most.
    """

    def __init__(
        self, lookup: Lookup = system_lookup, *, ttl: float = 10.0, threads: int = 16, max_names: int = 2048
    ) -> None:
        self._lookup = lookup
        self._ttl = ttl
        self._max_names = max_names
        self._known: OrderedDict[tuple[str, int], tuple[float, Sequence[AddressInfo]]] = OrderedDict()
        self._asking: dict[tuple[str, int], asyncio.Future[Sequence[AddressInfo]]] = {}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def resolve(self, host: str, port: int) -> Sequence[AddressInfo]:
        """The addresses of a host.

        Raises:
            TransportError: kind ``dns``.
        """
        key = (host, port)
        loop = asyncio.get_running_loop()
        known = self._known.get(key)
        if known is not None and known[0] > loop.time():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = loop.run_in_executor(self._threads, self._lookup, host, port)
            self._asking[key] = asking
            asking.add_done_callback(lambda done: self._answered(key, done, loop))
        try:
            rows = await asyncio.shield(asking)  # others may wait for the same answer
        except (OSError, UnicodeError) as error:
            raise _unresolved(host, _reason(error)) from None
        if not rows:
            raise _unresolved(host, "it has no address")
        return rows

    def close(self) -> None:
        """Let the threads go; look-ups under way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answered(
        self,
        key: tuple[str, int],
        done: asyncio.Future[Sequence[AddressInfo]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        del self._asking[key]
        if done.cancelled() or done.exception() is not None:
            return
        self._known[key] = (loop.time() + self._ttl, done.result())
        self._known.move_to_end(key)
        if len(self._known) > self._max_names:
            self._known.popitem(last=False)


def _unresolved(host: str, reason: str) -> TransportError:
    return TransportError("dns", f"The host {host} cannot be resolved: {reason}.", retriable=True)


def _reason(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).rstrip(".")
