"""Crash scenario of a test page: it is in its maildrop whole, or not at all, and nothing is left of half of one."""

import sqlite3
from contextlib import closing

from bridge.app.admin.testpages import TEST_MESSAGE
from bridge.control import ask
from bridge.errors import StateError
from tests.system.crash_scenario import Scenario, Stage, look
from tests.system.crash_spool import OCTETS, arm_after_first_look, mail_files, put_all
from tests.system.pop_client import assert_ok
from tests.system.running_bridge import make_home


class Paging(Scenario):
    """`test-message` on a running bridge beside mail; a page that it said yes to is listed, and taken once."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        put_all(self.home)
        self.home.sync()
        self.snapshot.take()
        self.number: int | None = None
        self.seen: list[int] = []

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at, arm=self.arm) as bridge:
            assert bridge is not None
            arm_after_first_look(self)
            self.number = self.order()
            return self.number is not None and bool(look(self.home))

    def order(self) -> int | None:
        """Have a page made, and return its number if the running bridge lived to say so."""
        try:
            told = ask(self.home.state, TEST_MESSAGE, maildrop="office")
        except StateError:
            return None
        return int(told["message"]) if told is not None else None

    def check(self) -> None:
        with self.restarted() as bridge:
            report = look(self.home)
            assert report["vanished"] == 0
            client = bridge.log_in()
            found = [client.retrieve(n + 1) for n in range(len(client.octets()))]
            pages = [octets for octets in found if octets not in OCTETS]
            assert [octets for octets in found if octets in OCTETS] == OCTETS
            assert len(pages) == 1 or (not pages and self.number is None)
            assert all(octets.endswith(b"1234567890\r\n") for octets in pages)
            self.seen.append(len(pages))
            for number in range(len(OCTETS), len(found)):
                assert_ok(client.command(f"DELE {number + 1}"))
            assert_ok(client.quit())
            assert look(self.home)["disposed"] == 0
            assert self.local_states() == ["disposed"] * len(pages)
            assert bridge.log_in().octets() == [len(octets) for octets in OCTETS]
        assert set(mail_files(self.home).values()) == set(OCTETS)

    def local_states(self) -> list[str]:
        with closing(sqlite3.connect(self.home.state / "popbridge.db")) as database:
            rows = database.execute("SELECT state FROM message WHERE local = 1").fetchall()
        return [state for (state,) in rows]

    def finish(self) -> None:
        assert self.number is not None
        assert set(self.seen) == {0, 1}
