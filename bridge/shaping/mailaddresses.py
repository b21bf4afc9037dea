"""Addresses in header fields: read in one pass, and written for a device that knows ASCII alone."""

import re

import attrs

from bridge.shaping.wish import Charset
from bridge.shaping.words import read, written

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
    words: list[str] = []
    address, depth = "", 0
    text = raw.decode("utf-8", "surrogateescape")
    for piece in [*_TOKEN.findall(text), ","]:
        if piece in {"(", ")"}:
            depth = max(0, depth + (1 if piece == "(" else -1))
        elif depth and piece != ",":
            continue
        elif piece == ":":
            words = []
        elif piece in {",", ";"}:
            if not depth:
                found += _mailbox(words, address)
                words, address = [], ""
        elif piece.startswith("<"):
            address = piece.strip("<> \t\r\n")
        else:
            words.append(piece)
    return found


def spelled_address(address: str) -> str:
    """Return the address in ASCII, its domain as A-labels (RFC 5891), or `UNREADABLE` where that cannot be."""
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        return UNREADABLE
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return UNREADABLE
    spelled = f"{local}@{domain}" if local else domain
    return spelled if re.fullmatch(r"[!-~]{1,320}", spelled) else UNREADABLE


def written_list(raw: bytes, charset: Charset) -> list[str]:
    """Return the words of an address field, ASCII only."""
    words: list[str] = []
    for mailbox in mailboxes(raw):
        address = spelled_address(mailbox.address)
        if words:
            words[-1] += ","
        words += (
            [*_phrase(mailbox.display, charset), f"<{address}>"]
            if mailbox.display
            else [address]
        )
    return words


def _mailbox(words: list[str], address: str) -> list[Mailbox]:
    text = "".join(words).strip()
    if not address and text:
        display, address = "", "".join(text.split())
    else:
        display = read(" ".join(_unquoted(words).split()).encode("utf-8", "surrogateescape"))
    return [Mailbox(display, address)] if address or display else []


def _unquoted(words: list[str]) -> str:
    return "".join(
        re.sub(r"\\(.)", r"\1", word.strip('"')) if word.startswith('"') else word
        for word in words
    )


def _phrase(display: str, charset: Charset) -> list[str]:
    words = written(display, charset)
    if any(word.startswith("=?") for word in words):
        whole = " ".join(word for word in words if not word.startswith("=?"))
        return words if _ATOMS.fullmatch(whole) else _all_encoded(display, charset)
    text = " ".join(words)
    if _ATOMS.fullmatch(text):
        return words
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.split(" ")


def _all_encoded(display: str, charset: Charset) -> list[str]:
    """Return the phrase without the characters that a phrase must quote (RFC 5322 section 3.2.3)."""
    return written(re.sub(r'[()<>\[\]:;@\\,."]', " ", display), charset)
