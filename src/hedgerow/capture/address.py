"""The client's address, as far as it can be believed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address


def _plain(text: str) -> Address | None:
    """An address without port, brackets, zone or IPv4-in-IPv6 wrapping; None when it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class ClientAddress:
    """Finds the client behind proxies that we trust.

    ``X-Forwarded-For`` is read from its end, the part that our own proxies wrote: the first address that is not one of
    them is the client. What stands before it may be invented and is ignored.

    Args:
        trusted: networks of our proxies, as CIDR.

    Raises:
        ValueError: one of them is no network; the message names it.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = [ip_network(text.strip(), strict=False) for text in trusted]
        self._known = lru_cache(4096)(self._trusts)

    def _trusts(self, text: str) -> bool:
        address = _plain(text)
        return address is not None and any(
            address.version == network.version and address in network for network in self._trusted
        )

    def of(self, peer: str, forwarded: bytes | None) -> str:
        """The client's address.

        Args:
            peer: who opened the connection.
            forwarded: the ``X-Forwarded-For`` header.
        """
        if not self._trusted or forwarded is None or not self._known(peer):
            return _unmapped(peer)
        client = peer
        for hop in reversed(forwarded.decode("latin-1").split(",")[-32:]):
            address = _plain(hop)
            if address is None:
                break
            client = str(address)
            if not self._known(client):
                break
        return client


def _unmapped(peer: str) -> str:
    """A dual-stack socket writes IPv4 peers as ``::ffff:1.2.3.4``."""
    return peer[7:] if peer.startswith("::ffff:") and "." in peer else peer
