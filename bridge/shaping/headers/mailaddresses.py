"""Addresses in header fields: read in one pass, and written for a device that knows ASCII alone."""

import re

import attrs

from bridge.shaping.headers.words import read, written
from bridge.shaping.wish import Charset

UNREADABLE = "unreadable@address.invalid"
"""Stands for an address that ASCII cannot spell; harmless, since .invalid reaches nobody (RFC 6761 section 6.4)."""

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.?)*+(?:"|\Z)'  # one that does not end is no reason to begin anew
    r"|<[^<>]*+>?"
    r"|[(),;:]"
    r"|[ \t\r\n]++"
    r"|[^\"<(),;: \t\r\n]++",
    re.DOTALL,
)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_SPECIFIC = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")


@attrs.frozen
class Mailbox:
    """One of a list: `display` is decoded, `address` is as it was written, "" for a group's name or its end."""

    display: str
    address: str


def mailboxes(raw: bytes) -> list[Mailbox]:
    """Return those that a field names, in order; groups are dissolved, comments are left out. Linear."""
    found: list[Mailbox] = []
    names: list[Mailbox] = []
    words: list[str] = []
    address, depth = "", 0
    text = raw.decode("utf-8", "surrogateescape")
    for piece in _TOKEN.findall(text):
        if piece in {"(", ")"}:
            depth = max(0, depth + (1 if piece == "(" else -1))
        elif depth:
            continue
        elif piece == ":":
            words = []
        elif piece in {",", ";"}:
            names.append(_mailbox(words, address))
            if "@" in names[-1].address or piece == ";":
                found += _joined(names)
                names = []
            words, address = [], ""
        elif piece.startswith("<"):
            address = piece.strip("<> \t\r\n")
        else:
            words.append(piece)
    return found + _joined([*names, _mailbox(words, address)])


def spelled_address(address: str) -> str:
    """Return the address in ASCII, its domain as A-labels (RFC 5891), or `UNREADABLE` where that cannot be."""
    local, _, domain = address.rpartition("@")
    if not (local or domain).isascii():
        return UNREADABLE
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return UNREADABLE
    spelled = f"{local}@{domain}" if local else domain
    return spelled if re.fullmatch(r"[!-~]{1,320}", spelled) else UNREADABLE


def written_list(raw: bytes, charset: Charset, begun: int, most: int) -> list[str]:
    """Return the words of an address field, ASCII only; its first line has `begun` octets already.

    An address that, with what stands around it, is longer than `most` octets is `UNREADABLE`: cut in
    two it would be another's.
    """
    words: list[str] = []
    for mailbox in mailboxes(raw):
        address = spelled_address(mailbox.address)
        if len(f"<{address}>,") > most:
            address = UNREADABLE
        if words:
            words[-1] += ","
        words += (
            [*_phrase(mailbox.display, charset, 0 if words else begun), f"<{address}>"]
            if mailbox.display
            else [address]
        )
    return words


def _mailbox(words: list[str], address: str) -> Mailbox:
    text = "".join(words).strip()
    if not address and ("@" in text or (text.isascii() and "=?" not in text)):
        return Mailbox("", "".join(text.split()))
    display = read(" ".join(_unquoted(words).split()).encode("utf-8", "surrogateescape"))
    return Mailbox(display, address)


def _joined(names: list[Mailbox]) -> list[Mailbox]:
    """Return what stands between commas as people: Doe, Jane <jane@example.org> is one of them.

    Only the last may have an address.
    """
    named = [one for one in names if one.address or one.display]
    if not named or "@" not in named[-1].address or not named[-1].display:
        return named
    display = ", ".join(one.display or one.address for one in named)
    return [Mailbox(display, named[-1].address)]


def _unquoted(words: list[str]) -> str:
    return "".join(
        re.sub(r"\\(.)", r"\1", word.strip('"')) if word.startswith('"') else word
        for word in words
    )


def _phrase(display: str, charset: Charset, begun: int) -> list[str]:
    words = written(display, charset, begun)
    if any(word.startswith("=?") for word in words):
        whole = " ".join(word for word in words if not word.startswith("=?"))
        return words if _ATOMS.fullmatch(whole) else _all_encoded(display, charset, begun)
    text = " ".join(words)
    if _ATOMS.fullmatch(text):
        return words
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.split(" ")


def _all_encoded(display: str, charset: Charset, begun: int) -> list[str]:
    """Return the phrase without the characters that a phrase must quote (RFC 5322 section 3.2.3)."""
    return written(re.sub(r'[()<>\[\]:;@\\,."]', " ", display), charset, begun)
