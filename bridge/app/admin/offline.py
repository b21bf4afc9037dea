"""What the command line does itself: register changes, and a look where no bridge is running."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import attrs

from bridge import logs
from bridge.accounts import changes, standing
from bridge.accounts.changes import DeviceOrder
from bridge.accounts.devicechange import Changed, DeviceKnobs, add_device, change_device
from bridge.accounts.enrolment import Change, Enrolment
from bridge.accounts.maildropchange import NO_KNOBS, Knobs, changed_maildrop, new_maildrop
from bridge.app.accounts.capabilities import (
    check_choices,
    check_dispositions,
    overriding,
    probe,
)
from bridge.app.accounts.enrolment import EnrolmentDoor, lead
from bridge.app.accounts.examination import Examination, Finding, told
from bridge.app.accounts.opener import AccountOpener, OpenAccount
from bridge.app.accounts.workers import LookerMaker, shaping_processes
from bridge.app.admin.messages import DROP, MessageDesk
from bridge.app.audit.actors import actor_here, introduction
from bridge.app.state import State, open_state, sole_server
from bridge.clock import SystemClock
from bridge.config import Config
from bridge.control import Values, ask
from bridge.errors import OwnerError, RegisterError, StateError
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.storage.addresses import DeviceAddress
from bridge.storage.locks import MemoryLocks
from bridge.storage.register import Account, MaildropRecord, RegisterSnapshot
from bridge.vault.passwords import hash_password
from providers.contract import DispositionKind, FolderName, MailboxProvider, ProviderError
from providers.identity import Grant, IdentityProvider
from providers.registry import entry_for

T = TypeVar("T")


@attrs.frozen
class HandedOver:
    """What an admin gives with an enrolment: by which option, its text, and settings to change."""

    option: str = ""
    text: str = attrs.field(default="", repr=False)
    settings: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Offline:
    """The state folder, as one command needs it."""

    config: Config
    environ: Mapping[str, str] = attrs.field(repr=False)  # the master key may stand in it

    def add_account(
        self, name: str, provider: str, settings: dict[str, str], secret: str = ""
    ) -> bool:
        """Add an account, and return whether it must be enrolled before its mailbox can answer.

        One that need not be is added once its mailbox has answered. `secret` is what the admin hands
        over for the sign-in, in the form that the provider takes.

        Raises:
            RegisterError: name, settings or secret cannot be used, or the mailbox does not answer.
        """
        account = changes.new_account(name, provider, settings)

        async def work(state: State) -> bool:
            async with _opened(state, account) as opened:
                if opened.identity is None:
                    await probe(opened.mailbox, FolderName(""))
                    await state.register.add_account(account)
                    return False
                grant = _prepared(opened.identity, secret)
                sealed = state.grants.sealed(account.name, grant)
                await state.register.add_account(account, sealed)
                return True

        return self._change(work)

    def enrol(self, name: str, door: EnrolmentDoor, given: HandedOver) -> None:
        """Lead the admin behind `door` through the enrolment of an account.

        What is `given` besides takes the place of what the account has, once all went well.

        Raises:
            RegisterError: there is no such account, it needs no enrolment, or what is given does not
                fit it.
            OwnerError: it ended without a grant; the account is as it was.
        """

        async def work(state: State) -> None:
            snapshot = await state.register.snapshot()
            account = changes.find_account(snapshot, name)
            settings = {**account.settings, **given.settings}
            account = attrs.evolve(account, settings=settings)
            async with _opened(state, account) as opened:
                if opened.identity is None:
                    raise RegisterError(f"The account {name} needs no enrolment.")
                check_dispositions(opened.mailbox, snapshot, account)
                change = Change(_credential(opened.identity, account, given), settings)
                clock = SystemClock()
                journey = Enrolment(account.name, state.grants, opened.identity, clock, change)
                try:
                    await lead(journey, door, clock)
                except ProviderError as error:
                    raise OwnerError(
                        f"Account {name} was not enrolled: {told(error)}."
                    ) from error

        self._change(work)

    def examine_account(self, name: str) -> list[Finding]:
        """Return what is in order of an account and what is not, and what to do there.

        Raises:
            RegisterError: there is no such account.
        """

        async def work(state: State) -> tuple[list[Finding], bool]:
            snapshot = await state.register.snapshot()
            account = changes.find_account(snapshot, name)
            drops = [drop for drop in snapshot.maildrops if drop.account == name]
            async with _opened(state, account) as opened:
                kept = await state.grants.load(account.name)
                examination = Examination(opened, kept, drops, SystemClock())
                found = [finding async for finding in examination.findings()]
            after = await state.grants.load(account.name)
            has_healed = kept is not None and after is not None and kept.lost != after.lost
            return found, has_healed

        findings, has_healed = self.read(work)
        if has_healed:
            ask(self.config.state_dir, "reload")  # the running bridge had stopped asking
        return findings

    def remove_account(self, name: str) -> None:
        """Remove an account."""
        self._change(lambda state: state.register.remove_account(AccountName(name)))

    def add_maildrop(
        self, name: str, account: str, folder: str, on_dele: str | None, knobs: Knobs = NO_KNOBS
    ) -> str:
        """Add a maildrop and return its disposition: without one, a move to Printed, or keep where it cannot move."""

        async def work(state: State) -> str:
            snapshot = await state.register.snapshot()
            owner = changes.find_account(snapshot, account)
            async with _opened(state, owner) as opened:
                mailbox = opened.mailbox
                can = await probe(mailbox, FolderName(folder))
                default = "move:Printed" if DispositionKind.MOVE in can else "keep"
                wanted = on_dele if on_dele is not None else default
                record = new_maildrop(name, account, folder, wanted, can)
                record = changed_maildrop(record, knobs, can)
                check_choices(mailbox, record, snapshot)
            await state.register.add_maildrop(record)
            return record.disposition.spelled()

        return self._change(work)

    def change_maildrop(self, name: str, knobs: Knobs) -> MaildropRecord:
        """Change what is given of a maildrop, and return it as it is then.

        Raises:
            RegisterError: there is no such maildrop, or its mailbox cannot do what is wanted.
        """

        async def work(state: State) -> MaildropRecord:
            snapshot = await state.register.snapshot()
            old = changes.find_maildrop(snapshot, name)
            account = changes.find_account(snapshot, old.account)
            async with _opened(state, account) as opened:
                can, profiles = opened.mailbox.dispositions, snapshot.profiles(old.name)
                record = changed_maildrop(old, knobs, can, profiles)
                check_choices(opened.mailbox, record, snapshot)
            await state.register.change_maildrop(record)
            return record

        return self._change(work)

    def remove_maildrop(self, name: str) -> None:
        """Remove a maildrop with all that is spooled for it."""

        async def work(state: State) -> None:
            spooled = await state.spool.at_rest(MaildropName(name))
            await state.register.remove_maildrop(MaildropName(name))
            # No row names these any more, and an id is never used again.
            await state.bodies.remove(spooled)

        self._change(work)

    def add_device(self, order: DeviceOrder, password: str) -> Changed:
        """Add a device."""

        async def work(state: State) -> Changed:
            now = SystemClock().now()
            device = changes.new_device(order, password, hash_password, state.secrets, now)
            overriding(order.quirks)(await state.register.snapshot(), device)
            return await add_device(state.register, device)

        return self._change(work)

    def change_device(self, name: str, knobs: DeviceKnobs) -> Changed:
        """Change what is given of a device."""
        check = overriding(knobs.quirks)
        return self._change(lambda state: change_device(state.register, name, knobs, check))

    def remove_device(self, name: str) -> None:
        """Remove a device."""
        self._change(lambda state: state.register.remove_device(DeviceName(name)))

    def disable_device(self, name: str) -> bool:
        """Let a device log in no more; return False where it could not anyway."""
        now = SystemClock().now()
        return self._change(lambda state: standing.disable(state.register, name, now))

    def enable_device(self, name: str) -> bool:
        """Let a device log in again; return False where it could anyway."""
        now = SystemClock().now()
        return self._change(lambda state: standing.enable(state.register, name, now))

    def admit_device(self, name: str, address: str, *, only: bool) -> str:
        """Let a device log in from an address, or from that one only, and return it as it is kept."""
        now = SystemClock().now()
        return self._change(
            lambda state: standing.admit(
                state.register, state.addresses, name, address, now, only=only
            )
        )

    def addresses(self) -> list[DeviceAddress]:
        """Return where devices have logged in from, by device."""
        return self.read(lambda state: state.addresses.addresses())

    def set_password(self, name: str, password: str, *, apop: bool | None = None) -> None:
        """Give a device another password, with APOP or without, or as it was."""

        async def work(state: State) -> None:
            now = SystemClock().now()
            await changes.replace_password(
                state.register,
                name,
                lambda device: changes.with_password(
                    device, password, hash_password, state.secrets, now, apop
                ),
            )

        self._change(work)

    def sync(self, account: str) -> Values:
        """Look at an account now, in the running bridge or here, and return what changed.

        Raises:
            OwnerError: it cannot be looked at.
        """
        if changes.find_account(self.snapshot(), account).enrolment == 0:
            raise OwnerError(
                f"Account {account} is not enrolled yet; run `popbridge account enrol {account}`."
            )
        answer = ask(self.config.state_dir, "sync", account=account)
        if answer is not None:
            return dict(answer["report"])
        with sole_server(self.config.state_dir):
            return self.read(lambda state: self._look(state, account))

    def order(self, verb: str, number: int, *, dispose: bool = False) -> str:
        """Carry out an admin's order about a message, in the running bridge or here; say what was done.

        Raises:
            OwnerError: it cannot be done; nothing was changed.
        """
        wanted = {"message": number, "dispose": dispose, **introduction(self.environ)}
        answer = ask(self.config.state_dir, verb, **wanted)
        if answer is not None:
            return str(answer["said"])
        with sole_server(self.config.state_dir):
            return self.read(
                lambda state: self._carry_out(state, verb, number, dispose=dispose)
            )

    def snapshot(self) -> RegisterSnapshot:
        """Return all that the register holds."""
        return self.read(lambda state: state.register.snapshot())

    def read(self, work: Callable[[State], Awaitable[T]]) -> T:
        """Return what `work` returns, with the state folder open."""

        async def run(state: State) -> T:
            return await work(state)

        with open_state(self.config, self.environ) as state:
            return asyncio.run(run(state))

    def _change(self, work: Callable[[State], Awaitable[T]]) -> T:
        """Do `work` and tell the running bridge, if one runs, to take it up."""
        result = self.read(work)
        try:
            ask(self.config.state_dir, "reload")
        except StateError as error:
            raise StateError(f"The change is saved, but: {error}") from error
        return result

    async def _carry_out(self, state: State, verb: str, number: int, *, dispose: bool) -> str:
        snapshot = await state.register.snapshot()
        async with AsyncExitStack() as stack:
            opened: dict[AccountName, MailboxProvider] = {}
            desk = MessageDesk(
                state.spool,
                state.histories,
                MemoryLocks(0),
                lambda: snapshot,
                opened.__getitem__,
                self.config.sync.message_octets,
                shaping_processes(self.config),
                actor_here(self.environ),
            )
            if verb == DROP:
                return await desk.drop(number, dispose=dispose)
            account = changes.find_account(snapshot, await desk.account_of(number))
            door = await stack.enter_async_context(_opened(state, account))
            opened[account.name] = door.mailbox
            return await desk.redeliver(number)

    async def _look(self, state: State, name: str) -> Values:
        snapshot = await state.register.snapshot()
        account = changes.find_account(snapshot, name)
        async with _opened(state, account) as opened:
            opener = AccountOpener(state.grants, SystemClock(), logs.get("sync"))
            maker = LookerMaker(
                state.spool,
                MemoryLocks(0),
                SystemClock(),
                logs.get("sync"),
                self.config.sync,
                opener,
                shaping_processes(self.config),
                state.unread_headers,
            )
            looker = maker.make(account.name, opened)
            try:
                report = await looker.look([m for m in snapshot.maildrops if m.account == name])
            except ProviderError as error:
                raise OwnerError(
                    f"Account {name} cannot be looked at: {told(error)}."
                ) from error
        return attrs.asdict(report)


@asynccontextmanager
async def _opened(state: State, account: Account) -> AsyncGenerator[OpenAccount, None]:
    try:
        opened = AccountOpener(state.grants, SystemClock(), logs.get("sync")).open(account)
    except ValueError as error:
        raise RegisterError(f"The account {account.name} cannot be used: {error}.") from error
    try:
        yield opened
    finally:
        await opened.close()


def _prepared(identity: IdentityProvider, secret: str) -> Grant:
    try:
        return identity.prepare(secret)
    except ValueError as error:
        raise RegisterError(f"What was handed over cannot be used: {error}.") from error


def _credential(
    identity: IdentityProvider, account: Account, given: HandedOver
) -> Grant | None:
    """Return the credential that is given, once it is known to be for this account's service."""
    if not given.option:
        return None
    try:
        entry = entry_for(account.provider, account.settings)
        entry.check_credential(given.option, account.settings)
    except ValueError as error:
        raise RegisterError(
            f"The account {account.name} cannot be enrolled: {error}."
        ) from error
    return _prepared(identity, given.text)
