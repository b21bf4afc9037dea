"""Holds the machine against ten lines that say what RFC 1939 sections 5 to 7 and RFC 6856 section 2.1 ask for."""

from typing import NamedTuple

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.wire.local_session import LocalSession, Message, Scene

NUMBER = st.integers(1, 6)


class Mail(NamedTuple):
    unique_id: str
    octets: int


class Rfc1939:
    """The maildrop as the standard describes it."""

    def __init__(self, mail: list[Mail]) -> None:
        self.there = dict(enumerate(mail, 1))

    def dele(self, number: int) -> bool:
        return self.there.pop(number, None) is not None

    def stat(self) -> str:
        return f"{len(self.there)} {sum(mail.octets for mail in self.there.values())}"

    def quit(self) -> list[Mail]:
        return list(self.there.values())


def message(unique_id: str, body: bytes, *, is_raw: bool) -> Message:
    plain = Message.of(unique_id, b"Subject: x\n\n" + body)
    came = Message.of(unique_id, "Subject: größer\n\n".encode() + body)
    return attrs.evolve(plain, as_it_came=came) if is_raw else plain


class SessionAgainstModel(RuleBasedStateMachine):
    @initialize(mail=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=5))
    def deliver(self, mail: list[tuple[int, bool]]) -> None:
        self.messages = tuple(
            message(f"uid-{index}", b".y\n" * size, is_raw=is_raw)
            for index, (size, is_raw) in enumerate(mail)
        )
        self.in_utf8 = False
        self.log_in()

    def log_in(self) -> None:
        self.session = LocalSession(Scene(messages=self.messages))
        self.shown = [
            (self.in_utf8 and message.as_it_came) or message for message in self.messages
        ]
        self.mail = [Mail(message.unique_id, message.octets) for message in self.shown]
        self.model = Rfc1939(self.mail)
        login = ("UTF8",) * self.in_utf8 + ("USER mrose", "PASS tanstaaf")
        assert self.session.ask(*login).count(b"+OK") == len(login)

    def ask(self, command: str) -> list[str]:
        return self.session.ask(command).decode().split("\r\n")

    @rule(number=NUMBER)
    def dele(self, number: int) -> None:
        deleted = self.model.dele(number)
        assert self.ask(f"DELE {number}")[0].startswith("+OK" if deleted else "-ERR")

    @rule()
    def rset(self) -> None:
        self.model = Rfc1939(self.mail)
        assert self.ask("RSET")[0].startswith("+OK")

    @rule(number=NUMBER, verb=st.sampled_from(["LIST", "UIDL"]))
    def ask_about_one(self, number: int, verb: str) -> None:
        mail = self.model.there.get(number)
        if mail is None:
            assert self.ask(f"{verb} {number}")[0].startswith("-ERR")
        else:
            value = mail.octets if verb == "LIST" else mail.unique_id
            assert self.ask(f"{verb} {number}") == [f"+OK {number} {value}", ""]

    @rule()
    def ask_about_all(self) -> None:
        there = self.model.there.items()
        assert self.ask("LIST")[1:] == [*(f"{n} {mail.octets}" for n, mail in there), ".", ""]
        assert self.ask("UIDL")[1:] == [
            *(f"{n} {mail.unique_id}" for n, mail in there), ".", "",
        ]  # fmt: skip

    @rule(number=NUMBER)
    def retr(self, number: int) -> None:
        reply = self.session.ask(f"RETR {number}")
        if number in self.model.there:
            status, _, body = reply.partition(b"\r\n")
            message = self.shown[number - 1]
            assert status == b"+OK %d octets" % message.octets
            assert body == message.wire + b".\r\n"
        else:
            assert reply.startswith(b"-ERR ")

    @rule(number=NUMBER, lines=st.integers(0, 40))
    def top(self, number: int, lines: int) -> None:
        reply = self.ask(f"TOP {number} {lines}")
        if number in self.model.there:
            header, *wire = self.shown[number - 1].wire.decode().split("\r\n")
            body = min(lines, len(wire) - 2)
            assert reply[1:] == [header, "", *["..y"] * body, ".", ""]
        else:
            assert reply[0].startswith("-ERR")

    @rule(
        command=st.sampled_from(
            [
                "NOOP",
                "CAPA",
                "HELO",
                "USER mrose",
                "DELE 0",
                "DELE -1",
                "",
                "UTF8",
                "LANG",
                "LANG x",
            ]
        )
    )
    def say_something_that_changes_nothing(self, command: str) -> None:
        if self.session.closed:
            return
        assert self.ask(command)[0][:3] in ("+OK", "-ER")
        if self.session.closed:  # one bad command too many
            self.lose_the_connection()

    @rule()
    def quit(self) -> None:
        assert self.ask("QUIT")[0].startswith("+OK")
        assert self.session.closed
        kept = {mail.unique_id for mail in self.model.quit()}
        gone = {self.messages[number - 1].unique_id for number in self.session.removed}
        assert gone | kept == {mail.unique_id for mail in self.mail}
        assert not gone & kept
        self.messages = tuple(m for m in self.messages if m.unique_id in kept)
        self.log_in()

    @rule()
    def lose_the_connection(self) -> None:
        assert self.session.removed == ()
        self.log_in()

    @rule(in_utf8=st.booleans())
    def come_again(self, in_utf8: bool) -> None:  # noqa: FBT001 - as it is drawn
        self.in_utf8 = in_utf8
        self.lose_the_connection()

    @invariant()
    def stat_agrees(self) -> None:
        assert self.ask("STAT") == [f"+OK {self.model.stat()}", ""]


TestSessionAgainstModel = pytest.mark.slow(SessionAgainstModel.TestCase)
TestSessionAgainstModel.settings = settings(deadline=None, stateful_step_count=30)
