"""The two clouds as a cell needs them: mail put in, an account enrolled, and what has become of the mail."""

import json
from collections.abc import Mapping
from typing import Protocol

from providers.contract import MailboxProvider
from providers.google.identity import GoogleIdentity
from providers.google.mailbox import open_mailbox as open_gmail
from providers.google.settings import read_settings as google_settings
from providers.identity import (
    AddressInvitation,
    CodeInvitation,
    Grant,
    IdentityProvider,
    TokenSource,
)
from providers.microsoft.clouds import read_settings as microsoft_settings
from providers.microsoft.identity import EntraIdentity
from providers.microsoft.mailbox import open_mailbox as open_graph
from tests.fakes.cloud import Cloud
from tests.faults.cell_loop import CellClock
from tests.faults.upstream_calls import Scene

Place = tuple[str, ...]
"""Where a message is and how it is marked, as words that can be compared."""


class Side(Protocol):
    """One cloud, seen from its users and from the bridge's opener."""

    def put(self, octets: bytes, *, unconvertible: bool = False) -> None:
        """Let a message arrive in the inbox."""

    def id_of(self, octets: bytes) -> str:
        """Return the service's id of the message with these octets."""

    def places(self) -> Mapping[bytes, Place]:
        """Return where each message is; one that was deleted for good is nowhere."""

    def changes(self) -> Mapping[bytes, int]:
        """Return how often each message that is still there was moved or marked in effect."""

    def lose_cursors(self) -> None:
        """Let every cursor that was given out mean nothing any more."""

    async def enrol(self, identity: IdentityProvider) -> Grant:
        """Return the grant of a person's consent."""

    def open_identity(self) -> IdentityProvider:
        """Return the sign-in, opened anew as a restart does."""

    def open_mailbox(self, tokens: TokenSource) -> MailboxProvider:
        """Return the mailbox, opened anew."""


class GraphSide:
    """Microsoft 365."""

    def __init__(self, cloud: Cloud, clock: CellClock, scene: Scene) -> None:
        self._cloud, self._clock = cloud, clock
        self._settings = {
            "client_id": cloud.entra.client_id,
            "tenant": "example.com",
            "graph_url": cloud.graph.url,
            "authority": cloud.entra.url,
            "ca": str(cloud.ca_file),
            "access": "purge",
        }
        cloud.graph.mailbox.page_limit = 2 if scene.pages else 1000

    def put(self, octets: bytes, *, unconvertible: bool = False) -> None:
        self._cloud.graph.mailbox.put(octets, unconvertible=unconvertible)

    def id_of(self, octets: bytes) -> str:
        messages = self._cloud.graph.mailbox.messages.values()
        return next(one.id for one in messages if one.octets == octets)

    def places(self) -> Mapping[bytes, Place]:
        mailbox = self._cloud.graph.mailbox
        return {
            bytes(one.octets): (
                mailbox.folders[one.folder_id].name,
                "read" if one.is_read else "unread",
                *one.categories,
            )
            for one in mailbox.messages.values()
            if isinstance(one.octets, bytes)
        }

    def changes(self) -> Mapping[bytes, int]:
        return {
            bytes(one.octets): one.change - 1
            for one in self._cloud.graph.mailbox.messages.values()
            if isinstance(one.octets, bytes)
        }

    def lose_cursors(self) -> None:
        self._cloud.graph.mailbox.expire_delta()

    async def enrol(self, identity: IdentityProvider) -> Grant:
        grant = identity.prepare("")
        invitation = await identity.invite(grant)
        assert isinstance(invitation, CodeInvitation)
        self._cloud.entra.approve(invitation.code)
        renewal = await identity.redeem(grant, invitation)
        assert renewal is not None
        return renewal.grant

    def open_identity(self) -> IdentityProvider:
        return EntraIdentity(microsoft_settings(self._settings), self._clock.now)

    def open_mailbox(self, tokens: TokenSource) -> MailboxProvider:
        return open_graph(self._settings, tokens)


class GmailSide:
    """Gmail."""

    def __init__(self, cloud: Cloud, clock: CellClock, scene: Scene) -> None:
        self._cloud, self._clock = cloud, clock
        self._settings = {
            "gmail_url": cloud.gmail.url,
            "token_url": f"{cloud.google_signin.url}/token",
            "ca": str(cloud.ca_file),
            "access": "purge",
        }
        cloud.gmail.mailbox.page_limit = 2 if scene.pages else 500

    def put(self, octets: bytes, *, unconvertible: bool = False) -> None:
        assert not unconvertible, "Gmail keeps what it received, and converts nothing"
        self._cloud.gmail.mailbox.put(octets)

    def id_of(self, octets: bytes) -> str:
        messages = self._cloud.gmail.mailbox.messages.values()
        return next(one.id for one in messages if one.octets == octets)

    def places(self) -> Mapping[bytes, Place]:
        mailbox = self._cloud.gmail.mailbox
        return {
            bytes(one.octets): tuple(sorted(mailbox.label_names(one.id)))
            for one in mailbox.messages.values()
            if isinstance(one.octets, bytes)
        }

    def changes(self) -> Mapping[bytes, int]:
        mailbox = self._cloud.gmail.mailbox
        count = dict.fromkeys(mailbox.messages, 0)
        for record in mailbox.journal:
            if record.kind.startswith("labels") and record.message_id in count:
                count[record.message_id] += 1
        return {
            bytes(one.octets): count[one.id]
            for one in mailbox.messages.values()
            if isinstance(one.octets, bytes)
        }

    def lose_cursors(self) -> None:
        self._cloud.gmail.mailbox.forget_history()

    async def enrol(self, identity: IdentityProvider) -> Grant:
        grant = identity.prepare(json.dumps(self._cloud.google_signin.client_file()))
        invitation = await identity.invite(grant)
        assert isinstance(invitation, AddressInvitation)
        ended = self._cloud.google_signin.authorize(invitation.address)
        renewal = await identity.redeem(grant, invitation, ended)
        assert renewal is not None
        return renewal.grant

    def open_identity(self) -> IdentityProvider:
        return GoogleIdentity(google_settings(self._settings), self._clock.now)

    def open_mailbox(self, tokens: TokenSource) -> MailboxProvider:
        return open_gmail(self._settings, tokens)
