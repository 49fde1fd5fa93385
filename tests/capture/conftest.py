"""A capture application over a log in memory, and a client without sockets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from hedgerow.capture import CaptureApp, CaptureOptions, Project
from hedgerow.events import Record
from hedgerow.log.protocol import LogUnavailable

NOW = 1_767_355_445_678  # 2026-01-02T12:04:05.678Z
TOKEN = "phc_valid"


class MemoryLog:
    """Keeps drafts in a list; can be told to fail."""

    partitions = 1

    def __init__(self):
        self.drafts = []
        self.broken = None

    async def append(self, drafts):
        if self.broken:
            raise LogUnavailable(self.broken)
        await asyncio.sleep(0)
        self.drafts += drafts

    @property
    def events(self):
        return [
            Record(0, index, draft.project_id, draft.captured_at, draft.payload).decode()
            for index, draft in enumerate(self.drafts)
        ]


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self):
        return self.body.decode()


class Client:
    """Calls the application as a server would, body in chunks if asked for."""

    def __init__(self, app):
        self.app = app

    def send(self, method, target, body: bytes = b"", headers=(), *, peer="203.0.113.9", chunk=0):
        return asyncio.run(self.asend(method, target, body, headers, peer=peer, chunk=chunk))

    async def asend(self, method, target, body: bytes = b"", headers=(), *, peer="203.0.113.9", chunk=0):
        path, _, query = target.partition("?")
        sent: list[dict[str, Any]] = []
        pieces = [body[i : i + chunk] for i in range(0, len(body), chunk)] if chunk else [body]
        incoming = [
            {"type": "http.request", "body": piece, "more_body": i + 1 < len(pieces)}
            for i, piece in enumerate(pieces)
        ]

        async def receive():
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        lines = [(name.lower().encode(), value.encode()) for name, value in dict(headers).items()]
        if body and not chunk:
            lines.append((b"content-length", str(len(body)).encode()))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": lines,
            "client": (peer, "1234"),
        }
        await self.app(scope, receive, send)
        if not sent:
            return None
        start, end = sent
        return Reply(
            start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, end.get("body", b"")
        )

    def post(self, target, body, headers=()):
        return self.send("POST", target, body, headers)


@pytest.fixture
def log():
    return MemoryLog()


@pytest.fixture
def make_app(log):
    def make(*, project_options=None, **options):
        async def projects(token):
            return Project(7, project_options or {}) if token == TOKEN else None

        return CaptureApp(log, projects, options=CaptureOptions(**options), clock=lambda: NOW)

    return make


@pytest.fixture
def client(make_app):
    return Client(make_app())


@pytest.fixture
def make_client(make_app):
    return lambda **options: Client(make_app(**options))


@pytest.fixture
def client_for():
    """Makes a client of any application."""
    return Client
