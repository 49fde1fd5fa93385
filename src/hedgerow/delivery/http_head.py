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
_AGENT = f"User-Agent: {USER_AGENT}\r\n"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_USUAL = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})
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
    lines = []
    host, agent = f"Host: {target.netloc}\r\n", _AGENT
    for name, value in request.headers.items():
        key = _key(name)
        if key in _FRAMING:
            continue
        if key == "host":
            host = ""
        elif key == "user-agent":
            agent = ""
        lines.append(_header(name, value))
    if request.method not in _USUAL:
        _check_method(request.method)
    start = f"{request.method} {target.path} HTTP/1.1\r\n"
    return _encode(f"{start}{host}{''.join(lines)}{agent}{_length(request)}\r\n")


def _length(request: Request) -> str:
    if request.body is None and request.method in _BODILESS:
        return ""
    return f"Content-Length: {len(request.body or b'')}\r\n"


def _check_method(method: str) -> None:
    if not _TOKEN.fullmatch(method) or method.upper() in _REFUSED_METHODS:
        raise BadRequest(f"{method[:40]!r} is not a method that can be sent.")


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """The name by which a header is known; few names are ever used, so most are judged once."""
    if not _TOKEN.fullmatch(name):
        raise BadRequest(f"{name[:80]!r} is not a header name.")
    return name.lower()


def _header(name: str, value: str) -> str:
    # What is printable has no control character, and is quickly known to be.
    if not value.isprintable() and _UNSAFE_VALUE.search(value):
        raise BadRequest(f"The header {name} contains a line break or another control character.")
    return f"{name}: {value}\r\n"


def _encode(head: str) -> bytes:
    """Encode each line as Latin-1, as Node does and with it PostHog; as UTF-8 where that does not have the characters."""
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError:
        return b"\r\n".join(_encode_line(line) for line in head.split("\r\n"))


def _encode_line(line: str) -> bytes:
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace")
