"""Says what a session heard and said in words that give away no credential and no content.

What is shown of a client's line is built from the command that `parse` made of it, never cut out of
the line: an argument that the grammar does not know to be harmless cannot slip through.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol, assert_never

import attrs

from bridge.pop3.commands import (
    Apop,
    Auth,
    BadCommand,
    Capa,
    Command,
    Dele,
    Lang,
    Last,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
    is_verb,
    parse,
)
from bridge.pop3.events import Effect
from bridge.pop3.framing import Overlong
from bridge.pop3.languages import ANY, LANGUAGES
from bridge.pop3.table import State

REPLY_LINES = 100
"""Lines shown of one reply: the listing of any maildrop that a person would read."""

FOREIGN_VERBS = frozenset((b"LAST", b"RPOP", b"XTND", b"HELO", b"EHLO", b"GET"))
"""Verbs that are not taken here, but tell what a device takes this server for."""

MECHANISM_NAMES = frozenset(
    (
        "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "GSSAPI", "EXTERNAL", "ANONYMOUS",
        "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER",
    )
)  # fmt: skip
"""Names of SASL mechanisms; any other word in their place may be a password."""

_LANGUAGES = {None: "", ANY: ANY} | {tag: tag for tag in LANGUAGES}

IsLogin = Callable[[str], bool]
"""Tells whether a name is the login of a device of this bridge."""


class Tap(Protocol):
    """Who listens to a machine; it is told nothing while `on` is false."""

    @property
    def on(self) -> bool:
        """Tell whether anybody wants to know."""
        ...

    def heard(self, line: bytes | Overlong, state: State) -> None:
        """Take note of a client's line, which came in this state."""
        ...

    def said(self, effect: Effect) -> None:
        """Take note of what answers it."""
        ...


def shown(line: bytes | Overlong, state: State, is_login: IsLogin) -> str:
    """Return what may be shown of a client's line that came in `state`."""
    if isinstance(line, Overlong):
        return "(line too long, not shown)"
    if state is State.SASL:
        return "*" if line.rstrip(b" \t") == b"*" else "(SASL response, not shown)"
    try:
        return _shown_command(parse(line), is_login)
    except BadCommand:
        return _shown_mistake(line)


def reply_lines(data: bytes) -> list[str]:
    """Return the lines of a reply of ours; of a very long one the first, and how many more there are."""
    lines = data.decode("ascii", "backslashreplace").removesuffix("\r\n").split("\r\n")
    if len(lines) <= REPLY_LINES:
        return lines
    return [*lines[:REPLY_LINES], f"({len(lines) - REPLY_LINES:,} more lines)"]


@attrs.frozen
class Content:
    """What is told of a message: how much of it went out, and a digest to know it again by."""

    octets: int
    lines: int
    sha256: str

    def __str__(self) -> str:
        return f"({self.octets:,} octets in {self.lines:,} lines, sha256 {self.sha256[:16]}...)"


class Tally:
    """Counts a message in wire form, its byte-stuffing taken back: the digest is that of the message."""

    def __init__(self) -> None:
        self.octets = 0
        self._lines = 0
        self._digest = hashlib.sha256()
        self._held = b""
        self._begun = False

    def feed(self, piece: bytes) -> None:
        """Take the next piece, cut anywhere."""
        if not self._begun and piece:
            self._begun = True
            piece = piece.removeprefix(b".")  # stuffed, or it would end the message
        text = self._held + piece
        # A line end may have a stuffed dot behind it, in the next piece.
        kept = 2 if text.endswith(b"\r\n") else text.endswith(b"\r")
        self._held = text[len(text) - kept :]
        self._count(text[: len(text) - kept].replace(b"\r\n.", b"\r\n"))

    def finish(self) -> Content:
        """Return what was counted."""
        self._count(self._held)
        self._held = b""
        return Content(self.octets, self._lines, self._digest.hexdigest())

    def _count(self, text: bytes) -> None:
        self.octets += len(text)
        self._lines += text.count(b"\n")
        self._digest.update(text)


def _shown_command(command: Command, is_login: IsLogin) -> str:
    verb = type(command).__name__.upper()
    match command:
        case User() | Pass() | Apop() | Auth():
            return _shown_login(command, is_login)
        case Top(number, body_lines):
            return f"{verb} {number} {body_lines}"
        case List(number) | Uidl(number) | Retr(number) | Dele(number):
            return verb if number is None else f"{verb} {number}"
        case Lang(language):
            return f"{verb} {_shown_language(language)}".rstrip()
        case Stat() | Rset() | Last() | Noop() | Quit() | Capa() | Stls() | Utf8():
            return verb
        case _:
            assert_never(command)


def _shown_login(command: User | Pass | Apop | Auth, is_login: IsLogin) -> str:
    match command:
        case User(name):
            return f"USER {_shown_name(name, is_login)}"
        case Pass():
            return "PASS (not shown)"
        case Apop(name):
            return f"APOP {_shown_name(name, is_login)} (digest not shown)"
        case Auth():
            return _shown_auth(command)
        case _:
            assert_never(command)


def _shown_name(name: str, is_login: IsLogin) -> str:
    """Return the name of a device; another may be a password in the wrong field."""
    return name if name.isprintable() and is_login(name) else "(no device has this name)"


def _shown_language(asked: str | None) -> str:
    """Return a language of ours; another word may be anything."""
    tag = (
        None if asked is None else asked.lower()
    )  # tags are the same in any letter case (RFC 5646)
    return _LANGUAGES.get(tag, "(no language of this server)")


def _shown_auth(command: Auth) -> str:
    if command.mechanism is None:
        return "AUTH"
    known = command.mechanism in MECHANISM_NAMES
    response = " (response not shown)" if command.initial_response is not None else ""
    return f"AUTH {command.mechanism if known else '(unknown mechanism)'}{response}"


def _shown_mistake(line: bytes) -> str:
    verb, _, rest = line.strip(b" \t").partition(b" ")
    verb = verb.upper()
    if not (is_verb(verb) or verb in FOREIGN_VERBS):
        return f"(unparseable line, {len(line):,} octets)"
    return verb.decode("ascii") + (" (not shown)" if rest.strip() else "")
