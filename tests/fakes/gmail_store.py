"""What Gmail keeps of one user: messages, labels, and the journal of what became of them.

Its ids come as Gmail's do: 16 hexadecimal digits that grow for messages, numbers with gaps for the
journal, `Label_N` for what a user made.
"""

import bisect
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias

import attrs

PIECE_OCTETS = (
    48 * 1024
)  # a multiple of 3, so that base64 of each piece but the last has no padding

SYSTEM_LABELS = (
    *("CHAT", "SENT", "INBOX", "IMPORTANT", "TRASH", "DRAFT", "SPAM", "STARRED", "UNREAD"),
    *("CATEGORY_FORUMS", "CATEGORY_UPDATES", "CATEGORY_PERSONAL", "CATEGORY_PROMOTIONS"),
    "CATEGORY_SOCIAL",
)

UNCHANGEABLE_LABELS = frozenset({"SENT", "DRAFT", "CHAT"})
"""Labels that Gmail gives and takes itself."""

HistoryKind: TypeAlias = Literal[
    "messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved"
]


class Refusal(Exception):
    """Gmail refuses what was asked; the text is Gmail's, and empty where it is always the same."""

    status = 400
    reason = "invalidArgument"


class BadArgument(Refusal):
    """This cannot be asked."""


class Forbidden(Refusal):
    """This may not be asked."""

    status = 403
    reason = "forbidden"


class NoSuchThing(Refusal):
    """Gmail does not have it: a message, a label, or that part of the journal."""

    status = 404
    reason = "notFound"


class Conflict(Refusal):
    """Something of that name is there."""

    status = 409
    reason = "aborted"


@attrs.frozen
class Pieces:
    """Octets that are made as they are read, for messages too long to keep; `length` in all."""

    length: int
    make: Callable[[], Iterator[bytes]]


Octets: TypeAlias = bytes | Pieces

Position: TypeAlias = tuple[int, str]
"""Where a listing goes on: after the last one it told of."""


@attrs.define
class StoredMessage:
    """One message; `internal_date` is in milliseconds since the Unix epoch."""

    id: str
    thread_id: str
    octets: Octets
    label_ids: set[str]
    internal_date: int
    history_id: int
    snippet: str = ""

    @property
    def length(self) -> int:
        return self.octets.length if isinstance(self.octets, Pieces) else len(self.octets)

    @property
    def size_estimate(self) -> int:
        """Return what Gmail says of the size; nobody promises that it is right, so it is not."""
        return self.length - self.length // 50 + int(self.id, 16) % 61

    def pieces(self) -> Iterator[bytes]:
        """Yield the octets in pieces of any length."""
        if isinstance(self.octets, Pieces):
            yield from self.octets.make()
            return
        for start in range(0, len(self.octets), PIECE_OCTETS):
            yield self.octets[start : start + PIECE_OCTETS]

    def head(self) -> bytes:
        """Return the header block, without the empty line after it."""
        seen = b""
        for piece in self.pieces():
            seen += piece
            ends = [end for end in (seen.find(b"\r\n\r\n"), seen.find(b"\n\n")) if end >= 0]
            if ends:
                return seen[: min(ends)]
        return seen

    def reference(self) -> dict[str, object]:
        return {"id": self.id, "threadId": self.thread_id}


@attrs.frozen
class Label:
    id: str
    name: str
    type: Literal["system", "user"]


@attrs.frozen
class HistoryRecord:
    """One change; `message` is how it was right after it, `label_ids` the labels that changed."""

    id: int
    kind: HistoryKind
    message_id: str
    thread_id: str
    labels_after: frozenset[str]
    label_ids: tuple[str, ...] = ()

    def touches(self, label_id: str) -> bool:
        return label_id in self.labels_after or label_id in self.label_ids


@attrs.define
class GmailMailbox:
    """One user's mail, and how the service spells its answers about it.

    `padding` pads the base64 of `raw`, `escaped_padding` spells that padding as JSON escapes, `raw_first` puts
    the key before all others; `filters_history_by_touch` lets history.list's labelId find a change
    also by the label it took away, which no document promises. `page_limit` is how much a page of a list
    holds at most, whatever was asked for.
    """

    address: str = "printer@example.com"
    messages: dict[str, StoredMessage] = attrs.field(factory=dict)
    labels: dict[str, Label] = attrs.field(factory=dict)
    journal: list[HistoryRecord] = attrs.field(factory=list)
    purged: list[str] = attrs.field(factory=list)
    padding: bool = False
    escaped_padding: bool = False
    raw_first: bool = False
    filters_history_by_touch: bool = False
    history_id: int = 1_000_003
    oldest_history_id: int = 1_000_003
    page_limit: int = 500
    _arrived: int = 0
    _pages: dict[str, tuple[str, Position]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for name in SYSTEM_LABELS:
            self.labels[name] = Label(name, name, "system")

    # ---- what a test does and sees

    def put(
        self,
        octets: Octets,
        labels: Iterable[str] = ("INBOX", "UNREAD"),
        *,
        snippet: str = "",
        internal_date: int | None = None,
    ) -> str:
        """Let a message arrive, and return its id; labels by name or id are made if need be."""
        self._arrived += 1
        number = 0x18C0_0000_0000_0000 + self._arrived * 0x1_0003
        ids = {(self.label_named(one) or self.create_label(one)).id for one in labels}
        date = (
            1_750_000_000_000 + self._arrived * 1000 if internal_date is None else internal_date
        )
        message = StoredMessage(
            f"{number:016x}", f"{number:016x}", octets, ids, date, 0, snippet
        )
        self.messages[message.id] = message
        self._write("messagesAdded", message)
        return message.id

    def remove(self, message_id: str) -> None:
        """Let a message vanish, as another client's purge would do."""
        message = self.messages.pop(message_id, None)
        if message is None:
            raise NoSuchThing
        self._write("messagesDeleted", message)

    def labelled(self, label: str) -> list[Octets]:
        """Return the octets of the messages with a label (by name or id), oldest first."""
        return [self.messages[one].octets for one in self.ids_labelled(label)]

    def ids_labelled(self, label: str) -> list[str]:
        """Return the ids of the messages with a label (by name or id), oldest first."""
        found = self.label_named(label)
        if found is None:
            return []
        return sorted(m.id for m in self.messages.values() if found.id in m.label_ids)

    def label_names(self, message_id: str) -> set[str]:
        """Return the names of a message's labels."""
        return {self.labels[one].name for one in self.message(message_id).label_ids}

    def read_ids(self) -> list[str]:
        """Return the ids of the messages that are not unread, oldest first."""
        return sorted(m.id for m in self.messages.values() if "UNREAD" not in m.label_ids)

    def forget_history(self) -> None:
        """Let every history id up to now be too old to ask for changes since it."""
        self.journal.clear()
        self._step()
        self.oldest_history_id = self.history_id

    # ---- what the service does

    @property
    def pad(self) -> bytes:
        """Return how one sign of base64 padding is spelled."""
        if self.escaped_padding:
            return rb"\u003d"
        return b"=" if self.padding else b""

    def message(self, message_id: str) -> StoredMessage:
        found = self.messages.get(message_id)
        if found is None:
            raise NoSuchThing
        return found

    def label_named(self, label: str) -> Label | None:
        """Return the label with that id, or that name in any case."""
        if label in self.labels:
            return self.labels[label]
        same = (one for one in self.labels.values() if one.name.lower() == label.lower())
        return next(same, None)

    def create_label(self, name: str) -> Label:
        """Make a user's label."""
        if self.label_named(name) is not None:
            raise Conflict("Label name exists or conflicts")
        number = 1 + sum(1 for one in self.labels.values() if one.type == "user")
        label = Label(f"Label_{number}", name, "user")
        self.labels[label.id] = label
        return label

    def modify(self, message_id: str, add: Iterable[str], remove: Iterable[str]) -> None:
        """Change a message's labels by their ids."""
        message = self.message(message_id)
        added = tuple(one for one in dict.fromkeys(add) if one not in message.label_ids)
        removed = tuple(one for one in dict.fromkeys(remove) if one in message.label_ids)
        message.label_ids = (message.label_ids | set(added)) - set(removed)
        if added:
            self._write("labelsAdded", message, added)
        if removed:
            self._write("labelsRemoved", message, removed)

    def check_labels(self, add: list[str], remove: list[str]) -> None:
        """Refuse what no message's labels can become."""
        for one in (*add, *remove):
            if one not in self.labels or one in UNCHANGEABLE_LABELS:
                raise BadArgument(f"Invalid label: {one}")
        if set(add) & set(remove):
            raise BadArgument("Cannot both add and remove the same label")

    def trash(self, message_id: str) -> None:
        self.modify(message_id, ["TRASH"], ["INBOX"])

    def purge(self, message_id: str) -> None:
        """Delete a message for ever, as this service was asked to."""
        self.remove(message_id)
        self.purged.append(message_id)

    def since(self, history_id: int) -> list[HistoryRecord]:
        """Return the changes after that id, oldest first."""
        if not self.oldest_history_id <= history_id <= self.history_id:
            raise NoSuchThing
        first = bisect.bisect_right(self.journal, history_id, key=lambda one: one.id)
        return self.journal[first:]

    def page_token(self, position: Position, question: str) -> str:
        """Return an opaque token for the rest of an answer, good for the same question only."""
        token = f"{9_000_000_000_000_000_000 + 104_729 * (len(self._pages) + 1):020d}"
        self._pages[token] = question, position
        return token

    def position_of(self, token: str | None, question: str) -> Position | None:
        """Return where the answer to that question goes on; None is its beginning."""
        if token is None:
            return None
        asked, position = self._pages.get(token, ("", (0, "")))
        if asked != question:
            raise BadArgument("Invalid pageToken")
        return position

    def newest_first(self) -> list[StoredMessage]:
        return sorted(self.messages.values(), key=place, reverse=True)

    def _write(
        self, kind: HistoryKind, message: StoredMessage, label_ids: tuple[str, ...] = ()
    ) -> None:
        message.history_id = self._step()
        labels = frozenset(message.label_ids)
        self.journal.append(
            HistoryRecord(
                self.history_id, kind, message.id, message.thread_id, labels, label_ids
            )
        )

    def _step(self) -> int:
        """Take the next history id; they grow with gaps."""
        self.history_id += 3 + self.history_id % 11
        return self.history_id


def place(message: StoredMessage) -> Position:
    """Return where a message stands among others."""
    return message.internal_date, message.id
