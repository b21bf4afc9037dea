"""Crash scenario of what the bridge does about devices without an admin."""

import json
import sqlite3
from contextlib import closing

from bridge.clock import SystemClock
from bridge.storage.sightings import DAY_SECONDS, day_of
from tests.system.crash_scenario import Scenario, Stage, look
from tests.system.pop_client import DEADLINE_SECONDS
from tests.system.running_bridge import make_home

GONE_DAYS = 40


class DisablingUnseen(Scenario):
    """A device that nobody has seen is disabled, and the owner's program hears of it though the power fails."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        self.heard = stage.folder / "heard"
        self.program = stage.folder / "tell-me"
        self.program.write_text(f"#!/bin/sh\ncat >> {self.heard}\n", "utf-8")
        self.program.chmod(0o700)
        self._let_days_go_by()
        self.snapshot.take()

    def _let_days_go_by(self) -> None:
        now = SystemClock().now()
        days = [(day_of(now) - n, 1440) for n in range(GONE_DAYS + 1)]
        with closing(sqlite3.connect(self.home.state / "popbridge.db")) as database, database:
            database.execute("UPDATE device SET made = ?", (now - GONE_DAYS * DAY_SECONDS,))
            database.execute("UPDATE watched SET since = 0")
            database.executemany("INSERT OR REPLACE INTO watched_day VALUES (?, ?)", days)

    def begin_anew(self, die_at: int) -> None:
        super().begin_anew(die_at)
        self.heard.unlink(missing_ok=True)
        watch = {"unseen": "disable", "unseen_days": 30}
        self.home.configure(watch=watch, alerts={"command": [str(self.program)]})

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at) as bridge:
            return bridge is not None and self._is_heard()

    def check(self) -> None:
        with self.restarted():
            assert self._is_heard()
        told = [json.loads(line) for line in self.heard.read_text("utf-8").splitlines()]
        assert {(one["reason"], one["device"]) for one in told} == {
            ("device-disabled", "printer")
        }
        assert 1 <= len(told) <= 2, "a kill right after the program may have it told once more"
        with closing(sqlite3.connect(self.home.state / "popbridge.db")) as database:
            assert database.execute("SELECT count(*) FROM alert").fetchall() == [(0,)]

    def _is_heard(self) -> bool:
        """Return whether the program has heard of it, and nothing is left to be told, before the bridge dies."""
        clock = SystemClock()
        patience = clock.monotonic() + DEADLINE_SECONDS
        while look(self.home):
            with closing(sqlite3.connect(self.home.state / "popbridge.db")) as database:
                [[untold]] = database.execute("SELECT count(*) FROM alert")
            if self.heard.exists() and not untold:
                return True
            assert clock.monotonic() < patience
        return False
