"""Knows the addresses that devices log in from, and what to do where one comes from another.

Only a device that has shown its password, and that no `--allow` binds, is asked about.
"""

from typing import Literal, TypeAlias

from bridge import logs
from bridge.alerts import Alert, AlertReason, AlertSink
from bridge.clock import Clock
from bridge.errors import SpoolUnavailable
from bridge.names import DeviceName
from bridge.storage.addresses import AddressStore, DeviceAddress
from bridge.storage.register import Device
from bridge.throttle.addresses import address_key

Mode: TypeAlias = Literal["log", "alert", "refuse"]

REFRESHED_SECONDS = 7 * 86400.0
"""How old the last use of an address may be at rest: a poll costs no disk but once a week."""

REMEMBERED_SECONDS = 600.0
"""How long one that may log in is not asked about again: a poll costs no question but some an hour.

An owner who takes addresses away from a device is told of its next login from there so much later at most.
"""

MOST_REMEMBERED = 10_000
"""Pairs of device and address that are: a MB; with more, all are asked about again."""

_log = logs.get("accounts")


class KnownAddresses:
    """Where each device has logged in from; the first address of a device is learned, others as `mode` says."""

    def __init__(self, mode: Mode, store: AddressStore, alert: AlertSink, clock: Clock) -> None:
        self._mode = mode
        self._store = store
        self._alert = alert
        self._clock = clock
        # When the memory of it ends, by the monotonic clock.
        self._remembered: dict[tuple[DeviceName, str], float] = {}

    async def why_not(self, device: Device, address: str) -> str:
        """Return why a device may not log in from an address, and empty where it may; learn, and tell what is new.

        Raises:
            SpoolUnavailable: it is not known now whether it may, and `mode` is to refuse.
        """
        if device.allow:
            return ""  # its owner has said where it comes from
        key, now = address_key(address), self._clock.now()
        if self._remembered.get((device.name, key), 0.0) > self._clock.monotonic():
            return ""
        try:
            known = await self._store.of(device.name)
        except SpoolUnavailable as error:
            if self._mode == "refuse":
                raise
            _log.warning("address-not-asked", device=device.name, why=str(error))
            return ""  # it would be let in from anywhere: what lies here can be printed all the same
        met = next((one for one in known if one.address == key), None)
        is_new = any(one.admitted for one in known) and not (met and met.admitted)
        admitted = not is_new or self._mode != "refuse"
        news = is_new and (admitted or met is None)
        alert = self._alert_of(device.name, address, admitted=admitted) if news else None
        kept = True
        if met is None or met.admitted != admitted or now - met.last > REFRESHED_SECONDS:
            kept = await self._keep(DeviceAddress(device.name, key, now, now, admitted), alert)
        if news:
            refused = "no" if admitted else "yes"
            _log.warning("new-address", device=device.name, address=address, refused=refused)
            self._tell(alert if kept else None)
        self._remember(device.name, key, admitted=admitted and kept)
        return "" if admitted else "new-address"

    def _remember(self, device: DeviceName, key: str, *, admitted: bool) -> None:
        """Spare the next logins from there the question; where some may be refused, each is asked about."""
        if not admitted or self._mode == "refuse":
            return
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[device, key] = self._clock.monotonic() + REMEMBERED_SECONDS

    async def _keep(self, one: DeviceAddress, alert: Alert | None) -> bool:
        """Write an address down; a device is not turned away because that cannot be done."""
        try:
            await self._store.note(one, alert)
        except SpoolUnavailable as error:
            _log.warning("address-not-written", device=one.device, why=str(error))
            return False
        return True

    def _tell(self, alert: Alert | None) -> None:
        """Tell an alert; what could not be written down would be one at every login."""
        if alert is not None:
            self._alert(alert)

    def _alert_of(self, device: DeviceName, address: str, *, admitted: bool) -> Alert | None:
        if self._mode == "log":
            return None
        text = f"the device {device} has logged in from {address}, where it never came from"
        hint = f"popbridge device disable {device} shuts it out, where that is not your machine"
        if not admitted:
            text = f"the device {device} was refused at {address}, where it never came from"
            hint = (
                f"popbridge device admit {device} {address} lets it log in from there; if that is not"
                f" your machine, its password is known: popbridge device passwd {device}"
            )
        return Alert(AlertReason.NEW_ADDRESS, f"{text}; {hint}", device=device)
