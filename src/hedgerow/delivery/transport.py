"""How a request leaves: the seam between the pipeline and the network.

Nobody changes a request or a response once it is made. They are not frozen, since that makes the making of each five times as dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True)
class Request:
    """One HTTP request, complete: nothing is added to it but what the protocol needs.

    Attributes:
        method: upper case.
        url: as the program gave it; judged by the transport.
        headers: in the order given, names as given.
        body: bytes or None.
        timeout: seconds for the whole exchange.
        connect_timeout: seconds until the connection stands.
        max_body: bytes of the response that are kept; more is cut and ``truncated`` set.
        follow_redirects: whether to go where the answer leads. A transport never does: see redirects.py.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float = 10.0
    connect_timeout: float = 3.0
    max_body: int = 1_000_000
    follow_redirects: bool = False


@dataclass(slots=True)
class Response:
    """What came back. Header names are lower case; repeated headers are joined with ``, ``."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False


class TransportError(Exception):
    """No usable response.

    Attributes:
        kind: ``timeout``, ``connect_timeout``, ``dns``, ``refused``, ``reset``, ``tls``, ``protocol``, ``egress`` (the guard
            said no), ``invalid_url``.
        retriable: whether trying the same request again can help.
    """

    def __init__(self, kind: str, message: str, *, retriable: bool) -> None:
        super().__init__(message)
        self.kind = kind
        self.retriable = retriable


class Transport(Protocol):
    """Sends requests. One per worker; safe for many at a time."""

    async def send(self, request: Request) -> Response:
        """Send one request and read its answer; redirects are returned, not followed.

        Raises:
            TransportError: there is no usable response.
        """

    async def close(self) -> None:
        """Close all connections."""
