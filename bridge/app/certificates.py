"""Keeps what is served in step with the certificate files, and renews our own before they end."""

import asyncio
from datetime import UTC, datetime

from bridge.app.state import Places
from bridge.clock import Clock
from bridge.config import Config
from bridge.errors import StateError
from bridge.logs import EventLog
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import is_renewal_due, issue_server_certificates

LOOK_SECONDS = 30.0
"""How often the certificate files are looked at: a replaced one is used within this time."""


class Certificates:
    """The certificates of one running bridge."""

    def __init__(
        self, config: Config, contexts: TlsContexts, clock: Clock, log: EventLog
    ) -> None:
        self._tls = config.tls
        self._places = Places(config.state_dir)
        self._contexts = contexts
        self._clock = clock
        self._log = log

    async def watch(self) -> None:
        """Renew and reload for ever; certificates of the owner's own are only reloaded."""
        while True:
            if not self._tls.certificates:
                await asyncio.to_thread(self.renew_if_due)
            self.reload()
            await self._clock.sleep(LOOK_SECONDS)

    def reload(self) -> None:
        """Have new connections meet the files as they are now; bad ones change nothing."""
        try:
            if self._contexts.reload_if_changed():
                self._log.info("certificates-reloaded")
        except StateError as error:
            self._log.error("certificates-kept", why=str(error))

    def renew_if_due(self) -> None:
        """Issue new certificates where it is time, or the clock was wrong when it last was."""
        folder, now = self._places.tls, datetime.fromtimestamp(self._clock.now(), UTC)
        try:
            if is_renewal_due(folder, now):
                issue_server_certificates(folder, self._tls.names, now)
                self._log.info("certificates-renewed")
        except StateError as error:
            self._log.error("renewal-failed", why=str(error))
