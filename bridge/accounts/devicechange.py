"""Adds devices; and what an owner can change of one that exists, but for its name, its password and whether it may log in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from bridge.accounts.changes import ANY, find_device, made_aliases, made_networks, own_quirks
from bridge.accounts.logins import lost_spellings
from bridge.names import MaildropName
from bridge.storage.register import Device, Register, RegisterSnapshot
from bridge.throttle import logindelay


@attrs.frozen
class DeviceKnobs:
    """What an owner may choose of a device; None leaves it as it is.

    `aliases` and `allow` replace all there were: an empty text alone is no alias, ANY alone every network that
    the listener serves. A quirk set to PROFILE is no longer the device's own: its profile's counts again.
    """

    profile: str | None = None
    maildrop: str | None = None
    login_only: bool = False
    login_delay: str | None = None
    aliases: Sequence[str] | None = None
    allow: Sequence[str] | None = None
    quirks: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Changed:
    """A device as it is since it was added or changed; `lost` has a sentence for each login that this took from a machine."""

    device: Device
    lost: list[str]


async def add_device(register: Register, device: Device) -> Changed:
    """Add a device, durably.

    Raises:
        RegisterError: its name or an alias is taken, or its maildrop is none.
    """
    before = (await register.snapshot()).devices
    await register.add_device(device)
    return Changed(device, lost_spellings(before, device))


async def change_device(
    register: Register,
    name: str,
    knobs: DeviceKnobs,
    check: Callable[[RegisterSnapshot, Device], None] = lambda _snapshot, _device: None,
) -> Changed:
    """Change what is given of the device of that name, durably; it counts from its next login on.

    `check` sees the device as it would be, and may refuse it.

    Raises:
        RegisterError: there is no such device, maildrop or quirk, or a value cannot be that.
    """
    snapshot = await register.snapshot()
    device = changed_device(find_device(snapshot, name), knobs)
    check(snapshot, device)
    await register.change_device(device)
    return Changed(device, lost_spellings(snapshot.devices, device))


def changed_device(device: Device, knobs: DeviceKnobs) -> Device:
    """Return the device with what is given put in place of what it had.

    Raises:
        RegisterError: there is no such quirk, or a value cannot be that.
    """
    chosen: dict[str, Any] = {"quirks": own_quirks(device.quirks, knobs.quirks)}
    if knobs.profile is not None:
        chosen["profile"] = knobs.profile
    if knobs.login_only:
        chosen["maildrop"] = None
    elif knobs.maildrop is not None:
        chosen["maildrop"] = MaildropName(knobs.maildrop)
    if knobs.login_delay is not None:
        chosen["login_delay"] = logindelay.parse(knobs.login_delay)
    if knobs.aliases is not None:
        given = [] if list(knobs.aliases) == [""] else knobs.aliases
        chosen["aliases"] = made_aliases(given)
    if knobs.allow is not None:
        places = [] if list(knobs.allow) == [ANY] else knobs.allow
        chosen["allow"] = made_networks(places)
    return attrs.evolve(device, **chosen)
