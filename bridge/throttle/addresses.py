"""Addresses of peers, and what stands for one where it is counted; pure."""

import ipaddress
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

IPV6_PREFIX = 64
"""One subscriber or host may use any address of its /64 (RFC 4291 section 2.5.4), so all of them
are one address here."""


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address:
    """Return a peer's address, an IPv4-mapped one as IPv4; devices come again, so it is remembered."""
    parsed = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped
    return parsed


@lru_cache(maxsize=4096)
def address_key(text: str) -> str:
    """Return what stands for an address in counts: itself, or its /64 for IPv6."""
    parsed = parse_address(text)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)
