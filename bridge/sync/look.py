"""One look at an account: carry out what was deleted here, then learn and fetch what is new there.

Killed at any line, the next look repeats what was not durable yet and nothing else: announcements
come before bodies, bodies before the cursor, and upstream takes every order twice without harm.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import attrs

from bridge.clock import Clock
from bridge.logs import EventLog
from bridge.names import AccountName, MaildropName, SpoolId
from bridge.storage.ports import Locks, MaildropRecord, Pending, QueuedDisposition, Spool
from bridge.sync.notice import notice
from bridge.sync.plan import Look
from providers.contract import (
    ChangePage,
    Cursor,
    CursorExpired,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    MailboxProvider,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    RemoteId,
    Unreachable,
)

BATCH = 20
"""Dispositions handed over at once: what one Graph batch takes (learn.microsoft.com, JSON batching)."""

FAILURES_IN_A_ROW = 3
"""Fetches that may fail one after the other before a look is given up: one message that cannot be
had just now must not block those behind it, a dead service must not be asked a thousand times."""


@attrs.define
class LookReport:
    """What one look changed."""

    announced: int = 0
    delivered: int = 0
    quarantined: int = 0
    vanished: int = 0
    disposed: int = 0


@attrs.frozen
class Looker:
    """Looks at one account, for all its maildrops."""

    account: AccountName
    provider: MailboxProvider
    spool: Spool
    locks: Locks
    clock: Clock
    log: EventLog
    message_octets: int
    _stubborn: dict[MaildropName, set[SpoolId]] = attrs.field(factory=dict, init=False)
    _gone: set[MaildropName] = attrs.field(factory=set, init=False)

    async def look(self, maildrops: Sequence[MaildropRecord]) -> LookReport:
        """Look once at every folder of `maildrops`, all of this account.

        Raises:
            ProviderError: the account cannot be looked at now; what was done so far is kept.
            SpoolUnavailable: the spool takes nothing now.
        """
        report = LookReport()
        trouble: ProviderError | None = None
        try:
            await self._dispose(maildrops, report)
        except Unreachable as error:
            trouble = error  # what cannot be moved away must not keep new mail from coming
        folders: dict[FolderName, list[MaildropName]] = {}
        for maildrop in maildrops:
            folders.setdefault(maildrop.folder, []).append(maildrop.name)
        for folder, names in folders.items():
            try:
                await self._look_at(folder, names, report)
            except (FolderMissing, Unreachable) as error:
                trouble = error  # one folder that was renamed must not stop the others
        if trouble is not None:
            raise trouble
        return report

    # ---- from here to there

    async def _dispose(self, maildrops: Sequence[MaildropRecord], report: LookReport) -> None:
        folders = {maildrop.name: maildrop.folder for maildrop in maildrops}
        waiting: set[SpoolId] = set()  # asked in this look, and to be asked again in the next
        while queued := await self.spool.queued(self.account, BATCH + len(waiting)):
            queued = [item for item in queued if item.spool_id not in waiting][:BATCH]
            if not queued:
                return
            done = {item.spool_id for item in await self._dispose_batch(queued, folders)}
            await self.spool.disposed(done)
            report.disposed += len(done)
            waiting.update(item.spool_id for item in queued if item.spool_id not in done)

    async def _dispose_batch(
        self, queued: list[QueuedDisposition], folders: dict[MaildropName, FolderName]
    ) -> list[QueuedDisposition]:
        """Return which of `queued` need nothing more."""
        known = [item for item in queued if item.maildrop in folders]
        orders = [
            DispositionOrder(folders[item.maildrop], item.remote_id, item.disposition)
            for item in known
        ]
        outcomes = await self.provider.dispose(orders)
        for item, outcome in zip(known, outcomes, strict=True):
            if outcome is DispositionOutcome.REFUSED:
                self.log.error(
                    "disposition-refused",
                    account=self.account,
                    message=item.spool_id,
                    remote_id=item.remote_id,
                    disposition=item.disposition.spelled(),
                )
        return [
            item
            for item, outcome in zip(known, outcomes, strict=True)
            if outcome is not DispositionOutcome.RETRY
        ]

    # ---- from there to here

    async def _look_at(
        self, folder: FolderName, names: list[MaildropName], report: LookReport
    ) -> None:
        for name in names:
            if not self.locks.is_held(name):
                await self.spool.sweep_vanished(name)
        cursor = await self._common_cursor(names)
        failed: set[SpoolId] = set()  # asked for once in this look, which is enough
        self._gone.difference_update(names)
        try:
            await self._take_pages(folder, names, cursor, report, failed)
        except CursorExpired:
            self.log.warning("cursor-expired", account=self.account, folder=folder)
            await self._take_pages(folder, names, None, report, failed)
        # Bodies that an earlier look announced and could not fetch.
        await self._fetch_all(folder, names, report, failed)

    async def _common_cursor(self, names: list[MaildropName]) -> Cursor | None:
        """Return the cursor that all share; a maildrop that joined later makes the list full."""
        cursors = {await self.spool.cursor(name) for name in names}
        return cursors.pop() if len(cursors) == 1 else None

    async def _take_pages(
        self,
        folder: FolderName,
        names: list[MaildropName],
        cursor: Cursor | None,
        report: LookReport,
        failed: set[SpoolId],
    ) -> None:
        looks: dict[MaildropName, Look] = {}
        async with aclosing(self.provider.changes(folder, cursor)) as pages:
            async for page in pages:
                if page.added or page.removed or page.full:
                    await self._take_page(page, names, looks, report)
                    await self._fetch_all(folder, names, report, failed)
                if page.cursor is not None and page.cursor != cursor:
                    # A message that was listed and is gone may be back: only a full list tells.
                    trusted = not self._gone_while_fetching(names)
                    await self.spool.save_cursor(names, page.cursor if trusted else None)

    def _gone_while_fetching(self, names: list[MaildropName]) -> bool:
        return not self._gone.isdisjoint(names)

    async def _take_page(
        self,
        page: ChangePage,
        names: list[MaildropName],
        looks: dict[MaildropName, Look],
        report: LookReport,
    ) -> None:
        for name in names:
            if name not in looks:
                looks[name] = Look(await self.spool.known(name))
            plan = looks[name].take(page)
            if plan.announce:
                await self.spool.announce(name, plan.announce)
            if plan.forget:
                await self.spool.forget(name, plan.forget)
            report.announced += len(plan.announce)
            report.vanished += len(plan.forget)

    async def _fetch_all(
        self,
        folder: FolderName,
        names: list[MaildropName],
        report: LookReport,
        failed: set[SpoolId],
    ) -> None:
        """Fetch what is announced; one failure lets the next be tried, a row of them ends the look.

        What failed in an earlier look comes last and never ends a look as failed: the mailbox has
        answered, so others must neither be blocked by it nor wait longer for the next look.
        """
        failures = 0
        for name in names:
            waiting = await self.spool.pending(name)
            stubborn = self._stubborn.setdefault(name, set())
            stubborn &= {item.spool_id for item in waiting}
            known_to_fail = frozenset(stubborn)
            for item in sorted(waiting, key=lambda item: item.spool_id in known_to_fail):
                if item.spool_id in failed:
                    continue
                try:
                    await self._fetch(folder, name, item, report)
                except Unreachable as error:
                    failures += 1
                    failed.add(item.spool_id)
                    stubborn.add(item.spool_id)
                    self.log.warning(
                        "fetch-failed",
                        account=self.account,
                        message=item.spool_id,
                        why=str(error),
                    )
                    if failures < FAILURES_IN_A_ROW:
                        continue
                    if item.spool_id in known_to_fail:
                        break
                    raise
                else:
                    failures = 0
                    stubborn.discard(item.spool_id)

    async def _fetch(
        self, folder: FolderName, name: MaildropName, item: Pending, report: LookReport
    ) -> None:
        try:
            async with aclosing(self._bounded(folder, item.remote_id)) as body:
                octets = await self.spool.deliver(item.spool_id, body)
        except MessageGone:
            self._gone.add(name)
            await self.spool.forget(name, [item.remote_id])
            report.vanished += 1
        except MessageUnreadable as error:
            self.log.error(
                "message-quarantined",
                account=self.account,
                maildrop=name,
                message=item.spool_id,
                remote_id=item.remote_id,
                why=str(error),
            )
            text = notice(item.remote_id, str(error), self.clock.now())
            await self.spool.quarantine(item.spool_id, text)
            report.quarantined += 1
        else:
            report.delivered += 1
            self.log.info(
                "message-delivered", maildrop=name, message=item.spool_id, octets=octets
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
