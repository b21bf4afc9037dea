"""Answers the commands of the TRANSACTION state from a frozen maildrop (RFC 1939 sections 5 and 7)."""

from typing import assert_never

import attrs

from bridge.errors import NoSuchMessage
from bridge.pop3 import replies
from bridge.pop3.commands import Dele, List, Retr, Rset, Stat, Top, Uidl
from bridge.pop3.events import Drop, Entry, Send, SendMany, SendMessage
from bridge.pop3.quirks import Nul
from bridge.pop3.replies import ok
from bridge.pop3.voice import Voice

TransactionCommand = Stat | List | Uidl | Retr | Top | Dele | Rset


def obey(
    command: TransactionCommand, drop: Drop, voice: Voice
) -> Send | SendMany | SendMessage:
    """Return what answers `command`; a number that names nothing is refused."""
    try:
        return _obey(command, drop, voice)
    except NoSuchMessage:
        return Send(voice.err("No such message"))


def _obey(
    command: TransactionCommand, drop: Drop, voice: Voice
) -> Send | SendMany | SendMessage:
    match command:
        case Stat():
            count, octets = drop.drop_listing()
            return Send(ok(f"{count} {octets}"))
        case List():
            return _scan_listing(command, drop, voice)
        case Uidl():
            return _unique_id_listing(command, drop, voice)
        case Retr(number):
            return _message(drop.entry(number), voice)
        case Top(number, body_lines):
            entry, head = drop.entry(number), voice.ok("Top of message follows")
            return attrs.evolve(_message(entry, voice), head=head, body_lines=body_lines)
        case Dele(number):
            drop.mark(number)
            return Send(voice.ok("Marked to be deleted"))
        case Rset():
            drop.unmark_all()
            return Send(voice.ok("No message is marked"))
        case _:
            assert_never(command)


def _message(entry: Entry, voice: Voice) -> SendMessage:
    quirks = voice.quirks
    # The size is read by some clients as RETR's answer (an old Netscape SDK), whatever the wording.
    head = ok(f"{entry.octets} octets") if quirks.retr_octets else voice.ok("Message follows")
    return SendMessage(entry, head, None, without_nul=quirks.nul is Nul.REPLACE)


def _scan_listing(command: List, drop: Drop, voice: Voice) -> Send | SendMany:
    if command.number is not None:
        return Send(ok(f"{command.number} {drop.entry(command.number).octets}"))
    count, octets = drop.drop_listing()
    lines = replies.scan_lines((number, entry.octets) for number, entry in drop.unmarked())
    return _whole(replies.chunks(voice.ok(f"{count} messages ({octets} octets)"), lines), count)


def _unique_id_listing(command: Uidl, drop: Drop, voice: Voice) -> Send | SendMany:
    if command.number is not None:
        return Send(ok(f"{command.number} {drop.entry(command.number).unique_id}"))
    count, _ = drop.drop_listing()
    lines = replies.unique_id_lines((n, entry.unique_id) for n, entry in drop.unmarked())
    return _whole(replies.chunks(voice.ok(f"{count} messages"), lines), count)


def _whole(pieces: replies.Pieces, count: int) -> Send | SendMany:
    """Return a short listing as one reply like any other, so that pipelined replies share a write."""
    return Send(b"".join(pieces)) if count < replies.LINES_PER_CHUNK else SendMany(pieces)
