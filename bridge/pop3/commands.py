"""What a client may ask, as values; `parse` is the only place that reads a command line.

After `parse` nothing checks syntax again. It is lenient where real devices are sloppy (letter case,
double and trailing spaces) and strict where a guess could delete the wrong page.
"""

from collections.abc import Callable

import attrs

from bridge.names import MessageNumber

NUMBER_DIGITS_MAX = 10
"""Digits of a number argument: more than any maildrop or TOP count needs (fetchmail asks for
99999999 lines), few enough that no arithmetic is worth attacking."""


class BadCommand(Exception):
    """The line is no command; the text is for the device, short and in ASCII."""


UNKNOWN = "Unknown command"
"""What is said of a verb that this server, or this server for this machine, does not take."""


@attrs.frozen
class User:
    """USER name (RFC 1939 section 7)."""

    name: str = attrs.field(repr=False)  # may be a password in the wrong field


@attrs.frozen
class Pass:
    """PASS string, its spaces kept (RFC 1939 section 7)."""

    password: str = attrs.field(repr=False)


@attrs.frozen
class Apop:
    """APOP name digest (RFC 1939 section 7); the digest is 32 hexadecimal digits."""

    name: str = attrs.field(repr=False)  # may be a password in the wrong field
    digest: str = attrs.field(repr=False)


@attrs.frozen
class Auth:
    """AUTH mechanism [initial-response] (RFC 5034 section 4); without a mechanism it asks for the list."""

    mechanism: str | None
    initial_response: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Stat:
    """STAT."""


@attrs.frozen
class List:
    """LIST [msg]."""

    number: MessageNumber | None


@attrs.frozen
class Uidl:
    """UIDL [msg]."""

    number: MessageNumber | None


@attrs.frozen
class Retr:
    """RETR msg."""

    number: MessageNumber


@attrs.frozen
class Top:
    """TOP msg n."""

    number: MessageNumber
    body_lines: int


@attrs.frozen
class Dele:
    """DELE msg."""

    number: MessageNumber


@attrs.frozen
class Rset:
    """RSET."""


@attrs.frozen
class Last:
    """LAST, which RFC 1725 took out (RFC 1460)."""


@attrs.frozen
class Noop:
    """NOOP."""


@attrs.frozen
class Quit:
    """QUIT."""


@attrs.frozen
class Capa:
    """CAPA (RFC 2449 section 5)."""


@attrs.frozen
class Stls:
    """STLS (RFC 2595 section 4)."""


@attrs.frozen
class Utf8:
    """UTF8 (RFC 6856 section 2.1)."""


@attrs.frozen
class Lang:
    """LANG [range] (RFC 6856 section 3); without a range it asks for the list."""

    language: str | None = attrs.field(repr=False)  # may be anything that was typed


Command = (
    User
    | Pass
    | Apop
    | Auth
    | Stat
    | List
    | Uidl
    | Retr
    | Top
    | Dele
    | Rset
    | Last
    | Noop
    | Quit
    | Capa
    | Stls
    | Utf8
    | Lang
)


def parse(line: bytes) -> Command:
    """Return the command that `line` (without its end) holds.

    Raises:
        BadCommand: it holds none.
    """
    if b"\0" in line:
        raise BadCommand("NUL is not allowed in a command")
    verb, _, rest = line.strip(b" \t").partition(b" ")
    reader = _READERS.get(verb.upper())
    if reader is None:
        raise BadCommand(UNKNOWN)
    # PASS alone is given its argument as it was typed: a password may begin or end with a blank.
    return reader(line.lstrip(b" \t")[len(verb) + 1 :] if verb.upper() == b"PASS" else rest)


def is_verb(word: bytes) -> bool:
    """Tell whether a word in capitals is a verb that this server takes."""
    return word in _READERS


def _text(octets: bytes) -> str:
    """Return octets as text that loses nothing, whatever encoding the device's panel used."""
    return octets.decode("utf-8", "surrogateescape")


def _user(rest: bytes) -> User:
    # A user name keeps inner blanks: some panels allow them, and aliases can name them.
    if not rest.strip():
        raise BadCommand("USER needs a name")
    return User(_text(rest.strip()))


def _pass(rest: bytes) -> Pass:
    return Pass(_text(rest))


def _apop(rest: bytes) -> Apop:
    name, _, digest = rest.strip().rpartition(b" ")
    if not name.strip() or len(digest) != 32:  # noqa: PLR2004 - MD5 in hexadecimal
        raise BadCommand("APOP needs a name and a digest")
    return Apop(_text(name.strip()), _text(digest).lower())


def _auth(rest: bytes) -> Auth:
    words = rest.split()
    if not words:
        return Auth(None)
    if len(words) > 2:  # noqa: PLR2004 - mechanism and initial response
        raise BadCommand("AUTH takes a mechanism and at most one response")
    return Auth(_text(words[0]).upper(), words[1] if len(words) > 1 else None)


def _lang(rest: bytes) -> Lang:
    words = _words(rest, 0, 1, "LANG takes at most one language")
    return Lang(_text(words[0]) if words else None)


def _number(word: bytes) -> int:
    if not (word.isdigit() and len(word) <= NUMBER_DIGITS_MAX):
        raise BadCommand("That is not a number this server takes")
    return int(word)


def _message(word: bytes) -> MessageNumber:
    number = _number(word)
    if number == 0:
        raise BadCommand("Messages are numbered from 1")
    return MessageNumber(number)


def _words(rest: bytes, least: int, most: int, usage: str) -> list[bytes]:
    words = rest.split()
    if not least <= len(words) <= most:
        raise BadCommand(usage)
    return words


def _optional_message(rest: bytes, usage: str) -> MessageNumber | None:
    words = _words(rest, 0, 1, usage)
    return _message(words[0]) if words else None


def _one_message(rest: bytes, usage: str) -> MessageNumber:
    return _message(_words(rest, 1, 1, usage)[0])


def _top(rest: bytes) -> Top:
    number, lines = _words(rest, 2, 2, "TOP needs a message and a count of lines")
    return Top(_message(number), _number(lines))


def _bare(command: Command, verb: str) -> Callable[[bytes], Command]:
    def reader(rest: bytes) -> Command:
        _words(rest, 0, 0, f"{verb} takes no argument")
        return command

    return reader


_READERS: dict[bytes, Callable[[bytes], Command]] = {
    b"USER": _user,
    b"PASS": _pass,
    b"APOP": _apop,
    b"AUTH": _auth,
    b"STAT": _bare(Stat(), "STAT"),
    b"LIST": lambda rest: List(_optional_message(rest, "LIST takes at most one message")),
    b"UIDL": lambda rest: Uidl(_optional_message(rest, "UIDL takes at most one message")),
    b"RETR": lambda rest: Retr(_one_message(rest, "RETR needs one message")),
    b"TOP": _top,
    b"DELE": lambda rest: Dele(_one_message(rest, "DELE needs one message")),
    b"RSET": _bare(Rset(), "RSET"),
    b"LAST": _bare(Last(), "LAST"),
    b"NOOP": _bare(Noop(), "NOOP"),
    b"QUIT": _bare(Quit(), "QUIT"),
    b"CAPA": _bare(Capa(), "CAPA"),
    b"STLS": _bare(Stls(), "STLS"),
    b"UTF8": _bare(Utf8(), "UTF8"),
    b"LANG": _lang,
}
