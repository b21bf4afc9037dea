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
from bridge.names import AccountName, MaildropName
from bridge.shaper.processes import ShapingProcesses
from bridge.storage.holding import Locks
from bridge.storage.ports import Spool
from bridge.storage.register import MaildropRecord
from bridge.sync.disposing import Disposer
from bridge.sync.errand import Errand
from bridge.sync.fetching import Fetcher
from bridge.sync.oldheaders import OldHeaders
from bridge.sync.plan import Look
from bridge.sync.reasons import reason
from providers.contract import (
    AccessRefused,
    ChangePage,
    Cursor,
    CursorExpired,
    FolderMissing,
    FolderName,
    MailboxProvider,
    ProviderError,
    Throttled,
    Unreachable,
)


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
    shaping: ShapingProcesses | None = None
    old_headers: OldHeaders | None = None
    _fetcher: Fetcher = attrs.field(init=False)
    _disposer: Disposer = attrs.field(init=False)

    @_disposer.default
    def _make_disposer(self) -> Disposer:
        return Disposer(self.account, self.provider, self.spool, self.clock, self.log)

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
            self.shaping,
        )

    async def look(self, maildrops: Sequence[MaildropRecord]) -> LookReport:
        """Look once at every folder of `maildrops`, all of this account.

        Raises:
            ProviderError: the account cannot be looked at now; what was done so far is kept.
            SpoolUnavailable: the spool takes nothing now.
        """
        report = LookReport()
        troubles: list[ProviderError] = []
        # What cannot be moved away must not keep new mail from coming.
        report.disposed, trouble = await self._disposer.dispose(maildrops)
        troubles += [trouble] if trouble else []
        folders: dict[FolderName, list[MaildropRecord]] = {}
        for maildrop in maildrops:
            folders.setdefault(maildrop.folder, []).append(maildrop)
        for folder, drops in folders.items():
            ceilings = {drop.name: drop.ceiling for drop in drops}
            wishes = {drop.name: drop.wish for drop in drops}
            choosy = frozenset(drop.name for drop in drops if drop.admission.printable)
            errand = Errand(folder, list(ceilings), ceilings, wishes=wishes, choosy=choosy)
            try:
                await self._look_at(errand, report)
            except (FolderMissing, AccessRefused, Unreachable) as error:
                troubles.append(error)  # one folder that was renamed must not stop the others
            troubles += self._fetcher.refusals_of_all(errand)
            troubles += [errand.throttled] if errand.throttled else []
        if troubles:
            raise _gravest(troubles)
        return report

    async def _look_at(self, errand: Errand, report: LookReport) -> None:
        for name in errand.maildrops:
            if not self.locks.is_held(name):
                await self.spool.sweep_vanished(name)
            if self.old_headers is not None:
                await self.old_headers.read(name)
        cursor = await self._common_cursor(errand.maildrops)
        if self._fetcher.has_to_list(errand.folder):
            cursor = None
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
    """Return the trouble to raise: one that asks for a person's help, or for time, or else the last."""
    for kind in (AccessRefused, Throttled):
        for one in troubles:
            if isinstance(one, kind):
                return one
    return troubles[-1]
