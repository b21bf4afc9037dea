"""Keeps what is served in step with the certificate files, and renews our own before they end."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from bridge.app.state import Places, State, open_state
from bridge.clock import Clock
from bridge.config import Config
from bridge.errors import SpoolUnavailable, StateError
from bridge.logs import EventLog
from bridge.storage.audit import THE_BRIDGE, AuditEvent, AuditLog
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import is_renewal_due, issue_server_certificates

LOOK_SECONDS = 30.0
"""How often the certificate files are looked at: a replaced one is used within this time."""


class Certificates:
    """The certificates of one running bridge."""

    def __init__(
        self,
        config: Config,
        contexts: TlsContexts,
        audit: AuditLog,
        clock: Clock,
        log: EventLog,
    ) -> None:
        self._tls = config.tls
        self._places = Places(config.state_dir)
        self._contexts = contexts
        self._audit = audit
        self._is_begun = False
        self._clock = clock
        self._log = log

    async def watch(self) -> None:
        """Renew and reload for ever; certificates of the owner's own are only reloaded."""
        while True:
            if not self._tls.certificates:
                await self.renew_if_due()
            self.reload()
            await self._clock.sleep(LOOK_SECONDS)

    def reload(self) -> None:
        """Have new connections meet the files as they are now; bad ones change nothing."""
        try:
            if self._contexts.reload_if_changed():
                self._log.info("certificates-reloaded")
        except StateError as error:
            self._log.error("certificates-kept", why=str(error))

    async def renew_if_due(self) -> None:
        """Issue new certificates where it is time, or the clock was wrong when it last was."""
        if not await asyncio.to_thread(self._is_due):
            return
        if not self._is_begun:  # a disk that stays full is told of once
            await self._tell(AuditEvent.CERTIFICATES_BEGUN)
        self._is_begun = True
        if await asyncio.to_thread(self._renew):
            self._is_begun = False
            await self._tell(AuditEvent.CERTIFICATES_ISSUED)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def _is_due(self) -> bool:
        try:
            return is_renewal_due(self._places.tls, self._now())
        except StateError as error:
            self._log.error("renewal-failed", why=str(error))
            return False

    def _renew(self) -> bool:
        try:
            issue_server_certificates(self._places.tls, self._tls.names, self._now())
        except StateError as error:
            self._log.error("renewal-failed", why=str(error))
            return False
        self._log.info("certificates-renewed")
        return True

    async def _tell(self, event: AuditEvent) -> None:
        """Write down what is done; where that cannot be, devices still need certificates."""
        try:
            await self._audit.record(THE_BRIDGE, self._clock.now(), event)
        except SpoolUnavailable as error:
            self._log.warning("not-written-down", change=event.value, why=str(error))


def renew_by_hand(config: Config, environ: Mapping[str, str], clock: Clock) -> None:
    """Issue new server certificates from the same LAN CA, and write down who wanted it.

    Raises:
        StateError: they cannot be issued.
    """

    def record(state: State, event: AuditEvent) -> None:
        asyncio.run(state.audit.record(state.actor, clock.now(), event))

    with open_state(config, environ) as state:
        record(state, AuditEvent.CERTIFICATES_BEGUN)
        now = datetime.fromtimestamp(clock.now(), UTC)
        issue_server_certificates(state.places.tls, config.tls.names, now)
        record(state, AuditEvent.CERTIFICATES_ISSUED)
