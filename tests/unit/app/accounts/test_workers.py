"""One worker per account, while the register changes under them; on a loop whose time takes none."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import attrs
import pytest

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.accounts.grants import Grants
from bridge.app.accounts.opener import AccountOpener
from bridge.app.accounts.workers import LookerMaker, Workers
from bridge.config import SyncConfig
from bridge.errors import RegisterError, SpoolUnavailable
from bridge.names import AccountName, MaildropName
from bridge.storage.locks import MemoryLocks
from bridge.storage.register import Account
from bridge.sync.worker import Pace
from bridge.vault.passwords import PasswordVerifier
from bridge.vault.seal import SecretSeal
from providers.contract import GrantLost, Unreachable
from providers.identity import Grant
from tests.contract.storage_harness import OFFICE, SqliteUnderTest, maildrop
from tests.fakes.clock import LoopClock, run_without_waiting
from tests.fakes.cloud_account import FakeCloud, take_place_of
from tests.fakes.identity import FakeIdentity

DAY = 86400.0


@attrs.define
class Bench:
    root: Path
    storage: SqliteUnderTest
    directory: Directory
    workers: Workers
    grants: Grants

    async def add(self, name: AccountName = OFFICE) -> Path:
        """Register an account over a new folder of mail, with one maildrop of the same name."""
        mail = self.root / f"mail-{name}"
        mail.mkdir()
        await self.storage.register.add_account(Account(name, "folder", {"path": str(mail)}))
        await self.storage.register.add_maildrop(maildrop(MaildropName(name), name))
        return mail

    async def add_cloud(self, name: AccountName = OFFICE) -> None:
        """Register an account of a cloud with one maildrop of the same name, and enrol it."""
        grant = Grant(f"secret-grant-of-{name}")
        account = Account(name, "microsoft", {"client_id": "x"})
        await self.storage.register.add_account(account, self.grants.sealed(name, grant))
        await self.grants.enrol(name, grant, LoopClock().now())
        await self.storage.register.add_maildrop(maildrop(MaildropName(name), name))

    async def remove(self, name: AccountName = OFFICE) -> None:
        await self.storage.register.remove_maildrop(MaildropName(name))
        await self.storage.register.remove_account(name)

    async def reload(self) -> None:
        await self.directory.load()
        await self.workers.reconcile()

    def names(self) -> list[str]:
        return sorted(self.workers.statuses())


def play(tmp_path: Path, scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        storage = SqliteUnderTest(tmp_path / "state")
        verifier = PasswordVerifier()
        directory = Directory(
            storage.register, verifier, SecretSeal(bytes(32)), LoopClock(), 1.0
        )
        grants = Grants(storage.register, SecretSeal(bytes(32)))
        log = logs.get("sync")
        maker = LookerMaker(
            storage.spool,
            MemoryLocks(0),
            LoopClock(),
            log,
            SyncConfig(),
            AccountOpener(grants, LoopClock(), log),
        )
        async with asyncio.TaskGroup() as group:
            workers = Workers(directory, maker, group, Pace(60, 5))
            await scenario(Bench(tmp_path, storage, directory, workers, grants))
            await workers.stop()
            assert workers.statuses() == {}
        verifier.close()
        storage.close()

    run_without_waiting(run())


def test_every_account_has_a_worker(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.reload()
        assert bench.names() == []
        for name in ("a", "b"):
            await bench.add(AccountName(name))
        await bench.reload()
        assert bench.names() == ["a", "b"]
        report = await bench.workers.look_now(AccountName("a"))
        assert report.announced == 0

    play(tmp_path, scenario)


def test_the_worker_of_a_removed_account_is_stopped(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.add()
        await bench.reload()
        await bench.remove()
        await bench.reload()
        assert bench.names() == []
        with pytest.raises(RegisterError, match="popbridge account list"):
            await bench.workers.look_now(OFFICE)

    play(tmp_path, scenario)


def test_an_account_that_did_not_change_keeps_its_worker(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.add()
        await bench.reload()
        before = bench.workers.statuses()[OFFICE]
        await bench.reload()
        assert bench.workers.statuses()[OFFICE] is before

    play(tmp_path, scenario)


def test_reloads_at_the_same_time_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    """A SIGHUP may come while the command line changes something."""

    async def scenario(bench: Bench) -> None:
        await bench.add()
        await bench.reload()
        await bench.remove()
        await bench.add(AccountName("next"))
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(bench.reload())
        assert bench.names() == ["next"]

    play(tmp_path, scenario)


def test_an_account_whose_settings_are_wrong_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a downgrade, or a register edited by hand, may leave it."""

    async def scenario(bench: Bench) -> None:
        await bench.storage.register.add_account(Account(AccountName("a"), "gone", {}))
        await bench.add(AccountName("b"))
        await bench.reload()
        assert bench.names() == ["b"]

    play(tmp_path, scenario)
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage() == "account-unusable"
    assert vars(record)["event_fields"]["account"] == "a"


def test_nudging_nobody_is_harmless(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.workers.nudge(AccountName("nobody"))
        assert bench.names() == []

    play(tmp_path, scenario)


# ---- accounts of a cloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    return take_place_of("microsoft", monkeypatch)


def test_a_worker_looks_with_the_tokens_of_its_account(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    async def scenario(bench: Bench) -> None:
        cloud.service.put(b"Subject: x\r\n\r\n")
        await bench.add_cloud()
        await bench.reload()
        assert (await bench.workers.look_now(OFFICE)).announced == 1
        assert [asked.grant for asked in cloud.identity.renewals] == ["secret-grant-of-office"]
        kept = await bench.grants.load(OFFICE)
        assert kept is not None
        assert kept.grant == "secret-grant-1"

    play(tmp_path, scenario)


class LastIdentity(FakeIdentity):
    """A sign-in that writes down how many mailboxes were closed before it."""

    def __init__(self, cloud: FakeCloud) -> None:
        super().__init__()
        self.closed_before: list[int] = []
        self._cloud = cloud

    async def close(self) -> None:
        self.closed_before.append(self._cloud.service.closed)


def test_what_a_worker_opened_is_closed_when_it_ends_the_sign_in_last(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    cloud.identity = identity = LastIdentity(cloud)

    async def scenario(bench: Bench) -> None:
        await bench.add_cloud()
        await bench.reload()
        await bench.workers.look_now(OFFICE)
        assert identity.closed_before == []
        await bench.remove()
        await bench.reload()
        assert identity.closed_before == [1]

    play(tmp_path, scenario)
    assert identity.closed_before == [1]


def test_stopping_closes_every_sign_in(tmp_path: Path, cloud: FakeCloud) -> None:
    async def scenario(bench: Bench) -> None:
        for name in ("a", "b"):
            await bench.add_cloud(AccountName(name))
        await bench.add(AccountName("c"))
        await bench.reload()
        for name in ("a", "b", "c"):
            await bench.workers.look_now(AccountName(name))
        assert cloud.identity.closed == 0

    play(tmp_path, scenario)
    assert (cloud.service.closed, cloud.identity.closed) == (2, 2)


def test_a_new_enrolment_restarts_the_worker_and_no_other(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    other = AccountName("other")

    async def scenario(bench: Bench) -> None:
        await bench.add_cloud()
        await bench.add_cloud(other)
        await bench.reload()
        await bench.workers.look_now(OFFICE)
        await bench.workers.look_now(other)
        assert (len(cloud.mailboxes), cloud.identity.closed) == (2, 0)
        await bench.grants.enrol(OFFICE, Grant("secret-grant-new"), LoopClock().now())
        await bench.reload()
        assert (len(cloud.mailboxes), cloud.identity.closed) == (3, 1)
        await bench.workers.look_now(OFFICE)
        assert "secret-grant-new" in [asked.grant for asked in cloud.identity.renewals]

    play(tmp_path, scenario)


def test_a_renewed_grant_does_not_restart_the_worker(tmp_path: Path, cloud: FakeCloud) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.add_cloud()
        await bench.reload()
        await bench.workers.look_now(OFFICE)
        await bench.grants.renew(OFFICE, 1, Grant("secret-grant-9"), LoopClock().now())
        await bench.reload()
        assert (len(cloud.mailboxes), cloud.identity.closed) == (1, 0)

    play(tmp_path, scenario)


def test_a_dead_grant_stops_the_looks_and_an_enrolment_starts_them_again(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.add_cloud()
        cloud.identity.outage = GrantLost("it was revoked")
        await bench.reload()
        with pytest.raises(GrantLost):
            await bench.workers.look_now(OFFICE)
        await LoopClock().sleep(30 * DAY)
        bench.workers.nudge(OFFICE)
        await LoopClock().sleep(30 * DAY)
        assert len(cloud.identity.renewals) == 1
        assert bench.workers.statuses()[OFFICE].trouble == "it was revoked"
        cloud.identity.outage = None
        looked = asyncio.Event()
        cloud.service.on_step = lambda _name: looked.set()
        await bench.grants.enrol(OFFICE, Grant("secret-grant-new"), LoopClock().now())
        await bench.reload()
        await looked.wait()  # nobody asked: the new worker looks by itself
        assert cloud.identity.renewals[-1].grant == "secret-grant-new"

    play(tmp_path, scenario)


def test_grants_that_nobody_used_for_a_day_are_renewed_whatever_happens_to_others(
    tmp_path: Path, cloud: FakeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    names = [AccountName(name) for name in ("a", "b", "c")]

    async def scenario(bench: Bench) -> None:
        cloud.service.failures["changes"].extend(GrantLost("no looks") for _ in range(9))
        await bench.add(AccountName("local"))
        for name in names:
            await bench.add_cloud(name)
        await bench.reload()
        for name in names:
            with pytest.raises(GrantLost, match="no looks"):
                await bench.workers.look_now(name)
        cloud.identity.renewals.clear()
        await bench.workers.keep_grants_alive()
        assert cloud.identity.renewals == []
        await LoopClock().sleep(DAY)
        cloud.identity.renewals.clear()
        cloud.identity.failures["renew"].extend([GrantLost("revoked"), Unreachable("away")])
        await bench.workers.keep_grants_alive()
        assert [asked.force for asked in cloud.identity.renewals] == [True] * 3
        kept = [await bench.grants.load(name) for name in names]
        assert [one is not None and one.lost for one in kept] == ["revoked", None, None]

    play(tmp_path, scenario)
    ours = [one.getMessage() for one in caplog.records if one.name != "asyncio"]
    told = [event for event in ours if event != "account-failing"]
    assert told == ["grant-lost", "renewal-failed"]


def test_a_register_that_is_away_is_told_to_who_keeps_grants_alive(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.add_cloud()
        await bench.reload()
        await bench.workers.look_now(OFFICE)
        await bench.storage.refuse_everything()
        with pytest.raises(SpoolUnavailable):
            await bench.workers.keep_grants_alive()
        assert len(cloud.identity.renewals) == 1

    play(tmp_path, scenario)
