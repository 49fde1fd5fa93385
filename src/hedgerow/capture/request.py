"""The parts of an HTTP request that handlers look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from hedgerow.capture.answers import Answer
from hedgerow.capture.reader import Receive
from hedgerow.events.body import query_parameters

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]


class Request:
    """One request.

    Attributes:
        method: upper case.
        path: as the server decoded it.
        query: first value of each parameter.
        peer: address of who opened the connection, empty on a UNIX socket.
        headers: by lower-case name; of repeated ones the last.
        receive: ASGI's.

    Raises:
        BadRequest: the query cannot be read.
    """

    __slots__ = ("headers", "method", "path", "peer", "query", "receive")

    def __init__(self, scope: dict[str, Any], receive: Receive, headers: dict[bytes, bytes]) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query = query_parameters(scope["query_string"])
        client = scope.get("client")
        self.peer: str = client[0] if client else ""
        self.headers = headers
        self.receive = receive


Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]
