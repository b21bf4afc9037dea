"""Disables devices that have not logged in for long, where the admin wants that.

A password that no machine uses any more is one that somebody else may try (docs/exposure.md).
"""

from collections.abc import Awaitable, Callable, Iterable

from bridge.alerts import Alert, AlertReason, AlertSink
from bridge.app.watch.unseen import Unseen
from bridge.logs import EventLog
from bridge.storage.register import Disabled, Register, WhyDisabled

Reload = Callable[[], Awaitable[object]]
"""Has logins be held against the register as it is now."""


async def disable(
    gone: Iterable[Unseen],
    register: Register,
    now: float,
    reload: Reload,
    alert: AlertSink,
    log: EventLog,
) -> None:
    """Disable, durably, who is gone; have the register read anew, then tell of each once.

    The one place where it is decided that a device is disabled without an admin.

    Raises:
        SpoolUnavailable: some or all could not be disabled.
    """
    for one in gone:
        why, told = Disabled(now, WhyDisabled.UNSEEN), _told(one)
        if await register.disable_device(one.device, why, told):
            log.warning("device-disabled", device=one.device, days=one.days)
            try:
                await reload()
            finally:  # it is disabled all the same, and is not looked at again
                alert(told)


def _told(one: Unseen) -> Alert:
    text = f"the device {one.device} has not logged in for {one.days} days and is disabled"
    hint = f"popbridge device enable {one.device} lets it log in again"
    return Alert(AlertReason.DEVICE_DISABLED, f"{text}; {hint}", device=one.device)
