"""HTTP over the network: the :class:`~hedgerow.delivery.transport.Transport` that production uses.

A small HTTP/1.1 client of our own, for two reasons. *Soundness*: the address that the guard judged is the address that the
socket is connected to, with nothing in between that could resolve, redirect, or pick a proxy. *Speed*: posting is one of the
most expensive steps of an event's way. With the guard on, this client spends a third of the CPU of aiohttp on a post (about
50 microseconds against 160) and no more than pyreqwest, which can be guarded only by a client per origin with pinned addresses;
``bench/choices/http_clients.py`` measures all of them and the floor. With aiohttp the posts alone would take two thirds of a
core at 4,000 events a second. The parser is llhttp, which is Node's; connecting to the first of several addresses is
aiohappyeyeballs', which is aiohttp's.

What it does: keep-alive, TLS, chunked and compressed answers, limits in time and bytes. What it leaves out on purpose: redirects,
cookies, proxies, pipelining and HTTP/2.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence

import aiohappyeyeballs

from hedgerow.delivery.egress import EgressPolicy, EgressRefused
from hedgerow.delivery.http_connection import Connection, StaleConnection
from hedgerow.delivery.http_deadlines import Deadlines
from hedgerow.delivery.http_head import build_head
from hedgerow.delivery.http_pool import Pool
from hedgerow.delivery.resolver import AddressInfo, CachedResolver
from hedgerow.delivery.target import ParsedTarget
from hedgerow.delivery.transport import Request, Response, TransportError

__all__ = ["HttpTransport"]

_STAGGER = 0.25
"""Seconds after which the next address of a host is tried beside the last (RFC 8305)."""


class HttpTransport:
    """Sends requests over HTTP/1.1, guarded.

    One request may be sent twice at once: when a connection that served others before turns out to be closed before a
    single byte of the answer came. The second goes over a new connection, within the same time limit.

    Args:
        policy: what may be reached.
        resolver: how names become addresses.
        tls: the TLS settings; the system's trusted authorities by default.
        keep_alive: seconds an unused connection is kept.
        max_idle: unused connections kept in all.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolver: CachedResolver | None = None,
        tls: ssl.SSLContext | None = None,
        keep_alive: float = 10.0,
        max_idle: int = 512,
    ) -> None:
        self._policy = policy
        self._resolver = resolver or CachedResolver()
        self._tls = tls or _default_tls()
        self._pool = Pool(keep_alive=keep_alive, max_idle=max_idle)
        self._deadlines = Deadlines()

    async def send(self, request: Request) -> Response:
        """Send one request and read its answer; redirects are returned, not followed.

        Args:
            request: what to send. Headers about the connection or the framing are left out: they are set here.

        Raises:
            TransportError: there is no usable answer.
        """
        target = self._policy.check_url(request.url)
        head = build_head(request, target)
        connection = self._pool.take(target.origin)
        # Asking asyncio for the loop is a system call, so a connection that has one is asked.
        loop = asyncio.get_running_loop() if connection is None else connection.loop
        deadline = loop.time() + request.timeout
        try:
            if connection is not None:
                try:
                    return await self._exchange(connection, request, head, deadline)
                except StaleConnection:
                    pass  # the request was not read, as far as can be told: send it over a new connection
            connection = await self._connect(target, request.connect_timeout, deadline)
            return await self._exchange(connection, request, head, deadline)
        except TimeoutError:
            message = f"There was no complete answer within {request.timeout:g} seconds."
            raise TransportError("timeout", message, retriable=True) from None

    async def close(self) -> None:
        """Close all connections; exchanges under way end by themselves."""
        self._pool.close()
        self._resolver.close()
        await asyncio.sleep(0)

    async def _exchange(
        self, connection: Connection, request: Request, head: bytes, deadline: float
    ) -> Response:
        answer = connection.ask(
            head, request.body or b"", limit=request.max_body, bodiless=request.method == "HEAD"
        )
        self._deadlines.add(answer, deadline)
        try:
            return await answer
        finally:
            self._deadlines.remove(answer)
            self._pool.give(connection)
            # A failure holds this frame; held by it in turn, it would wait for the garbage collector.
            del answer

    async def _connect(self, target: ParsedTarget, seconds: float, deadline: float) -> Connection:
        own_deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(min(own_deadline, deadline)):
                sock = await self._open(target, await self._addresses(target))
                return await self._start(sock, target)
        except TimeoutError:
            if deadline < own_deadline:
                raise
            message = f"No connection to {target.host} within {seconds:g} seconds."
            raise TransportError("connect_timeout", message, retriable=True) from None

    async def _addresses(self, target: ParsedTarget) -> Sequence[AddressInfo]:
        """All addresses of the target; a single one that may not be reached refuses the whole."""
        if target.address is not None:
            family = socket.AF_INET6 if target.address.version == 6 else socket.AF_INET
            return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (target.host, target.port))]
        addresses = await self._resolver.resolve(target.host, target.port)
        for *_, where in addresses:
            self._policy.check_address(where[0], host=target.host)
        return addresses

    async def _open(self, target: ParsedTarget, addresses: Sequence[AddressInfo]) -> socket.socket:
        try:
            return await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_STAGGER, socket_factory=self._make_socket
            )
        except _RefusedAddress as refused:
            raise refused.refusal from None
        except (OSError, RuntimeError) as error:  # uvloop has both
            raise _connect_error(error, target) from None

    def _make_socket(self, info: AddressInfo) -> socket.socket:
        """Judge the very address that is about to be connected to: the last word, whatever came before."""
        family, kind, protocol, _, where = info
        try:
            self._policy.check_address(where[0])
        except EgressRefused as refusal:
            raise _RefusedAddress(refusal) from None
        return socket.socket(family, kind, protocol)

    async def _start(self, sock: socket.socket, target: ParsedTarget) -> Connection:
        loop = asyncio.get_running_loop()
        secure = target.scheme == "https"
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(target.origin, loop),
                sock=sock,
                ssl=self._tls if secure else None,
                server_hostname=target.host if secure else None,
            )
        except OSError as error:  # ssl.SSLError is one
            raise _handshake_error(error, target) from None
        return connection


def _default_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _RefusedAddress(OSError):
    """Carries a refusal through a library that only passes on OSError."""

    def __init__(self, refusal: EgressRefused) -> None:
        super().__init__(errno.EACCES, str(refusal))
        self.refusal = refusal


def _connect_error(error: OSError | RuntimeError, target: ParsedTarget) -> TransportError:
    where = f"{target.host} on port {target.port}"
    if getattr(error, "errno", None) == errno.ETIMEDOUT:
        return TransportError("connect_timeout", f"{where} does not answer.", retriable=True)
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return TransportError("refused", f"No connection to {where}: {reason}.", retriable=True)


def _handshake_error(error: OSError, target: ParsedTarget) -> TransportError:
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"The certificate of {target.host} cannot be trusted: {error.verify_message}."
    else:
        reason = getattr(error, "reason", None) or error.strerror or str(error) or "the connection was closed"
        message = f"No secure connection to {target.host}: {reason}."
    return TransportError("tls", message, retriable=True)
