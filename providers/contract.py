"""All that the author of a new provider reads: what a mailbox must do, in which values and errors.

A provider is I/O around one remote mailbox. It keeps no state of its own between calls but its
connection: what was seen, fetched and disposed is the caller's to remember. Every call may be
cancelled at any await and must then leave the remote mailbox as a completed or a never-made call
would have left it. How an account comes by its grant is the other half: providers/identity.py.

    ProviderError
    |-- Unreachable        nobody's fault for long: wait and ask again
    |-- Throttled          the service names the wait
    |-- AccessRefused      a person must mend rights, licence or address: ask again, but seldom
    |-- GrantLost          only a new enrolment can mend it: stop asking
    |-- FolderMissing      the folder does not exist there: a person must choose another
    |-- CursorExpired      the cursor means nothing any more: list in full
    |-- MessageGone        this message is not there any more
    `-- MessageUnreadable  this message can never be had as MIME
"""

import enum
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NewType, Protocol

import attrs

RemoteId = NewType("RemoteId", str)
"""Names one message for as long as it exists, whatever is done to its flags (Graph: immutable id)."""

FolderName = NewType("FolderName", str)
"""A folder of the mailbox in the provider's own spelling; the empty name is its default folder."""

Cursor = NewType("Cursor", str)
"""Where the last look ended; opaque to everybody but the provider that made it."""


@attrs.frozen
class RemoteMessage:
    """One message that a look found.

    `sort_key` orders a maildrop: ascending, compared as text, ties broken by arrival here.
    """

    remote_id: RemoteId
    sort_key: str


@attrs.frozen
class ChangePage:
    """One page of a look.

    With `full` the pages of one look together name every message of the folder, so what is not
    named is gone; without it they name only what was added or removed since the cursor. `cursor`
    is where a later look may start once this page is dealt with; None until the last page where
    the service gives no earlier one. `last` is set on the final page of the look alone.
    """

    added: tuple[RemoteMessage, ...]
    removed: tuple[RemoteId, ...]
    cursor: Cursor | None
    full: bool
    last: bool


class DispositionKind(enum.StrEnum):
    """What happens upstream after DELE and QUIT."""

    KEEP = "keep"
    TRASH = "trash"
    MOVE = "move"
    ARCHIVE = "archive"
    MARK_READ = "mark-read"
    LABEL = "label"
    PURGE = "purge"


_NAMING = frozenset({DispositionKind.MOVE, DispositionKind.LABEL})


@attrs.frozen
class Disposition:
    """What a maildrop's owner wants done; `target` names the folder of a MOVE, the label of a LABEL."""

    kind: DispositionKind
    target: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse a MOVE or LABEL without a target, and a target without either.

        Raises:
            ValueError: the two do not go together.
        """
        if (self.kind in _NAMING) != bool(self.target):
            raise ValueError("a move names a folder, a label its name, and nothing else does")

    @property
    def folder(self) -> FolderName | None:
        """Return the folder of a MOVE."""
        if self.kind is DispositionKind.MOVE and self.target:
            return FolderName(self.target)
        return None

    @classmethod
    def parse(cls, text: str) -> "Disposition":
        """Return the disposition that `text` names: a kind, `move:FOLDER` or `label:NAME`.

        Raises:
            ValueError: `text` names none.
        """
        kind, _, target = text.partition(":")
        return cls(DispositionKind(kind), target or None)

    def spelled(self) -> str:
        """Return the text that `parse` turns back into this disposition."""
        return f"{self.kind}:{self.target}" if self.target else str(self.kind)


@attrs.frozen
class DispositionOrder:
    """One message of one folder, and what to do with it."""

    folder: FolderName
    remote_id: RemoteId
    disposition: Disposition


class DispositionOutcome(enum.Enum):
    """How one order ended."""

    DONE = enum.auto()  # the service obeyed, or the message was gone already
    RETRY = enum.auto()  # not yet: ask again later
    REFUSED = enum.auto()  # never: the service will not do this to this message


@attrs.frozen
class Envelope:
    """What a service tells of a message without its MIME; a field is empty where it does not."""

    sender: str = ""
    subject: str = ""
    date: str = ""


HeaderFields = Sequence[tuple[str, str]]
"""The fields of a message's header from the top, as name and value; values may be folded."""


@attrs.frozen
class Attestation:
    """For whose sender a service vouches by what it found when it took a message.

    `domains`, in small letters, each stand for themselves and all below them. `found` tells a person
    what the service has recorded, such as `dmarc=fail, spf=none`.
    """

    domains: tuple[str, ...]
    found: str


Attests = Callable[[HeaderFields], Attestation]
"""Reads from a header what its service, and nobody else, has recorded of a sender."""


@attrs.frozen
class HostAnswer:
    """A host that answered, and by how many seconds its clock is ahead of this machine's.

    None where the answer had no Date (RFC 9110 section 6.6.1).
    """

    host: str
    clock_ahead: float | None


class MailboxProvider(Protocol):
    """One remote mailbox; see the module for what every method owes its caller."""

    @property
    def at_once(self) -> int:
        """Return how many fetches the service bears at the same time."""
        ...

    @property
    def dispositions(self) -> frozenset[DispositionKind]:
        """Return the kinds this mailbox can carry out."""
        ...

    @property
    def attests(self) -> Attests | None:
        """Return what reads the service's own findings about senders; None where it records none."""
        ...

    def check_folder(self, folder: FolderName) -> FolderName:
        """Accept a name that can name a folder of this mailbox, there already or not, and return its one spelling.

        Two names of one spelling are one folder; an id and a path may be one all the same.

        Raises:
            ValueError: it cannot; the text says why.
        """
        ...

    def check_target(self, folder: FolderName) -> None:
        """Accept a name that a message can be moved to, or labelled with.

        Raises:
            ValueError: it cannot; the text says why.
        """
        ...

    def changes(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        """Yield the pages of one look at `folder`; without a cursor, of a full list.

        Raises:
            Unreachable, Throttled, AccessRefused, GrantLost, FolderMissing: as the module says.
            CursorExpired: before the first page, and only when a cursor was given.
        """
        ...

    def fetch(self, folder: FolderName, remote_id: RemoteId) -> AsyncGenerator[bytes, None]:
        """Yield the message's RFC 5322 octets as they arrive, in pieces of any length.

        Raises:
            MessageGone, MessageUnreadable: for this message alone.
            Unreachable, Throttled, AccessRefused, GrantLost: as the module says; the pieces so
                far are void.
        """
        ...

    async def dispose(self, orders: Sequence[DispositionOrder]) -> Sequence[DispositionOutcome]:
        """Carry out `orders` and return an outcome for each, in order; repeating one is harmless.

        Raises:
            Unreachable, Throttled, AccessRefused, GrantLost: none of the outcomes is known.
        """
        ...

    async def reach(self) -> Sequence[HostAnswer]:
        """Return an answer of each host the mailbox needs, without a token; none for a local one.

        Raises:
            Unreachable: a host did not answer.
        """
        ...

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        """Change nothing about the message, in a way that needs the right to dispose of it.

        Raises:
            AccessRefused: that right is missing; the text says which.
            MessageGone: it is not there any more, so nothing was shown.
            Unreachable, Throttled, GrantLost: as the module says.
        """
        ...

    async def close(self) -> None:
        """Release what the provider holds open; nothing else may be called afterwards."""
        ...


class ProviderError(Exception):
    """Root of what a provider raises; the text is one sentence for the owner, without secrets.

    `request_id` is what the service calls the request that failed; its support asks for it.
    """

    def __init__(self, text: str, *, request_id: str = "") -> None:
        super().__init__(text)
        self.request_id = request_id


class Unreachable(ProviderError):
    """The service did not answer, or not sensibly; asking again later may help."""


class Throttled(ProviderError):
    """The service asks for a pause of `retry_after` seconds."""

    def __init__(self, text: str, retry_after: float, *, request_id: str = "") -> None:
        super().__init__(text, request_id=request_id)
        self.retry_after = retry_after


class AccessRefused(ProviderError):
    """The service knows us and says no; once a person has mended that, asking again helps."""


class GrantLost(ProviderError):
    """The service no longer honours the grant; only a new enrolment helps."""


class FolderMissing(ProviderError):
    """There is no such folder in this mailbox."""


class CursorExpired(ProviderError):
    """The service does not know the cursor any more; the next look must be a full list."""


class MessageGone(ProviderError):
    """The message was removed before it could be fetched."""


class MessageUnreadable(ProviderError):
    """The message is there but can never be had as MIME; the text says why, `envelope` which it is."""

    def __init__(
        self, text: str, envelope: Envelope | None = None, *, request_id: str = ""
    ) -> None:
        super().__init__(text, request_id=request_id)
        self.envelope = envelope or Envelope()
