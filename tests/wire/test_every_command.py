"""Every command in every state: it works where the standards allow it, and nowhere else."""

import attrs
import pytest

from bridge.maildrop import Maildrop
from bridge.pop3.events import (
    Accepted,
    CheckPassword,
    Expunge,
    MachineLimits,
    Send,
    SendMessage,
    StartTls,
    Terms,
)
from bridge.pop3.machine import Machine
from bridge.pop3.table import State
from tests.wire.local_session import ENCRYPTED as ENCRYPTED_TERMS
from tests.wire.local_session import LocalSession, Message, Scene, listing

APOP = "APOP mrose c4c9334bac560ecc979e58001b3e22fb"
AUTH_PLAIN = "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm"
LOGIN = ("USER mrose", "PASS tanstaaf")

COMMANDS = [
    "USER mrose", "PASS tanstaaf", APOP, "AUTH", "AUTH PLAIN", "AUTH LOGIN", AUTH_PLAIN,
    "STAT", "LIST", "LIST 1", "UIDL", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1", "RSET", "NOOP",
    "QUIT", "CAPA", "STLS", "UTF8", "LANG", "LANG *",
]  # fmt: skip

CLEAR = Scene(
    terms=Terms(
        "popbridge ready",
        password_allowed=True,
        stls_offered=True,
        timestamp="<1896.697170952@dbc.mtview.ca.us>",
    ),
    secured_terms=ENCRYPTED_TERMS,
    messages=(Message.of("a", b"Subject: one\n\nx\n"),),
)
ENCRYPTED = attrs.evolve(CLEAR, terms=ENCRYPTED_TERMS)
GUARDED = attrs.evolve(CLEAR, terms=attrs.evolve(CLEAR.terms, password_allowed=False))

PLACES: dict[str, tuple[Scene, tuple[str, ...]]] = {
    "clear": (CLEAR, ()),
    "clear, name given": (CLEAR, ("USER mrose",)),
    "clear, no password taken": (GUARDED, ()),
    "after STLS": (CLEAR, ("USER mrose", "STLS")),
    "after UTF8": (CLEAR, ("UTF8",)),
    "encrypted": (ENCRYPTED, ()),
    "after a failed login": (ENCRYPTED, ("USER mrose", "PASS wrong")),
    "after a cancelled exchange": (ENCRYPTED, ("AUTH LOGIN", "*")),
    "logged in": (CLEAR, LOGIN),
    "logged in, message marked": (CLEAR, (*LOGIN, "DELE 1")),
    "exchange": (CLEAR, ("AUTH PLAIN",)),
}
LANG = {"LANG", "LANG *"}
WITH_PASSWORD = {
    "USER mrose",
    "AUTH",
    "AUTH PLAIN",
    "AUTH LOGIN",
    AUTH_PLAIN,
    "QUIT",
    "CAPA",
    "UTF8",
} | LANG
READING = {"LIST 1", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1"}
IN_TRANSACTION = {"STAT", "LIST", "UIDL", "RSET", "NOOP", "QUIT", "CAPA"} | LANG
WORKS: dict[str, set[str]] = {
    "clear": WITH_PASSWORD | {APOP, "STLS"},
    "clear, name given": WITH_PASSWORD | {APOP, "STLS", "PASS tanstaaf"},
    "clear, no password taken": {APOP, "AUTH", "QUIT", "CAPA", "STLS", "UTF8"} | LANG,
    "after STLS": WITH_PASSWORD,
    "after UTF8": WITH_PASSWORD | {APOP},
    "encrypted": WITH_PASSWORD,
    "after a failed login": WITH_PASSWORD,
    "after a cancelled exchange": WITH_PASSWORD,
    "logged in": IN_TRANSACTION | READING,
    "logged in, message marked": IN_TRANSACTION,
    "exchange": set(),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", WORKS)
def test_a_command_works_where_it_is_allowed_and_is_refused_elsewhere(
    place: str, command: str
) -> None:
    scene, before = PLACES[place]
    session = LocalSession(scene)
    session.ask(*before)
    reply = session.ask(command)
    if command in WORKS[place]:
        assert reply.startswith((b"+OK ", b"+ "))
        assert b"-ERR" not in reply
    else:
        assert reply.startswith(b"-ERR ")
        assert reply.count(b"\r\n") == 1
        assert session.ask("CAPA").startswith(b"+OK ")
    assert session.closed == (command == "QUIT" and "QUIT" in WORKS[place])


@pytest.mark.parametrize("place", [place for place in WORKS if place != "exchange"])
def test_a_refused_command_changes_nothing(place: str) -> None:
    scene, before = PLACES[place]
    scene = attrs.evolve(scene, limits=MachineLimits(bad_commands=1000))
    session, untouched = LocalSession(scene), LocalSession(scene)
    for each in (session, untouched):
        each.ask(*before)
    for command in COMMANDS:
        if command not in WORKS[place] and command != "PASS tanstaaf":
            session.ask(command)
    assert session.machine.state is untouched.machine.state
    for command in ("CAPA", "STAT", "UIDL 1", "PASS tanstaaf", "QUIT"):
        assert session.ask(command) == untouched.ask(command)
    assert session.removed == untouched.removed


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_session_says_nothing_any_more(command: str) -> None:
    session = LocalSession(CLEAR)
    session.ask("QUIT")
    said = session.said
    session.machine.receive_data(command.encode() + b"\r\n")
    assert session.machine.next_effect() is None
    assert session.said == said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("lines", "effect", "state"),
    [
        (LOGIN, CheckPassword, State.CHECKING),
        (("STLS",), StartTls, State.SECURING),
        ((*LOGIN, "RETR 1"), SendMessage, State.SENDING),
        ((*LOGIN, "TOP 1 0"), SendMessage, State.SENDING),
        ((*LOGIN, "DELE 1", "QUIT"), Expunge, State.UPDATE),
    ],
)
def test_a_command_waits_while_the_machine_waits_for_an_answer(
    lines: tuple[str, ...], effect: type, state: State, command: str
) -> None:
    machine = Machine(CLEAR.terms, CLEAR.limits)
    machine.receive_data("".join(f"{line}\r\n" for line in lines).encode())
    while not isinstance(done := machine.next_effect(), effect):
        assert done is not None
        if isinstance(done, CheckPassword):
            machine.answer(Accepted(Maildrop(listing(CLEAR.messages))))
        else:
            assert isinstance(done, Send)
    octets = command.encode() + b"\r\n"
    machine.receive_data(octets)
    assert machine.next_effect() is None
    assert machine.state is state
    assert machine.unread == len(octets)
