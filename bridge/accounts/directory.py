"""Tells which device a login belongs to, as the register stood when it was last loaded.

The answer to a failed login waits, longer with each failure; the answer to a right one never does.
Whether a name exists shows neither in the answer nor in its time.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import attrs

from bridge import logs
from bridge.accounts.logins import Logins, stem
from bridge.accounts.probe import ProbeLogin
from bridge.clock import Clock
from bridge.errors import LoginRefused, SpoolUnavailable, StateError
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.storage.register import Device, MaildropRecord, Register, RegisterSnapshot
from bridge.throttle.addresses import Address, address_key, parse_address
from bridge.throttle.delays import FailureDelays
from bridge.throttle.failedlogins import FailedLogins
from bridge.throttle.logindelay import Announced, LoginDelays, announced
from bridge.vault.passwords import exert

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


_log = logs.get("accounts")

_REFUSALS = {
    "password": "wrong name or password",
    "ambiguous": "a login that may mean more than one device",
    "address": "right password, but from an address this device may not use",
    "disabled": "right password, but the device is disabled",
    "new-address": "right password, but from an address this device never came from",
}
"""What is told to an admin of each reason; on the wire all of them are one."""


class Verifier(Protocol):
    """Checks passwords; bridge.vault.passwords.PasswordVerifier does."""

    async def verify(self, stored: str | None, password: str, origin: str) -> bool:
        """Tell whether `password` fits `stored`; without one, do the same work and say no."""
        ...

    def remembered(self, stored: str, password: str) -> bool:
        """Tell whether `verify` would say yes without that work."""
        ...


class SecretOpener(Protocol):
    """Opens sealed secrets; bridge.vault.seal.SecretSeal does."""

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed under the same context."""
        ...


Question = Callable[[Device, str], Awaitable[str]]


async def _without_question(_device: Device, _address: str) -> str:
    return ""


@attrs.frozen
class _Known:
    """The register, indexed for logins."""

    snapshot: RegisterSnapshot
    logins: Logins
    allow: dict[str, tuple[Network, ...]]
    maildrops: dict[MaildropName, MaildropRecord]
    bound: dict[Address, Device]
    delays: frozenset[int | None]


@attrs.frozen
class _Attempt:
    """One login that is being checked: since when, and whether the work of a wrong password was spared.

    `simulated` is as which device the owner's own simulator comes; None where it is anybody else.
    """

    login: str = attrs.field(repr=False)
    address: str
    origin: str
    began: float
    spared: bool = False
    simulated: DeviceName | None = None


class Directory:
    """Devices and their logins."""

    def __init__(
        self,
        register: Register,
        verifier: Verifier,
        opener: SecretOpener,
        clock: Clock,
        ceiling: float,
    ) -> None:
        """Know nothing yet; `ceiling` is the longest delay of a failed login, in seconds."""
        self._register = register
        self._verifier = verifier
        self._opener = opener
        self._clock = clock
        self._delays = LoginDelays()
        self._by_address = FailureDelays(ceiling=ceiling)
        self._by_name = FailureDelays(ceiling=ceiling)
        self._known = _index(RegisterSnapshot((), (), ()))
        self._decoy = secrets.token_bytes(16)
        self._probe: ProbeLogin | None = None
        self.failed_logins = FailedLogins()
        """Who failed how often of late."""
        self._question: Question = _without_question
        self.last_login = clock.monotonic()
        """When a device last logged in, or this was made; the bridge's own login, or its owner's simulator's, does not count."""

    def admit(self, probe: ProbeLogin) -> None:
        """Take the bridge's own login too; it counts neither as a success nor as a failure."""
        self._probe = probe

    def ask(self, question: Question) -> None:
        """Have `question` say of a device that may log in why it may not all the same, from an address; empty where it may."""
        self._question = question

    async def load(self) -> RegisterSnapshot:
        """Read the register; logins from now on are held against it."""
        self._known = _index(await self._register.snapshot())
        self._delays.forget_all_but(device.name for device in self._known.snapshot.devices)
        return self._known.snapshot

    @property
    def snapshot(self) -> RegisterSnapshot:
        """Return the register as it was last loaded."""
        return self._known.snapshot

    def device_of(self, login: str) -> DeviceName | None:
        """Return the device that `login` names, however it is spelled; None where it is nobody's."""
        device = self._known.logins.find(login)
        return device.name if device else None

    def bound_to(self, address: str) -> Device | None:
        """Return the only device that may come from this one address and no other; None where there is none."""
        return self._known.bound.get(parse_address(address))

    def may_be_shown(self, login: str) -> bool:
        """Tell whether it is a name or alias as it stands; anything else may be a password in the wrong field."""
        return self._known.logins.exact(login) is not None

    def account_of(self, maildrop: MaildropName | None) -> AccountName | None:
        """Return the account behind a maildrop; None where there is none, or its owner removed it meanwhile."""
        record = None if maildrop is None else self.record_of(maildrop)
        return record.account if record else None

    def record_of(self, maildrop: MaildropName) -> MaildropRecord | None:
        """Return what the register says of a maildrop; None where its owner removed it meanwhile."""
        return self._known.maildrops.get(maildrop)

    def login_delay_at(self, usual: int) -> Announced:
        """Return what a listener whose delay is `usual` (seconds) says before a login (RFC 2449 section 6.5)."""
        return announced(usual, self._known.delays)

    def refuse_early(self, device: Device, usual: int) -> int:
        """Return the login delay of a device, where the listener's is `usual`; both in seconds.

        Raises:
            LoginTooSoon: its last login is less than that ago.
        """
        delay = usual if device.login_delay is None else device.login_delay
        self._delays.refuse_early(device.name, delay, self._clock.monotonic())
        return delay

    def count_login(self, device: Device, usual: int) -> int:
        """Count a login from now on, and return the device's login delay in seconds.

        Raises:
            LoginTooSoon: another login of the device was counted meanwhile.
        """
        delay = self.refuse_early(device, usual)
        self._delays.logged_in(device.name, self._clock.monotonic())
        return delay

    async def check_password(
        self, login: str, password: str, address: str, simulated: DeviceName | None = None
    ) -> Device:
        """Return the device that `login` and `password` open, for a peer at `address`.

        `simulated` is as which device the owner's own simulator comes there: its address is neither asked about nor learned.

        Raises:
            LoginRefused: they open none; raised only after the delay this failure has earned.
            SpoolUnavailable: too many logins are being checked; or, after that delay, the further
                question cannot be answered now.
            MemoryError: the hash, of which there are a few at a time, finds no room.
        """
        if self._probe is not None and self._probe.fits(login, password, address):
            await asyncio.to_thread(exert)  # not in the line in which strangers may stand
            return self._probe.device
        device = self._known.logins.find(login)
        attempt = self._attempt(login, address, simulated)
        stored = device.password if device else None
        if stored is not None and self._verifier.remembered(stored, password):
            attempt = attrs.evolve(attempt, spared=True)
        right = await self._verifier.verify(stored, password, attempt.origin)
        shown = self._still(device) if device is not None and right else None
        return await self._conclude(shown, attempt)

    async def check_digest(
        self,
        login: str,
        timestamp: str,
        digest: str,
        address: str,
        simulated: DeviceName | None = None,
    ) -> Device:
        """Return the device whose APOP digest this is (RFC 1939 section 7); `simulated` as for `check_password`.

        Raises:
            LoginRefused: as `check_password`.
        """
        attempt = self._attempt(login, address, simulated)
        device = self._known.logins.find(login)
        secret = self._secret_of(device)
        expected = hashlib.md5(timestamp.encode() + secret, usedforsecurity=False).hexdigest()
        right = hmac.compare_digest(expected, digest.encode("ascii", "replace").decode("ascii"))
        right = right and secret is not self._decoy
        return await self._conclude(device if right else None, attempt)

    def _secret_of(self, device: Device | None) -> bytes:
        """Return the APOP secret, or a decoy no digest is right for."""
        if device is None or device.apop_secret is None:
            return self._decoy
        try:
            return self._opener.open(device.apop_secret, apop_context(device.name))
        except StateError:
            return self._decoy  # sealed for another device, or altered

    def _attempt(self, login: str, address: str, simulated: DeviceName | None) -> _Attempt:
        now = self._clock.monotonic()
        return _Attempt(login, address, address_key(address), now, simulated=simulated)

    async def _conclude(self, device: Device | None, attempt: _Attempt) -> Device:
        try:
            reason = await self._refusal(device, attempt)
        except SpoolUnavailable:
            # At once, it would tell a guesser as often as it asks that the password was right.
            await self._hold_back(attempt, self._count(attempt))
            raise
        if device is not None and not reason:
            self._by_address.succeeded(attempt.origin)
            if device.name != attempt.simulated:
                self.last_login = self._clock.monotonic()
            return device
        delay = self._count(attempt)
        self._tell(attempt, reason, delay)
        await self._hold_back(attempt, delay)
        raise LoginRefused(_REFUSALS[reason])

    def _count(self, attempt: _Attempt) -> float:
        """Count a failure, and return how many seconds its answer waits."""
        now = self._clock.monotonic()
        # By what was typed alone: an alias that waited for guesses at another name would tell that both are one's.
        return max(
            self._by_address.failed(attempt.origin, now),
            self._by_name.failed(_digest(stem(attempt.login)), now),
        )

    def _tell(self, attempt: _Attempt, reason: str, delay: float) -> None:
        # packaging/fail2ban reads this event: address first, and no other order.
        _log.warning(
            "login-failed",
            address=attempt.address,
            login=self._shown(attempt.login),
            reason=reason,
            delay=delay,
        )
        device, now = self.device_of(attempt.login), self._clock.monotonic()
        for by, who, hour in self.failed_logins.failed(attempt.origin, device, reason, now):
            _log.warning("many-failed-logins", by=by, who=who, hour=hour)

    async def _hold_back(self, attempt: _Attempt, delay: float) -> None:
        """Wait until so many seconds after the login came, whatever was done for it meanwhile.

        Neither what it took to ask nor that nothing was hashed shows: nobody is to learn so that the
        password was right. Under a flood of guesses the hash alone may take longer than the delay.
        """
        if attempt.spared:
            await self._verifier.verify(None, "", attempt.origin)
        await self._clock.sleep(max(0.0, attempt.began + delay - self._clock.monotonic()))

    def confirm(self, device: Device, address: str) -> None:
        """Hold a device that was let in against what counts now: for a maildrop it may have waited a minute.

        Raises:
            LoginRefused: it was removed or disabled, or has another password or other addresses.
            SpoolUnavailable: it has another maildrop, and may come again for that.
        """
        if self._probe is not None and device is self._probe.device:
            return
        now = self._still(device)
        reason = "password" if now is None else self._shut_out(now, address)
        if now is None or reason:
            raise LoginRefused(_REFUSALS[reason] + ", since it was changed meanwhile")
        if now.maildrop != device.maildrop:
            raise SpoolUnavailable("the device was given another maildrop while it logged in")

    def _still(self, device: Device) -> Device | None:
        """Return a device as it is now; None where it was removed, or has another password, while that was checked."""
        now = self._known.logins.exact(device.name)
        is_same = now is not None and _shown_by(now) == _shown_by(device)
        return now if is_same else None

    async def _refusal(self, device: Device | None, attempt: _Attempt) -> str:
        """Return why a login is refused, also one that has shown the password of `device`; empty where it is not."""
        if device is None:
            meant = self._known.logins.meant(attempt.login)
            return "ambiguous" if len(meant) > 1 else "password"
        reason = self._shut_out(device, attempt.address)
        if reason or device.name == attempt.simulated:
            return reason
        return await self._question(device, attempt.address)

    def _shut_out(self, device: Device, address: str) -> str:
        """Return what of the register itself keeps a device out; empty where nothing does."""
        if device.disabled is not None:
            return "disabled"
        return "" if self._may_come_from(device, address) else "address"

    def _shown(self, login: str) -> str:
        """Return what a log may hold of a login: what nobody has may be a password in the wrong field."""
        if self.may_be_shown(login):
            return login
        return ",".join(sorted(self._known.logins.meant(login)))

    def _may_come_from(self, device: Device, address: str) -> bool:
        networks = self._known.allow[device.name]
        return not networks or contains(networks, address)


def _shown_by(device: Device) -> tuple[str, str, bytes | None]:
    """Return what a login shows that it is this device: its name, its password or its APOP secret."""
    return device.name, device.password, device.apop_secret


def contains(networks: tuple[Network, ...], address: str) -> bool:
    """Tell whether `address` lies in one of `networks`; an IPv4-mapped one counts as IPv4."""
    parsed = parse_address(address)
    return any(parsed in network for network in networks)


def apop_context(name: str) -> bytes:
    """Return what an APOP secret is sealed to: moved to another device it does not open."""
    return b"apop secret of " + name.encode()


def _digest(login: str) -> str:
    """Return a short key for a name of any length, so that the table of failures stays small."""
    folded = login.casefold().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(folded, digest_size=16).hexdigest()


def _index(snapshot: RegisterSnapshot) -> _Known:
    return _Known(
        snapshot,
        Logins.of(snapshot.devices),
        {
            device.name: tuple(ipaddress.ip_network(network) for network in device.allow)
            for device in snapshot.devices
        },
        {maildrop.name: maildrop for maildrop in snapshot.maildrops},
        _bound(snapshot.devices),
        frozenset(device.login_delay for device in snapshot.devices),
    )


def _bound(devices: Iterable[Device]) -> dict[Address, Device]:
    """Return each device that is bound to an address of its own."""
    found: dict[Address, list[Device]] = {}
    for device in devices:
        networks = [ipaddress.ip_network(text) for text in device.allow]
        if len(networks) == 1 and networks[0].num_addresses == 1:
            found.setdefault(networks[0].network_address, []).append(device)
    return {address: bound[0] for address, bound in found.items() if len(bound) == 1}
