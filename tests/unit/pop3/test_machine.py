import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.maildrop import Maildrop
from bridge.names import SpoolId
from bridge.pop3 import machine as machine_module
from bridge.pop3.commands import Quit
from bridge.pop3.events import (
    Accepted,
    Answer,
    CheckDigest,
    CheckPassword,
    Close,
    Effect,
    Expunge,
    Expunged,
    MachineLimits,
    NotExpunged,
    Refused,
    Secured,
    Send,
    SendMany,
    SendMessage,
    Sent,
    StartTls,
    Terms,
    Unsendable,
)
from bridge.pop3.framing import DISCARD_OCTETS_MAX
from bridge.pop3.machine import REPLIES_AT_ONCE, Machine
from bridge.pop3.replies import ResponseCode
from bridge.pop3.table import LISTENING, TRANSITIONS, State
from tests.unit.pop3.chunking import octets_and_cuts
from tests.wire.local_session import Closed, LocalSession, Message, Scene, listing

TERMS = Terms(
    "popbridge ready", password_allowed=True, stls_offered=True, timestamp="<1.2@lan>"
)
LIMITS = MachineLimits(command_octets=64, sasl_octets=128, bad_commands=12)
SCENE = Scene(
    terms=TERMS,
    secured_terms=attrs.evolve(TERMS, stls_offered=False),
    messages=(
        Message.of("a", b"Subject: one\n\n.\n"),
        Message.of("b", b"Subject: two\n\nx", ResponseCode.SYS_PERM),
        Message("c", b"Subject: three\r\n\r\n", 18),
    ),
    limits=LIMITS,
)
LINES = [
    b"USER mrose\r\n", b"PASS tanstaaf\r\n", b"USER mrose\nPASS tanstaaf\n", b"PASS wrong\r\n",
    b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n", b"AUTH\r\n", b"AUTH PLAIN\r\n",
    b"AUTH LOGIN\r\n", b"AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n", b"AG1yb3NlAHRhbnN0YWFm\r\n",
    b"bXJvc2U=\r\n", b"*\r\n", b"STLS\r\n", b"CAPA\r\n", b"NOOP\r\n", b"STAT\r\n", b"LIST\r\n",
    b"LIST 1\r\n", b"UIDL\r\n", b"UIDL 9\r\n", b"RETR 1\r\n", b"RETR 2\r\n", b"TOP 1 0\r\n",
    b"TOP 3 99999999\r\n", b"DELE 1\r\n", b"DELE 2\r\n", b"RSET\r\n", b"QUIT\r\n", b"\r\n",
    b"DELE 1" + b" " * 70 + b"\r\n", b"AUTH LOGIN " + b"Q" * 100 + b"\r\n", b"Q" * 130 + b"\r\n",
]  # fmt: skip
LOGIN = b"USER mrose\r\nPASS tanstaaf\r\n"


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Draw what a client may send: often a login first, lines of every kind, some noise."""
    lines = draw(st.lists(st.sampled_from(LINES) | st.binary(max_size=6), max_size=25))
    return draw(st.sampled_from([b"", LOGIN])) + b"".join(lines)


def new_machine(limits: MachineLimits = LIMITS) -> Machine:
    return Machine(TERMS, limits)


def logged_in(*messages: Message, data: bytes = b"") -> Machine:
    machine = new_machine()
    machine.receive_data(LOGIN + data)
    assert isinstance(machine.next_effect(), Send)
    assert isinstance(machine.next_effect(), CheckPassword)
    machine.answer(Accepted(Maildrop(listing(messages))))
    assert machine.next_effect() == Send(b"+OK Logged in\r\n")
    return machine


@pytest.mark.slow
@given(octets_and_cuts(conversations()))
def test_any_chunking_gives_the_same_session(case: tuple[bytes, list[bytes]]) -> None:
    octets, pieces = case
    whole, cut, single = (LocalSession(SCENE) for _ in range(3))
    whole.hear(octets)
    cut.hear(*pieces)
    single.hear(*(octets[at : at + 1] for at in range(len(octets))))
    assert cut.transcript == whole.transcript
    assert single.transcript == whole.transcript
    assert cut.machine.state == single.machine.state == whole.machine.state


def status_lines(effects: list[Effect]) -> list[bytes]:
    """Return the first line of every reply: what is said, without what follows a first line."""
    lines: list[bytes] = []
    for effect in effects:
        match effect:
            case Send(data):
                inside = False
                for line in data.splitlines(keepends=True):
                    if not inside:
                        lines.append(line)
                    # The multi-line replies of these sessions: listings, mechanisms, capabilities.
                    inside = (inside or b"follow" in line or b" messages" in line) and (
                        line != b".\r\n"
                    )
            case SendMessage(head=head) | StartTls(head) | Close(farewell=head):
                lines.append(head)
            case _:
                pass
    return lines


@pytest.mark.slow
@given(conversations())
def test_every_reply_begins_with_a_proper_status_line(octets: bytes) -> None:
    """RFC 1939 section 3, RFC 2449 sections 4 and 8, RFC 5034 section 4."""
    session = LocalSession(SCENE)
    session.hear(octets)
    for line in status_lines(session.effects):
        assert len(line) <= 512
        assert re.fullmatch(rb"(\+OK |-ERR |\+ )[\x20-\x7e]*\r\n", line)
        if line.startswith(b"-ERR"):
            code = rb"\[(AUTH|IN-USE|LOGIN-DELAY|SYS/TEMP|SYS/PERM)\] "
            assert re.fullmatch(rb"-ERR (" + code + rb")?[A-Z][^\[\]]*\r\n", line)


@pytest.mark.slow
@given(conversations())
def test_no_session_is_anywhere_but_in_a_legal_state(octets: bytes) -> None:
    session = LocalSession(SCENE)
    session.hear(octets)
    assert session.machine.state in LISTENING | {State.CLOSED}
    if not session.closed:
        assert session.machine.unread <= max(LIMITS.command_octets, LIMITS.sasl_octets)
    if session.removed:
        assert session.closed


def test_the_greeting_carries_the_banner_and_the_timestamp() -> None:
    assert new_machine().greeting() == b"+OK popbridge ready <1.2@lan>\r\n"


def test_there_is_nothing_to_do_before_a_line_is_whole() -> None:
    machine = new_machine()
    assert machine.next_effect() is None
    machine.receive_data(b"CAP")
    assert machine.next_effect() is None
    assert machine.unread == 3


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        (b"APOP mrose " + b"A" * 32, CheckDigest("mrose", "<1.2@lan>", "a" * 32)),
        (b"AUTH PLAIN AG1yb3NlAHRhbnN0YWFm", CheckPassword("mrose", "tanstaaf")),
        (b"STLS", StartTls(b"+OK Begin TLS negotiation\r\n")),
        (b"QUIT", Close(b"+OK Bye\r\n", "quit")),
    ],
)
def test_a_line_leads_to_an_effect(line: bytes, effect: Effect) -> None:
    machine = new_machine()
    machine.receive_data(line + b"\r\n")
    assert machine.next_effect() == effect
    assert machine.next_effect() is None


def test_lines_wait_until_the_answer_to_the_last_effect_has_come() -> None:
    machine = new_machine()
    machine.receive_data(LOGIN + b"STAT\r\n")
    assert machine.next_effect() == Send(b"+OK Send the password\r\n")
    assert machine.next_effect() == CheckPassword("mrose", "tanstaaf")
    assert machine.next_effect() is None
    assert machine.state is State.CHECKING
    assert machine.unread == len(b"STAT\r\n")
    machine.answer(Accepted(Maildrop(listing([]))))
    assert machine.next_effect() == Send(b"+OK Logged in\r\n")
    assert machine.next_effect() == Send(b"+OK 0 0\r\n")


@pytest.mark.parametrize(
    ("answer", "reply"),
    [(Sent(), None), (Unsendable(ResponseCode.SYS_TEMP), b"-ERR [SYS/TEMP] ")],
)
def test_after_a_message_the_next_command_is_heard(answer: Answer, reply: bytes | None) -> None:
    machine = logged_in(Message("a", b"", 7), data=b"RETR 1\r\nNOOP\r\n")
    effect = machine.next_effect()
    assert isinstance(effect, SendMessage)
    assert effect.head == b"+OK 7 octets\r\n"
    assert machine.next_effect() is None
    machine.answer(answer)
    if reply is not None:
        said = machine.next_effect()
        assert isinstance(said, Send)
        assert said.data.startswith(reply)
    assert machine.next_effect() == Send(b"+OK Nothing done\r\n")


@pytest.mark.parametrize(
    ("answer", "farewell", "reason"),
    [(Expunged(), b"+OK ", "quit"), (NotExpunged(), b"-ERR [SYS/TEMP] ", "quit-failed")],
)
def test_quit_is_answered_once_the_deletions_are_known(
    answer: Answer, farewell: bytes, reason: str
) -> None:
    machine = logged_in(Message("a", b"", 7), data=b"DELE 1\r\nQUIT\r\nNOOP\r\n")
    assert isinstance(machine.next_effect(), Send)
    assert machine.next_effect() == Expunge((SpoolId(1),))
    assert machine.next_effect() is None
    machine.answer(answer)
    close = machine.next_effect()
    assert isinstance(close, Close)
    assert close.farewell.startswith(farewell)
    assert close.reason == reason
    assert machine.next_effect() is None
    assert machine.state is State.CLOSED


def test_replies_to_pipelined_commands_share_a_write() -> None:
    machine = logged_in(data=b"NOOP\r\nSTAT\r\nNOOP\r\n")
    assert machine.next_effect() == Send(b"+OK Nothing done\r\n+OK 0 0\r\n+OK Nothing done\r\n")
    assert machine.next_effect() is None


def test_gathered_replies_are_bounded_whatever_is_pipelined() -> None:
    messages = [Message(f"{n}-{'u' * 60}", b"", n) for n in range(1, 500)]
    machine = logged_in(*messages, data=b"UIDL\r\n" * 40)
    sizes = []
    while (effect := machine.next_effect()) is not None:
        assert isinstance(effect, Send)
        sizes.append(len(effect.data))
    longest = max(sizes)
    assert REPLIES_AT_ONCE <= longest < 2 * REPLIES_AT_ONCE
    assert len(sizes) > 10


def test_a_listing_of_thousands_is_one_effect_in_pieces() -> None:
    machine = logged_in(*[Message("u", b"", 1)] * 4500, data=b"LIST\r\nNOOP\r\n")
    effect = machine.next_effect()
    assert isinstance(effect, SendMany)
    whole = b"".join(effect.pieces)
    assert whole.startswith(b"+OK 4500 messages (4500 octets)\r\n1 1\r\n")
    assert whole.endswith(b"\r\n4500 1\r\n.\r\n")
    assert machine.next_effect() == Send(b"+OK Nothing done\r\n")


def test_a_login_forgets_the_name_so_that_pass_alone_tries_nothing() -> None:
    session = LocalSession(SCENE)
    assert session.ask("USER mrose", "PASS wrong", "PASS tanstaaf").count(b"-ERR") == 2
    assert b"[AUTH]" not in session.ask("PASS tanstaaf")


@pytest.mark.parametrize("fails", [1, 2])
def test_failed_logins_are_counted_across_stls(fails: int) -> None:
    limits = attrs.evolve(LIMITS, failed_logins=2)
    session = LocalSession(attrs.evolve(SCENE, limits=limits))
    for _ in range(fails):
        session.ask("USER mrose", "PASS wrong")
        session.ask("STLS")
    assert session.closed == (fails == 2)


@pytest.mark.parametrize(
    "code",
    [
        ResponseCode.IN_USE,
        ResponseCode.LOGIN_DELAY,
        ResponseCode.SYS_TEMP,
        ResponseCode.SYS_PERM,
    ],
)
def test_a_right_password_is_never_counted_as_a_failed_login(code: ResponseCode) -> None:
    session = LocalSession(attrs.evolve(SCENE, refusal=code))
    for _ in range(5):
        assert f"-ERR [{code.value}] ".encode() in session.ask("USER mrose", "PASS tanstaaf")
    assert not session.closed


@pytest.mark.parametrize(
    ("allowed", "hint"), [(True, b"use STLS first"), (False, b"use the TLS port")]
)
def test_a_refused_password_says_where_it_would_be_taken(*, allowed: bool, hint: bytes) -> None:
    terms = Terms("ready", password_allowed=False, stls_offered=allowed)
    session = LocalSession(Scene(terms=terms))
    reply = session.ask("USER mrose")
    assert reply.startswith(b"-ERR [AUTH] ")
    assert hint in reply


def test_the_last_bad_command_that_is_borne_is_answered_and_the_next_one_ends_it() -> None:
    session = LocalSession(SCENE)
    for _ in range(LIMITS.bad_commands - 1):
        assert session.ask("XYZZY") == b"-ERR Unknown command\r\n"
    assert session.ask("XYZZY", "CAPA").startswith(b"-ERR Too many bad commands")
    assert session.closed


def test_what_lies_behind_the_last_bad_command_is_thrown_away() -> None:
    session = LocalSession(SCENE)
    session.hear(b"XYZZY\r\n" * LIMITS.bad_commands + b"QUIT\r\n" + b"x" * 500)
    assert session.transcript[-1] == Closed("bad-commands")
    assert session.machine.unread == 0


def test_a_flood_ends_the_session_and_leaves_nothing_in_memory() -> None:
    session = LocalSession(SCENE)
    session.hear(b"x" * 100, b"x" * (DISCARD_OCTETS_MAX + 1), b"\r\nCAPA\r\n")
    assert session.closed
    assert session.effects[-1] == Close(b"-ERR Line too long, closing\r\n", "line-flood")
    assert session.machine.unread == 0


def test_an_over_long_response_ends_the_exchange_and_counts_as_a_bad_command() -> None:
    session = LocalSession(attrs.evolve(SCENE, limits=attrs.evolve(LIMITS, bad_commands=2)))
    session.ask("AUTH LOGIN")
    assert session.ask("Q" * 130) == b"-ERR Line too long\r\n"
    assert session.machine.state is State.AUTHORIZATION
    assert b"STLS" in session.ask("CAPA")
    session.ask("AUTH LOGIN", "Q" * 130)
    assert session.closed


def test_secured_terms_hold_from_the_handshake_on() -> None:
    machine = Machine(attrs.evolve(TERMS, password_allowed=False), LIMITS)
    machine.receive_data(b"STLS\r\n")
    assert isinstance(machine.next_effect(), StartTls)
    machine.answer(Secured(attrs.evolve(TERMS, stls_offered=False)))
    assert machine.next_effect() is None
    machine.receive_data(b"USER mrose\r\nSTLS\r\n")
    said = machine.next_effect()
    assert said == Send(
        b"+OK Send the password\r\n-ERR STLS is not possible on this connection\r\n"
    )


@pytest.mark.parametrize(
    "answer", [Sent(), Expunged(), Refused(ResponseCode.AUTH), Secured(TERMS), NotExpunged()]
)
def test_an_answer_that_nobody_waits_for_is_a_fault_of_the_session(answer: Answer) -> None:
    with pytest.raises(AssertionError, match="AUTHORIZATION"):
        new_machine().answer(answer)


def test_a_step_that_the_table_does_not_list_is_never_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_stay = {**TRANSITIONS[State.AUTHORIZATION], Quit: frozenset({State.AUTHORIZATION})}
    table = {**TRANSITIONS, State.AUTHORIZATION: only_stay}
    monkeypatch.setattr(machine_module, "TRANSITIONS", table)
    machine = new_machine()
    machine.receive_data(b"QUIT\r\n")
    with pytest.raises(AssertionError, match="Quit"):
        machine.next_effect()


@pytest.mark.parametrize(
    ("state", "line"), [(State.TRANSACTION, b"STAT\r\n"), (State.SASL, b"AGE=\r\n")]
)
def test_a_state_without_what_it_stands_for_is_a_fault(state: State, line: bytes) -> None:
    machine = new_machine()
    machine.state = state
    machine.receive_data(line)
    with pytest.raises(AssertionError, match="without"):
        machine.next_effect()
