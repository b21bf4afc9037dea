"""What a machine says, line by line, and what its panel shows of the answers; no socket.

`polled` is a generator: it yields what is to be said, is sent what was heard, and fills a report.
"""

import hashlib
import re
from collections.abc import Generator
from typing import TypeAlias

import attrs

from bridge.pop3.voice import REFUSALS
from bridge.simulators.habits import Content, Habit
from bridge.simulators.judging import judged

MESSAGES = 50
"""Messages that one poll takes; the next would take the others."""

FAR_LINES = 99_999_999
"""The lines that fetchmail asks TOP for, to have all of them."""


class Stopped(Exception):
    """The machine gives up; the text is for its owner: what the panel shows, why, and what to do."""


@attrs.frozen
class Ask:
    """A line that is said, and whether its good answer has many lines."""

    line: str = attrs.field(repr=False)  # it may be a password
    is_long: bool = False


@attrs.frozen
class Answer:
    """The first line that was heard, and what followed it, byte-stuffing taken off."""

    first: str
    octets: bytes = attrs.field(default=b"", repr=False)

    @property
    def is_good(self) -> bool:
        """Tell whether it is positive, as a machine that looks no further takes it."""
        return self.first.startswith("+OK")


@attrs.frozen
class Document:
    """What became of one message; `refused` is why it was not printed, and empty where it was.

    `too_large` says that it was refused for its size alone.
    """

    number: int
    octets: int
    holds: str = ""
    refused: str = ""
    deletes: bool = False
    too_large: bool = False


@attrs.define
class Report:
    """What came of a poll."""

    connected: bool = False
    documents: list[Document] = attrs.field(factory=list)
    left: int = 0
    warnings: list[str] = attrs.field(factory=list)
    error: str = ""


@attrs.frozen
class Machine:
    """The machine and its owner's wishes; without `takes` it deletes nothing."""

    user: str
    password: str = attrs.field(repr=False)
    habit: Habit
    content: Content
    size_octets: int | None = None
    size_origin: str = ""
    """Who says how much its memory holds."""
    by_apop: bool = False
    takes: bool = False


Talk: TypeAlias = Generator[Ask, Answer, None]

_ADVICE = {
    "[AUTH]": "wrong user or password: type both anew, or see `popbridge device passwd`; if both are"
    " right, `popbridge trace` says why it is refused",
    "[IN-USE]": "another session is open at its maildrop: wait, or see `popbridge status`",
    "[SYS/TEMP]": "the bridge cannot answer just now: see its log and try again",
    "[SYS/PERM]": "the bridge cannot answer: see `popbridge check`",
    "[LOGIN-DELAY]": "it logged in a moment ago: wait and try again",
}

_WORDED = {f"[{code}]": text for code, text in REFUSALS.items()}
"""What the same refusals say to a machine that is sent no response code."""


def polled(greeting: Answer, machine: Machine, report: Report) -> Talk:
    """Poll once, and write down in `report` what the panel would show.

    Raises:
        Stopped: the machine gave up; no QUIT is to be said.
    """
    if not greeting.is_good:
        raise Stopped(f"The server turns the machine away: {greeting.first}.")
    for verb in machine.habit.before:
        yield Ask(verb, is_long=True)
    yield from _log_in(greeting, machine)
    report.connected = True
    sizes = yield from _look(machine.habit)
    if machine.habit.each:
        for number in list(sizes)[:MESSAGES]:
            report.documents.append((yield from _take(number, sizes[number], machine)))
        report.left = max(0, len(sizes) - MESSAGES)
    end = yield Ask("QUIT")
    if not end.is_good:
        raise Stopped(f"What it deleted may come again: QUIT was answered {end.first}.")


def _log_in(greeting: Answer, machine: Machine) -> Talk:
    if machine.by_apop:
        stamp = re.search(r"<[^<>]{1,120}>", greeting.first)
        if stamp is None:
            raise Stopped(
                "The panel shows a login error: the listener offers no APOP;"
                " set `apop = true` for it, or switch APOP off on the panel."
            )
        text = (stamp[0] + machine.password).encode("utf-8", "surrogateescape")
        digest = hashlib.md5(text, usedforsecurity=False).hexdigest()  # RFC 1939 section 7
        yield from _login_line(f"APOP {machine.user} {digest}")
        return
    yield from _login_line(f"USER {machine.user}")
    yield from _login_line(f"PASS {machine.password}")


def _login_line(line: str) -> Talk:
    answer = yield Ask(line)
    if answer.is_good:
        return
    codes = (one for one in _ADVICE if one in answer.first or _WORDED[one] in answer.first)
    code = next(codes, "")
    why = _ADVICE.get(
        code, f"the server says {answer.first}; most often it is {_ADVICE['[AUTH]']}"
    )
    raise Stopped(f"The panel shows a login error: {why}.")


def _look(habit: Habit) -> Generator[Ask, Answer, dict[int, int | None]]:
    """Return the numbers there are; with octets where the machine asked for them."""
    sizes: dict[int, int | None] = {}
    for verb in habit.look:
        answer = yield Ask(verb, is_long=verb in ("LIST", "UIDL"))
        if verb == "LAST":
            continue  # removed from POP3 since RFC 1460: a machine lives without
        if not answer.is_good:
            raise Stopped(
                f"The panel shows a server error: {verb} was answered {answer.first}."
            )
        if verb == "STAT":
            count = int(_figures(r"\+OK (\d{1,9}) \d{1,15}", answer.first)[1])
            sizes = dict.fromkeys(range(1, count + 1))
        elif verb == "LIST":
            sizes = dict(map(_scan, answer.octets.decode("ascii", "replace").splitlines()))
    return sizes


def _take(number: int, size: int | None, machine: Machine) -> Generator[Ask, Answer, Document]:
    """Do for one message what the machine does for each."""
    document = Document(number, size or 0)
    for verb in machine.habit.each:
        if verb == "LIST":
            answer = yield Ask(f"LIST {number}")
            size = _scan(answer.first.removeprefix("+OK "))[1] if answer.is_good else None
            document = attrs.evolve(document, octets=size or 0)
        elif verb in ("RETR", "TOP"):
            if why := _too_large(size or 0, machine):
                document = attrs.evolve(document, refused=why, too_large=True)
                continue
            line = f"RETR {number}" if verb == "RETR" else f"TOP {number} {FAR_LINES}"
            document = _received(number, size, (yield Ask(line, is_long=True)), machine)
        elif not document.refused or machine.habit.refused == "delete":
            document = attrs.evolve(document, deletes=True)
            if machine.takes:
                answer = yield Ask(f"DELE {number}")
                document = attrs.evolve(document, deletes=answer.is_good)
    return document


def _received(number: int, size: int | None, answer: Answer, machine: Machine) -> Document:
    if not answer.is_good:
        return Document(number, size or 0, refused=f"the server says {answer.first}")
    octets = len(answer.octets)
    if size not in (None, octets):
        # A machine that reads as many octets as were listed is out of step from here on.
        raise Stopped(f"Message {number} was listed with {size} octets and has {octets}.")
    if why := _too_large(octets, machine):
        return Document(number, octets, refused=why, too_large=True)
    holds, refused = judged(answer.octets, machine.content)
    return Document(number, octets, holds, refused)


def _too_large(octets: int, machine: Machine) -> str:
    """Return why the machine cannot hold so many octets; empty where it can, or nobody knows."""
    if machine.size_octets is None or octets <= machine.size_octets:
        return ""
    return (
        f"it has {octets} octets and the machine's memory is taken to hold {machine.size_octets}"
        f" ({machine.size_origin})"
    )


def _scan(line: str) -> tuple[int, int]:
    found = _figures(r"(\d{1,9}) (\d{1,15})", line)
    return int(found[1]), int(found[2])


def _figures(form: str, line: str) -> re.Match[str]:
    found = re.match(form, line, re.ASCII)
    if found is None:
        raise Stopped(f"The panel shows a server error: it cannot read {line[:100]!r}.")
    return found
