"""Says whether the bridge is well: a real login at a door of its own, a row in the database, the disk.

What a restart cannot mend, such as a certificate that has ended, is told and not held against it
where systemd asks.
"""

import asyncio
import enum
import sqlite3
from collections.abc import Sequence
from typing import Protocol

import attrs
from cryptography import x509

from bridge.accounts.directory import Directory, contains
from bridge.accounts.probe import ProbeLogin
from bridge.app.health.selflogin import Door, Turned, own_addresses, visit
from bridge.app.state import State
from bridge.clock import Clock
from bridge.config import ListenerConfig
from bridge.control import Values
from bridge.errors import SpoolUnavailable
from bridge.storage.sightings import DAY_SECONDS
from bridge.throttle.addresses import address_key
from bridge.throttle.caps import ConnectionCaps

PROBE_SECONDS = 10.0
"""How long each part may take to show that it is well; a device waits longer."""

LATELY_SECONDS = 120.0
"""Where every place is taken and no device has logged in for so long, they are not taken by devices:
twice what one may take for its login (`limits.login_timeout`)."""

PREFERENCE = ("implicit", "starttls", "none")
"""Which door is tried: the one that most devices use, and the most of which can be told."""


class Wellness(enum.StrEnum):
    """How a part of the bridge is doing."""

    OK = "ok"
    BUSY = "busy"  # it does its work, and there is more of it than fits
    UNTRIED = "untried"  # the configuration does not let us try
    FAILED = "failed"


@attrs.frozen
class Part:
    """One part of the bridge that was tried."""

    name: str
    state: Wellness
    text: str
    mended_by_restart: bool = True


class Listening(Protocol):
    """A listener; bridge.listener.Listener is."""

    @property
    def config(self) -> ListenerConfig:
        """Return how it was configured."""
        ...

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        ...


class Health:
    """Tries the parts of a running bridge."""

    def __init__(
        self,
        listeners: Sequence[Listening],
        caps: ConnectionCaps,
        directory: Directory,
        state: State,
        clock: Clock,
    ) -> None:
        """Have `directory` admit the login that will be used from now on."""
        self._login = ProbeLogin()
        self._listeners = listeners
        self._caps = caps
        self._directory = directory
        self._database = state.database
        self._bodies = state.bodies
        self._clock = clock
        self._turn = asyncio.Lock()
        directory.admit(self._login)

    async def answer(self, _request: Values) -> Values:
        """Answer the command line."""
        parts = await self.examine()
        return {
            "healthy": all(part.state is not Wellness.FAILED for part in parts),
            "parts": [
                {"name": part.name, "state": part.state, "text": part.text} for part in parts
            ],
        }

    async def examine(self) -> list[Part]:
        """Try every part, and return how each is doing; this takes no longer than PROBE_SECONDS."""
        async with self._turn:  # the probe's one session is a session like any other
            async with asyncio.TaskGroup() as group:
                doors = group.create_task(self._try_doors(), name="probe login")
                database = group.create_task(self._try_database(), name="probe database")
                disk = group.create_task(self._try_disk(), name="probe disk")
            return [*doors.result(), database.result(), disk.result()]

    async def _try_doors(self) -> list[Part]:
        door = self._choose()
        if door is None:
            closed = ", ".join(_why_closed(one.config) for one in self._listeners)
            text = f"cannot be tried: no login is taken from this machine at {closed}"
            return [Part("login", Wellness.UNTRIED, text)]
        name = f"login at {door.name}"
        key = address_key(door.address)
        if not self._caps.has_room(key):
            return [self._crowded(name)]
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                served = await visit(door, self._login)
        except TimeoutError:
            why = _no_answer()
        except Turned as turned:
            why = str(turned)
        except OSError as error:
            why = error.strerror or str(error) or "the connection broke off"
        else:
            text = f"{door.address} port {door.port} takes logins"
            return [Part(name, Wellness.OK, text), *self._certificate(served)]
        if not self._caps.has_room(key):
            return [self._crowded(name)]
        return [Part(name, Wellness.FAILED, why)]

    def _crowded(self, name: str) -> Part:
        """Say that every place is taken: by devices, or by strangers who would take them again after a restart."""
        text = "every place for a connection is taken"
        if self._clock.monotonic() - self._directory.last_login <= LATELY_SECONDS:
            return Part(name, Wellness.BUSY, text)
        text += f", and no device has logged in for {LATELY_SECONDS:.0f} seconds; see who connects in the log"
        return Part(name, Wellness.FAILED, text, mended_by_restart=False)

    def _choose(self) -> Door | None:
        """Return the door to try: it must take a login from the address we come from."""
        for one in sorted(self._listeners, key=lambda one: PREFERENCE.index(one.config.tls)):
            config = one.config
            for address in own_addresses(config):
                may_log_in = config.tls != "none" or contains(config.plaintext_from, address)
                if may_log_in and contains(config.allow, address):
                    return Door(config.name, address, one.port, config.tls)
        return None

    def _certificate(self, served: bytes | None) -> list[Part]:
        if served is None:
            return []
        try:
            end = x509.load_der_x509_certificate(served).not_valid_after_utc
        except (ValueError, x509.InvalidVersion):  # devices may take what our library does not
            text = "the one that is served cannot be read; see `popbridge check`"
            return [Part("certificate", Wellness.FAILED, text, mended_by_restart=False)]
        days = int((end.timestamp() - self._clock.now()) // DAY_SECONDS)
        if days < 0:
            text = f"the one that is served ended on {end:%Y-%m-%d}; see `popbridge check`"
            return [Part("certificate", Wellness.FAILED, text, mended_by_restart=False)]
        return [Part("certificate", Wellness.OK, f"the one that is served ends in {days} days")]

    async def _try_database(self) -> Part:
        answered = self._database.answered
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._database.write(_write_a_row)
        except TimeoutError:
            if self._database.answered > answered:
                return Part("database", Wellness.BUSY, "others were answered first")
            return Part("database", Wellness.FAILED, _no_answer())
        except SpoolUnavailable as error:  # in other hands, full, read-only: so it would stay
            return Part("database", Wellness.FAILED, str(error), mended_by_restart=False)
        return Part("database", Wellness.OK, "can be written")

    async def _try_disk(self) -> Part:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                room = await self._bodies.room()
        except TimeoutError:
            return Part("disk", Wellness.FAILED, _no_answer())
        except OSError as error:
            why = f"the folder of bodies cannot be reached: {error.strerror}"
            return Part("disk", Wellness.FAILED, why, mended_by_restart=False)
        if room < 0:
            why = "nearly full, no more mail is fetched (`spool.minimum_free_octets`)"
            return Part("disk", Wellness.FAILED, why, mended_by_restart=False)
        return Part("disk", Wellness.OK, f"has room for {room >> 20} MiB of mail")


def _write_a_row(database: sqlite3.Connection) -> None:
    """Write one row, never with the same value: SQLite writes no page that has not changed."""
    database.execute(
        "INSERT INTO meta VALUES ('probe', randomblob(8))"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )


def _why_closed(config: ListenerConfig) -> str:
    """Name a listener, and the setting that keeps us out."""
    admitted = any(contains(config.allow, address) for address in own_addresses(config))
    return f"{config.name} (`{'plaintext_from' if admitted else 'allow'}`)"


def _no_answer() -> str:
    return f"no answer within {PROBE_SECONDS:.0f} seconds"
