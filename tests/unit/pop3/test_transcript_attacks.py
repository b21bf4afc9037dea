"""Whatever a device does with its password, a transcript does not hold it, nor anything made of it.

Two properties: what is shown of a line is a sentence of a small language, whose only free words are
numbers and the names of devices; and no part of a password comes through a whole session.
"""

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.events import (
    CheckDigest,
    CheckPassword,
    Close,
    Effect,
    MachineLimits,
    Refused,
    Secured,
    Send,
    StartTls,
    Terms,
)
from bridge.pop3.framing import Overlong
from bridge.pop3.machine import Machine
from bridge.pop3.replies import ResponseCode
from bridge.pop3.table import LISTENING, State
from bridge.pop3.transcript import FOREIGN_VERBS, MECHANISM_NAMES, reply_lines, shown
from tests.unit.pop3.chunking import cuts

NAME = "printer"
TERMS = [
    Terms("POP3 ready", password_allowed=True, stls_offered=False, timestamp="<1.2@popbridge>"),
    Terms("POP3 ready", password_allowed=False, stls_offered=True),
    Terms("POP3 ready", password_allowed=False, stls_offered=False),
]
MANY = MachineLimits(bad_commands=10**6, failed_logins=10**6)
WINDOW = 4
"""Characters in a row that give a password away."""

NOBODY = r"\(no device has this name\)"
FOREIGN = "|".join(sorted(verb.decode() for verb in FOREIGN_VERBS))
MECHANISMS = "|".join(sorted(MECHANISM_NAMES))
LANGUAGE = re.compile(
    rf"(?:USER|APOP)(?: \(not shown\))?"
    rf"|USER (?:{NAME}|{NOBODY})|APOP (?:{NAME}|{NOBODY}) \(digest not shown\)"
    rf"|PASS(?: \(not shown\))?"
    rf"|AUTH(?: \(not shown\)| (?:{MECHANISMS}|\(unknown mechanism\))(?: \(response not shown\))?)?"
    rf"|(?:LIST|UIDL|RETR|DELE)(?: \d{{1,10}}| \(not shown\))?|TOP(?: \d+ \d+| \(not shown\))?"
    r"|LANG(?: \(not shown\)| \(no language of this server\)| \*| en| i-default)?"
    rf"|(?:STAT|RSET|NOOP|QUIT|CAPA|STLS|UTF8|{FOREIGN})(?: \(not shown\))?"
    r"|\(unparseable line, [\d,]+ octets\)|\(line too long, not shown\)"
    r"|\*|\(SASL response, not shown\)",
    re.IGNORECASE,
)

VERBS = (
    "PASS", "pass", "PaSs", "PAS", "PASSS", "XPASS", "USER", "user", f"USER {NAME} PASS", "APOP", f"apop {NAME}",
    "AUTH", "AUTH PLAIN", "auth plain", "AUTH LOGIN", "AUTH PLAIN =", "AUTH LOGIN =", "AUTH CRAM-MD5", "AUTHPLAIN",
    "AUTH PLAIN PASS", f"USER {NAME}\r\nPASS", "AUTH LOGIN\r\ncHJpbnRlcg==", "AUTH PLAIN\r\n", "AUTH LOGIN\r\n",
    "LOGIN", "RETR", "LIST", "TOP 1", "DELE", "LAST", "XTND", "GET", "STLS\r\n", "LANG", "LANG en", "UTF8", "QUIT", "NOOP", "*", "", "+OK", "-ERR",
)  # fmt: skip
GAPS = (
    "",
    " ",
    "  ",
    "\t",
    " \t ",
    "\0",
    "\x0b",
    "\x0c",
    "\r",
    "\x7f",
    "\u00a0",
    ":",
    "=",
    "\x1b[2K",
    "\b",
)
ENDS = ("\r\n", "\n", "\r\r\n", "\0\r\n", " \r\n", "\t\n", "\x1a\r\n", "", "\r")  # fmt: skip

words = st.text(alphabet="xqzjvwkXQZJVWK#~%$ä", min_size=6, max_size=20)
"""Passwords of letters that stand in no word of ours, so that a hit is no accident."""


def is_login(name: str) -> bool:
    return name.casefold() == NAME


def disguises(password: str) -> list[bytes]:
    """Return what a device may make of a password before it sends it."""
    raw = password.encode()
    plain = b"\0" + NAME.encode() + b"\0" + raw
    return [
        raw,
        raw[: len(raw) // 2 + 2],
        raw.upper(),
        b'"' + raw + b'"',
        raw.hex().encode(),
        quote(password).encode(),
        raw[::-1],
        *(base64.b64encode(pad + raw) for pad in (b"", b"x", b"xx")),
        base64.b64encode(plain),
        base64.b64encode(plain)[:-3],
        base64.b64encode(plain) + b"=",
        base64.urlsafe_b64encode(b"admin" + plain),
    ]


@st.composite
def hostile_line(draw: st.DrawFn, password: str) -> bytes:
    pieces = [draw(st.sampled_from(VERBS)), draw(st.sampled_from(GAPS))]
    argument = draw(st.sampled_from(disguises(password)) | st.binary(max_size=6))
    tail = draw(st.sampled_from(GAPS)) + draw(st.sampled_from(ENDS))
    line = "".join(pieces).encode() + argument + tail.encode()
    return line[draw(st.integers(0, 3)) if draw(st.booleans()) else 0 :]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Draw a password, and what a device sends, in pieces as the network brings them."""
    password = draw(words)
    octets = b"".join(draw(st.lists(hostile_line(password), max_size=12)))
    return password, draw(cuts(octets))


@attrs.define
class Recorder:
    """A tap that shows everything."""

    on: bool = True
    lines: list[str] = attrs.field(factory=list)

    def heard(self, line: bytes | Overlong, state: State) -> None:
        self.lines.append(shown(line, state, is_login))
        assert LANGUAGE.fullmatch(self.lines[-1]), self.lines[-1]

    def said(self, effect: Effect) -> None:
        if isinstance(effect, Close):
            self.lines += reply_lines(effect.farewell)
        elif isinstance(effect, Send):
            self.lines += reply_lines(effect.data)
        elif isinstance(effect, StartTls):
            self.lines += reply_lines(effect.head)


def converse(terms: Terms, pieces: list[bytes]) -> list[str]:
    """Return the transcript of a session in which no password is right."""
    recorder = Recorder()
    machine = Machine(terms, MANY, recorder)
    for piece in pieces:
        machine.receive_data(piece)
        while (effect := machine.next_effect()) is not None:
            if isinstance(effect, CheckPassword | CheckDigest):
                machine.answer(Refused(ResponseCode.AUTH))
            elif isinstance(effect, StartTls):
                machine.answer(Secured(attrs.evolve(terms, password_allowed=True)))
    return recorder.lines


def windows(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(len(text) - size + 1))


@pytest.mark.parametrize("terms", TERMS)
@given(conversation=conversations())
def test_no_part_of_a_password_is_in_the_transcript(
    terms: Terms, conversation: tuple[str, list[bytes]]
) -> None:
    password, pieces = conversation
    told = "\n".join(converse(terms, pieces)).casefold()
    for part in (
        *windows(password.casefold(), WINDOW),
        *windows(password[::-1].casefold(), WINDOW),
    ):
        assert part not in told
    for disguise in disguises(password):
        for part in windows(disguise.decode("latin-1").casefold(), 2 * WINDOW):
            assert part not in told


@given(
    line=st.binary(max_size=60), state=st.sampled_from(sorted(LISTENING, key=lambda s: s.value))
)
def test_whatever_a_line_holds_a_sentence_of_the_language_is_shown(
    line: bytes, state: State
) -> None:
    assert LANGUAGE.fullmatch(shown(line, state, is_login))


@given(words.flatmap(hostile_line))
def test_whatever_a_device_types_a_sentence_of_the_language_is_shown(line: bytes) -> None:
    for one in line.split(b"\n"):
        assert LANGUAGE.fullmatch(shown(one, State.AUTHORIZATION, is_login))


@pytest.mark.parametrize("terms", TERMS)
def test_each_way_to_give_a_password_is_met(terms: Terms) -> None:
    """The property above is worth something only if sessions get as far as its lines say."""
    pieces = [
        b"USER printer\r\nPASS xqzjvwk\r\n",
        b"APOP printer " + b"a" * 32 + b"\r\n",
        b"AUTH LOGIN\r\ncHJpbnRlcg==\r\neHF6anZ3aw==\r\n",
    ]
    lines = converse(attrs.evolve(terms, password_allowed=True), pieces)
    assert lines.count("(SASL response, not shown)") == 2
    assert "PASS (not shown)" in lines
    assert "APOP printer (digest not shown)" in lines
