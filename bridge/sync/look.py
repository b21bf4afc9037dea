"""One look at an account: carry out what was deleted here, then learn and fetch what is new there.

Killed at any line, the next look repeats what was not durable yet and nothing else: announcements
come before bodies, bodies before the cursor, and upstream takes every order twice without harm.
"""

from collections.abc import Sequence
from contextlib import aclosing

import attrs

from bridge.alerts import AlertSink, unheard
from bridge.clock import Clock
from bridge.logs import EventLog
from bridge.names import AccountName, MaildropName, SpoolId
from bridge.storage.holding import Locks
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.messages import QueuedDisposition
from bridge.storage.ports import MaildropRecord, Spool
from bridge.sync.fetching import FAILURES_IN_A_ROW, Errand, Fetcher
from bridge.sync.plan import Look
from bridge.sync.reasons import reason
from providers.contract import (
    AccessRefused,
    ChangePage,
    Cursor,
    CursorExpired,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    MailboxProvider,
    ProviderError,
    Unreachable,
)

BATCH = 20
"""Dispositions handed over at once: what one Graph batch takes (learn.microsoft.com, JSON batching)."""


@attrs.define
class LookReport:
    """What one look changed."""

    announced: int = 0
    delivered: int = 0
    held: int = 0
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
    alert: AlertSink = unheard
    _fetcher: Fetcher = attrs.field(init=False)

    @_fetcher.default
    def _make_fetcher(self) -> Fetcher:
        return Fetcher(
            self.account,
            self.provider,
            self.spool,
            self.clock,
            self.log,
            self.message_octets,
            self.alert,
        )

    async def look(self, maildrops: Sequence[MaildropRecord]) -> LookReport:
        """Look once at every folder of `maildrops`, all of this account.

        Raises:
            ProviderError: the account cannot be looked at now; what was done so far is kept.
            SpoolUnavailable: the spool takes nothing now.
        """
        report = LookReport()
        troubles: list[ProviderError] = []
        try:
            await self._dispose(maildrops, report)
        except (Unreachable, AccessRefused) as error:
            # What cannot be moved away must not keep new mail from coming.
            troubles.append(error)
        folders: dict[FolderName, list[MaildropRecord]] = {}
        for maildrop in maildrops:
            folders.setdefault(maildrop.folder, []).append(maildrop)
        for folder, drops in folders.items():
            ceilings = {drop.name: drop.ceiling for drop in drops}
            errand = Errand(folder, list(ceilings), ceilings)
            try:
                await self._look_at(errand, report)
            except (FolderMissing, Unreachable) as error:
                troubles.append(error)  # one folder that was renamed must not stop the others
            troubles += self._fetcher.refusals_of_all(errand)
        if troubles:
            raise _gravest(troubles)
        return report

    # ---- from here to there

    async def _dispose(self, maildrops: Sequence[MaildropRecord], report: LookReport) -> None:
        folders = {maildrop.name: maildrop.folder for maildrop in maildrops}
        waiting: set[SpoolId] = set()  # asked in this look, and to be asked again in the next
        in_vain = 0  # batches in a row of which nothing was done
        while queued := await self.spool.queued(self.account, BATCH + len(waiting)):
            queued = [item for item in queued if item.spool_id not in waiting][:BATCH]
            if not queued:
                return
            done = {item.spool_id for item in await self._dispose_batch(queued, folders)}
            await self.spool.disposed(done)
            report.disposed += len(done)
            waiting.update(item.spool_id for item in queued if item.spool_id not in done)
            in_vain = 0 if done else in_vain + 1
            if in_vain == FAILURES_IN_A_ROW:
                return  # what is in the way is in the way of all

    async def _dispose_batch(
        self, queued: list[QueuedDisposition], folders: dict[MaildropName, FolderName]
    ) -> list[QueuedDisposition]:
        """Return which of `queued` need nothing more."""
        known = [item for item in queued if item.maildrop in folders]
        orders = [
            DispositionOrder(folders[item.maildrop], item.remote_id, item.disposition)
            for item in known
        ]
        outcomes = await self._dispose_orders(orders)
        for item, outcome in zip(known, outcomes, strict=True):
            if outcome is DispositionOutcome.REFUSED:
                self.log.error(
                    "disposition-refused",
                    account=self.account,
                    message=item.spool_id,
                    remote_id=item.remote_id,
                    disposition=item.disposition.spelled(),
                )
                why = f"the service refuses to {item.disposition.spelled()}"
                refused = Note(item.spool_id, LifeEvent.REFUSED, self.clock.now(), detail=why)
                await self.spool.note([refused])
        return [
            item
            for item, outcome in zip(known, outcomes, strict=True)
            if outcome is not DispositionOutcome.RETRY
        ]

    async def _dispose_orders(
        self, orders: Sequence[DispositionOrder]
    ) -> Sequence[DispositionOutcome]:
        """Carry out a batch; where it fails as a whole, one by one, so that one order cannot hold up all.

        Raises:
            ProviderError: as `dispose`, once a row of single orders failed too.
        """
        try:
            return await self.provider.dispose(orders)
        except (Unreachable, AccessRefused):
            if len(orders) == 1:
                raise
        outcomes, row = [], 0
        for order in orders:
            try:
                (outcome,) = await self.provider.dispose([order])
                row = 0
            except (Unreachable, AccessRefused) as error:
                row += 1
                if row == FAILURES_IN_A_ROW:
                    raise
                self.log.warning(
                    "disposition-failed",
                    account=self.account,
                    remote_id=order.remote_id,
                    **reason(error),
                )
                outcome = DispositionOutcome.RETRY
            outcomes.append(outcome)
        return outcomes

    # ---- from there to here

    async def _look_at(self, errand: Errand, report: LookReport) -> None:
        for name in errand.maildrops:
            if not self.locks.is_held(name):
                await self.spool.sweep_vanished(name)
        cursor = await self._common_cursor(errand.maildrops)
        try:
            await self._take_pages(errand, cursor, report)
        except CursorExpired as error:
            self.log.warning(
                "cursor-expired", account=self.account, folder=errand.folder, **reason(error)
            )
            await self._take_pages(errand, None, report)
        # Bodies that an earlier look announced and could not fetch.
        await self._fetcher.fetch(errand)
        report.delivered += errand.delivered
        report.held += errand.held
        report.quarantined += errand.quarantined
        report.vanished += errand.gone

    async def _common_cursor(self, names: Sequence[MaildropName]) -> Cursor | None:
        """Return the cursor that all share; a maildrop that joined later makes the list full."""
        cursors = {await self.spool.cursor(name) for name in names}
        return cursors.pop() if len(cursors) == 1 else None

    async def _take_pages(
        self, errand: Errand, cursor: Cursor | None, report: LookReport
    ) -> None:
        looks: dict[MaildropName, Look] = {}
        async with aclosing(self.provider.changes(errand.folder, cursor)) as pages:
            async for page in pages:
                if page.added or page.removed or page.full:
                    await self._take_page(page, errand.maildrops, looks, report)
                    await self._fetcher.fetch(errand)
                if page.cursor is not None and page.cursor != cursor:
                    # A message that was listed and is gone may be back: only a full list tells.
                    after = None if errand.gone else page.cursor
                    await self.spool.save_cursor(errand.maildrops, after)

    async def _take_page(
        self,
        page: ChangePage,
        names: Sequence[MaildropName],
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


def _gravest(troubles: list[ProviderError]) -> ProviderError:
    """Return the trouble to raise: one that asks for a person's help, or else the last."""
    return next((one for one in troubles if isinstance(one, AccessRefused)), troubles[-1])
