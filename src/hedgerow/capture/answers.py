"""Answers, ready to send: a status, headers and a body, and the CORS headers that browsers ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
SCRIPT = b"application/javascript; charset=utf-8"
METHODS = b"GET, POST, OPTIONS"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; made once and sent many times where it does not depend on the request.

    Attributes:
        status: HTTP status.
        body: complete.
        headers: all of them but the CORS ones.
    """

    status: int
    body: bytes
    headers: Headers

    def messages(self, cors: Headers) -> tuple[dict[str, Any], dict[str, Any]]:
        """The two ASGI messages."""
        return (
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [*self.headers, *cors] if cors else self.headers,
            },
            {"type": "http.response.body", "body": self.body},
        )


def answer(status: int, body: bytes, content_type: bytes, extra: Headers | None = None) -> Answer:
    """An answer with its length and type."""
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *(extra or [])]
    return Answer(status, body, headers)


def text(status: int, body: str, extra: Headers | None = None) -> Answer:
    """Plain text, as SDKs expect errors from capture."""
    return answer(status, body.encode("utf-8", "replace"), TEXT, extra)


def json(value: object, status: int = 200, extra: Headers | None = None) -> Answer:
    """A JSON answer."""
    return answer(status, orjson.dumps(value), JSON, extra)


OK = answer(200, b'{"status":"Ok"}', JSON)
NO_CONTENT = Answer(204, b"", [])
EMPTY = answer(200, b"{}", JSON)
ALIVE = text(200, "capture")
NOT_FOUND = text(404, "not found")
NOT_ALLOWED = text(405, "method not allowed", [(b"allow", METHODS)])
TOO_SLOW = text(408, "the request body took too long", [(b"connection", b"close")])
BROKEN = text(500, "internal error")
TRY_AGAIN = text(503, "transient error, please retry")


def rate_limited(seconds: int) -> Answer:
    """Come back later."""
    return text(429, "rate limited", [(b"retry-after", b"%d" % seconds)])


def cors(headers: Mapping[bytes, bytes], method: str) -> Headers:
    """The CORS headers for a request, none if it does not come from a web page.

    The origin is mirrored, not ``*``, since browsers send credentials along and refuse the star then.
    """
    origin = headers.get(b"origin")
    if origin is None:
        return []
    allowed = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"Retry-After"),
        (b"vary", b"Origin"),
    ]
    if method == "OPTIONS":
        allowed.append((b"access-control-allow-methods", METHODS))
        wanted = headers.get(b"access-control-request-headers")
        if wanted is not None:
            allowed.append((b"access-control-allow-headers", wanted))
    return allowed
