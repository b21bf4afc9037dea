"""Which quirks a session has: what its device's profile says, changed by what was set for it alone.

Before a login nobody knows which machine calls. Then the listener's profile counts; or, where the
address is one to which a single device is bound, that device.
"""

from collections.abc import Mapping

import attrs

from bridge.devices.profiles import Profile
from bridge.pop3.quirks import STANDARD, Quirks, spelled, with_settings
from bridge.storage.register import Device


@attrs.frozen
class Manners:
    """The profiles that this release knows, asked for quirks."""

    profiles: Mapping[str, Profile] = attrs.field(factory=dict)

    def of(self, device: Device) -> Quirks:
        """Return how to speak to a device; a profile that this release lacks says nothing."""
        return with_settings(self._profiled(device.profile), device.quirks)

    def without_own(self, device: Device) -> dict[str, str]:
        """Return each quirk as it would be if nothing were set for the device alone, as a person writes it."""
        return spelled(self._profiled(device.profile))

    def told(self, device: Device) -> list[tuple[str, str, str]]:
        """Return each quirk of a device: its name, its value, and who says so."""
        profile = self.profiles.get(device.profile)
        said = profile.quirks.values() if profile is not None else {}
        origins = {name: f"{device.profile}: {one.origin}" for name, one in said.items()}
        origins |= dict.fromkeys(device.quirks, "this device")
        return [
            (name, value, origins.get(name, "standard"))
            for name, value in spelled(self.of(device)).items()
        ]

    def before_login(self, listener_profile: str, bound: Device | None) -> Quirks:
        """Return how to speak to whoever connects; `bound` is the only device of that address."""
        return self.of(bound) if bound is not None else self._profiled(listener_profile)

    def _profiled(self, name: str) -> Quirks:
        profile = self.profiles.get(name)
        return (
            STANDARD if profile is None else with_settings(STANDARD, profile.quirks.settings())
        )
