"""Network addresses."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from hedgerow.hog.stdlib.registry import function

_LONGEST: Final = 64


@function(
    "isIPAddressInRange",
    2,
    2,
    examples=[
        ("isIPAddressInRange('10.1.2.3', '10.0.0.0/8')", "true"),
        ("isIPAddressInRange('2001:db8::1', '2001:db8::/32')", "true"),
        ("isIPAddressInRange('10.1.2.3', '::/0')", "false"),
    ],
)
def is_ip_address_in_range(address: Any, cidr: Any) -> bool:
    """Whether an IP address, v4 or v6, lies in a range written as ``address/bits``; false for anything malformed."""
    if type(address) is not str or type(cidr) is not str or max(len(address), len(cidr)) > _LONGEST:
        return False
    base, slash, bits = cidr.partition("/")
    if not slash or not bits.isdecimal() or not bits.isascii():
        return False
    try:
        network = ipaddress.ip_network(f"{_without_scope(base)}/{int(bits)}", strict=False)
        return ipaddress.ip_address(_without_scope(address)) in network
    except ValueError:
        return False


def _without_scope(address: str) -> str:
    return address.partition("%")[0] if ":" in address else address
