"""Reads what machines say and do from a text file; engine.py has them do it to a bridge at work.

A script is a header and, behind a blank line, what happens. Lines that start with # are remarks: on the
time that passes on the real machine, and on what its owner sees.

    about: what it shows
    source: who says so: manual and page, RFC and section, or an issue
    machine: NAME PROFILE LISTENER   may repeat; the first one begins. LISTENER is one of LISTENERS
    quirk: MACHINE NAME VALUE        a quirk of its device alone; may repeat
    herd: NUMBER                     so many machines like the one that is named, all at once
    message: MACHINE/FILE TEXT       a message in its mailbox; \\n, other escapes and {x*1000} are understood

    by: NAME        what follows is that machine's; NAME/2 is its second line, beside the first
    connect:        a connection and, where the listener has it, the TLS handshake
    C: text         the machine says the line; lines that follow each other are one segment. {user},
                    {password} and {digest} are its login, the last for APOP
    S: text         the bridge says the line; " ..." at its end stands for any words that are no response
                    code, {octets FILE} for a message's size, <name> for what it stood for the first time
    M: FILE         the bridge sends the message, byte-stuffed, and the termination
    N: FILE         the machine reads just as many octets as LIST says, taking the stuffing off, and
                    after them finds nothing but the termination
    H: NUMBER       the machine takes so many octets of what comes, and then nothing for a while
    P: FILE         a sheet comes out
    off:            the connection ends without a word, and in order
    reset:          it ends as that of a machine whose power is cut
    X:              the bridge has closed it
    restart:        the bridge is stopped and started again
    upstream: FILE FILE    after a look, these are what is left in the mailbox
    printed: FILE FILE     these lie in the folder into which upstream moves what a device deleted
    paper: FILE FILE       what has come out so far, in order
"""

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.scripts import read_script
from tests.wire.local_session import Message
from tests.wire.player import unescaped

HEADINGS = ("about", "source", "machine", "quirk", "herd", "message")
LISTENERS = ("modern", "legacy12", "plain")
SAID = ("connect", "C", "S", "M", "N", "H", "P", "off", "reset", "X")
"""What a machine does or hears."""
DONE = ("by", "restart", "upstream", "printed", "paper")
"""What happens around it."""

_ACT = re.compile(rf"({'|'.join((*SAID, *DONE))}):(?: (.*))?")


@attrs.frozen
class Made:
    """A machine: which profile its device has, where it connects, what lies in its mailbox."""

    name: str
    profile: str
    listener: str
    texts: dict[str, bytes] = attrs.field(factory=dict)
    """What lies in the mailbox, by file."""
    messages: dict[str, Message] = attrs.field(factory=dict)
    """What is to come of it."""
    quirks: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Script:
    """One file."""

    about: str
    source: str
    machines: dict[str, Made]
    herd: int
    acts: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> "Script":
        """Return the script that the file holds."""
        fields, acts = read_script(path, HEADINGS, _ACT)
        machines = {one.name: one for one in _machines(fields["machine"])}
        for line in fields["message"]:
            place, _, text = line.partition(" ")
            owner, _, file = place.partition("/")
            machines[owner].texts[file] = unescaped(text)
            machines[owner].messages[file] = Message.of("unasked", unescaped(text))
        for line in fields["quirk"]:
            owner, name, value = line.split(" ")
            machines[owner].quirks[name] = value
        herd = int(fields["herd"][0]) if fields["herd"] else 1
        about, source = ("".join(fields[name]) for name in ("about", "source"))
        return cls(about, source, machines, herd, acts)


def _machines(lines: list[str]) -> Iterator[Made]:
    for line in lines:
        name, profile, listener = line.split(" ")
        if listener not in LISTENERS:
            raise ValueError(f"{listener} is no listener; there are {', '.join(LISTENERS)}")
        yield Made(name, profile, listener)
