"""Lets a device log in no more, or again, or from another address, as its owner wants."""

import ipaddress

from bridge.accounts.changes import find_device
from bridge.errors import RegisterError
from bridge.storage.addresses import AddressStore
from bridge.storage.register import Disabled, Register, WhyDisabled
from bridge.throttle.addresses import IPV6_PREFIX, address_key


async def disable(register: Register, name: str, now: float) -> bool:
    """Let the device of that name log in no more, durably; return False where it could not anyway.

    Raises:
        RegisterError: there is no such device.
    """
    device = find_device(await register.snapshot(), name)
    return await register.disable_device(device.name, Disabled(now, WhyDisabled.BY_HAND))


async def enable(register: Register, name: str, now: float) -> bool:
    """Let the device of that name log in again, durably; return False where it could anyway.

    Raises:
        RegisterError: there is no such device.
    """
    device = find_device(await register.snapshot(), name)
    return await register.enable_device(device.name, now)


async def admit(
    register: Register,
    addresses: AddressStore,
    name: str,
    address: str,
    now: float,
    *,
    only: bool,
) -> str:
    """Let the device of that name log in from an address, durably; return the address as it is kept, of IPv6 its /64.

    With `only` the device has no other any more.

    Raises:
        RegisterError: there is no such device, it is bound by `--allow`, or that is no address.
    """
    device = find_device(await register.snapshot(), name)
    if device.allow:
        raise RegisterError(
            f"The device {name} is bound to {', '.join(device.allow)}, and may log in from all of that"
            " alone; `popbridge device change` with --allow says otherwise."
        )
    key = _key(address)
    await addresses.admit(device.name, key, now, only=only)
    return key


def _key(text: str) -> str:
    """Return what stands for an address; for IPv6 that may be given as it is kept."""
    host, slash, prefix = text.partition("/")
    try:
        version = ipaddress.ip_address(host).version
        if not slash or (version, prefix) == (6, str(IPV6_PREFIX)):
            return address_key(host)
    except ValueError:
        pass
    raise RegisterError(f"{text} is no address; write it like 192.168.1.20 or fd00::20.")
