"""Fetches the bodies that maildrops wait for: some side by side, each durable before it counts.

One more is under way than the service bears at once: while a body is being made durable here, the
next one is asked for there. Messages begin in listing order and may end in any.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

import attrs

from bridge.clock import Clock
from bridge.logs import EventLog
from bridge.names import AccountName, MaildropName, SpoolId
from bridge.storage.ports import Pending, Spool
from bridge.sync.notice import notice
from bridge.sync.reasons import reason
from providers.contract import (
    FolderName,
    MailboxProvider,
    MessageGone,
    MessageUnreadable,
    RemoteId,
    Unreachable,
)

FAILURES_IN_A_ROW = 3
"""Fetches that may fail one after the other before a look is given up: one message that cannot be
had just now must not block those behind it, a dead service must not be asked a thousand times."""


@attrs.define
class Errand:
    """The fetching that one look does for one folder, and what has come of it.

    `failed` is what was asked for in vain: once in a look is enough. `gone` counts the messages
    that were listed and could not be found any more.
    """

    folder: FolderName
    maildrops: Sequence[MaildropName]
    delivered: int = 0
    quarantined: int = 0
    gone: int = 0
    failed: set[SpoolId] = attrs.field(factory=set)


@attrs.define
class _Row:
    """Failures without a success between them; `ending` is the one that made the row too long."""

    length: int = 0
    ending: Unreachable | None = None

    def grow(self, error: Unreachable) -> None:
        self.length += 1
        if self.length >= FAILURES_IN_A_ROW and self.ending is None:
            self.ending = error


@attrs.define
class _Turn:
    """Messages of one maildrop, and the lanes that share them: each lane takes the next one."""

    errand: Errand
    maildrop: MaildropName
    waiting: Iterator[Pending]
    row: _Row
    lanes: list[asyncio.Task[None]] = attrs.field(factory=list)
    error: Exception | None = None

    def give_up(self, error: Exception) -> None:
        """End every other lane; the first error is the one to raise."""
        if self.error is None:
            self.error = error
            for lane in self.lanes:
                if lane is not asyncio.current_task():
                    lane.cancel()


@attrs.frozen
class Fetcher:
    """Fetches for one account, and remembers from look to look which messages fail."""

    account: AccountName
    provider: MailboxProvider
    spool: Spool
    clock: Clock
    log: EventLog
    message_octets: int
    # Per maildrop, the one that failed longest ago first: so each has its turn again.
    _stubborn: dict[MaildropName, dict[SpoolId, None]] = attrs.field(factory=dict, init=False)

    async def fetch(self, errand: Errand) -> None:
        """Fetch what is announced; one failure lets the next be tried, a row of them ends the look.

        What failed in an earlier look comes last, when all others have ended, and never ends a
        look as failed: the mailbox has answered, so others must neither be blocked by it nor wait
        longer for the next look. When a row ends the look, what is under way is still brought home.

        Raises:
            Unreachable: a row of fetches failed.
            ProviderError, SpoolUnavailable: one fetch met what concerns them all. The others were
                cut off, and their messages are still announced.
        """
        row = _Row()
        for maildrop in errand.maildrops:
            fresh, stubborn = await self._waiting(maildrop, errand)
            await self._run_lanes(errand, maildrop, fresh, row)
            if row.ending is not None:
                raise row.ending
            await self._run_lanes(errand, maildrop, stubborn, row)
            row.ending = None

    async def _waiting(
        self, maildrop: MaildropName, errand: Errand
    ) -> tuple[list[Pending], list[Pending]]:
        """Return what to fetch: what has not failed yet, in listing order, and what has."""
        pending = {item.spool_id: item for item in await self.spool.pending(maildrop)}
        stubborn = self._stubborn.setdefault(maildrop, {})
        for ended in stubborn.keys() - pending.keys():
            del stubborn[ended]
        fresh = [item for spool_id, item in pending.items() if spool_id not in stubborn]
        again = [pending[spool_id] for spool_id in stubborn if spool_id not in errand.failed]
        return fresh, again

    async def _run_lanes(
        self, errand: Errand, maildrop: MaildropName, items: list[Pending], row: _Row
    ) -> None:
        turn = _Turn(errand, maildrop, iter(items), row)
        bears = self.provider.at_once
        lanes = bears + 1 if bears > 1 else 1
        async with asyncio.TaskGroup() as group:
            for number in range(1, min(lanes, len(items)) + 1):
                name = f"fetch {self.account} {number}"
                turn.lanes.append(group.create_task(self._lane(turn), name=name))
        if turn.error is not None:
            raise turn.error

    async def _lane(self, turn: _Turn) -> None:
        """Fetch one message after the other, until there are none or the turn is over.

        The task group hears of no error: it would wrap it, and a cancellation from outside that
        comes while it winds up would be lost (asyncio.TaskGroup raises the group instead).
        """
        try:
            for item in turn.waiting:
                await self._try(turn, item)
                if turn.row.ending is not None:
                    return
        except Exception as error:  # noqa: BLE001 - raised again by who waits for the lanes
            turn.give_up(error)

    async def _try(self, turn: _Turn, item: Pending) -> None:
        try:
            await self._fetch(turn.errand, turn.maildrop, item)
        except Unreachable as error:
            turn.errand.failed.add(item.spool_id)
            stubborn = self._stubborn[turn.maildrop]
            stubborn.pop(item.spool_id, None)
            stubborn[item.spool_id] = None
            self.log.warning(
                "fetch-failed", account=self.account, message=item.spool_id, **reason(error)
            )
            turn.row.grow(error)
        else:
            turn.row.length = 0

    async def _fetch(self, errand: Errand, maildrop: MaildropName, item: Pending) -> None:
        try:
            async with aclosing(self._bounded(errand.folder, item.remote_id)) as body:
                octets = await self.spool.deliver(item.spool_id, body)
        except MessageGone:
            errand.gone += 1
            await self.spool.forget(maildrop, [item.remote_id])
        except MessageUnreadable as error:
            self.log.error(
                "message-quarantined",
                account=self.account,
                maildrop=maildrop,
                message=item.spool_id,
                remote_id=item.remote_id,
                **reason(error),
            )
            text = notice(item.remote_id, str(error), error.envelope, self.clock.now())
            await self.spool.quarantine(item.spool_id, text)
            errand.quarantined += 1
        else:
            errand.delivered += 1
            self.log.info(
                "message-delivered", maildrop=maildrop, message=item.spool_id, octets=octets
            )

    async def _bounded(
        self, folder: FolderName, remote_id: RemoteId
    ) -> AsyncGenerator[bytes, None]:
        """Yield the message's octets, up to the size this bridge takes."""
        octets = 0
        async with aclosing(self.provider.fetch(folder, remote_id)) as pieces:
            async for piece in pieces:
                octets += len(piece)
                if octets > self.message_octets:
                    raise MessageUnreadable(
                        f"it is larger than {self.message_octets} octets (sync.message_octets)"
                    )
                yield piece
