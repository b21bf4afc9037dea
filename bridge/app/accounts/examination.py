"""Goes through all that one account needs, from the network to the right to dispose of a message."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import attrs

from bridge.accounts.grants import KeptGrant
from bridge.accounts.tokens import Tokens
from bridge.app.accounts.opener import OpenAccount
from bridge.clock import Clock
from bridge.errors import PopbridgeError
from bridge.storage.register import MaildropRecord
from providers.contract import (
    DispositionKind,
    FolderName,
    HostAnswer,
    MailboxProvider,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    RemoteId,
)
from providers.identity import IdentityProvider

CLOCK_SECONDS = 300.0
"""How wrong this machine's clock may be: Entra and Google refuse assertions five minutes off."""

CREDENTIAL_DAYS = 30
"""A secret or certificate that ends sooner than in so many days is told as a failure."""


@attrs.frozen
class Finding:
    """One thing looked at: whether it is in order, and a sentence.

    A `note` is in order, and an owner should know of it all the same.
    """

    subject: str
    ok: bool
    text: str
    note: bool = False


@attrs.frozen
class Examination:
    """One account under examination; nothing of its mailbox is changed by it."""

    opened: OpenAccount
    kept: KeptGrant | None
    maildrops: Sequence[MaildropRecord]
    clock: Clock

    async def findings(self) -> AsyncGenerator[Finding, None]:
        """Yield a finding for each thing, in the order in which they depend on each other."""
        answers: list[HostAnswer] = []
        async for finding in self._hosts(answers):
            yield finding
        for finding in _clock(answers):
            yield finding
        if self.opened.identity is not None and self.opened.tokens is not None:
            async with aclosing(
                self._sign_in(self.opened.identity, self.opened.tokens)
            ) as signs:
                async for finding in signs:
                    yield finding
                    if not finding.ok and finding.subject == "token":
                        return
        for folder in {drop.folder: None for drop in self.maildrops} or {FolderName(""): None}:
            async for finding in self._folder(folder):
                yield finding

    async def _hosts(self, answers: list[HostAnswer]) -> AsyncGenerator[Finding, None]:
        async def sign_in() -> Sequence[HostAnswer]:
            identity = self.opened.identity
            return () if identity is None else (await identity.reach(),)

        hosts = (("sign-in host", sign_in), ("mail host", self.opened.mailbox.reach))
        for subject, reach in hosts:
            try:
                found = await reach()
            except ProviderError as error:
                yield Finding(subject, ok=False, text=told(error))
            else:
                answers += found
                for answer in found:
                    yield Finding(subject, ok=True, text=f"{answer.host} answers")

    async def _sign_in(
        self, identity: IdentityProvider, tokens: Tokens
    ) -> AsyncGenerator[Finding, None]:
        if self.kept is not None and (ends := identity.ends(self.kept.grant)) is not None:
            yield credential(ends, self.clock.now())
        token = await _tried("token", tokens.prove, "the grant is honoured")
        yield token
        if not token.ok:
            return
        missing = identity.missing(tokens.scopes)
        if missing:
            text = f"{', '.join(sorted(missing))} is missing; grant it, and enrol the account again"
            yield Finding("scopes", ok=False, text=text)
        else:
            given = ", ".join(sorted(tokens.scopes)) or "as the administrator set them"
            yield Finding("scopes", ok=True, text=given)

    async def _folder(self, folder: FolderName) -> AsyncGenerator[Finding, None]:
        subject = f"folder {folder or '(inbox)'}"
        mailbox = self.opened.mailbox
        try:
            sample = await first_message(mailbox, folder)
        except (ProviderError, PopbridgeError) as error:
            yield Finding(subject, ok=False, text=told(error))
            return
        yield Finding(subject, ok=True, text="its mailbox answers")
        if sample is None:
            yield Finding("sample", ok=True, text="the folder is empty, so none was fetched")
            return
        yield await _tried(
            "sample", lambda: _sample(mailbox, folder, sample), "a message is MIME"
        )
        if mailbox.dispositions != {DispositionKind.KEEP}:
            yield await _tried(
                "right to dispose",
                lambda: _prove(mailbox, folder, sample),
                "a message may be changed",
            )


def told(error: Exception) -> str:
    """Return what an error says, with the number that the service's support asks for."""
    request_id = error.request_id if isinstance(error, ProviderError) else ""
    return f"{error} (request id {request_id})" if request_id else str(error)


async def look_briefly(mailbox: MailboxProvider, folder: FolderName) -> None:
    """Begin a look at a folder, to see whether the mailbox answers.

    Raises:
        ProviderError: it does not.
    """
    async with aclosing(mailbox.changes(folder, None)) as pages:
        async for _ in pages:
            return


async def first_message(mailbox: MailboxProvider, folder: FolderName) -> RemoteId | None:
    """Return a message of the folder, or None where it is empty.

    Raises:
        ProviderError: the mailbox does not answer.
    """
    async with aclosing(mailbox.changes(folder, None)) as pages:
        async for page in pages:
            if page.added:
                return page.added[0].remote_id
    return None


async def _sample(mailbox: MailboxProvider, folder: FolderName, remote_id: RemoteId) -> None:
    """Fetch the beginning of a message; one that can never be had speaks only for itself."""
    async with aclosing(mailbox.fetch(folder, remote_id)) as pieces:
        try:
            async for _ in pieces:
                return
        except (MessageGone, MessageUnreadable):
            return


async def _prove(mailbox: MailboxProvider, folder: FolderName, remote_id: RemoteId) -> None:
    try:
        await mailbox.prove_right(folder, remote_id)
    except MessageGone:
        return


async def _tried(subject: str, work: Callable[[], Awaitable[object]], text: str) -> Finding:
    try:
        await work()
    except (ProviderError, PopbridgeError) as error:
        return Finding(subject, ok=False, text=told(error))
    return Finding(subject, ok=True, text=text)


def _clock(answers: Sequence[HostAnswer]) -> list[Finding]:
    ahead = [answer.clock_ahead for answer in answers if answer.clock_ahead is not None]
    if not ahead:
        return []
    worst = max(ahead, key=abs)
    way = "behind" if worst > 0 else "ahead"
    if abs(worst) < CLOCK_SECONDS:
        return [Finding("clock", ok=True, text=f"{abs(worst):.0f} s from the service's")]
    text = (
        f"this machine's clock is {abs(worst):.0f} seconds {way}; set it, and let NTP keep it"
    )
    return [Finding("clock", ok=False, text=text)]


def credential(ends: float, now: float) -> Finding:
    """Return what to say of a secret or certificate that ends then, in seconds since the epoch."""
    days = int((ends - now) // 86400)
    day = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
    if days < 0:
        text = (
            f"the app's secret or certificate ended on {day}; enrol the account with a new one"
        )
        return Finding("credential", ok=False, text=text)
    text = f"the app's secret or certificate ends in {days} days, on {day}"
    return Finding("credential", ok=days >= CREDENTIAL_DAYS, text=text)
