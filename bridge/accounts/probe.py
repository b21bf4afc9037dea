"""The login with which the bridge tries its own doors: this process knows it, and nobody else.

Its name is none that a device can have, and it opens no maildrop of anybody's.
"""

import hmac
import secrets

import attrs

from bridge.names import PROBE
from bridge.storage.register import Device
from bridge.throttle.addresses import Address, parse_address

PASSWORD_OCTETS = 32
"""Random octets of the password: as many as a key has."""


@attrs.define
class ProbeLogin:
    """A name and a password made anew with each process, never written and never logged.

    It is taken from the one address of this machine alone from which the bridge comes now.
    """

    password: str = attrs.field(
        factory=lambda: secrets.token_urlsafe(PASSWORD_OCTETS), init=False, repr=False
    )
    device: Device = attrs.field(
        factory=lambda: Device(PROBE, None, "", login_delay=0), init=False
    )
    _address: Address | None = attrs.field(default=None, init=False)

    def come_from(self, address: str) -> None:
        """Be taken from this address, and from no other."""
        self._address = parse_address(address)

    def fits(self, login: str, password: str, address: str) -> bool:
        """Tell whether this is the bridge itself, where it said it would come from."""
        if login != PROBE:
            return False
        said = password.encode("utf-8", "surrogatepass")
        is_right = hmac.compare_digest(said, self.password.encode())
        return is_right and parse_address(address) == self._address
