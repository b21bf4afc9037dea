"""A started fake of Google's sign-in, and clients of it: by hand, and Google's own library."""

import asyncio
import base64
import hashlib
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import attrs
import google.auth.transport
import google.oauth2.credentials
import trustme
from google.oauth2 import service_account

from tests.fakes.google_signin import FakeGoogleSignin

MODIFY = "https://www.googleapis.com/auth/gmail.modify"
READONLY = "https://www.googleapis.com/auth/gmail.readonly"
MODIFY_ONLY = frozenset({MODIFY})
VERIFIER = "a-verifier-of-more-than-forty-three-signs-in-all"
BACK = "http://127.0.0.1:8765/"
ROBOT = "printing@printing-481516.iam.gserviceaccount.com"

Form = dict[str, str]


@attrs.frozen
class Reply:
    """An answer as google-auth wants it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Transport(google.auth.transport.Request):
    """Carries the requests of google-auth."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_more: object,
    ) -> Reply:
        data = body.encode() if isinstance(body, str) else body
        asked = urllib.request.Request(url, data, dict(headers or {}), method=method)  # noqa: S310 - our own service
        handler = urllib.request.HTTPSHandler(context=self._context)
        try:
            with urllib.request.build_opener(handler).open(asked, timeout=timeout or 10) as got:
                return Reply(got.status, dict(got.headers), got.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())


@attrs.define
class Desk:
    """A started service, and a client of it."""

    signin: FakeGoogleSignin
    session: aiohttp.ClientSession
    context: ssl.SSLContext

    def page(self, **changes: str | None) -> str:
        """Return the address of a consent page that is asked for as it should be."""
        asked = {
            "client_id": self.signin.client_id,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": MODIFY,
            "access_type": "offline",
            "prompt": "consent",
            "state": "a-state-nobody-guesses",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        query = urlencode({key: one for key, one in asked.items() if one is not None})
        return f"{self.signin.url}/o/oauth2/v2/auth?{query}"

    async def post(self, **form: str) -> tuple[int, dict[str, Any]]:
        async with self.session.post(f"{self.signin.url}/token", data=form) as got:
            return got.status, await got.json()

    async def exchange(self, ended: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """Exchange the code in the address where the browser ended."""
        form = {
            "grant_type": "authorization_code",
            "code": told(ended)["code"],
            "code_verifier": VERIFIER,
            "redirect_uri": BACK,
            **self.client(),
            **changes,
        }
        return await self.post(**form)

    async def refresh(self, token: str, **changes: str) -> tuple[int, dict[str, Any]]:
        form = {"grant_type": "refresh_token", "refresh_token": token, **self.client()}
        return await self.post(**form | changes)

    def client(self) -> Form:
        return {
            "client_id": self.signin.client_id,
            "client_secret": self.signin.client_secret,
        }

    async def consented(self) -> str:
        """Return the refresh token of a consent."""
        _, said = await self.exchange(self.signin.authorize(self.page()))
        return str(said["refresh_token"])

    async def refreshed_by_google(self, token: str, scopes: list[str]) -> Any:  # noqa: ANN401 - untyped library
        file = self.signin.client_file()["installed"]
        credentials = cast("Any", google.oauth2.credentials.Credentials)(
            None,
            refresh_token=token,
            token_uri=file["token_uri"],
            client_id=file["client_id"],
            client_secret=file["client_secret"],
            scopes=scopes,
        )
        await asyncio.to_thread(credentials.refresh, Transport(self.context))
        return credentials

    async def acted_by_google(
        self, file: dict[str, Any], scopes: tuple[str, ...] = (MODIFY,), **more: str
    ) -> str:
        """Return the access token that Google's library gets for a service account."""
        robot = cast("Any", service_account.Credentials)
        who = {"subject": self.signin.user, **more}
        credentials = robot.from_service_account_info(file, scopes=scopes, **who)
        await asyncio.to_thread(credentials.refresh, Transport(self.context))
        return str(credentials.token)


@asynccontextmanager
async def opened() -> AsyncIterator[Desk]:
    """Yield a started service with clients that trust it."""
    ca = trustme.CA()
    context = ssl.create_default_context()
    ca.configure_trust(context)
    signin = FakeGoogleSignin(ca)
    await signin.start()
    try:
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Desk(signin, session, context)
    finally:
        await signin.stop()


def told(address: str) -> Form:
    """Return what an address says in its query."""
    return {key: one[0] for key, one in parse_qs(urlsplit(address).query).items()}


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
