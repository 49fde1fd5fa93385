"""One HTTP/1.1 connection: a request out, an answer in, and whether it can be used again."""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

from hedgerow.delivery.http_body import BadEncoding, Body
from hedgerow.delivery.transport import Response, TransportError

__all__ = ["Connection", "StaleConnection"]

MAX_OVERHEAD = 131_072
"""Bytes an answer may spend on anything but its body: headers, interim answers, trailers, chunk sizes."""

_OVERHEAD_PER_BYTE = 16
"""Framing that each byte of the body earns on top of it: a server may send its body in the smallest chunks."""


_COPIED = 65_536
"""A body shorter than this is copied behind its head, so that both leave in one packet."""


class StaleConnection(TransportError):
    """A connection that was used before turned out to be closed before a byte of the answer came.

    Servers close idle connections without asking; the request met the closing half way and was, as far as anybody can
    tell, not read. It is safe to send it once more at once, and no less safe than the retry that would follow anyway.
    """

    def __init__(self) -> None:
        super().__init__("reset", "The server closed the connection without an answer.", retriable=True)


class Connection(asyncio.Protocol):
    """A connection to one origin; carries one exchange at a time.

    Attributes:
        origin: what it is connected to, the key under which the pool keeps it.
        loop: where it lives.
        served: exchanges that were completed on it.
        idle_for: seconds the server said it would keep it open, if it said so.
    """

    __slots__ = (
        "_answer",
        "_bodiless",
        "_body",
        "_headers",
        "_limit",
        "_overhead",
        "_parser",
        "_received",
        "_reusable",
        "_transport",
        "idle_for",
        "idle_since",
        "loop",
        "origin",
        "served",
    )

    def __init__(self, origin: tuple[str, str, int], loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.loop = loop
        self.served = 0
        self.idle_for: float | None = None
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Response] | None = None
        self._reusable = True
        self._limit = 0
        self._bodiless = False
        self._received = False
        self._overhead = 0
        self._headers: dict[str, str] = {}
        self._body: Body | None = None

    @property
    def usable(self) -> bool:
        """Whether another request can be sent on it."""
        transport = self._transport
        return (
            self._reusable and self._answer is None and transport is not None and not transport.is_closing()
        )

    def ask(self, head: bytes, body: bytes, *, limit: int, bodiless: bool) -> asyncio.Future[Response]:
        """Send a request.

        Args:
            head: the bytes of :func:`hedgerow.delivery.http_head.build_head`.
            body: what follows it.
            limit: bytes of the answer's body to keep.
            bodiless: the answer has no body whatever its headers say (to a HEAD request).

        Returns:
            What becomes of it: the answer, or StaleConnection when the connection was used before and is closed with nothing
            come back, or TransportError when the answer broke off or is not HTTP. Whoever stops waiting sooner leaves
            the connection unusable.

        Raises:
            StaleConnection: it is closed already.
        """
        if self._transport is None or self._transport.is_closing():
            raise StaleConnection
        self._limit = limit
        self._bodiless = bodiless
        self._received = False
        self._overhead = MAX_OVERHEAD
        self._headers = {}
        self._body = None
        answer = self._answer = self.loop.create_future()
        self._write(head, body)
        return answer

    def _write(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        if len(body) < _COPIED:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def abort(self) -> None:
        """Close at once, whatever is still in the air."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    # What asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; bytes that nobody waits for end the connection."""
        if self._answer is None:
            self.abort()
            return
        self._received = True
        self._overhead -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(_protocol_error("The server wants to switch to another protocol."))
        except httptools.HttpParserError as error:
            self._fail(_unwrapped(error))
        if self._overhead < 0:
            self._fail(_protocol_error(f"The answer has more than {MAX_OVERHEAD} bytes of headers."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Finish an answer that ends with the connection; anything else unfinished has failed."""
        self._reusable = False
        if self._answer is None:
            return
        if exc is None and self._body is not None and self._ends_with_connection:
            self._complete()
        elif self._received:
            self._fail(
                TransportError(
                    "reset", "The connection ended before the answer was complete.", retriable=True
                )
            )
        elif self.served:
            self._fail(StaleConnection())
        else:
            self._fail(
                TransportError("reset", "The server closed the connection without an answer.", retriable=True)
            )

    # What the parser tells us.

    def on_message_begin(self) -> None:
        """Start an answer; one that nobody asked for makes the connection useless."""
        self._headers = {}
        self._body = None
        if self._answer is None:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; repeated ones are joined. Trailers are none: they come after decisions were made."""
        if self._body is not None:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip()
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """Make room for the body."""
        if self._parser.get_status_code() < 200:
            return
        self._body = Body(self._limit, self._headers.get("content-encoding", ""))
        if self._bodiless:
            self._reusable = False  # the parser cannot be told that no body follows
            self._complete()

    def on_body(self, body: bytes) -> None:
        """Keep what fits; once it is more than that the rest of the connection is of no use."""
        self._overhead += len(body) * (1 + _OVERHEAD_PER_BYTE)
        if self._body is None or self._body.truncated:
            return
        if not self._body.feed(body):
            self._complete()
            self.abort()

    def on_message_complete(self) -> None:
        """The answer is there, unless it was an interim one."""
        if self._body is None or self._answer is None:
            return
        self._reusable = self._reusable and bool(self._parser.should_keep_alive())
        self._complete()

    @property
    def _ends_with_connection(self) -> bool:
        return "content-length" not in self._headers and "transfer-encoding" not in self._headers

    def _complete(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        assert self._body is not None
        assert self._transport is not None
        self.served += 1
        self.idle_for = _keep_alive(self._headers.get("keep-alive"))
        if self._transport.get_write_buffer_size():
            self._reusable = False  # the server answered without reading all of the request
        if not answer.done():
            status = self._parser.get_status_code()
            answer.set_result(Response(status, self._headers, self._body.finish(), self._body.truncated))

    def _fail(self, error: Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.abort()


def _protocol_error(message: str) -> TransportError:
    return TransportError("protocol", message, retriable=False)


def _unwrapped(error: httptools.HttpParserError) -> TransportError:
    """What stopped the parser: the answer itself, or our reading of its body."""
    if isinstance(error.__context__, BadEncoding):
        return _protocol_error(
            f"The body of the answer is not compressed as its headers say: {error.__context__}."
        )
    return _protocol_error(f"The answer is not valid HTTP: {error}.")


def _keep_alive(header: str | None) -> float | None:
    """The seconds in ``Keep-Alive: timeout=5, max=100``; None when it says nothing."""
    if header is None:
        return None
    for part in header.split(","):
        name, _, value = part.partition("=")
        if name.strip().lower() == "timeout" and value.strip().isdecimal():
            return float(value)
    return None
