"""The login with which the bridge tries its own doors: this process knows it, and nobody else.

Its name is none that a device can have, and it opens no maildrop of anybody's.
"""

import hmac
import secrets

import attrs

from bridge.names import PROBE, MaildropName
from bridge.storage.ports import Device
from bridge.throttle import Address, parse_address

PASSWORD_OCTETS = 32
"""Random octets of the password: as many as a key has."""


@attrs.frozen
class ProbeLogin:
    """A name and a password made anew with each process, never written and never logged.

    It is taken from loopback and from `addresses`, which are the bridge's own, alone.
    """

    addresses: frozenset[Address] = frozenset()
    password: str = attrs.field(
        factory=lambda: secrets.token_urlsafe(PASSWORD_OCTETS), init=False, repr=False
    )
    device: Device = attrs.field(
        factory=lambda: Device(PROBE, MaildropName(PROBE), ""), init=False
    )

    def fits(self, login: str, password: str, address: str) -> bool:
        """Tell whether this is the bridge itself, at one of its own addresses."""
        if login != PROBE:
            return False
        here = parse_address(address)
        said = password.encode("utf-8", "surrogatepass")
        is_right = hmac.compare_digest(said, self.password.encode())
        return is_right and (here.is_loopback or here in self.addresses)
