"""Crash scenarios of the two roads, with a mail folder upstream (docs/architecture.md)."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bridge.accounts.maildropchange import Knobs
from bridge.app.admin.messages import DROP
from bridge.names import MaildropName
from bridge.storage.lives import LifeEvent
from bridge.storage.messages import MessageState
from tests.system.crash_scenario import Scenario, Stage, look
from tests.system.pop_client import assert_ok
from tests.system.running_bridge import PASSWORD, Home, RunningBridge, make_home

MAIL = {
    "1.eml": b"Subject: one\r\n\r\n.a line with a dot\r\n",
    "2.eml": b"Subject: two\r\n\r\n" + b"0123456789abcdef\r\n" * 5000,
    "3.eml": b"Subject: three\r\n\r\n\xff\xfe eight bits\r\n",
}
OCTETS = list(MAIL.values())
ORPHANS = ("999.body", "998.original")


class Delivering(Scenario):
    """Mail goes into the spool (section 5, steps 1 to 5): all of it, once, under the same unique-ids."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        self.snapshot.take()
        self.unique_ids: set[tuple[str, ...]] = set()
        self.report: dict[str, int] = {}

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at, arm=self.arm):
            arm_after_first_look(self)
            self.put()
            self.report = look(self.home)
        return bool(self.report)

    def put(self) -> None:
        put_all(self.home)

    def check(self) -> None:
        with self.restarted() as bridge:
            self.unique_ids.add(tuple(drain(bridge, OCTETS)))

    def finish(self) -> None:
        assert self.report["delivered"] == len(MAIL)
        assert len(self.unique_ids) == 1


class Visiting(Scenario):
    """A device prints two of three messages (section 4): all that was confirmed is deleted, or nothing.

    Of what is deleted it is told which device took it: no kill comes between.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        put_all(self.home)
        self.home.sync()
        self.snapshot.take()
        self.confirmed = False
        self.unique_ids: set[str] = set()

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at, arm=self.arm) as bridge:
            assert bridge is not None
            arm_after_first_look(self)
            self.confirmed = visit(bridge)
            return bool(look(self.home))

    def check(self) -> None:
        taken = noted(self.home, LifeEvent.SENT)
        deleted = noted(self.home, LifeEvent.EXPUNGED)
        assert deleted in ([], taken)
        assert len(deleted) == 2 or not self.confirmed
        with self.restarted() as bridge:
            client = bridge.log_in()
            unique_ids = client.unique_ids()
            self.unique_ids.update(unique_ids)
            count = len(unique_ids)
            assert count == 1 or (count == 3 and not self.confirmed)
            assert [client.retrieve(n + 1) for n in range(count)] == OCTETS[-count:]
            assert_ok(client.quit())
            look(self.home)
            drain(bridge, OCTETS[-count:])

    def finish(self) -> None:
        assert self.confirmed
        assert len(self.unique_ids) == len(MAIL)


class HangingUp(Scenario):
    """A device takes a message and hangs up: nothing is deleted, and that it took it is told from then on."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        put_all(self.home)
        self.home.sync()
        self.snapshot.take()
        self.is_over = False

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at, arm=self.arm) as bridge:
            assert bridge is not None
            arm_after_first_look(self)
            self.is_over = take(bridge) and bridge.log.has("session-closed")
            return bool(look(self.home)) and self.is_over

    def check(self) -> None:
        taken = [device for _, device, _ in noted(self.home, LifeEvent.SENT)]
        assert taken == ["printer"] or (taken == [] and not self.is_over)
        with self.restarted() as bridge:
            drain(bridge, OCTETS)


class Disposing(Scenario):
    """A start, and what devices deleted goes back upstream (section 5, step 6); no file is lost."""

    def __init__(self, stage: Stage, on_dele: str) -> None:
        home = make_home(stage.template, stage.folder / "home", "asyncio", on_dele)
        super().__init__(stage, home)
        self.on_dele = on_dele
        put_all(home)
        home.sync()
        with self.forks.serving(home) as bridge:
            assert bridge is not None
            assert visit(bridge)
        leave_half_done(home.state)
        self.snapshot.take()

    def run(self, die_at: int) -> bool:
        return self.serve_a_look(die_at)

    def check(self) -> None:
        with self.restarted() as bridge:
            assert set(ORPHANS).isdisjoint(self.home.bodies)
            assert list(self.home.state.rglob(".*")) == []
            look(self.home)
            client = bridge.log_in()
            assert len(client.unique_ids()) == 1
            assert client.retrieve(1) == OCTETS[2]
            assert_ok(client.quit())
        assert mail_files(self.home) == {"3.eml": OCTETS[2], **self._kept()}

    def _kept(self) -> dict[str, bytes]:
        if self.on_dele == "purge":
            return {}
        return {f"Printed/{name}": MAIL[name] for name in list(MAIL)[:2]}


class Filing(Scenario):
    """In a Maildir one message is marked read and one moved to a folder that is made for it."""

    def __init__(self, stage: Stage) -> None:
        home = make_home(stage.template, stage.folder / "home", "asyncio")
        super().__init__(stage, home)
        for part in ("tmp", "new", "cur"):
            (home.mail() / part).mkdir()
        for name, octets in MAIL.items():
            (home.mail() / "new" / name).write_bytes(octets)
        home.sync()
        drop, offline = MaildropName("office"), home.offline
        lives = offline.read(
            lambda state: state.histories.lives(drop, (MessageState.READY,), 9)
        )
        numbers = {life.envelope.subject: life.spool_id for life in lives}
        for subject, on_dele in (("one", "mark-read"), ("two", "move:Printed")):
            offline.change_maildrop("office", Knobs(on_dele=on_dele))
            offline.order(DROP, numbers[subject], dispose=True)
        self.snapshot.take()

    def run(self, die_at: int) -> bool:
        return self.serve_a_look(die_at)

    def check(self) -> None:
        with self.restarted() as bridge:
            look(self.home)
            client = bridge.log_in()
            assert [client.retrieve(n + 1) for n in range(len(client.octets()))] == OCTETS[2:]
            assert_ok(client.quit())
            assert not any(look(self.home).values())
        root = self.home.mail()
        paths = (path for path in root.rglob("*") if path.is_file())
        assert {str(path.relative_to(root)): path.read_bytes() for path in paths} == {
            "cur/1.eml:2,S": OCTETS[0],
            ".Printed/new/2.eml": OCTETS[1],
            ".Printed/maildirfolder": b"",
            "new/3.eml": OCTETS[2],
        }


# ---- what devices and mail folders see


def leave_half_done(state: Path) -> None:
    """Leave what kills may leave: of bodies, of a certificate, of a backup and a restore."""
    (state / ".restore-0123456789abcdef").mkdir()
    for name in (
        *("bodies/2.0123456789abcdef.part", *(f"bodies/{name}" for name in ORPHANS)),
        *("tls/.server-rsa.pem.0123456789abcdef", ".backup-0123456789abcdef.db"),
        ".restore-0123456789abcdef/popbridge.db",
    ):
        (state / name).write_bytes(b"left over")


def put_all(home: Home) -> None:
    for name, octets in MAIL.items():
        home.put(name, octets)


def arm_after_first_look(scenario: Scenario) -> None:
    """Count steps from here on: the look that a start begins with is over."""
    assert "delivered" in look(scenario.home)
    scenario.arm.touch()


def mail_files(home: Home) -> dict[str, bytes]:
    """Return every message file upstream, with the folder it lies in."""
    root = home.mail()
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.eml")}


def visit(bridge: RunningBridge, expected: Sequence[bytes] = OCTETS) -> bool:
    """Print and delete two messages as a printer does, and return whether that was confirmed."""
    try:
        client = bridge.clients.enter_context(bridge.open())
        assert_ok(client.line())
        assert_ok(client.log_in("printer", PASSWORD))
        for number in (1, 2):
            assert client.retrieve(number) == expected[number - 1]
            assert_ok(client.command(f"DELE {number}"))
        return client.command("QUIT").startswith(b"+OK")
    except (EOFError, OSError):
        return False  # it died meanwhile


def take(bridge: RunningBridge) -> bool:
    """Take a message and hang up; return whether it came."""
    try:
        client = bridge.clients.enter_context(bridge.open())
        assert_ok(client.line())
        assert_ok(client.log_in("printer", PASSWORD))
        assert client.retrieve(1) == OCTETS[0]
        client.close()
    except (EOFError, OSError):
        return False  # it died meanwhile
    return True


def noted(home: Home, event: LifeEvent) -> list[tuple[object, ...]]:
    """Return which messages a device took, or deleted, and in which connection."""
    sql = "SELECT message, device, connection FROM message_event WHERE event = ? ORDER BY 1"
    with closing(sqlite3.connect(home.state / "popbridge.db")) as database:
        return database.execute(sql, (event,)).fetchall()


def drain(
    bridge: RunningBridge, expected: list[bytes], mail: dict[str, bytes] = MAIL
) -> list[str]:
    """Print and delete all mail as a device does; it must be just this, and never come again."""
    home = bridge.home
    assert "delivered" in look(home)
    client = bridge.log_in()
    assert [client.retrieve(number + 1) for number in range(len(expected))] == expected
    assert client.octets() == [len(octets) for octets in expected]
    unique_ids = client.unique_ids()
    for number in range(len(expected)):
        assert_ok(client.command(f"DELE {number + 1}"))
    assert_ok(client.quit())
    assert look(home)["disposed"] == len(expected)
    assert look(home)["delivered"] == 0
    client = bridge.log_in()
    assert client.unique_ids() == []
    assert mail_files(home) == {f"Printed/{name}": octets for name, octets in mail.items()}
    assert home.bodies == []
    return unique_ids
