"""Disables devices that have not logged in for long, where the admin wants that.

A password that no machine uses any more is one that somebody else may try (docs/exposure.md).
"""

from bridge.alerts import Alert, AlertReason, AlertSink
from bridge.app.unseen import Unseen, unseen
from bridge.app.watching import Watch, look_back
from bridge.clock import Clock
from bridge.config import WatchConfig
from bridge.logs import EventLog
from bridge.storage.register import Disabled, Register, WhyDisabled
from bridge.storage.sightings import SightingStore


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

    async def disable_unseen(self, watch: Watch, alert: AlertSink) -> bool:
        """Disable, durably, what was not seen for `unseen_days`; tell of each once, and return whether there was any.

        Raises:
            SpoolUnavailable: some or all could not be disabled.
        """
        if self._config.unseen != "disable":
            return False
        if not await watch.write():
            return False  # of who was seen just now nobody would know
        now = self._clock.now()
        devices = (await self._register.snapshot()).devices
        gone = unseen(devices, await look_back(self._store, now), self._config.unseen_days)
        disabled = False
        for one in gone:
            if await self._register.disable_device(
                one.device, Disabled(now, WhyDisabled.UNSEEN)
            ):
                disabled = True
                self._log.warning("device-disabled", device=one.device, days=one.days)
                alert(_told(one))
        return disabled


def _told(one: Unseen) -> Alert:
    text = f"the device {one.device} has not logged in for {one.days} days and is disabled"
    hint = f"popbridge device enable {one.device} lets it log in again"
    return Alert(AlertReason.DEVICE_DISABLED, f"{text}; {hint}", device=one.device)
