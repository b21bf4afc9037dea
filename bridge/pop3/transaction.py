"""Answers the commands of the TRANSACTION state from a frozen maildrop (RFC 1939 sections 5 and 7)."""

from typing import assert_never

from bridge.errors import NoSuchMessage
from bridge.pop3 import replies
from bridge.pop3.commands import Dele, List, Retr, Rset, Stat, Top, Uidl
from bridge.pop3.events import Drop, Send, SendMany, SendMessage
from bridge.pop3.replies import err, ok

TransactionCommand = Stat | List | Uidl | Retr | Top | Dele | Rset


def obey(command: TransactionCommand, drop: Drop) -> Send | SendMany | SendMessage:
    """Return what answers `command`; a number that names nothing is refused."""
    try:
        return _obey(command, drop)
    except NoSuchMessage:
        return Send(err("No such message"))


def _obey(command: TransactionCommand, drop: Drop) -> Send | SendMany | SendMessage:
    match command:
        case Stat():
            count, octets = drop.drop_listing()
            return Send(ok(f"{count} {octets}"))
        case List():
            return _scan_listing(command, drop)
        case Uidl():
            return _unique_id_listing(command, drop)
        case Retr(number):
            entry = drop.entry(number)
            return SendMessage(entry, ok(f"{entry.octets} octets"), None)
        case Top(number, body_lines):
            return SendMessage(drop.entry(number), ok("Top of message follows"), body_lines)
        case Dele(number):
            drop.mark(number)
            return Send(ok("Marked to be deleted"))
        case Rset():
            drop.unmark_all()
            return Send(ok("No message is marked"))
        case _:
            assert_never(command)


def _scan_listing(command: List, drop: Drop) -> Send | SendMany:
    if command.number is not None:
        return Send(ok(f"{command.number} {drop.entry(command.number).octets}"))
    count, octets = drop.drop_listing()
    lines = replies.scan_lines((number, entry.octets) for number, entry in drop.unmarked())
    return _whole(replies.chunks(ok(f"{count} messages ({octets} octets)"), lines), count)


def _unique_id_listing(command: Uidl, drop: Drop) -> Send | SendMany:
    if command.number is not None:
        return Send(ok(f"{command.number} {drop.entry(command.number).unique_id}"))
    count, _ = drop.drop_listing()
    lines = replies.unique_id_lines((n, entry.unique_id) for n, entry in drop.unmarked())
    return _whole(replies.chunks(ok(f"{count} messages"), lines), count)


def _whole(pieces: replies.Pieces, count: int) -> Send | SendMany:
    """Return a short listing as one reply like any other, so that pipelined replies share a write."""
    return Send(b"".join(pieces)) if count < replies.LINES_PER_CHUNK else SendMany(pieces)
