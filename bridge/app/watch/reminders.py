"""Reminds of devices that were not seen for long and of old passwords, by events in the log, once a day."""

from bridge.app.watch.oldpasswords import aged
from bridge.app.watch.sightings import look_back
from bridge.app.watch.unseen import unseen
from bridge.config import WatchConfig
from bridge.logs import EventLog
from bridge.storage.register import Register
from bridge.storage.sightings import SightingStore


async def remind(
    config: WatchConfig, register: Register, store: SightingStore, now: float, log: EventLog
) -> None:
    """Log of each device what `popbridge status` says of it.

    Raises:
        SpoolUnavailable: it is not known now.
    """
    devices = (await register.snapshot()).devices
    for gone in unseen(devices, await look_back(store, now), config.unseen_days):
        log.warning("device-unseen", device=gone.device, days=gone.days)
    for old in aged(devices, now, config.password_days):
        if old.days is None:
            log.info("password-age-unknown", device=old.device)
        else:
            log.warning("password-old", device=old.device, days=old.days)
