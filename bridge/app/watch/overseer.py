"""Looks over the devices of a running bridge: who comes from where, who is gone, whose password is old."""

import attrs

from bridge import logs
from bridge.accounts.addresses import KnownAddresses
from bridge.alerts import AlertSink
from bridge.app.watch.autodisable import Reload, disable
from bridge.app.watch.oldpasswords import aged
from bridge.app.watch.reminders import remind
from bridge.app.watch.sightings import Watch, look_back
from bridge.app.watch.unseen import unseen
from bridge.clock import Clock
from bridge.config import WatchConfig
from bridge.storage.addresses import AddressStore
from bridge.storage.register import Register
from bridge.storage.sightings import SightingStore


@attrs.frozen
class Overseer:
    """What is done about devices without an admin."""

    config: WatchConfig
    register: Register
    sightings: SightingStore
    addresses: AddressStore
    watch: Watch
    alert: AlertSink
    clock: Clock

    def known_addresses(self) -> KnownAddresses:
        """Return what tells which addresses a device may log in from."""
        return KnownAddresses(self.config.new_address, self.addresses, self.alert, self.clock)

    async def look(self, reload: Reload) -> None:
        """Disable and remind as the admin wants it, and `reload` where the register has changed.

        Register and sightings are read once for both. What is disabled is not reminded of.

        Raises:
            SpoolUnavailable: not all was done.
        """
        config, log = self.config, logs.get("watch")
        is_written = await self.watch.write()
        now = self.clock.now()
        devices = (await self.register.snapshot()).devices
        gone = unseen(devices, await look_back(self.sightings, now), config.unseen_days)
        # Else nobody knows who was seen just now.
        if config.unseen == "disable" and is_written:
            await disable(gone, self.register, now, reload, self.alert, log)
            disabled = {one.device for one in gone}
            devices = tuple(one for one in devices if one.name not in disabled)
            gone = []
        remind(gone, aged(devices, now, config.password_days), log)
