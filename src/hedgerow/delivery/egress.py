"""The egress guard: which addresses a delivery may reach.

A destination's URL comes from its owner, and often in part from an event: it must not lead into the network that
Hedgerow itself lives in. There is one reading of a URL, here, and everything later works on its result
(:class:`ParsedTarget`), so that no two parsers can disagree about the host. Addresses are judged twice by the same
rule: literals when the URL is read, and every address at the moment a socket is made for it. A name is refused when
*any* of its addresses is, since the answer decides nothing about which one would be used.

The deny list is our own, from the IANA special-purpose registries (RFC 6890 and its updates) and the metadata services of
clouds. IPv6 forms that carry an IPv4 address are unwrapped before they are judged. ``HEDGEROW_EGRESS_ALLOW`` lists networks
that may be reached in spite of it.

Errors::

    TransportError
    ├── InvalidTarget   kind "invalid_url": the author of the URL must act
    └── EgressRefused   kind "egress": the operator may allow it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from hedgerow.delivery.target import InvalidTarget, ParsedTarget, parse_target
from hedgerow.delivery.transport import TransportError

__all__ = ["Address", "EgressPolicy", "EgressRefused", "InvalidTarget", "Network", "ParsedTarget", "unwrap"]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_DENIED_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(cidr), what)
    for cidr, what in (
        ("169.254.169.254/32", "a cloud metadata service"),
        ("169.254.170.2/32", "a cloud metadata service"),
        ("100.100.100.200/32", "a cloud metadata service"),
        ("192.0.0.192/32", "a cloud metadata service"),
        ("168.63.129.16/32", "a cloud metadata service"),
        ("0.0.0.0/8", "an address of this host"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared (carrier) address"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)

_DENIED_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(cidr), what)
    for cidr, what in (
        ("fd00:ec2::254/128", "a cloud metadata service"),
        ("fd20:ce::254/128", "a cloud metadata service"),
        ("::/128", "an address of this host"),
        ("::1/128", "a loopback address"),
        ("64:ff9b:1::/48", "a local translation (NAT64) address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "a documentation address"),
        ("3fff::/20", "a documentation address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    )
)

_GLOBAL_V6 = IPv6Network("2000::/3")
"""The only part of IPv6 that is handed out for use on the internet; the rest is refused even where nothing is said of it."""

_WRAPPERS_LOW = tuple(
    IPv6Network(cidr)
    for cidr in (
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated (SIIT)
        "64:ff9b::/96",  # NAT64, well-known prefix
        "::/96",  # IPv4-compatible
    )
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)
_MASK_32 = 0xFFFF_FFFF

# fmt: off
BLOCKED_PORTS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
})
# fmt: on
"""Ports of other protocols, the list browsers block (Fetch standard, "bad port"): an HTTP request can be read as e-mail by a mail server."""


class EgressRefused(TransportError):
    """The guard said no; trying again cannot help."""

    def __init__(self, message: str) -> None:
        super().__init__("egress", message, retriable=False)


REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Why an address is refused, and which part of it."""

    address: Address
    reason: str


class EgressPolicy:
    """Judges URLs and addresses; immutable, shared by everything that connects to addresses people give.

    Args:
        allow: networks (CIDR notation, or single addresses) that may be reached although the deny list has them.

    Raises:
        ValueError: an entry of ``allow`` is not a network.
    """

    def __init__(self, allow: Iterable[str | Network] = ()) -> None:
        self._allow = tuple(_read_network(entry) for entry in allow)
        # The same few addresses are connected to over and over.
        self._judge = lru_cache(maxsize=REMEMBERED)(self._judge_anew)

    def check_url(self, url: str) -> ParsedTarget:
        """Read a URL and judge what can be judged without a look-up.

        Args:
            url: as the owner of the destination or its program gave it.

        Returns:
            The target in its one canonical form; use nothing else of the URL.

        Raises:
            InvalidTarget: the URL cannot be read, or its scheme is not http or https.
            EgressRefused: its port belongs to another protocol, or its host is an address that may not be reached.
        """
        target = parse_target(url)
        if target.port in BLOCKED_PORTS:
            raise EgressRefused(
                f"Port {target.port} belongs to another protocol than HTTP, so deliveries may not use it."
            )
        if target.address is not None:
            self.check_address(target.host)  # its text: that of an address is hashed once
        return target

    def check_address(self, address: Address | str, *, host: str = "") -> None:
        """Judge one address, in whatever form it comes.

        Args:
            address: an address, or its text as a resolver or a socket gives it (a zone is ignored: it names an interface).
            host: the name it was resolved from, for the message.

        Raises:
            EgressRefused: it may not be reached.
        """
        verdict = self._judge(address)
        if verdict is not None:
            raise EgressRefused(_refusal(address, verdict, host))

    def allows(self, address: Address | str) -> bool:
        """Whether an address may be reached."""
        return self._judge(address) is None

    def _judge_anew(self, address: Address | str) -> _Verdict | None:
        plain = _plain(address)
        if self._is_allowed(plain):
            return None
        for part in unwrap(plain):
            reason = _denied(part)
            if reason and not self._is_allowed(part):
                return _Verdict(part, reason)
        return None

    def _is_allowed(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._allow)


def unwrap(address: Address) -> Iterator[Address]:
    """Every address that must be fit to reach before this one is.

    An IPv6 address may carry IPv4 addresses to which its packets are translated or tunnelled: these are judged in its
    place, or beside it where its own prefix is routed as well.

    Args:
        address: the address a socket would connect to.

    Yields:
        The addresses to judge; the address itself when it carries no other.
    """
    if isinstance(address, IPv4Address):
        yield address
        return
    bits = int(address)
    if bits > 1 and any(address in network for network in _WRAPPERS_LOW):
        yield IPv4Address(bits & _MASK_32)
    elif address in _SIX_TO_FOUR:
        yield IPv4Address(bits >> 80 & _MASK_32)
    elif address in _TEREDO:
        yield IPv4Address(bits >> 64 & _MASK_32)
        yield IPv4Address(~bits & _MASK_32)
    else:
        yield address
        if bits >> 32 & _MASK_32 in _ISATAP:
            yield IPv4Address(bits & _MASK_32)


def _denied(address: Address) -> str:
    """What a denied address is; "" when nothing speaks against it."""
    if isinstance(address, IPv4Address):
        return next((what for network, what in _DENIED_V4 if address in network), "")
    listed = next((what for network, what in _DENIED_V6 if address in network), "")
    return listed or ("" if address in _GLOBAL_V6 else "a reserved address")


def _plain(address: Address | str) -> Address:
    if isinstance(address, str):
        return ip_address(address.partition("%")[0])
    if isinstance(address, IPv6Address) and address.scope_id:
        return IPv6Address(int(address))
    return address


def _refusal(address: Address | str, verdict: _Verdict, host: str) -> str:
    route = [f"{host} resolves to {address}" if host and host != str(address) else str(address)]
    if str(verdict.address) != str(address):
        route.append(f"leads to {verdict.address}")
    where = ", which ".join(route) + f", {verdict.reason}"
    return (
        f"{where}. Deliveries may not reach it; "
        f"to allow it, add {verdict.address} or its network to HEDGEROW_EGRESS_ALLOW."
    )


def _read_network(entry: str | Network) -> Network:
    try:
        network = ip_network(entry.strip() if isinstance(entry, str) else entry, strict=False)
    except ValueError:
        raise ValueError(
            f"HEDGEROW_EGRESS_ALLOW: {entry!r} is not a network; write it like 10.1.0.0/16 or 10.1.2.3."
        ) from None
    if isinstance(entry, str) and "/" in entry and ip_address(entry.strip().partition("/")[0]) != network[0]:
        raise ValueError(
            f"HEDGEROW_EGRESS_ALLOW: {entry} has bits beyond its prefix; did you mean {network}?"
        )
    return _unmapped(network)


def _unmapped(network: Network) -> Network:
    """Write ``::ffff:10.0.0.0/104`` as the ``10.0.0.0/8`` it means: addresses are compared unwrapped."""
    mapped = _WRAPPERS_LOW[0]
    if isinstance(network, IPv6Network) and network.subnet_of(mapped):
        return IPv4Network((int(network.network_address) & _MASK_32, network.prefixlen - mapped.prefixlen))
    return network
