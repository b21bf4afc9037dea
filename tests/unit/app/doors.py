"""Real listeners of a bridge without its workers, for whoever knocks at them."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.app.health.wellness import Health, Listening
from bridge.app.state import Places, State
from bridge.clock import SystemClock
from bridge.config import ListenerConfig
from bridge.listener import Listener
from bridge.pop3.events import MachineLimits
from bridge.session.services import Services, SessionLimits
from bridge.session.tracing import Tracing
from bridge.storage.locks import MemoryLocks
from bridge.throttle.caps import ConnectionCaps
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import create_ca, issue_server_certificates, server_certificate_files
from bridge.vault.passwords import PasswordVerifier
from bridge.vault.seal import SecretSeal
from tests.contract.storage_harness import KEY, SqliteUnderTest


def here(**fields: object) -> ListenerConfig:
    """Return a listener at any free port of 127.0.0.1."""
    return attrs.evolve(ListenerConfig(bind="127.0.0.1", port=0), **fields)


def make_certificates(folder: Path, now: dt.datetime) -> Path:
    create_ca(folder, now)
    issue_server_certificates(folder, ("localhost",), now)
    return folder


@attrs.define
class House:
    """What stands behind the doors."""

    storage: SqliteUnderTest
    directory: Directory
    caps: ConnectionCaps
    clock: SystemClock
    nudged: list[str]
    listeners: list[Listening]
    tracing: Tracing

    @property
    def health(self) -> Health:
        rest = self.storage
        state = State(
            Places(rest.folder),
            rest.database,
            rest.bodies,
            rest.spool,
            rest.register,
            rest.addresses,
            SecretSeal(KEY),
            KEY,
        )
        return Health(self.listeners, self.caps, self.directory, state, self.clock)


@asynccontextmanager
async def house(
    folder: Path,
    certificates: Path,
    *configs: ListenerConfig,
    caps: ConnectionCaps | None = None,
) -> AsyncIterator[House]:
    """Listen during the block."""
    storage, verifier, clock = SqliteUnderTest(folder), PasswordVerifier(), SystemClock()
    directory = Directory(storage.register, verifier, SecretSeal(KEY), clock, 0.0)
    tracing = Tracing(directory.device_of, directory.may_be_shown, clock)
    made = House(storage, directory, caps or ConnectionCaps(9, 4), clock, [], [], tracing)
    services = Services(
        storage.spool,
        MemoryLocks(0.0),
        directory,
        clock,
        made.nudged.append,
        MachineLimits(),
        SessionLimits(20.0, 20.0, 20.0),
        tracing,
    )
    contexts = TlsContexts(server_certificate_files(certificates))
    listeners = [
        Listener(config, services, contexts, made.caps, logs.get("listener"))
        for config in configs
    ]
    made.listeners.extend(listeners)
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            listener.bind()
        doors = [group.create_task(one.serve(group)) for one in listeners]
        try:
            yield made
        finally:
            for door in doors:
                door.cancel()
    verifier.close()
    storage.close()
