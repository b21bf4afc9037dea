"""Turns the names devices may call the bridge by into what a certificate can carry."""

import ipaddress
import re
from collections.abc import Sequence

from cryptography import x509

from bridge.errors import StateError

MAX_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name
MAX_HOST_NAME = 253  # RFC 1035 section 2.3.4, written without the root's dot

# RFC 952 and RFC 1123 section 2.1: letters, digits and inner hyphens, 63 at most.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Return host names and addresses as subject alternative names, in order and each once.

    Raises:
        StateError: there are none, or one is neither a host name nor an address.
    """
    if not names:
        raise StateError(
            "a server certificate needs at least one host name or address: name one"
        )
    return list(dict.fromkeys(_general_name(name) for name in names))


def common_name(names: Sequence[str]) -> str:
    """Return the first name, which old devices compare when they do not know the others.

    Raises:
        StateError: it is too long for a certificate's subject.
    """
    if len(names[0]) > MAX_COMMON_NAME:
        raise StateError(
            f"the name {names[0]} is longer than {MAX_COMMON_NAME} characters and cannot be the "
            "first name of a certificate: put a shorter one before it"
        )
    return names[0].lower()


def _general_name(name: str) -> x509.GeneralName:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return x509.DNSName(_host_name(name))
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise StateError(
            f"the address {name!r} cannot be put into a certificate: leave the zone after % out"
        )
    return x509.IPAddress(address)


def _host_name(name: str) -> str:
    lowered = name.lower()
    labels = lowered.split(".")
    valid = len(name) <= MAX_HOST_NAME and all(_LABEL.fullmatch(label) for label in labels)
    # A last label of digits is an address mistyped, never a host (RFC 3696 section 2).
    if not valid or labels[-1].isdigit():
        raise StateError(
            f"{name!r} is neither a host name nor an address: use letters, digits, hyphens and "
            "dots (no wildcard, and the xn-- form for other letters)"
        )
    return lowered
