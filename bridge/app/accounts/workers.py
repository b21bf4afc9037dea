"""Keeps one worker running per account, as the register changes under it."""

import asyncio
from collections.abc import Mapping

import attrs

from bridge.accounts.directory import Directory
from bridge.app.accounts.opener import AccountOpener, OpenAccount
from bridge.clock import Clock
from bridge.config import Config, SyncConfig
from bridge.errors import RegisterError
from bridge.logs import EventLog
from bridge.names import AccountName
from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.storage.holding import Locks
from bridge.storage.ports import Spool, UnreadHeaders
from bridge.storage.register import Account, MaildropRecord
from bridge.sync.look import Looker, LookReport
from bridge.sync.oldheaders import OldHeaders
from bridge.sync.worker import Pace, Worker, WorkerStatus
from providers.contract import MailboxProvider

BUSY_MACHINE = 5.0
"""How much longer than its processor time a message may be shaped: others come before it (nice(2))."""


@attrs.frozen
class _Running:
    account: Account
    opened: OpenAccount
    worker: Worker
    task: asyncio.Task[None]


class Workers:
    """The workers of all accounts."""

    def __init__(
        self,
        directory: Directory,
        looker: "LookerMaker",
        group: asyncio.TaskGroup,
        pace: Pace,
    ) -> None:
        self._directory = directory
        self._looker = looker
        self._group = group
        self._pace = pace
        self._running: dict[AccountName, _Running] = {}
        self._turn = asyncio.Lock()

    async def reconcile(self) -> None:
        """Start a worker for every new account, stop those whose account is gone or changed."""
        async with self._turn:  # SIGHUP and the command line may ask at the same time
            await self._reconcile()

    async def _reconcile(self) -> None:
        wanted = {account.name: account for account in self._directory.snapshot.accounts}
        for name, running in list(self._running.items()):
            if wanted.get(name) != running.account:
                running.task.cancel()
                await asyncio.wait([running.task])
                del self._running[name]
        for name, account in wanted.items():
            if name not in self._running:
                try:
                    self._start(account)
                except ValueError as error:  # what an owner's hand or a downgrade may leave
                    self._looker.log.error("account-unusable", account=name, why=str(error))
        for running in self._running.values():
            running.worker.look_soon()

    def nudge(self, account: AccountName) -> None:
        """Ask an account's worker to look soon."""
        running = self._running.get(account)
        if running is not None:
            running.worker.nudge()

    async def look_now(self, account: AccountName) -> LookReport:
        """Return what a look at the account, begun now, has changed.

        Raises:
            RegisterError: there is no such account.
            ProviderError, SpoolUnavailable: the look failed.
        """
        running = self._running.get(account)
        if running is None:
            raise RegisterError(f"There is no account {account}; see `popbridge account list`.")
        return await running.worker.look_now()

    def mailbox_of(self, account: AccountName) -> MailboxProvider:
        """Return the open mailbox of an account; its worker closes it.

        Raises:
            RegisterError: no worker runs for the account.
        """
        running = self._running.get(account)
        if running is None:
            raise RegisterError(
                f"The account {account} cannot be used; see `popbridge status`."
            )
        return running.opened.mailbox

    def open_accounts(self) -> list[tuple[AccountName, OpenAccount]]:
        """Return the accounts that have a worker."""
        return [(name, running.opened) for name, running in self._running.items()]

    def look_soon(self, account: AccountName) -> None:
        """Have an account's next look begin at once: its owner asked."""
        running = self._running.get(account)
        if running is not None:
            running.worker.look_soon()

    def statuses(self) -> Mapping[AccountName, WorkerStatus]:
        """Return how each account is doing."""
        return {name: running.worker.status for name, running in self._running.items()}

    def is_failing(self, account: AccountName) -> bool:
        """Tell whether the last look at an account failed."""
        running = self._running.get(account)
        return running is not None and running.worker.status.failing_since is not None

    async def keep_grants_alive(self) -> None:
        """Renew every grant that was not used for a day; the register may be unable to answer.

        Raises:
            PopbridgeError: it is; the grants that follow are not looked at.
        """
        for running in list(self._running.values()):
            if running.opened.tokens is not None:
                await running.opened.tokens.keep_alive()

    async def stop(self) -> None:
        """Stop every worker and wait for its end."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._running.clear()

    def _start(self, account: Account) -> None:
        def maildrops() -> list[MaildropRecord]:
            return maildrops_of(self._directory, account.name)

        opened = self._looker.opener.open(account)
        worker = Worker(
            self._looker.make(account.name, opened),
            maildrops,
            self._pace,
            self._looker.clock,
            self._looker.log,
        )
        task = self._group.create_task(_work(worker, opened), name=f"worker {account.name}")
        self._running[account.name] = _Running(account, opened, worker, task)


async def _work(worker: Worker, opened: OpenAccount) -> None:
    """Run a worker, which closes its mailbox, and then close the sign-in behind it."""
    try:
        await worker.run()
    finally:
        await opened.close_identity()


@attrs.frozen
class LookerMaker:
    """Builds a looker for an account from what all of them share."""

    spool: Spool
    locks: Locks
    clock: Clock
    log: EventLog
    config: SyncConfig
    opener: AccountOpener
    shaping: ShapingProcesses | None = None
    unread: UnreadHeaders | None = None

    def make(self, account: AccountName, opened: OpenAccount) -> Looker:
        """Return a looker at an open account."""
        return Looker(
            account,
            opened.mailbox,
            self.spool,
            self.locks,
            self.clock,
            self.log,
            self.config.message_octets,
            self.opener.alert,
            self.shaping,
            self._old_headers(),
        )

    def _old_headers(self) -> OldHeaders | None:
        if self.unread is None or self.shaping is None:
            return None
        return OldHeaders(
            self.spool, self.unread, self.locks, self.shaping, self.clock, self.log
        )


def maildrops_of(directory: Directory, account: AccountName) -> list[MaildropRecord]:
    """Return the maildrops of an account."""
    return [drop for drop in directory.snapshot.maildrops if drop.account == account]


def shaping_processes(config: Config) -> ShapingProcesses:
    """Return the shaping of a bridge; what is made of a message may be as large as any message."""
    cfg = config.shaping
    limits = Limits(cfg.cpu_seconds, cfg.memory_octets)
    seconds = cfg.cpu_seconds * BUSY_MACHINE
    return ShapingProcesses(Bounds(cfg.processes, limits, seconds, config.sync.message_octets))
