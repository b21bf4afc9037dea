"""Reminds of devices that were not seen for long and of old passwords, by events in the log, once a day."""

from collections.abc import Iterable

from bridge.app.watch.oldpasswords import Aged
from bridge.app.watch.unseen import Unseen
from bridge.logs import EventLog


def remind(gone: Iterable[Unseen], old: Iterable[Aged], log: EventLog) -> None:
    """Log of each device what `popbridge status` says of it."""
    for one in gone:
        log.warning("device-unseen", device=one.device, days=one.days)
    for aged in old:
        if aged.days is None:
            log.info("password-age-unknown", device=aged.device)
        else:
            log.warning("password-old", device=aged.device, days=aged.days)
