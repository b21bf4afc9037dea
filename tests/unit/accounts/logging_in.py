"""A directory of one device or more, and logins that are refused by it."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace

import attrs
import pytest

from bridge.accounts.directory import Directory, apop_context
from bridge.errors import LoginRefused, SpoolUnavailable
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.storage.register import Account, Device, MaildropRecord, RegisterSnapshot
from bridge.vault.seal import SecretSeal
from providers.contract import Disposition, FolderName
from tests.fakes.clock import FakeClock

HERE = "192.0.2.7"
RIGHT, WRONG, SHARED = "right", "wrong", "tanstaaf"
ELSEWHERE = "198.51.100.9"
TIMESTAMP = "<1896.697170952@dbc.mtview.ca.us>"
SEAL = SecretSeal(bytes(32))
OFFICE = AccountName("office")
DROP = MaildropName("printer")


@attrs.define
class CountingVerifier:
    """Takes the stored text for the password itself, and writes down what it was asked."""

    asked: list[tuple[str | None, str, str]] = attrs.field(factory=list)
    is_busy: bool = False
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """What happens while a password is checked."""
    known: bool = False
    """Whether a right password is answered from memory."""
    work: Callable[[], None] = lambda: None
    """What a password costs that is not."""

    def remembered(self, stored: str, password: str) -> bool:
        return self.known and stored == password

    async def verify(self, stored: str | None, password: str, origin: str) -> bool:
        self.asked.append((stored, password, origin))
        if self.is_busy:
            raise SpoolUnavailable("too many logins are being checked just now")
        if self.meanwhile is not None:
            await self.meanwhile()
        if stored is None or not self.remembered(stored, password):
            self.work()
        return stored == password


class StaticRegister:
    """A register that nobody changes but the test."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = tuple(devices)

    async def snapshot(self) -> RegisterSnapshot:
        drop = MaildropRecord(DROP, OFFICE, FolderName(""), Disposition.parse("keep"))
        return RegisterSnapshot((Account(OFFICE, "folder", {}),), (drop,), self.devices)


def device(name: str = "Panel", password: str = RIGHT, allow: tuple[str, ...] = ()) -> Device:
    return Device(DeviceName(name), DROP, password, ("Alias@Example.ORG", "Straße"), allow)


def with_apop(plain: Device, secret: str = SHARED) -> Device:
    sealed = SEAL.seal(secret.encode(), apop_context(plain.name))
    return attrs.evolve(plain, apop_secret=sealed)


def digest(secret: str, timestamp: str = TIMESTAMP) -> str:
    return hashlib.md5(timestamp.encode() + secret.encode()).hexdigest()  # noqa: S324 - RFC 1939


class Desk(SimpleNamespace):
    directory: Directory
    verifier: CountingVerifier
    clock: FakeClock
    register: StaticRegister


async def desk(*devices: Device, ceiling: float = 30.0) -> Desk:
    verifier, clock = CountingVerifier(), FakeClock()
    register = StaticRegister(devices or (device(),))
    made = Directory(register, verifier, SEAL, clock, ceiling)  # type: ignore[arg-type] - it is only read
    await made.load()
    return Desk(directory=made, verifier=verifier, clock=clock, register=register)


async def refused(
    at: Desk, login: str = "Panel", password: str = WRONG, address: str = HERE
) -> float:
    """Return how long the refusal was held back."""
    before = len(at.clock.slept)
    with pytest.raises(LoginRefused):
        await at.directory.check_password(login, password, address)
    (delay,) = at.clock.slept[before:]
    return float(delay)
