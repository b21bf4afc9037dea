"""Crash scenario of an admin's orders about messages: each is carried out whole, or not at all."""

from contextlib import suppress

from bridge.app.admin.messages import DROP, REDELIVER
from bridge.control import ask
from bridge.errors import OwnerError, StateError
from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish
from tests.system.crash_scenario import Scenario, Stage, look
from tests.system.crash_spool import OCTETS, arm_after_first_look, mail_files, put_all
from tests.system.pop_client import assert_ok
from tests.system.running_bridge import RunningBridge, make_home

PRINTED, DROPPED, LEFT = 1, 2, 3
"""The messages by their numbers, which are also their places in OCTETS: listed again, dropped, left alone."""


class Ordering(Scenario):
    """`message redeliver` and `message drop` on a running bridge; what it said yes to is so."""

    def __init__(self, stage: Stage, deliver: Deliver = Deliver.ORIGINAL) -> None:
        home = make_home(stage.template, stage.folder / "home", "asyncio")
        super().__init__(stage, home)
        done = home.run("maildrop", "change", "office", "--deliver", deliver)
        assert done.returncode == 0, done.stderr
        self.shaped = [b"".join(shape(octets, Wish(deliver))) for octets in OCTETS]
        self.kept = ("body", "original") if deliver is Deliver.PRINT else ("body",)
        put_all(home)
        home.sync()
        with self.forks.serving(home) as bridge:
            assert bridge is not None
            client = bridge.log_in()
            self.before = client.unique_ids()
            assert_ok(client.command(f"DELE {PRINTED}"))
            assert_ok(client.quit())
            look(home)
        self.snapshot.take()
        self.confirmed = [False, False]

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at, arm=self.arm) as bridge:
            assert bridge is not None
            arm_after_first_look(self)
            self.confirmed = [self.order(REDELIVER, PRINTED), self.order(DROP, DROPPED)]
            return all(self.confirmed) and bool(look(self.home))

    def order(self, verb: str, number: int) -> bool:
        """Have something done, and return whether the running bridge lived to say that it was."""
        try:
            return ask(self.home.state, verb, message=number, dispose=True) is not None
        except StateError:
            return False

    def check(self) -> None:
        with self.restarted() as bridge:
            look(self.home)
            is_again, is_dropped = self.listed(bridge)
            assert is_again or not self.confirmed[0]
            assert is_dropped or not self.confirmed[1]
            for verb, number in ((REDELIVER, PRINTED), (DROP, DROPPED)):
                with suppress(OwnerError):  # it says so where it is done already
                    self.order(verb, number)
            look(self.home)
            assert self.listed(bridge) == (True, True)
            files = [f"{number}.{what}" for number in (PRINTED, LEFT) for what in self.kept]
            assert self.home.bodies == files
        moved = {"Printed/1.eml": OCTETS[0], "Printed/2.eml": OCTETS[1]}
        assert mail_files(self.home) == {"3.eml": OCTETS[2], **moved}

    def listed(self, bridge: RunningBridge) -> tuple[bool, bool]:
        """Return whether the one is listed again and the other no more; the third must be as it was."""
        client = bridge.log_in()
        found = [client.retrieve(n + 1) for n in range(len(client.octets()))]
        unique_ids = client.unique_ids()
        assert_ok(client.quit())
        assert sorted(found) == sorted(set(found)), "a message is listed twice"
        numbers = [self.shaped.index(octets) + 1 for octets in found]
        by_number = dict(zip(numbers, unique_ids, strict=True))
        assert by_number[LEFT] == self.before[LEFT - 1]
        assert by_number.get(DROPPED, self.before[DROPPED - 1]) == self.before[DROPPED - 1]
        assert by_number.get(PRINTED) != self.before[PRINTED - 1]
        return PRINTED in by_number, DROPPED not in by_number
