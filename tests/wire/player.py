"""Reads a dialogue from a text file and plays it against the machine.

A dialogue is a header and, behind a blank line, what happens. Lines that start with # are remarks.

    about: what it shows
    source: who says so: manual and page, RFC and section, a client as it was heard, or our choice
    tls: yes | no                  the connection is encrypted from the start (default no)
    plaintext-login: yes | no      a password may be sent without encryption (default no)
    stls: yes | no                 STLS is offered (default no)
    apop: <timestamp>              APOP is offered
    login: NAME PASSWORD           who may log in; may repeat
    message: UNIQUE-ID TEXT        a message; \\n and other Python escapes are understood; may repeat
    as-it-came: UNIQUE-ID TEXT     what such a message was before its headers became ASCII; may repeat
    sized: UNIQUE-ID OCTETS        a message of which only the size is told; may repeat
    unreadable: UNIQUE-ID CODE     a message whose body cannot be had; may repeat
    refusal: CODE                  what a right password is answered
    expunge: fails                 what QUIT leads to
    limit: NAME NUMBER             one of MachineLimits; may repeat
    login-delay: SECONDS [USER]    what CAPA says before the login
    own-login-delay: SECONDS       the device's own
    quirk: NAME VALUE              how the device is spoken to from its login on; may repeat
    quirk-before: NAME VALUE       how whoever connects is spoken to before it; may repeat

    C: text                        the client sends the line; lines that follow each other are one segment
    C= text                        the client sends octets, in Python escapes, with no line end of their own
    S: text                        the server sends the line; " ..." at its end stands for any words
                                   that are no response code
    M: number                      the server sends the message in wire form, and the termination
    O: number                      the same of the message as it came
    T:                             the TLS handshake takes place
    E: number number               the messages are deleted, durably
    X: reason                      the server closes the connection
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

import attrs

from bridge.pop3.events import MachineLimits, Terms
from bridge.pop3.quirks import STANDARD, with_settings
from bridge.pop3.replies import ResponseCode
from tests.scripts import read_script
from tests.wire.local_session import Closed, Item, LocalSession, Message, Removed, Scene, Secure

Chunking = Callable[[bytes], list[bytes]]

HEADINGS = frozenset(
    (
        "about", "source", "tls", "plaintext-login", "stls", "apop", "login", "message", "sized",
        "unreadable", "as-it-came", "refusal", "expunge", "limit", "quirk", "quirk-before",
        "login-delay", "own-login-delay",
    )
)  # fmt: skip
_ACT = re.compile(r"(C:|C=|S:|M:|O:|T:|E:|X:)(?: (.*))?", re.DOTALL)


@attrs.frozen
class Dialogue:
    """One file: the scene, and the acts as (mark, text)."""

    about: str
    source: str
    scene: Scene
    acts: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> "Dialogue":
        """Return the dialogue that the file holds."""
        fields, acts = read_script(path, HEADINGS, _ACT)
        about, source = ("".join(fields[name]) for name in ("about", "source"))
        return cls(about, source, _scene(fields), acts)

    def play(self, chunking: Chunking) -> tuple[list[str], list[str]]:
        """Return what happened and what was to happen, act by act, in the same words."""
        session = LocalSession(self.scene)
        happened: list[str] = []
        expected: list[str] = []
        heard = 0

        def take_down() -> None:
            nonlocal heard
            spoken = list(_spoken(session.transcript))
            happened.extend(spoken[heard:])
            heard = len(spoken)

        take_down()
        for is_client, acts in groupby(self.acts, key=lambda act: act[0].startswith("C")):
            if is_client:
                octets = b"".join(_octets(*act) for act in acts)
                marker = f"C: {octets!r}"
                happened.append(marker)
                expected.append(marker)
                session.hear(*chunking(octets))
                take_down()
            else:
                expected += [line for act in acts for line in self._expected(*act)]
        return happened, expected

    def _expected(self, mark: str, text: str) -> Iterator[str]:
        if mark in ("M:", "O:"):
            message = self.scene.messages[int(text) - 1]
            sent = message if mark == "M:" else message.as_it_came
            assert sent is not None
            wire = sent.wire + b".\r\n"
            lines = wire.decode("latin-1").split("\r\n")[:-1]
            yield from (f"S: {line}".rstrip(" ") for line in lines)
        else:
            yield f"{mark} {text}".rstrip(" ")


def differences(happened: list[str], expected: list[str]) -> list[str]:
    """Return the first act that went otherwise than expected, with what led to it; nothing if none."""
    for index, wanted in enumerate(expected):
        found = happened[index] if index < len(happened) else "(nothing)"
        if not _matches(found, wanted):
            return [*happened[:index], f"but: {found}", f"not: {wanted}"]
    return [f"more: {line}" for line in happened[len(expected) :]]


def _matches(found: str, wanted: str) -> bool:
    if not wanted.endswith(" ..."):
        return found == wanted
    start = wanted.removesuffix("...")
    words = found.removeprefix(start)
    return found.startswith(start) and bool(words.strip()) and not words.startswith("[")


def _octets(mark: str, text: str) -> bytes:
    return unescaped(text) if mark == "C=" else text.encode("utf-8") + b"\r\n"


def unescaped(text: str) -> bytes:
    """Return what `text` means as the inside of a Python bytes literal, with repetition: "x"*300."""
    pieces = re.split(r"\{(.+?)\*(\d+)\}", text)
    literal = "".join(
        piece if index % 3 == 0 else piece * int(pieces[index + 1])
        for index, piece in enumerate(pieces)
        if index % 3 != 2
    )
    quoted = literal.replace('"', '\\"')
    octets = ast.literal_eval(f'b"{quoted}"')
    assert isinstance(octets, bytes)
    return octets


def _scene(fields: defaultdict[str, list[str]]) -> Scene:
    encrypted = fields["tls"] == ["yes"]
    terms = Terms(
        banner="popbridge ready",
        password_allowed=encrypted or fields["plaintext-login"] == ["yes"],
        stls_offered=fields["stls"] == ["yes"],
        timestamp=fields["apop"][0] if fields["apop"] else None,
        quirks=with_settings(STANDARD, dict(_pairs(fields["quirk-before"]))),
    )
    seconds, _, user = (fields["login-delay"] or ["0"])[0].partition(" ")
    terms = attrs.evolve(terms, login_delay=int(seconds), login_delays_differ=user == "USER")
    secured = attrs.evolve(terms, password_allowed=True, stls_offered=False)
    names = (line.split(" ", 1) for line in fields["limit"])
    return Scene(
        terms=terms,
        secured_terms=secured if terms.stls_offered else None,
        logins=dict(_pairs(fields["login"])) or {"mrose": "tanstaaf"},
        messages=tuple(_messages(fields)),
        refusal=ResponseCode(fields["refusal"][0]) if fields["refusal"] else None,
        login_delay=int((fields["own-login-delay"] or [seconds])[0]),
        expunge_fails=fields["expunge"] == ["fails"],
        quirks=with_settings(STANDARD, dict(_pairs(fields["quirk"])))
        if fields["quirk"]
        else None,
        limits=MachineLimits(**{name: int(number) for name, number in names}),
    )


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, rest = line.partition(" ")
        yield name, rest


def _messages(fields: defaultdict[str, list[str]]) -> Iterator[Message]:
    came = {
        unique_id: Message.of(unique_id, unescaped(text))
        for unique_id, text in _pairs(fields["as-it-came"])
    }
    for unique_id, text in _pairs(fields["message"]):
        message = Message.of(unique_id, unescaped(text))
        yield attrs.evolve(message, as_it_came=came.get(unique_id))
    for unique_id, octets in _pairs(fields["sized"]):
        yield Message(unique_id, b"", int(octets))
    for unique_id, code in _pairs(fields["unreadable"]):
        yield Message.of(unique_id, b"Subject: lost\n\n", ResponseCode(code))


def _spoken(transcript: Iterable[Item]) -> Iterator[str]:
    """Yield a transcript in the words of a dialogue file."""
    for item in transcript:
        match item:
            case bytes():
                *lines, last = item.decode("latin-1").split("\r\n")
                assert last == "", f"the server stopped within a line: {last!r}"
                yield from (f"S: {line}".rstrip(" ") for line in lines)
            case Secure():
                yield "T:"
            case Removed(numbers):
                yield f"E: {' '.join(str(number) for number in numbers)}"
            case Closed(reason):
                yield f"X: {reason}"
