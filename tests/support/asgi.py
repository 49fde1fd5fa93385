"""Calling an ASGI application without a network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import orjson


@dataclass(frozen=True)
class Answer:
    """What the application sent back; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        """The body, decoded."""
        return orjson.loads(self.body)


async def call(
    app, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
) -> Answer:
    """Send one request and collect the answer.

    Args:
        app: the application.
        method: upper case.
        target: path and query.
        body: bytes as they are, anything else as JSON, None for nothing.
        headers: of the request.
    """
    parts = urlsplit(target)
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    given = {"host": "testserver", **(headers or {})}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("testserver", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    pending = [{"type": "http.request", "body": content, "more_body": False}]
    sent: list[dict] = []

    async def receive():
        if not pending:
            await asyncio.Event().wait()  # the client stays until it has its answer
        return pending.pop()

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    whole = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, whole)
