"""Has the log told of every change, so that who reads the log knows of it: each at least once, whoever made it.

Commands change the register in processes of their own, and may be killed before they can say so; some run
while no bridge does. What was not told yet is told at the next start.
"""

import asyncio

from bridge.clock import Clock
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.storage.audit import AuditEntry, AuditLog

LOOK_SECONDS = 30.0
"""How often it is seen whether somebody has changed something and did not say so."""

AT_ONCE = 500
"""Entries told in one go."""


class Telling:
    """What the log of one running bridge is told."""

    def __init__(self, audit: AuditLog, clock: Clock, log: EventLog) -> None:
        self._audit = audit
        self._clock = clock
        self._log = log
        self._alone = asyncio.Lock()
        self._written = 0

    async def tell(self) -> None:
        """Tell what was not told; what cannot be read now is told later."""
        async with self._alone:
            try:
                while entries := await self._audit.untold(AT_ONCE):
                    for entry in entries:
                        # Else a full disk would be told the same for ever.
                        if entry.number > self._written:
                            self._write(entry)
                            self._written = entry.number
                    await self._audit.told(entries[-1].number)
            except SpoolUnavailable as error:
                self._log.warning("audit-not-told", why=str(error))

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            await self.tell()
            await self._clock.sleep(LOOK_SECONDS)

    def _write(self, entry: AuditEntry) -> None:
        """Write an entry without its values: they may name senders, subjects and mailboxes."""
        self._log.info(
            "audit",
            number=entry.number,
            change=entry.event,
            uid=entry.actor.uid,
            user=entry.actor.user,
            sudo_uid=entry.actor.sudo_uid,
            sudo_user=entry.actor.sudo_user,
            account=entry.about.account,
            maildrop=entry.about.maildrop,
            device=entry.about.device,
            message=entry.about.message,
            fields=",".join(one.field for one in entry.differences),
        )
