"""One worker per account, while the register changes under them; on a loop whose time takes none."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import attrs
import pytest

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.app.workers import LookerMaker, Workers
from bridge.config import SyncConfig
from bridge.errors import RegisterError
from bridge.names import AccountName, MaildropName
from bridge.storage.locks import MemoryLocks
from bridge.storage.ports import Account
from bridge.sync.worker import Pace
from bridge.vault.passwords import PasswordVerifier
from bridge.vault.seal import SecretSeal
from tests.contract.storage_harness import OFFICE, SqliteUnderTest, maildrop
from tests.fakes.clock import LoopClock, run_without_waiting


@attrs.define
class Bench:
    root: Path
    storage: SqliteUnderTest
    directory: Directory
    workers: Workers

    async def add(self, name: AccountName = OFFICE) -> Path:
        """Register an account over a new folder of mail, with one maildrop of the same name."""
        mail = self.root / f"mail-{name}"
        mail.mkdir()
        await self.storage.register.add_account(Account(name, "folder", {"path": str(mail)}))
        await self.storage.register.add_maildrop(maildrop(MaildropName(name), name))
        return mail

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
        maker = LookerMaker(
            storage.spool, MemoryLocks(0), LoopClock(), logs.get("sync"), SyncConfig()
        )
        async with asyncio.TaskGroup() as group:
            workers = Workers(directory, maker, group, Pace(60, 5))
            await scenario(Bench(tmp_path, storage, directory, workers))
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
        await bench.storage.register.remove_maildrop(MaildropName(OFFICE))
        await bench.storage.register.remove_account(OFFICE)
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
        await bench.storage.register.remove_maildrop(MaildropName(OFFICE))
        await bench.storage.register.remove_account(OFFICE)
        await bench.add(AccountName("next"))
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(bench.reload())
        assert bench.names() == ["next"]

    play(tmp_path, scenario)


def test_an_account_whose_settings_are_wrong_does_not_stop_the_others(tmp_path: Path) -> None:
    """As a downgrade, or a register edited by hand, may leave it."""

    async def scenario(bench: Bench) -> None:
        await bench.storage.register.add_account(Account(AccountName("a"), "gone", {}))
        await bench.add(AccountName("b"))
        await bench.reload()
        assert "b" in bench.names()

    play(tmp_path, scenario)


def test_nudging_nobody_is_harmless(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.workers.nudge(AccountName("nobody"))
        assert bench.names() == []

    play(tmp_path, scenario)
