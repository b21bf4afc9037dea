"""A started Entra and Graph, and clients of them: by hand, and Microsoft's own library."""

import asyncio
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import attrs
import msal
import requests

from bridge.clock import Clock
from tests.fakes.cloud import Cloud
from tests.fakes.entra import FakeEntra
from tests.fakes.graph import FakeGraph, GraphMailbox

IMMUTABLE = 'IdType="ImmutableId"'

Json = dict[str, Any]


@attrs.frozen
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever JSON came
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def ids(self) -> list[str]:
        return [one["id"] for one in self.json["value"]]

    @property
    def next_link(self) -> str:
        return str(self.json.get("@odata.nextLink", ""))

    @property
    def delta_link(self) -> str:
        return str(self.json.get("@odata.deltaLink", ""))


@attrs.define
class Desk:
    """Clients of a started cloud; `token` is what the requests to Graph carry."""

    cloud: Cloud
    session: aiohttp.ClientSession
    token: str = ""
    line: requests.Session = attrs.field(factory=requests.Session)

    @property
    def entra(self) -> FakeEntra:
        return self.cloud.entra

    @property
    def graph(self) -> FakeGraph:
        return self.cloud.graph

    @property
    def mailbox(self) -> GraphMailbox:
        return self.cloud.graph.mailbox

    # ---- Graph by hand

    async def ask(
        self, method: str, path: str, body: object = None, **headers: str | None
    ) -> Reply:
        """Ask Graph with the manners it wants; a header that is None is left out."""
        url = path if "://" in path else f"{self.graph.url}{path}"
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        usual = {
            "Authorization": f"Bearer {self.token}",
            "Prefer": IMMUTABLE,
            "client-request-id": str(uuid.uuid4()),
        }
        sent = {key: text for key, text in {**usual, **named}.items() if text is not None}
        async with self.session.request(method, url, json=body, headers=sent) as got:
            return Reply(got.status, dict(got.headers), await got.read())

    async def get(self, path: str, **headers: str | None) -> Reply:
        """Ask for something of the mailbox, or for a link."""
        return await self.ask("GET", path if "://" in path else f"/v1.0{path}", **headers)

    async def batch(self, *requests: Json) -> dict[str, Json]:
        """Send a batch of requests; return the answers by their ids."""
        parts = [part(str(number), **one) for number, one in enumerate(requests)]
        reply = await self.ask("POST", "/v1.0/$batch", {"requests": parts})
        assert reply.status == 200, reply.body
        return {one["id"]: one for one in reply.json["responses"]}

    # ---- Entra by Microsoft's library

    async def public(self, tenant: str = "organizations") -> Any:  # noqa: ANN401 - untyped library
        """Return an app of the library that has no secret."""
        more = {"client_capabilities": ["CP1"], **self._at(tenant)}
        return await in_thread(
            lambda: msal.PublicClientApplication(self.entra.client_id, **more)
        )

    async def confidential(self, credential: str | dict[str, str], **more: str) -> Any:  # noqa: ANN401 - untyped library
        """Return an app of the library that proves who it is."""
        at = self._at(more.get("tenant", self.entra.tenant_id))
        client_id = more.get("client_id", self.entra.client_id)
        return await in_thread(
            lambda: msal.ConfidentialClientApplication(
                client_id, client_credential=credential, **at
            )
        )

    def _at(self, tenant: str) -> Json:
        return {
            "authority": f"{self.entra.url}/{tenant}",
            "instance_discovery": False,
            "http_client": self.line,
        }

    def scope(self, name: str = "Mail.ReadWrite") -> str:
        return f"{self.graph.url}/{name}"

    async def signed_in(self, name: str = "Mail.ReadWrite") -> Any:  # noqa: ANN401 - untyped library
        """Return an app of the library in which somebody has signed in."""
        app = await self.public()
        flow = await in_thread(lambda: app.initiate_device_flow([self.scope(name)]))
        self.entra.approve(flow["user_code"])
        assert "access_token" in await self.poll(app, flow)
        return app

    async def poll(self, app: Any, flow: Json) -> Json:  # noqa: ANN401 - untyped library
        """Ask once whether a device's code was used."""
        polled: Json = await in_thread(
            lambda: app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
        )
        return polled

    async def silent(self, app: Any, **more: object) -> Json:  # noqa: ANN401 - untyped library
        """Ask the library for a token of the person who signed in."""
        [account] = app.get_accounts()
        got: Json = await in_thread(
            lambda: app.acquire_token_silent_with_error([self.scope()], account, **more)
        )
        return got

    async def post(self, *, at: str = "", **form: str) -> Reply:
        """Ask the token service by hand, of the tenant or of another."""
        url = f"{self.entra.url}/{at or self.entra.tenant_id}/oauth2/v2.0/token"
        async with self.session.post(url, data=form) as got:
            return Reply(got.status, dict(got.headers), await got.read())


@asynccontextmanager
async def opened(folder: Path, clock: Clock | None = None) -> AsyncIterator[Desk]:
    """Yield a desk before a started cloud, with a token that may do everything to the mailbox."""
    async with Cloud(folder, clock) as cloud:
        context = ssl.create_default_context(cafile=str(cloud.ca_file))
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as session:
            with requests.Session() as line:
                line.verify = str(cloud.ca_file)
                line.trust_env = False  # or a CA named in the environment would come first
                line.headers["Connection"] = "close"  # no connection outlives the services
                yield Desk(cloud, session, cloud.entra.bearer("Mail.ReadWrite"), line)


def part(number: str, method: str, url: str, body: Json | None = None, **more: Json) -> Json:
    """Return one request of a batch, with the manners that Graph wants."""
    kind = {} if body is None else {"Content-Type": "application/json"}
    headers = more.get("headers", {"Prefer": IMMUTABLE, **kind})
    one: Json = {"id": number, "method": method, "url": url, "headers": headers}
    return one if body is None else {**one, "body": body}


def told(address: str) -> dict[str, str]:
    """Return what the address at which a browser ended says."""
    return {key: one[0] for key, one in parse_qs(urlsplit(address).query).items()}


async def in_thread(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - of an untyped library
    return await asyncio.to_thread(work)
