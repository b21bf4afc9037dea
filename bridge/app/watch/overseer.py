"""Looks over the devices of a running bridge: who comes from where, who is gone, whose password is old."""

import attrs

from bridge import logs
from bridge.accounts.addresses import KnownAddresses
from bridge.alerts import AlertSink
from bridge.app.state import State
from bridge.app.watch.autodisable import Disabling, Reload
from bridge.app.watch.reminders import remind
from bridge.app.watch.sightings import Watch
from bridge.clock import Clock
from bridge.config import WatchConfig


@attrs.frozen
class Overseer:
    """What is done about devices without an admin."""

    config: WatchConfig
    state: State
    watch: Watch
    alert: AlertSink
    clock: Clock

    def known_addresses(self) -> KnownAddresses:
        """Return what tells which addresses a device may log in from."""
        mode = self.config.new_address
        return KnownAddresses(mode, self.state.addresses, self.alert, self.clock)

    async def look(self, reload: Reload) -> None:
        """Disable and remind as the admin wants it, and `reload` where the register has changed.

        Raises:
            SpoolUnavailable: not all was done.
        """
        register, sightings, log = self.state.register, self.state.sightings, logs.get("watch")
        disabling = Disabling(self.config, register, sightings, self.clock, log)
        await disabling.disable_unseen(self.watch, reload, self.alert)
        await remind(self.config, register, sightings, self.clock.now(), log)
