"""Lets a device log in no more, or again, as its owner wants."""

from bridge.accounts.changes import find_device
from bridge.storage.register import Disabled, Register, WhyDisabled


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
