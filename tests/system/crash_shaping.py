"""Crash scenarios of mail that is shaped on its way: fetched, shaped, listed, printed and disposed of."""

import io

from bridge.app.admin.originals import write_original
from bridge.names import SpoolId
from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish
from tests.system.crash_scenario import Scenario, Stage, look
from tests.system.crash_spool import MAIL as UNSHAPED
from tests.system.crash_spool import (
    OCTETS,
    Delivering,
    arm_after_first_look,
    drain,
    mail_files,
    put_all,
    visit,
)
from tests.system.pop_client import PopClient, assert_ok
from tests.system.running_bridge import PASSWORD, make_home

MAIL = {
    "1.eml": (
        b"From: <one@example.com>\r\nSubject: one\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n"
        b"<p>\xc3\xa4 page</p>\r\n.\r\n..dots\r\n"
    ),
    "2.eml": (
        b"From: <two@example.com>\r\nSubject: two\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"JVBERi0xLjQKJeLjz9MK\r\n--b--\r\n"
    ),
    "3.eml": (
        b"From: <three@example.com>\r\nSubject: three\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: message/partial; id="x"; number=1; total=2\r\n\r\nhalf\r\n'
    ),
}
"""Two that can be shaped, and one of which no shape can be made: a notice stands for it."""

SHAPED = [b"".join(shape(MAIL[name], Wish(Deliver.PRINT))) for name in ("1.eml", "2.eml")]
"""What devices get of the first two."""


class Shaping(Scenario):
    """Mail is shaped, each message in a process of its own, and two are printed and deleted.

    What is listed is whole and has its original beside it; no other file is left of any message.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, make_home(stage.template, stage.folder / "home", "asyncio"))
        done = self.home.run("maildrop", "change", "office", "--deliver", "print")
        assert done.returncode == 0, done.stderr
        self.snapshot.take()
        self.confirmed = False
        self.unique_ids: set[str] = set()

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        self.confirmed = False
        with self.forks.serving(self.home, die_at=die_at, arm=self.arm) as bridge:
            assert bridge is not None
            arm_after_first_look(self)
            for name, octets in MAIL.items():
                self.home.put(name, octets)
            if not look(self.home):
                return False
            self.confirmed = visit(bridge, SHAPED)
            return bool(look(self.home))

    def check(self) -> None:
        with self.restarted() as bridge:
            assert look(self.home)
            client = bridge.log_in()
            unique_ids = client.unique_ids()
            self.unique_ids.update(unique_ids)
            numbers = self.listed(client)
            assert numbers == [3] or (numbers == [1, 2, 3] and not self.confirmed)
            assert self.home.bodies == sorted(
                f"{number}.{what}" for number in numbers for what in ("body", "original")
            )
            for number, name in enumerate(MAIL, 1):
                assert number not in numbers or self.original(number) == MAIL[name]
            for place in range(len(numbers)):
                assert_ok(client.command(f"DELE {place + 1}"))
            assert_ok(client.quit())
            assert look(self.home)["delivered"] == 0
            assert bridge.log_in().unique_ids() == []
            assert self.home.bodies == []
        moved = {f"Printed/{name}": MAIL[name] for name in ("1.eml", "2.eml")}
        assert mail_files(self.home) == {"3.eml": MAIL["3.eml"], **moved}

    def listed(self, client: PopClient) -> list[int]:
        """Return the messages that are listed; each is whole, and as large as was said."""
        octets = client.octets()
        found = [client.retrieve(place + 1) for place in range(len(octets))]
        assert octets == [len(one) for one in found]
        assert b"message show 3 --original" in found[-1]
        assert found[:-1] == SHAPED[: len(found) - 1]
        return [*range(1, len(found)), 3]

    def original(self, number: int) -> bytes:
        """Return what `message show --original` writes beside the running bridge."""
        target = io.BytesIO()
        self.home.offline.read(lambda state: write_original(state, SpoolId(number), target))
        return target.getvalue()

    def finish(self) -> None:
        assert self.confirmed
        assert len(self.unique_ids) == len(MAIL)


RAW = "Subject: Müll\r\n\r\n.a line with a dot\r\n".encode()
PLAIN = RAW.replace("Müll".encode(), b"=?utf-8?Q?M=C3=BCll?=")


class Converting(Delivering):
    """A message with UTF-8 in its header is made ASCII on its way; whoever asks for it gets it as it came."""

    def put(self) -> None:
        put_all(self.home)
        self.home.put("1.eml", RAW)

    def check(self) -> None:
        with self.restarted() as bridge:
            look(self.home)
            client = bridge.connect()
            assert_ok(client.command("UTF8"))
            assert_ok(client.log_in("printer", PASSWORD))
            count = len(UNSHAPED)
            assert [client.retrieve(n + 1) for n in range(count)] == [RAW, *OCTETS[1:]]
            assert_ok(client.quit())
            mail = UNSHAPED | {"1.eml": RAW}
            self.unique_ids.add(tuple(drain(bridge, [PLAIN, *OCTETS[1:]], mail)))
