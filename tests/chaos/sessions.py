"""The devices of a simulation: what each said and was told, and what that promises."""

from collections.abc import Callable
from contextlib import suppress

import attrs

from bridge.names import DeviceName
from bridge.storage.register import OnOutage
from tests.chaos.devices import Dialogue, HungUp
from tests.chaos.lives import Life
from tests.chaos.model import Model
from tests.chaos.views import Entry, View, must


@attrs.define(eq=False)
class Unit:
    """A device at an address; `told` is its session's listing, `marked` the numbers it marked."""

    login: str
    address: str
    view: View
    dialogue: Dialogue | None = None
    told: list[Entry] = attrs.field(factory=list)
    marked: set[int] = attrs.field(factory=set)

    @property
    def name(self) -> DeviceName:
        return DeviceName(self.login)

    def __str__(self) -> str:
        return f"{self.login}@{self.address}"

    # ---- ending without QUIT

    async def lose(self) -> None:
        """Have the connection cut; nothing was promised."""
        dialogue, self.dialogue = self.dialogue, None
        self.told, self.marked = [], set()
        if dialogue is not None:
            await dialogue.leave()

    async def notice_the_end(self) -> None:
        """See that the bridge has ended a session: it was silent too long, or was taken over."""
        if self.dialogue is not None and self.dialogue.session.done():
            await self.lose()

    # ---- logging in

    async def log_in(self, life: Life, model: Model, others: list["Unit"]) -> str:
        """Log in, and check every word of it against what the model knows."""
        in_use = next((one for one in others if one.is_in(self.view)), None)
        dialogue = await life.connect(self.address)
        try:
            answer = await dialogue.ask(f"USER {self.login}")
            must(answer.startswith("+OK"), "USER was refused")
            is_failing = life.is_failing
            answer = await dialogue.ask("PASS right")
        except HungUp:
            await dialogue.leave()
            raise
        if not answer.startswith("+OK"):
            self._check_refusal(answer, in_use, is_failing=is_failing)
            await dialogue.leave()
            return answer
        if in_use is not None:
            must(in_use.is_same(self), f"{self} has the maildrop of {in_use}")
            await in_use.lose()
        self.dialogue = dialogue
        return await self._list(model, is_failing=is_failing)

    def is_in(self, view: View) -> bool:
        return self.dialogue is not None and self.view is view

    def is_same(self, other: "Unit") -> bool:
        return (self.login, self.address) == (other.login, other.address)

    def _check_refusal(self, answer: str, in_use: "Unit | None", *, is_failing: bool) -> None:
        is_error = self.view.record.on_outage is OnOutage.ERROR and is_failing
        if in_use is not None and not in_use.is_same(self):
            must(answer.startswith("-ERR [IN-USE]"), f"{answer} instead of [IN-USE]")
            return
        must(is_error, f"{self} with the right password was told {answer} (4)")
        must(answer.startswith("-ERR [SYS/TEMP]"), f"an outage was told as {answer} (4)")

    async def _list(self, model: Model, *, is_failing: bool) -> str:
        must(self.dialogue, "not logged in")
        assert self.dialogue is not None
        sizes = _numbers(await self.dialogue.text("LIST"))
        names = _numbers(await self.dialogue.text("UIDL"))
        expected = list(self.view.listed.values())
        if is_failing and self.view.record.on_outage is OnOutage.EMPTY:
            expected = []
        must(
            not is_failing or self.view.record.on_outage is not OnOutage.ERROR, "an outage hid"
        )
        told = [(str(entry.octets), entry.unique_id) for entry in expected]
        must(list(zip(sizes, names, strict=True)) == told, f"{self} was told another list")
        self.told = expected
        del model
        return f"{len(expected)} messages"

    # ---- what a session is for

    async def retrieve(
        self, number: int, model: Model, is_damaged: Callable[[int], bool]
    ) -> str:
        """Take a message, and check that it is whole and nothing else (3)."""
        assert self.dialogue is not None
        entry = self.told[number - 1]
        answer, octets = await self.dialogue.text(f"RETR {number}")
        if octets is None:
            must(answer.startswith("-ERR [SYS/PERM]"), f"RETR was answered with {answer}")
            must(is_damaged(entry.job), f"job {entry.job} is whole, and RETR says {answer}")
            self.view.noted.add(entry.job)
            self.view.excused.add(entry.job)
            return f"job {entry.job} is damaged"
        must(not is_damaged(entry.job), f"job {entry.job} is damaged, and RETR sent it")
        if entry.is_notice:
            must(b"put this notice in its place" in octets, f"job {entry.job} has no notice")
        else:
            must(octets == model.jobs[entry.job].expected, f"job {entry.job} was altered (3)")
        return f"job {entry.job}"

    async def break_off(self, number: int, octets: int) -> None:
        """Begin to take a message, and leave in the middle."""
        assert self.dialogue is not None
        await self.dialogue.say(f"RETR {number}")
        await self.dialogue.hear_some(octets)
        await self.lose()

    async def mark(self, number: int) -> str:
        assert self.dialogue is not None
        answer = await self.dialogue.ask(f"DELE {number}")
        is_new = number not in self.marked
        must(answer.startswith("+OK") == is_new, f"DELE {number} was answered with {answer}")
        self.marked.add(number)
        return f"job {self.told[number - 1].job}"

    async def unmark(self) -> None:
        assert self.dialogue is not None
        must((await self.dialogue.ask("RSET")).startswith("+OK"), "RSET was refused")
        self.marked.clear()

    # ---- QUIT

    async def quit(self, model: Model, *, listens: bool = True) -> str:
        """Say QUIT; what was marked is deleted, or where no answer is heard perhaps."""
        wanted = await self.say_quit(model)
        if listens:
            return await self.hear_quit(model, wanted)
        await self.lose()
        return f"unheard, {[entry.job for entry in wanted]}"

    async def say_quit(self, model: Model) -> list[Entry]:
        """Say QUIT, and return what is to be deleted; until the answer is heard it is in doubt."""
        assert self.dialogue is not None
        wanted = [self.told[number - 1] for number in sorted(self.marked)]
        with suppress(HungUp):
            await self.dialogue.say("QUIT")
        model.doubt(self.view, wanted)
        return wanted

    async def hear_quit(self, model: Model, wanted: list[Entry]) -> str:
        """Hear the answer to QUIT, and leave."""
        assert self.dialogue is not None
        try:
            answer = await self.dialogue.line()
        except HungUp:
            answer = "no answer"
        must(answer.startswith(("+OK", "no answer")), f"QUIT was answered with {answer}")
        if answer.startswith("+OK"):
            model.confirm(self.view, wanted)
        else:
            model.doubt(self.view, wanted)
        await self.lose()
        return f"{answer}, {[entry.job for entry in wanted]}"


def _numbers(answer: tuple[str, bytes | None]) -> list[str]:
    """Return the second word of each line of a listing, in order of the first."""
    first, octets = answer
    must(octets is not None, f"a listing was refused: {first}")
    lines = [line.decode().split() for line in (octets or b"").splitlines()]
    must([line[0] for line in lines] == [str(n) for n in range(1, len(lines) + 1)], "a gap")
    return [line[1] for line in lines]
