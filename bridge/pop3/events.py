"""What the machine asks of its session (effects), and what the session tells it in return (answers).

The machine never waits. An effect that needs the network, the disk or another task puts it into a
state that takes no further line until the matching answer comes.
"""

from collections.abc import Iterator
from typing import Protocol

import attrs

from bridge.names import MessageNumber, Octets, SpoolId, UniqueId
from bridge.pop3.quirks import STANDARD, Quirks
from bridge.pop3.replies import ResponseCode


class Entry(Protocol):
    """A message as the machine needs it; bridge.maildrop.MessageEntry is one."""

    @property
    def spool_id(self) -> SpoolId:
        """Return which body RETR sends."""
        ...

    @property
    def unique_id(self) -> UniqueId:
        """Return what UIDL answers."""
        ...

    @property
    def octets(self) -> Octets:
        """Return what LIST answers."""
        ...

    @property
    def is_utf8(self) -> bool:
        """Tell whether RETR sends the message as it came, its headers in UTF-8."""
        ...


class Drop(Protocol):
    """A frozen maildrop as the machine needs it; bridge.maildrop.Maildrop is one.

    `entry` and `mark` raise NoSuchMessage for a number that names nothing or something marked.
    """

    def use_utf8(self) -> None:
        """Show messages as they came where their headers are UTF-8; nothing is marked yet."""
        ...

    def drop_listing(self) -> tuple[int, Octets]:
        """Return count and octets of what is not marked."""
        ...

    def entry(self, number: MessageNumber) -> Entry:
        """Return the message that `number` names."""
        ...

    def unmarked(self) -> Iterator[tuple[MessageNumber, Entry]]:
        """Yield what is not marked, in order."""
        ...

    def mark(self, number: MessageNumber) -> None:
        """Mark a message as deleted."""
        ...

    def unmark_all(self) -> None:
        """Take every mark back."""
        ...

    def marked(self) -> tuple[SpoolId, ...]:
        """Return what QUIT removes."""
        ...


@attrs.frozen
class Terms:
    """What one connection may do, as it stands now; STLS brings new terms.

    `timestamp` is the APOP challenge of this connection's greeting, with its angle brackets;
    None where the listener does no APOP. `quirks` are those of a machine that has not logged in yet.
    `login_delay` is the largest of any device in seconds, 0 for none; `own_login_delay` counts after a login.
    """

    banner: str
    password_allowed: bool
    stls_offered: bool
    timestamp: str | None = None
    quirks: Quirks = STANDARD
    login_delay: int = 0
    login_delays_differ: bool = False
    own_login_delay: int = 0

    @property
    def logins_possible(self) -> bool:
        """Tell whether anybody can log in as things stand."""
        return self.password_allowed or self.timestamp is not None

    def after_login(self, login_delay: int) -> "Terms":
        """Return the terms of a device whose own login delay is so many seconds."""
        return attrs.evolve(self, own_login_delay=login_delay)


@attrs.frozen
class MachineLimits:
    """Bounds of one session, as config.toml sets them."""

    command_octets: int = 255
    sasl_octets: int = 12288
    bad_commands: int = 20
    failed_logins: int = 3


# ---- effects


@attrs.frozen
class Send:
    """Write these octets."""

    data: bytes


@attrs.frozen
class SendMany:
    """Write these pieces one after the other, as fast as the client takes them."""

    pieces: Iterator[bytes]


@attrs.frozen
class CheckPassword:
    """Check a name and password, lock the maildrop, freeze its listing; answer Accepted or Refused."""

    name: str = attrs.field(repr=False)  # may be a password in the wrong field
    password: str = attrs.field(repr=False)


@attrs.frozen
class CheckDigest:
    """The same for APOP: `digest` is over `timestamp` and the secret both sides know."""

    name: str = attrs.field(repr=False)  # may be a password in the wrong field
    timestamp: str
    digest: str = attrs.field(repr=False)


@attrs.frozen
class SendMessage:
    """Send the message after a positive status line; answer Sent or Unsendable.

    `head` is that line: it goes out with the first octets, once the body is known to be whole.
    With `body_lines` only the header and that many lines are wanted (TOP). With `without_nul` a blank
    goes out for each NUL.
    """

    entry: Entry
    head: bytes
    body_lines: int | None
    without_nul: bool = False


@attrs.frozen
class Expunge:
    """Delete these messages durably; answer Expunged or NotExpunged."""

    messages: tuple[SpoolId, ...]


@attrs.frozen
class StartTls:
    """Write `head`, run the handshake, answer Secured; whatever was received before is void."""

    head: bytes


@attrs.frozen
class Close:
    """Write `farewell` and close the connection."""

    farewell: bytes
    reason: str


Effect = (
    Send | SendMany | CheckPassword | CheckDigest | SendMessage | Expunge | StartTls | Close
)


# ---- answers


@attrs.frozen
class Accepted:
    """The device is who it says; this is its maildrop, locked and frozen, and how to speak to it."""

    drop: Drop
    quirks: Quirks | None = None
    """None: as before the login."""
    login_delay: int = 0
    """Seconds after this login until the device may log in again."""


@attrs.frozen
class Refused:
    """No maildrop is opened; `code` says why, and AUTH alone counts as a failed login."""

    code: ResponseCode
    quirks: Quirks | None = None
    """Of the device, where it is known by its right password; None: as before."""


@attrs.frozen
class Secured:
    """The connection is encrypted from here on, under new terms."""

    terms: Terms


@attrs.frozen
class Sent:
    """The message went out whole."""


@attrs.frozen
class Unsendable:
    """Nothing of the message went out, not even the status line."""

    code: ResponseCode


@attrs.frozen
class Expunged:
    """The deletions are durable, and so is what they mean upstream."""


@attrs.frozen
class NotExpunged:
    """Nothing was deleted."""


Answer = Accepted | Refused | Secured | Sent | Unsendable | Expunged | NotExpunged
