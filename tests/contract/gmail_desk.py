"""A started fake of Gmail, and a client of it that looks at every answer."""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import trustme

from tests.fakes.clock import FakeClock
from tests.fakes.gmail import FULL, METADATA, MODIFY, FakeGmail
from tests.fakes.gmail_store import GmailMailbox
from tests.fakes.google_signin import FakeGoogleSignin

LETTER = b"From: fax@example.com\r\nSubject: Letter\r\n\r\nDear printer,\r\n"


@attrs.frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        return str(self.value["error"]["errors"][0]["reason"])

    @property
    def octets(self) -> bytes:
        """Return the message in `raw`, decoded leniently."""
        text = self.value["raw"]
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@attrs.define
class Desk:
    """A started service, and a client of it with the right to do anything."""

    gmail: FakeGmail
    session: aiohttp.ClientSession
    clock: FakeClock
    token: str

    @property
    def box(self) -> GmailMailbox:
        return self.gmail.mailbox

    async def ask(
        self, verb: str, path: str, body: object = None, *, token: str | None = None
    ) -> Reply:
        """Ask for a path below users/me."""
        url = f"{self.gmail.url}/gmail/v1/users/me/{path}"
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        async with self.session.request(verb, url, headers=headers, json=body) as got:
            return Reply(got.status, got.headers, await got.read())

    async def get(self, path: str, *, token: str | None = None) -> Reply:
        return await self.ask("GET", path, token=token)

    async def listed(self, query: str = "") -> list[str]:
        """Return the ids of messages.list, which must go well."""
        reply = await self.get(f"messages{query}")
        assert reply.status == 200
        return [one["id"] for one in reply.value.get("messages", [])]

    async def changes(self, since: str, query: str = "") -> list[tuple[str, str]]:
        """Return kind and message id of what history.list tells, which must go well."""
        reply = await self.get(f"history?startHistoryId={since}{query}")
        assert reply.status == 200
        return [
            (kind, entry["message"]["id"])
            for record in reply.value.get("history", [])
            for kind in KINDS & set(record)
            for entry in record[kind]
        ]

    def bearer(self, *scopes: str) -> str:
        return self.gmail.signin.bearer(*scopes)


KINDS = {"messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved"}


@asynccontextmanager
async def opened() -> AsyncIterator[Desk]:
    """Yield a started service with a client that trusts it, and its sign-in, which was not started."""
    ca, clock = trustme.CA(), FakeClock()
    context = ssl.create_default_context()
    ca.configure_trust(context)
    signin = FakeGoogleSignin(ca, clock)
    gmail = FakeGmail(ca, signin, clock)
    await gmail.start()
    try:
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Desk(gmail, session, clock, signin.bearer(FULL, MODIFY, METADATA))
    finally:
        await gmail.stop()
