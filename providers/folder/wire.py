"""Turns file names and file facts into contract values and back, without touching a file.

The surprise is what a remote id is made of, because the two kinds of folder differ in what lasts:

- Maildir: the unique part of the file name, without its flags (cr.yp.to/proto/maildir.html). A mail
  program renames the file to set a flag and moves it from new/ to cur/; the unique part stays.
- Directory of .eml files: name, size and time of change together. People and programs reuse names
  such as `print.eml`, so the name alone would hide the next job. A copy that is restored or moved
  back with its times kept is the old message, and is not printed a second time.

File names are any octets but "/" and NUL. Here they are `str` with surrogate escapes, as the `os`
module gives them; in ids and sort keys everything that is not printable is written as %XX.
"""

import enum
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote_to_bytes

import attrs

from providers.contract import ChangePage, Cursor, RemoteId, RemoteMessage

SETTLE_SECONDS = 2.0
"""How long an .eml file must be left alone; FAT keeps times to two seconds only, so no less."""

WRITER_PATIENCE_SECONDS = 600.0
"""A program that holds a file open, but has not written for this long, has forgotten it."""

PAGE_MESSAGES = 1000
"""How many messages a page names at most, so that a page stays small in a folder of a million."""

CLOCK_SKEW_SECONDS = 60.0
"""A time further ahead than this tells of a wrong clock or of kept times, not of a writer."""

MAX_FOLDER_OCTETS = 200
"""A file name holds 255 octets on every common file system (NAME_MAX); "." and company need room."""

_CURSOR_VERSION = "folder-1"
_RESERVED_FOLDERS = frozenset({"cur", "new", "tmp"})
_INFO = re.compile(r":|[!;]2,")
_DELIVERED = re.compile(r"(?P<seconds>[0-9]{9,11})\.(?:M(?P<micros>[0-9]{1,6})(?![0-9]))?")
_EML_ID = re.compile(r"(?P<name>.+):(?P<size>[0-9]{1,20}):(?P<mtime>-?[0-9]{1,20})", re.ASCII)
_NANOSECONDS = 1_000_000_000


# ---- names as safe text


def quote_name(name: str) -> str:
    """Return `name` as printable text; no two names give the same text."""
    if name.isprintable() and "%" not in name:
        return name
    return "".join(_quote_character(character) for character in name)


def unquote_name(text: str) -> str:
    """Return the name that `quote_name` made `text` from."""
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _quote_character(character: str) -> str:
    if character.isprintable() and character != "%":
        return character
    octets = character.encode("utf-8", "surrogateescape")
    return "".join(f"%{octet:02X}" for octet in octets)


# ---- Maildir


def is_maildir_name(name: str) -> bool:
    """Tell whether a file of this name in new/ or cur/ is a message: hidden ones are not."""
    return not name.startswith(".")


def unique_part(name: str) -> str:
    """Return what stays of a Maildir file name when its flags change."""
    info = _INFO.search(name)
    return name[: info.start()] if info else name


def maildir_id(name: str) -> RemoteId:
    """Return the remote id of the Maildir file `name`."""
    return RemoteId(quote_name(unique_part(name)))


def delivered_at(name: str) -> tuple[int, int] | None:
    """Return the seconds and microseconds a Maildir name begins with, if it plausibly does.

    Nine digits or more: a date after 1973. Microseconds are the "M" part of the name.
    """
    match = _DELIVERED.match(name)
    return (int(match["seconds"]), int(match["micros"] or 0)) if match else None


def maildir_sort_key(name: str, mtime_ns: int) -> str:
    """Return the key that orders Maildir messages by delivery; `mtime_ns` serves names without a date."""
    delivered = delivered_at(name)
    if delivered is None:
        seconds, rest = divmod(max(mtime_ns, 0), _NANOSECONDS)
        delivered = (seconds, rest // 1000)
    return f"{delivered[0]:011d}.{delivered[1]:06d} {maildir_id(name)}"


def with_seen_flag(name: str) -> str:
    """Return the Maildir name with flag S added, in ASCII order, with every other flag kept."""
    unique = unique_part(name)
    info = name[len(unique) :]
    separator = info[:1] or ":"
    flags, comma, more = info[3:].partition(",") if info[1:3] == "2," else ("", "", "")
    return f"{unique}{separator}2,{''.join(sorted({*flags, 'S'}))}{comma}{more}"


def numbered_maildir_name(name: str, number: int) -> str:
    """Return another name for the same message, with its flags kept."""
    unique = unique_part(name)
    return f"{unique}-{number}{name[len(unique) :]}"


# ---- directories of .eml files


@attrs.frozen
class EmlFacts:
    """What a remote id says of an .eml file."""

    name: str
    size: int
    mtime_ns: int


class Readiness(enum.Enum):
    """Whether an .eml file may be taken."""

    WAIT = enum.auto()  # somebody changed it just now
    ASK = enum.auto()  # take it unless some program holds it open for writing
    TAKE = enum.auto()


def is_eml_name(name: str) -> bool:
    """Tell whether a file of this name is a message: not hidden, and ends in .eml in any letter case."""
    return not name.startswith(".") and name.lower().endswith(".eml")


def eml_id(facts: EmlFacts) -> RemoteId:
    """Return the remote id of an .eml file."""
    return RemoteId(f"{quote_name(facts.name)}:{facts.size}:{facts.mtime_ns}")


def eml_facts(remote_id: RemoteId) -> EmlFacts | None:
    """Return what `eml_id` made `remote_id` from; None when it is not of that kind."""
    match = _EML_ID.fullmatch(remote_id)
    if match is None:
        return None
    name = unquote_name(match["name"]) if match["name"].isprintable() else ""
    if not is_eml_name(name) or "/" in name or "\0" in name:
        return None
    return EmlFacts(name, int(match["size"]), int(match["mtime"]))


def eml_sort_key(name: str) -> str:
    """Return the key that orders a directory of .eml files by file name."""
    return quote_name(name)


def numbered_eml_name(name: str, number: int) -> str:
    """Return another name for the same message, with its ending kept."""
    return f"{name[:-4]}-{number}{name[-4:]}"


def readiness(age: float, settle: float) -> Readiness:
    """Tell whether a file changed `age` seconds ago may be taken.

    A file from far in the future is not waited for: after a start with a wrong clock every file
    would be one, and the whole mailbox would seem to be gone.
    """
    if -CLOCK_SKEW_SECONDS < age < settle:
        return Readiness.WAIT
    return Readiness.TAKE if age >= WRITER_PATIENCE_SECONDS else Readiness.ASK


# ---- folders, cursors and pages


def check_folder_name(name: str) -> str:
    """Return `name` when it can be a sub-folder, in the spelling of the directory on disk.

    Raises:
        ValueError: it cannot; the text says why.
    """
    fault = _folder_name_fault(name)
    if fault:
        raise ValueError(f"{quote_name(name)!r} cannot name a folder: {fault}")
    return name


def _folder_name_fault(name: str) -> str | None:
    faults = {
        "a folder name is not empty": not name,
        "a folder name does not begin with a dot": name.startswith("."),
        'a folder name holds no "/", because folders do not nest': "/" in name,
        'a folder name holds no ".."': ".." in name,
        "a folder name holds printable characters only": not name.isprintable(),
        "cur, new and tmp are parts of a Maildir": name in _RESERVED_FOLDERS,
        f"a folder name is at most {MAX_FOLDER_OCTETS} octets long": (
            len(name.encode("utf-8", "surrogateescape")) > MAX_FOLDER_OCTETS
        ),
    }
    return next((fault for fault, present in faults.items() if present), None)


def cursor_for(remote_ids: Iterable[RemoteId]) -> Cursor:
    """Return a cursor that is equal when, and only when, the same ids are listed in the same order."""
    digest = hashlib.blake2b(digest_size=16)
    for remote_id in remote_ids:
        digest.update(remote_id.encode())
        digest.update(b"\n")  # an id holds no control characters, so this can only be an end
    return Cursor(f"{_CURSOR_VERSION}:{digest.hexdigest()}")


def full_list(messages: Sequence[RemoteMessage], cursor: Cursor) -> Iterator[ChangePage]:
    """Yield the pages that together name every message; only the last has the cursor."""
    final = max(len(messages) - 1, 0) // PAGE_MESSAGES
    for page in range(final + 1):
        start = page * PAGE_MESSAGES
        is_last = page == final
        yield ChangePage(
            added=tuple(messages[start : start + PAGE_MESSAGES]),
            removed=(),
            cursor=cursor if is_last else None,
            full=True,
            last=is_last,
        )
