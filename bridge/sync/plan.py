"""Decides, from a page of changes and what the spool holds, what to announce and what to forget.

Pure: the same page twice gives the same plan, and a plan carried out twice changes nothing more.
"""

import base64
import hashlib
from collections.abc import Mapping

import attrs

from bridge.names import UniqueId
from bridge.storage.messages import Announcement, MessageState
from providers.contract import ChangePage, RemoteId

UNIQUE_ID_SCHEME = "1"
"""First character of every unique-id. Another scheme must take another one, so that a device can
never take a new id for an old one; changing the scheme makes devices print everything anew."""

_FORGETTABLE = frozenset(
    {MessageState.ANNOUNCED, MessageState.READY, MessageState.QUARANTINED, MessageState.HELD}
)


@attrs.frozen
class Plan:
    """What one page means for one maildrop."""

    announce: tuple[Announcement, ...]
    forget: tuple[RemoteId, ...]


@attrs.define
class Look:
    """One look at a folder, page by page, held against what a maildrop knows."""

    known: Mapping[RemoteId, MessageState]
    _since: dict[RemoteId, MessageState] = attrs.field(factory=dict, init=False)
    _seen: set[RemoteId] = attrs.field(factory=set, init=False)

    def take(self, page: ChangePage) -> Plan:
        """Return what `page` means; the last page of a full list also says what is gone."""
        announce = tuple(
            Announcement(message.remote_id, mint_unique_id(message.remote_id), message.sort_key)
            for message in page.added
            if self._state(message.remote_id) in (None, MessageState.VANISHED)
        )
        added = {message.remote_id for message in page.added}
        # Both on one page: which came last is not said, and a fetch finds out without losing mail.
        gone = [remote_id for remote_id in page.removed if remote_id not in added]
        if page.full:
            self._seen |= added
            if page.last:
                gone += [remote_id for remote_id in self.known if remote_id not in self._seen]
        forget = tuple(i for i in gone if self._state(i) in _FORGETTABLE)
        self._since.update((item.remote_id, MessageState.ANNOUNCED) for item in announce)
        self._since.update((remote_id, MessageState.VANISHED) for remote_id in forget)
        return Plan(announce, forget)

    def _state(self, remote_id: RemoteId) -> MessageState | None:
        return self._since.get(remote_id, self.known.get(remote_id))


def mint_unique_id(remote_id: RemoteId) -> UniqueId:
    """Return the unique-id of a message: a function of its remote id alone, 1-70 printable octets.

    A lost spool, a restart or another bridge gives the same answer, so no device prints anew.
    160 bits of SHA-256 in base32: two messages of one maildrop never share one.
    """
    digest = hashlib.sha256(f"popbridge unique-id {UNIQUE_ID_SCHEME}\0{remote_id}".encode())
    return UniqueId(UNIQUE_ID_SCHEME + base64.b32encode(digest.digest()[:20]).decode("ascii"))
