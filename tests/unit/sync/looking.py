"""A real spool, a mailbox in memory, and a looker between them."""

from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from bridge import logs
from bridge.maildrop import Listing
from bridge.names import MaildropName, SpoolId
from bridge.storage.locks import MemoryLocks
from bridge.storage.messages import Delivery
from bridge.storage.ports import Shaper, Spool
from bridge.storage.register import MaildropRecord
from bridge.sync.look import Looker, LookReport
from providers.contract import Attests, RemoteId
from tests.contract.storage_harness import (
    OFFICE,
    PRINTER,
    SqliteUnderTest,
    account,
    maildrop,
    read_whole,
)
from tests.fakes.clock import FakeClock
from tests.fakes.mailbox import FakeMailbox, FakeService

if TYPE_CHECKING:
    from bridge.alerts import Alert

T = TypeVar("T")
MESSAGE_OCTETS = 1_000_000


class Killed(BaseException):
    """The process ends here, as far as the code that runs can tell."""


class Looking:
    """One account, and what looks at it."""

    def __init__(self, root: Path, page_messages: int = 1000) -> None:
        self.storage = SqliteUnderTest(root)
        self.service = FakeService(page_messages)
        self.locks = MemoryLocks(3)
        self.clock = FakeClock()
        self.alerts: list[Alert] = []
        self.spool: Spool | None = None

    async def register(self, *drops: MaildropRecord) -> None:
        snapshot = await self.storage.register.snapshot()
        if not snapshot.accounts:
            await self.storage.register.add_account(account())
        for drop in drops or (maildrop(PRINTER),):
            await self.storage.register.add_maildrop(drop)

    def looker(self) -> Looker:
        return Looker(
            OFFICE,
            FakeMailbox(self.service),
            self.spool or self.storage.spool,
            self.locks,
            self.clock,
            logs.get("sync"),
            MESSAGE_OCTETS,
            self.alerts.append,
        )

    async def records(self) -> tuple[MaildropRecord, ...]:
        return (await self.storage.register.snapshot()).maildrops

    async def look(self) -> LookReport:
        return await self.looker().look(await self.records())

    async def away_and_back(self, message: RemoteId) -> None:
        """Have a message taken away upstream, and put back once a look has missed it."""
        gone = self.service.remove(message)
        await self.look()
        self.service.bring_back(gone)

    async def listing(self, drop: MaildropName = PRINTER) -> Listing:
        return await self.storage.spool.listing(drop)

    async def listed(self, drop: MaildropName = PRINTER) -> list[bytes]:
        """Return the listed messages' octets, as a device has them."""
        found = []
        for entry in (await self.listing(drop)).entries:
            sent = await read_whole(self.storage.spool, entry.spool_id)
            octets = sent.replace(b"\r\n..", b"\r\n.")
            assert len(octets) == entry.octets
            found.append(octets)
        return found

    async def delete(self, *numbers: int, drop: MaildropName = PRINTER) -> None:
        """Delete messages as a device does: by their numbers, from 1, and QUIT."""
        entries = (await self.listing(drop)).entries
        await self.storage.spool.expunge(drop, [entries[n - 1].spool_id for n in numbers])


def mail(name: str) -> bytes:
    return b"Subject: %s\r\n\r\n.body\r\n" % name.encode()


@attrs.define
class SteppedSpool:
    """A spool behind which the process may end before and after every call that changes it."""

    spool: Spool
    step: Callable[[str], None]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - reading has no steps
        return getattr(self.spool, name)

    async def announce(self, maildrop: MaildropName, messages: Any) -> None:  # noqa: ANN401 - as the port says
        self.step("before announce")
        await self.spool.announce(maildrop, messages)
        self.step("after announce")

    async def deliver(
        self,
        spool_id: SpoolId,
        body: AsyncIterator[bytes],
        attests: Attests | None = None,
        shaper: Shaper | None = None,
    ) -> Delivery:
        self.step("before deliver")
        delivery = await self.spool.deliver(spool_id, body, attests, shaper)
        self.step("after deliver")
        return delivery

    async def quarantine(self, spool_id: SpoolId, *what: Any) -> None:  # noqa: ANN401 - as the port says
        self.step("before quarantine")
        await self.spool.quarantine(spool_id, *what)
        self.step("after quarantine")

    async def note(self, notes: Any) -> None:  # noqa: ANN401 - as the port says
        self.step("before note")
        await self.spool.note(notes)
        self.step("after note")

    async def forget(self, maildrop: MaildropName, messages: Any) -> None:  # noqa: ANN401 - as the port says
        self.step("before forget")
        await self.spool.forget(maildrop, messages)
        self.step("after forget")

    async def save_cursor(self, maildrops: Iterable[MaildropName], cursor: Any) -> None:  # noqa: ANN401 - as the port says
        self.step("before save_cursor")
        await self.spool.save_cursor(maildrops, cursor)
        self.step("after save_cursor")

    async def disposed(self, messages: Iterable[SpoolId]) -> None:
        self.step("before disposed")
        await self.spool.disposed(messages)
        self.step("after disposed")
