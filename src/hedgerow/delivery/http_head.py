"""The head of a request, in the bytes that go over the wire.

Names and values come from programs and from events: whatever could end a header line, or say something about the
framing of the message, is refused or left out here, so that one request can never be read as two.
"""

from __future__ import annotations

import re
from functools import lru_cache

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
        key = _key(name)
        if key not in _FRAMING:
            seen.add(key)
            lines.append(_header(name, value))
    if "host" not in seen:
        lines.insert(1, f"Host: {target.netloc}\r\n")
    if "user-agent" not in seen:
        lines.append(f"User-Agent: {USER_AGENT}\r\n")
    if request.body is not None or request.method not in _BODILESS:
        lines.append(f"Content-Length: {len(request.body or b'')}\r\n")
    lines.append("\r\n")
    return _encode(lines)


def _request_line(method: str, path: str) -> str:
    if not _TOKEN.fullmatch(method) or method.upper() in _REFUSED_METHODS:
        raise BadRequest(f"{method[:40]!r} is not a method that can be sent.")
    return f"{method} {path} HTTP/1.1\r\n"


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """The name by which a header is known; few names are ever used, so most are judged once."""
    if not _TOKEN.fullmatch(name):
        raise BadRequest(f"{name[:80]!r} is not a header name.")
    return name.lower()


def _header(name: str, value: str) -> str:
    if _UNSAFE_VALUE.search(value):
        raise BadRequest(f"The header {name} contains a line break or another control character.")
    return f"{name}: {value}\r\n"


def _encode(lines: list[str]) -> bytes:
    """Encode each line as Latin-1, as Node does and with it PostHog; as UTF-8 where that does not have the characters."""
    try:
        return "".join(lines).encode("latin-1")
    except UnicodeEncodeError:
        return b"".join(_encode_line(line) for line in lines)


def _encode_line(line: str) -> bytes:
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace")
