"""The part of Gmail's search language that a folder of printouts may be named by."""

import re
import shlex
from collections.abc import Callable
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser

from tests.fakes.gmail_store import GmailMailbox, StoredMessage

Test = Callable[[GmailMailbox, StoredMessage, str], bool]

_FLAGS = {"unread": ("UNREAD", True), "read": ("UNREAD", False), "starred": ("STARRED", True)}


def finder(mailbox: GmailMailbox, query: str) -> Callable[[StoredMessage], bool]:
    """Return what tells whether a message is found; terms are ANDed, `-` before one turns it round."""
    terms = _terms(query)
    return lambda message: all(_term(mailbox, message, one) for one in terms)


def reaches_trash(query: str) -> bool:
    """Tell whether a query asks for what lies in Trash or Spam, which a search leaves out else."""
    return bool(
        re.search(r"\b(?:in:(?:trash|spam|anywhere)|label:(?:trash|spam))\b", query.lower())
    )


def headers_of(message: StoredMessage) -> list[tuple[str, str]]:
    """Return the header fields in order, unfolded and decoded."""
    parsed = BytesHeaderParser().parsebytes(message.head() + b"\r\n\r\n")
    return [(name, _decoded(str(value))) for name, value in parsed.items()]


def _terms(query: str) -> list[str]:
    splitter = shlex.shlex(query, posix=True)
    splitter.whitespace_split, splitter.commenters, splitter.quotes = True, "", '"'
    return list(splitter)


def _term(mailbox: GmailMailbox, message: StoredMessage, term: str) -> bool:
    if term.startswith("-") and len(term) > 1:
        return not _term(mailbox, message, term[1:])
    operator, colon, wanted = term.partition(":")
    test = _OPERATORS.get(operator.lower()) if colon else None
    return test(mailbox, message, wanted) if test else _subject(mailbox, message, term)


def _label(mailbox: GmailMailbox, message: StoredMessage, wanted: str) -> bool:
    """Compare as Gmail does: in any case, with a hyphen for each space and slash of a name."""
    names = {_hyphened(mailbox.labels[one].name) for one in message.label_ids}
    return _hyphened(wanted) in names


def _in(mailbox: GmailMailbox, message: StoredMessage, wanted: str) -> bool:
    return wanted.lower() == "anywhere" or _label(mailbox, message, wanted)


def _is(_mailbox: GmailMailbox, message: StoredMessage, wanted: str) -> bool:
    label, expected = _FLAGS.get(wanted.lower(), (wanted.upper(), True))
    return (label in message.label_ids) is expected


def _has(_mailbox: GmailMailbox, message: StoredMessage, wanted: str) -> bool:
    """Look into the first octets only: nobody tests with an attachment that starts late."""
    first = next(message.pieces(), b"").lower()
    return wanted.lower() == "attachment" and b"content-disposition: attachment" in first


def _subject(_mailbox: GmailMailbox, message: StoredMessage, wanted: str) -> bool:
    return wanted.lower() in _header(message, "subject")


def _from(_mailbox: GmailMailbox, message: StoredMessage, wanted: str) -> bool:
    return wanted.lower() in _header(message, "from")


_OPERATORS: dict[str, Test] = {
    "label": _label,
    "in": _in,
    "is": _is,
    "has": _has,
    "subject": _subject,
    "from": _from,
}


def _header(message: StoredMessage, name: str) -> str:
    return " ".join(v for k, v in headers_of(message) if k.lower() == name).lower()


def _hyphened(name: str) -> str:
    return re.sub(r"[\s/]", "-", name.lower())


def _decoded(value: str) -> str:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", value)
    try:
        return str(make_header(decode_header(unfolded)))
    except (LookupError, ValueError):
        return unfolded
