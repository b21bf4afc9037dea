"""What Exchange keeps of one mailbox: folders, messages, and the journal of what became of them.

Each message has two ids, as Graph shows them: one that stays for as long as the message exists, and one
that changes with every move. Ids tell upper from lower case, and every second message's differs from
its neighbour's in nothing else.
"""

import base64
import email.parser
import email.policy
import email.utils
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import attrs

from tests.fakes.gmail_store import Octets, Pieces

__all__ = ["GraphFolder", "GraphMailbox", "GraphMessage", "Octets", "Pieces"]

PIECE_OCTETS = 64 * 1024

WELL_KNOWN = {
    "inbox": "Inbox",
    "archive": "Archive",
    "deleteditems": "Deleted Items",
    "drafts": "Drafts",
    "junkemail": "Junk Email",
    "sentitems": "Sent Items",
}
"""Folders of every mailbox, with the names that people see; the names differ from language to language."""

ROOT = "msgfolderroot"

START = 1_767_225_600  # 2026-01-01, when the first message of a test arrives unless it says otherwise


@attrs.define
class GraphFolder:
    """One folder; `well_known` is empty for those that people made."""

    id: str
    name: str
    parent_id: str | None
    well_known: str = ""
    is_hidden: bool = False


@attrs.define
class GraphMessage:
    """One message; `received` is in seconds since the Unix epoch.

    `unconvertible` is one that Exchange cannot make MIME of; one that `varies` is rendered in other octets
    at every call, as nobody promises that it is not.
    """

    id: str
    mutable_id: str
    folder_id: str
    octets: Octets
    received: float
    subject: str = ""
    sender: tuple[str, str] = ("", "")
    message_id: str = ""
    is_read: bool = False
    is_draft: bool = False
    categories: list[str] = attrs.field(factory=list)
    unconvertible: bool = False
    varies: bool = False
    change: int = 0
    rendered: int = 0

    @property
    def length(self) -> int:
        return self.octets.length if isinstance(self.octets, Pieces) else len(self.octets)

    def pieces(self) -> Iterator[bytes]:
        """Yield the MIME, in pieces of any length."""
        self.rendered += 1
        if self.varies:
            yield f"X-MS-Exchange-Rendering: {self.rendered}\r\n".encode()
        if isinstance(self.octets, Pieces):
            yield from self.octets.make()
            return
        for start in range(0, len(self.octets), PIECE_OCTETS):
            yield self.octets[start : start + PIECE_OCTETS]


@attrs.frozen
class Change:
    """Something happened to a message in a folder: it came, went, or was changed."""

    folder_id: str
    message_id: str


@attrs.define
class GraphMailbox:
    """One mailbox.

    `delegates` are addresses of others with full access; one that is not `is_licensed` has no mail for
    Graph. `generation` is that of the journal: delta tokens of an older one mean nothing. `page_limit` is
    how many messages a page has at most, whatever was asked for.
    """

    address: str = "printer@example.com"
    object_id: str = "a8f1b7de-51c1-4a6e-9f0a-6a1c4d2e7b30"
    is_licensed: bool = True
    delegates: set[str] = attrs.field(factory=set)
    folders: dict[str, GraphFolder] = attrs.field(factory=dict)
    messages: dict[str, GraphMessage] = attrs.field(factory=dict)
    journal: list[Change] = attrs.field(factory=list)
    purged: list[str] = attrs.field(factory=list)
    generation: int = 149
    page_limit: int = 1000
    _arrived: int = 0
    _made: int = 0

    def __attrs_post_init__(self) -> None:
        root = self._new_folder("Top of Information Store", None, ROOT)
        for well_known, name in WELL_KNOWN.items():
            self._new_folder(name, root.id, well_known)

    # ---- what a test does and sees

    def put(  # noqa: PLR0913 - a message has that many sides, and a test wants one or two
        self,
        octets: Octets = b"Subject: a test\r\n\r\nprint me\r\n",
        folder: str = "inbox",
        *,
        received: float | None = None,
        is_read: bool = False,
        is_draft: bool = False,
        categories: tuple[str, ...] = (),
        unconvertible: bool = False,
        varies: bool = False,
    ) -> GraphMessage:
        """Let a message arrive in a folder, which is made where it is missing; return it."""
        head = _head(octets)
        arrival = START + self._arrived
        message = GraphMessage(
            self._new_message_id(),
            self._new_mutable_id(),
            self.make_folder(folder).id,
            octets,
            arrival if received is None else received,
            subject=str(head.get("Subject", "")),
            sender=email.utils.parseaddr(str(head.get("From", ""))),
            message_id=str(head.get("Message-ID", "")),
            is_read=is_read,
            is_draft=is_draft,
            categories=list(categories),
            unconvertible=unconvertible,
            varies=varies,
        )
        self.messages[message.id] = message
        self._note(message)
        return message

    def remove(self, message_id: str) -> None:
        """Remove a message for good."""
        self._note(self.messages.pop(message_id))

    def purge(self, message_id: str) -> None:
        """Remove a message as permanentDelete does."""
        self.remove(message_id)
        self.purged.append(message_id)

    def move(self, message_id: str, folder_id: str) -> GraphMessage:
        """Move a message; its mutable id changes, and it is a change in both folders."""
        message = self.messages[message_id]
        self._note(message)
        message.folder_id = folder_id
        message.mutable_id = self._new_mutable_id()
        self._note(message)
        return message

    def change(
        self,
        message_id: str,
        *,
        is_read: bool | None = None,
        categories: list[str] | None = None,
    ) -> GraphMessage:
        """Change what PATCH may change."""
        message = self.messages[message_id]
        message.is_read = message.is_read if is_read is None else is_read
        message.categories = message.categories if categories is None else list(categories)
        self._note(message)
        return message

    def folder(self, path: str) -> GraphFolder:
        """Return a folder by its well-known name, id, or the names that lead to it from the top.

        Raises:
            KeyError: there is none.
        """
        found = self.named(path)
        if found is not None:
            return found
        here = self.root
        for number, name in enumerate(path.split("/")):
            known = self.named(name) if number == 0 else None
            child = known or self.child(here.id, name)
            if child is None:
                raise KeyError(path)
            here = child
        return here

    def make_folder(self, path: str) -> GraphFolder:
        """Return a folder, and make it, and those above it, where they are missing."""
        try:
            return self.folder(path)
        except KeyError:
            above, _, name = path.rpartition("/")
            parent = self.make_folder(above) if above else self.root
            return self.new_folder(name, parent.id)

    def messages_in(self, path: str) -> list[GraphMessage]:
        """Return the messages of a folder, the oldest first; none where it is missing."""
        try:
            folder_id = self.folder(path).id
        except KeyError:
            return []
        return self.inside(folder_id)

    def remove_folder(self, path: str) -> None:
        """Remove a folder with all that is in it."""
        folder = self.folder(path)
        for message in self.inside(folder.id):
            self.remove(message.id)
        for child in self.children(folder.id):
            self.remove_folder(child.id)
        del self.folders[folder.id]

    def expire_delta(self) -> None:
        """Forget the journal: whoever asks with an older delta token must list anew."""
        self.generation += 1

    # ---- what FakeGraph asks

    @property
    def root(self) -> GraphFolder:
        return next(one for one in self.folders.values() if one.well_known == ROOT)

    def named(self, name: str) -> GraphFolder | None:
        """Return a folder by its id, or its well-known name in any letters."""
        if name in self.folders:
            return self.folders[name]
        known = (one for one in self.folders.values() if one.well_known)
        return next((one for one in known if one.well_known == name.lower()), None)

    def child(self, parent_id: str, name: str) -> GraphFolder | None:
        """Return a folder inside another by the name people see, in any letters."""
        wanted = name.casefold()
        return next((f for f in self.children(parent_id) if f.name.casefold() == wanted), None)

    def children(self, parent_id: str) -> list[GraphFolder]:
        return [one for one in self.folders.values() if one.parent_id == parent_id]

    def inside(self, folder_id: str) -> list[GraphMessage]:
        """Return the messages of a folder, the oldest first."""
        found = [one for one in self.messages.values() if one.folder_id == folder_id]
        return sorted(found, key=lambda one: one.received)

    def find(self, any_id: str) -> GraphMessage | None:
        """Return a message by either of its ids."""
        if any_id in self.messages:
            return self.messages[any_id]
        return next((one for one in self.messages.values() if one.mutable_id == any_id), None)

    def new_folder(self, name: str, parent_id: str, *, is_hidden: bool = False) -> GraphFolder:
        """Make a folder."""
        folder = self._new_folder(name, parent_id, "")
        folder.is_hidden = is_hidden
        return folder

    # ---- private

    def _note(self, message: GraphMessage) -> None:
        message.change += 1
        self.journal.append(Change(message.folder_id, message.id))

    def _new_folder(self, name: str, parent_id: str | None, well_known: str) -> GraphFolder:
        folder_id = f"AAMkAGVmMDEzMTM4-{self._opaque('folder', self._next())}_AAAAAAEMAAA="
        folder = GraphFolder(folder_id, name, parent_id, well_known)
        self.folders[folder.id] = folder
        return folder

    def _new_message_id(self) -> str:
        half, which = divmod(self._arrived, 2)
        self._arrived += 1
        stem = self._opaque("message", half)
        return f"AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A{stem}_{'Aa'[which]}="

    def _new_mutable_id(self) -> str:
        return (
            f"AAMkAGVmMDEzMTM4-{self._opaque('place', self._next())}_BGAAAAAAAiQ8W967B7TKBjg="
        )

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _opaque(self, kind: str, number: int) -> str:
        """Return 108 characters that are the same in every run."""
        digest = hashlib.shake_256(f"{self.address} {kind} {number}".encode()).digest(81)
        return base64.urlsafe_b64encode(digest).decode()


def made_of(line: bytes, length: int, head: bytes = b"Subject: long\r\n\r\n") -> Pieces:
    """Return a message of that many octets, which is made as it is sent, of a repeated line."""

    def make() -> Iterator[bytes]:
        yield head
        left = length - len(head)
        piece = line * max(1, PIECE_OCTETS // len(line))
        while left > 0:
            yield piece[:left]
            left -= min(left, len(piece))

    return Pieces(length, make)


def iso(moment: float) -> str:
    """Return a moment as Graph writes it."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_READ_HEAD: Callable[[bytes], "email.message.EmailMessage"] = email.parser.BytesHeaderParser(
    policy=email.policy.default
).parsebytes


def _head(octets: Octets) -> "email.message.EmailMessage":
    first = next(iter(octets.make()), b"") if isinstance(octets, Pieces) else octets[:65536]
    return _READ_HEAD(first)
