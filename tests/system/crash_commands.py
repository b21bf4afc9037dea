"""Crash scenarios of the owner's commands: killed anywhere, another run completes what one has begun."""

import shutil
import sqlite3
import stat

from bridge.app.state import open_state
from bridge.config import load_config
from bridge.storage.sqlite.database import schema_scripts
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import server_certificate_files
from tests.canary import CANARY
from tests.system.crash_runs import KILLED
from tests.system.crash_scenario import (
    Scenario,
    Stage,
    look,
)
from tests.system.crash_spool import OCTETS, drain, put_all
from tests.system.pop_client import assert_ok
from tests.system.running_bridge import PASSWORD, Home, RunningBridge, make_home

NEW_PASSWORD = f"fresh-{CANARY}"


class Initialising(Scenario):
    """`init` on a bare folder: another one completes it, and never makes a second key or CA."""

    def __init__(self, stage: Stage) -> None:
        home = Home(stage.folder, "asyncio")
        home.configure()
        super().__init__(stage, home)
        assert self.forks.run(home, "init") == 0
        self.expected = state_files(home)
        assert self.expected["master.key"] == "-rw-------"
        self.code = KILLED

    def run(self, die_at: int) -> bool:
        shutil.rmtree(self.home.state)
        self.code = self.forks.run(self.home, "init", die_at=die_at)
        return self.code != KILLED

    def check(self) -> None:
        home = self.home
        kept = {
            path: path.read_bytes()
            for path in (home.state / "master.key", home.ca)
            if path.exists()
        }
        assert self.forks.run(home, "init") == 0
        assert state_files(home) == self.expected
        assert kept == {path: path.read_bytes() for path in kept}
        assert audit_entries(home, "event = 'initialised'") == 1
        assert_key_and_certificates_fit(home)

    def finish(self) -> None:
        assert self.code == 0
        with self.restarted() as bridge:
            assert_ok(bridge.connect().quit())


class Commanding(Scenario):
    """A command that changes the register: its change is whole or not there, and it can be run again.

    There is an entry of who made the change if and only if there is the change.
    """

    def __init__(
        self,
        stage: Stage,
        words: tuple[str, ...],
        text: str = "",
        before: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        """Run the commands of `before` once, as the state that `words` begin with."""
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        (self.home.folder / "mail" / "second").mkdir()
        put_all(self.home)
        self.home.sync()
        for command in before:
            assert self.forks.run(self.home, *command) == 0
        self.snapshot.take()
        self.initial = register(self.home)
        self.entries = audit_entries(self.home)
        self.words = tuple(word.format(mail=self.home.folder / "mail") for word in words)
        self.text = text
        self.code = KILLED
        self.came: list[bool] = []

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        self.code = self.forks.run(self.home, *self.words, die_at=die_at, text=self.text)
        return self.code != KILLED

    def check(self) -> None:
        left = register(self.home)
        self.came.append(left != self.initial)
        assert audit_entries(self.home) - self.entries == self.came[-1]
        code = self.forks.run(self.home, *self.words, text=self.text)
        # Run again it does the whole of it, or says that there is nothing to do and changes nothing.
        assert code == 0 or (self.came[-1] and register(self.home) == left)
        assert register(self.home) != self.initial
        with self.restarted() as bridge:
            assert_ok(bridge.connect().quit())
            for account in self.home.offline.snapshot().accounts:
                assert look(self.home, account.name)
            assert len(self.home.bodies) == spooled(self.home)

    def finish(self) -> None:
        assert self.code == 0
        assert self.came == sorted(self.came), "the change came and went"
        assert self.came[0] != self.came[-1]


class ChangingAPassword(Commanding):
    """`device passwd`: the old password works or the new one, and never both or neither."""

    def __init__(self, stage: Stage) -> None:
        words = ("device", "passwd", "printer", "--password-stdin")
        super().__init__(stage, words, f"{NEW_PASSWORD}\n")

    def check(self) -> None:
        with self.restarted() as bridge:
            old, new = (is_right(bridge, one) for one in (PASSWORD, NEW_PASSWORD))
        assert old != new
        self.came.append(new)
        assert audit_entries(self.home) - self.entries == new


class Renewing(Scenario):
    """`cert renew`: any start has pairs that match, signed by the CA that devices trust; no draft stays."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        put_all(self.home)
        self.home.sync()
        self.snapshot.take()
        self.code = KILLED

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        self.code = self.forks.run(self.home, "cert", "renew", die_at=die_at)
        return self.code != KILLED

    def check(self) -> None:
        assert_key_and_certificates_fit(self.home)
        with self.restarted() as bridge:
            drain(bridge, OCTETS)
        assert self.forks.run(self.home, "cert", "renew") == 0

    def finish(self) -> None:
        assert self.code == 0


class Configuring(Scenario):
    """A start after config.toml was edited: each edit is an entry, once, and so at whatever start it is written."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        with self.restarted() as bridge:
            assert_ok(bridge.connect().quit())
        self.snapshot.take()

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at) as bridge:
            return bridge is not None and bool(look(self.home))

    def begin_anew(self, die_at: int) -> None:
        super().begin_anew(die_at)
        self.home.configure(({"name": "fax"},), limits={"connections": 300})

    def check(self) -> None:
        with self.restarted():
            assert look(self.home)
        edits = rows(self.home, "SELECT event FROM audit WHERE user = 'config file'")
        loop = ["setting-changed"] if self.home.loop != "asyncio" else []
        listener = ["listener-removed", "listener-added"]
        expected = ["settings-noted", *listener, *loop, "setting-changed"]
        assert [event for (event,) in edits] == expected


class Migrating(Scenario):
    """A start on the spool of an older popbridge: all is there, under the same unique-ids and ids."""

    def __init__(self, stage: Stage, version: int) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        put_all(self.home)
        self.home.sync()
        with self.restarted() as bridge:
            client = bridge.log_in()
            self.unique_ids = client.unique_ids()
            assert_ok(client.command("DELE 1"))
            assert_ok(client.quit())
        lower(self.home, version)
        self.version = version
        self.snapshot.take()

    def run(self, die_at: int) -> bool:
        return self.serve_a_look(die_at)  # a deletion waits to be carried out upstream

    def check(self) -> None:
        with self.restarted() as bridge:
            assert bridge.log_in().unique_ids() == self.unique_ids[1:]
            drain(bridge, OCTETS[1:])


# ---- what commands leave


def state_files(home: Home) -> dict[str, str]:
    """Return every file of the state folder that outlives a server, with its mode."""
    paths = (path for path in home.state.rglob("*") if path.is_file())
    return {
        str(path.relative_to(home.state)): stat.filemode(path.stat().st_mode) for path in paths
    }


def lower(home: Home, version: int) -> None:
    """Put a database in the place of the newest one as the popbridge of that schema version left it."""
    newest = home.state / "popbridge.db"
    old = newest.with_name("old.db")
    connection = sqlite3.connect(old, isolation_level=None)
    for script in schema_scripts()[:version]:
        connection.executescript(script)
    triggers = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
    made = connection.execute(triggers).fetchall()
    for name, _ in made:
        connection.execute(f"DROP TRIGGER {name}")  # rows come in the middle of their lives
    connection.execute("ATTACH ? AS newest", (str(newest),))
    tables = [
        row[0]
        for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    ]
    for table in tables:
        columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
        connection.execute(f"INSERT INTO {table} SELECT {columns} FROM newest.{table}")  # noqa: S608 - of the schema
    for _, sql in made:
        connection.execute(sql)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    for path in home.state.glob("popbridge.db*"):
        path.unlink()
    old.rename(newest)


def assert_key_and_certificates_fit(home: Home) -> None:
    with open_state(load_config(home.config_file), {}) as state:
        TlsContexts(server_certificate_files(state.places.tls))


def is_right(bridge: RunningBridge, password: str) -> bool:
    client = bridge.connect()
    answer = client.log_in("printer", password)
    client.close()
    return answer.startswith(b"+OK")


def spooled(home: Home) -> int:
    """Return how many messages have a body, by the spool's own account."""
    [[count]] = rows(home, "SELECT count(*) FROM message WHERE octets NOT NULL")
    return int(count)


def audit_entries(home: Home, which: str = "user <> 'config file'") -> int:
    """Return of how many changes it is told who made them; what a start finds in config.toml is left out."""
    [[count]] = rows(home, f"SELECT count(*) FROM audit WHERE {which}")  # noqa: S608 - ours
    return int(str(count))


def register(home: Home) -> list[object]:
    """Return everything the register says."""
    tables = ("account", "account_grant", "maildrop", "device", "login", "device_address")
    return [rows(home, f"SELECT * FROM {one} ORDER BY 1") for one in tables]  # noqa: S608 - names from above


def rows(home: Home, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(home.state / "popbridge.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
