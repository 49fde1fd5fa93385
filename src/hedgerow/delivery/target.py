"""Where a request goes: one strict reading of a URL.

The rules are those of the WHATWG URL standard for ``http`` and ``https``, because that is how the URL behaves in a browser
and in PostHog: the host is percent-decoded, mapped by UTS 46 and, when its last label is a number, read as an IPv4
address in any of its decimal, octal, hexadecimal and short forms. Where the standard repairs what nobody writes on purpose
(missing slashes, line breaks inside) the URL is refused with a message instead, and so are credentials in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, unquote_to_bytes

import idna

from hedgerow.delivery.transport import TransportError

__all__ = ["InvalidTarget", "ParsedTarget", "parse_target"]

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL = 16_384

_EDGE = "".join(map(chr, range(0x21)))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*):(//)?")
_AUTHORITY = re.compile(r"(?P<authority>[^/?#\\]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?")
_HOST_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?")
_LABEL = re.compile(r"[a-z0-9_\-]{1,63}")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_PATH_SAFE = "!$%&'()*+,-./:;=@[]_|~\\"
_QUERY_SAFE = "!$%&()*+,-./:;=?@[]_`{|}~^\\"


class InvalidTarget(TransportError):
    """The URL cannot be used; trying again cannot help."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_url", message, retriable=False)


@dataclass(frozen=True, slots=True)
class ParsedTarget:
    """A URL in its one canonical form.

    Attributes:
        scheme: ``http`` or ``https``.
        host: lower case ASCII, no trailing dot; an IPv4 address dotted, an IPv6 address compressed and without brackets.
        port: the number to connect to.
        path: path and query, percent-encoded ASCII: the request target of HTTP/1.1.
        address: the host as an address, when it is one.
        origin: what a connection belongs to.
        netloc: host and, unless it is the scheme's own, port: what stands in the ``Host`` header.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: IPv4Address | IPv6Address | None
    origin: tuple[str, str, int] = field(init=False, repr=False, compare=False)
    netloc: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Write down what every request asks for: a target serves many."""
        object.__setattr__(self, "origin", (self.scheme, self.host, self.port))
        host = f"[{self.host}]" if ":" in self.host else self.host
        own = self.port == DEFAULT_PORTS[self.scheme]
        object.__setattr__(self, "netloc", host if own else f"{host}:{self.port}")

    @property
    def url(self) -> str:
        """The whole in canonical form."""
        return f"{self.scheme}://{self.netloc}{self.path}"


@lru_cache(maxsize=2048)
def parse_target(url: str) -> ParsedTarget:
    """Read a URL.

    Args:
        url: any text; white space around it is ignored.

    Returns:
        The canonical target.

    Raises:
        InvalidTarget: it is not an http or https URL with a host, or it contains what must not be there.
    """
    text = url.strip(_EDGE)
    if len(text) > MAX_URL:
        raise InvalidTarget(f"The URL is longer than {MAX_URL} characters.")
    if _CONTROL.search(text):
        raise InvalidTarget("The URL contains a line break or another control character.")
    scheme, rest = _split_scheme(text)
    parts = _AUTHORITY.match(rest)
    assert parts is not None  # every part may be empty
    host, port, address = _read_authority(parts["authority"], scheme)
    return ParsedTarget(scheme, host, port, _read_path(parts["path"], parts["query"]), address)


def _split_scheme(text: str) -> tuple[str, str]:
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if match is None or (match[2] is None and scheme not in DEFAULT_PORTS):
        raise InvalidTarget(f"{_shown(text)} is not a URL: it must start with https:// or http://.")
    if scheme not in DEFAULT_PORTS:
        raise InvalidTarget(f"The scheme {_shown(scheme)} cannot be used: only https and http can.")
    if match[2] is None:
        raise InvalidTarget(f"The URL must start with {scheme}://.")
    return scheme, text[match.end() :]


@lru_cache(maxsize=1024)
def _read_authority(authority: str, scheme: str) -> tuple[str, int, IPv4Address | IPv6Address | None]:
    if "@" in authority:
        raise InvalidTarget("The URL contains a user name or password: send an Authorization header instead.")
    match = _HOST_PORT.fullmatch(authority)
    if match is None:
        raise InvalidTarget(f"{_shown(authority)} is not a host and a port.")
    host, address = _read_host(match["host"])
    return host, _read_port(match["port"], scheme), address


def _read_port(digits: str | None, scheme: str) -> int:
    if not digits:
        return DEFAULT_PORTS[scheme]
    port = int(digits) if len(digits.lstrip("0")) <= 5 else 0
    if not 0 < port < 65_536:
        raise InvalidTarget(f"{_shown(digits)} is not a port: ports go from 1 to 65535.")
    return port


def _read_host(text: str) -> tuple[str, IPv4Address | IPv6Address | None]:
    if text.startswith("["):
        address: IPv4Address | IPv6Address = _read_ipv6(text[1:-1])
        return str(address), address
    name = _read_name(text)
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        address = _read_ipv4(name)
        return str(address), address
    return name, None


def _read_ipv6(text: str) -> IPv6Address:
    if "%" in text:
        raise InvalidTarget(
            f"[{_shown(text)}] names a network interface of this machine, which a URL may not do."
        )
    try:
        return IPv6Address(text)
    except ValueError:
        raise InvalidTarget(f"[{_shown(text)}] is not an IPv6 address.") from None


def _read_name(text: str) -> str:
    """Canonicalise a host name: decoded, mapped, ASCII, lower case, without the trailing dot."""
    try:
        decoded = unquote_to_bytes(text).decode()
        name = decoded.lower() if decoded.isascii() else _to_ascii(decoded)
    except (UnicodeError, idna.IDNAError):
        raise InvalidTarget(f"{_shown(text)} is not a host name.") from None
    name = name.removesuffix(".")
    if not name:
        raise InvalidTarget("The URL has no host.")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise InvalidTarget(f"{_shown(text)} is not a host name.")
    return name


def _to_ascii(name: str) -> str:
    """Map by UTS 46 first: full-width digits and dots may turn the name into an address."""
    mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
    return mapped if mapped.isascii() else idna.encode(mapped).decode("ascii")


def _read_ipv4(name: str) -> IPv4Address:
    """Read the number forms of IPv4: 127.0.0.1, 127.1, 2130706433, 0177.0.0.1, 0x7f.1."""
    try:
        *head, last = [_read_number(part) for part in name.split(".")]
    except ValueError:
        head, last = [], -1
    if len(head) > 3 or any(part > 255 for part in head) or not 0 <= last < 256 ** (4 - len(head)):
        raise InvalidTarget(f"{_shown(name)} ends like an IPv4 address, but is none.")
    return IPv4Address(last + sum(part << 8 * (3 - place) for place, part in enumerate(head)))


def _read_number(part: str) -> int:
    if not _NUMBER.fullmatch(part):
        raise ValueError(part)
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8) if len(part) > 1 and part[0] == "0" else int(part)


def _read_path(path: str, query: str | None) -> str:
    path = path.replace("\\", "/") or "/"
    if _DOT_SEGMENT.search(path):
        path = _without_dots(path)
    encoded = quote(path, safe=_PATH_SAFE, errors="replace")
    return encoded if query is None else f"{encoded}?{quote(query, safe=_QUERY_SAFE, errors='replace')}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            kept[-1:] = []
        elif plain != ".":
            kept.append(segment)
        if plain in {".", ".."} and place == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def _shown(text: str) -> str:
    """Text for a message: short, and never the whole of a URL, which may carry secrets."""
    return repr(text if len(text) <= 60 else text[:60] + "…")
