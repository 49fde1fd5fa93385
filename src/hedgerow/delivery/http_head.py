"""The head of a request, in the bytes that go over the wire.

Names and values come from programs and from events: whatever could end a header line, or say something about the
framing of the message, is refused or left out here, so that one request can never be read as two.
"""

from __future__ import annotations

import re

from hedgerow import __version__
from hedgerow.delivery.target import ParsedTarget
from hedgerow.delivery.transport import Request, TransportError

__all__ = ["USER_AGENT", "BadRequest", "build_head"]

USER_AGENT = f"Hedgerow/{__version__}"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that describe the connection or the framing: the transport's to set, so a program's are left out."""


class BadRequest(TransportError):
    """The request cannot be put into HTTP; the author of the program must act."""

    def __init__(self, message: str) -> None:
        super().__init__("protocol", message, retriable=False)


def build_head(request: Request, target: ParsedTarget) -> bytes:
    """Write request line and headers.

    Args:
        request: what to send.
        target: its URL, as the guard read it.

    Returns:
        The bytes up to and including the empty line.

    Raises:
        BadRequest: the method or a header is not fit for HTTP.
    """
    seen = set[str]()
    lines = [_request_line(request.method, target.path)]
    for name, value in request.headers.items():
        key = name.lower()
        if key not in _FRAMING:
            seen.add(key)
            lines.append(_header(name, value))
    if "host" not in seen:
        lines.insert(1, f"Host: {target.netloc}".encode("ascii"))
    if "user-agent" not in seen:
        lines.append(f"User-Agent: {USER_AGENT}".encode("ascii"))
    if request.body is not None or request.method not in _BODILESS:
        lines.append(b"Content-Length: %d" % len(request.body or b""))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _request_line(method: str, path: str) -> bytes:
    if not _TOKEN.fullmatch(method) or method.upper() in _REFUSED_METHODS:
        raise BadRequest(f"{method[:40]!r} is not a method that can be sent.")
    return f"{method} {path} HTTP/1.1".encode("ascii")


def _header(name: str, value: str) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise BadRequest(f"{name[:80]!r} is not a header name.")
    if _UNSAFE_VALUE.search(value):
        raise BadRequest(f"The header {name} contains a line break or another control character.")
    line = f"{name}: {value}"
    try:
        return line.encode("latin-1")  # as Node sends it, and with it PostHog
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace")
