"""The mail the benchmarks serve: which users have which messages, and how they lie on disk.

Both servers get the very same octets; a Maildir's files are hard links to the directory of .eml files.
"""

import hashlib
import os
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

_BLOCK_OCTETS = 1_000_000
_LINE_OCTETS = 74
_SIZES_DIFFER_OCTETS = 499
"""Mail of one size only would make Dovecot's hash of file names collide: they end in the size."""
_OLD = 1_700_000_000
"""Seconds since the epoch: long ago, so that no file looks half-written."""


@dataclass(frozen=True, slots=True)
class MailSet:
    """`users` users who each have `count` messages of `octets` octets, about."""

    name: str
    count: int
    octets: int
    users: int = 1
    slow_hash: bool = False
    """The peer keeps these users' passwords as we keep all of them: under a slow hash."""

    def user(self, number: int) -> str:
        """Name the user of that number; the same name serves for its maildrop and its device."""
        return f"{self.name}-{number}"

    @property
    def pattern(self) -> str:
        """Name all users at once, as the load generator wants it."""
        return f"{self.name}-{{n}}"


def write_messages(folder: Path, mail: MailSet) -> None:
    """Write the set's messages as .eml files, CRLF, old enough to be taken at once."""
    folder.mkdir(parents=True)
    body = _body(min(mail.octets, _BLOCK_OCTETS))
    for number in range(1, mail.count + 1):
        path = folder / f"{number:05}.eml"
        with path.open("wb") as file:
            file.write(_header(mail.name, number))
            left = mail.octets + number * 7 % _SIZES_DIFFER_OCTETS
            while left > 0:
                file.write(body[:left] if left < len(body) else body)
                left -= len(body)
            file.write(b"\r\n")
        path.chmod(0o644)
        os.utime(path, (_OLD + number, _OLD + number))


def link_maildir(maildir: Path, messages: Path) -> None:
    """Make a Maildir whose messages are links to those files, already seen and with sizes in their names.

    `S=` and `W=` are what Dovecot's own delivery writes, so that it need not read a file to know its size.
    """
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    for number, source in enumerate(sorted(messages.iterdir()), start=1):
        size = source.stat().st_size
        unique = f"M{number * 7919 % 1_000_000:06}P{1000 + number % 30_000}"
        name = f"{_OLD + number}.{unique}.bench,S={size},W={size}:2,S"
        (maildir / "cur" / name).hardlink_to(source)


def _header(name: str, number: int) -> bytes:
    lines = (
        "From: Scanner <scanner@example.org>",
        "To: Printer <printer@example.org>",
        f"Subject: {name} {number}",
        f"Message-ID: <{name}.{number}@example.org>",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "MIME-Version: 1.0",
        "Content-Type: application/octet-stream",
        "Content-Transfer-Encoding: base64",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _body(octets: int) -> bytes:
    """Make lines of base64 with a dot before one in a hundred, as text would have."""
    noise = b64encode(hashlib.shake_128(b"popbridge").digest(octets))
    lines = [noise[at : at + _LINE_OCTETS] for at in range(0, octets, _LINE_OCTETS + 2)]
    lines[50::100] = [b"." + line[1:] for line in lines[50::100]]
    return b"".join(line + b"\r\n" for line in lines)
