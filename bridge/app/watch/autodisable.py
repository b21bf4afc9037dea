"""Disables devices that have not logged in for long, where the admin wants that.

A password that no machine uses any more is one that somebody else may try (docs/exposure.md).
"""

from collections.abc import Awaitable, Callable

from bridge.alerts import Alert, AlertReason, AlertSink
from bridge.app.watch.sightings import Watch, look_back
from bridge.app.watch.unseen import Unseen, unseen
from bridge.clock import Clock
from bridge.config import WatchConfig
from bridge.logs import EventLog
from bridge.storage.register import Disabled, Register, WhyDisabled
from bridge.storage.sightings import SightingStore

Reload = Callable[[], Awaitable[object]]
"""Has logins be held against the register as it is now."""


class Disabling:
    """The one place where it is decided that a device is disabled without an admin."""

    def __init__(
        self,
        config: WatchConfig,
        register: Register,
        store: SightingStore,
        clock: Clock,
        log: EventLog,
    ) -> None:
        self._config = config
        self._register = register
        self._store = store
        self._clock = clock
        self._log = log

    async def disable_unseen(self, watch: Watch, reload: Reload, alert: AlertSink) -> None:
        """Disable, durably, what was not seen for `unseen_days`; have the register read anew, then tell of each once.

        Raises:
            SpoolUnavailable: some or all could not be disabled.
        """
        if self._config.unseen != "disable":
            return
        if not await watch.write():
            return  # of who was seen just now nobody would know
        now = self._clock.now()
        devices = (await self._register.snapshot()).devices
        gone = unseen(devices, await look_back(self._store, now), self._config.unseen_days)
        for one in gone:
            why, told = Disabled(now, WhyDisabled.UNSEEN), _told(one)
            if await self._register.disable_device(one.device, why, told):
                self._log.warning("device-disabled", device=one.device, days=one.days)
                try:
                    await reload()
                finally:  # it is disabled all the same, and is not looked at again
                    alert(told)


def _told(one: Unseen) -> Alert:
    text = f"the device {one.device} has not logged in for {one.days} days and is disabled"
    hint = f"popbridge device enable {one.device} lets it log in again"
    return Alert(AlertReason.DEVICE_DISABLED, f"{text}; {hint}", device=one.device)
