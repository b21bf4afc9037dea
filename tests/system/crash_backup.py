"""Crash scenarios of backup and restore: a file that is whole or not there, a machine that is as it was or new."""

import shutil

from tests.system.crash_runs import KILLED
from tests.system.crash_scenario import Scenario, Stage
from tests.system.crash_spool import OCTETS, drain, put_all
from tests.system.running_bridge import make_home


class BackingUp(Scenario):
    """`backup`: its file is whole or missing, and another one can be made; no draft stays."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        put_all(self.home)
        self.home.sync()
        self.snapshot.take()
        self.folder = stage.folder / "backups"
        self.file = self.folder / "a backup"
        self.code = KILLED

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.code = self.forks.run(self.home, "backup", str(self.file), die_at=die_at)
        return self.code != KILLED

    def check(self) -> None:
        was_there = self.file.exists()
        assert (self.forks.run(self.home, "backup", str(self.file)) == 0) != was_there
        assert list(self.folder.iterdir()) == [self.file]
        assert self.forks.run(self.home, "restore", str(self.file), "--show-config") == 0
        with self.restarted() as bridge:
            assert hidden(self) == []
            drain(bridge, OCTETS)

    def finish(self) -> None:
        assert self.code == 0


class Restoring(Scenario):
    """`restore` on a new machine: the same command completes it; nothing is lost, nothing listed anew."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        put_all(self.home)
        self.home.sync()
        self.snapshot.take()
        with self.restarted() as bridge:
            self.unique_ids = bridge.log_in().unique_ids()
        self.file, self.key = stage.folder / "a backup", stage.folder / "kept master.key"
        assert self.forks.run(self.home, "backup", str(self.file)) == 0
        shutil.copyfile(self.home.state / "master.key", self.key)
        self.key.chmod(0o600)
        self.code = KILLED

    def run(self, die_at: int) -> bool:
        self.snapshot.restore()
        shutil.rmtree(self.home.state)
        self.home.config_file.unlink(missing_ok=True)
        self.code = self._restore(die_at)
        return self.code != KILLED

    def check(self) -> None:
        was_there = (self.home.state / "popbridge.db").exists()
        assert (self._restore() == 0) != was_there
        with self.restarted() as bridge:
            assert hidden(self) == []
            assert drain(bridge, OCTETS) == self.unique_ids

    def finish(self) -> None:
        assert self.code == 0

    def _restore(self, die_at: int = 0) -> int:
        words = ("restore", str(self.file), "--key-file", str(self.key), "--nothing-since")
        return self.forks.run(self.home, *words, die_at=die_at)


def hidden(scenario: Scenario) -> list[str]:
    """Return what is called like something half-done."""
    return [path.name for path in scenario.home.folder.rglob(".*")]
