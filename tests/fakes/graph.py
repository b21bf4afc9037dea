"""Microsoft Graph on loopback: the mail of the people that a FakeEntra knows, held to the contract.

A mailbox bears `limit` requests at the same time, from each app, as Exchange does; a batch counts as one,
and what is in it is carried out one after the other.
"""

import asyncio
import json
import re
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import unquote

import attrs
import trustme
from aiohttp import web

from bridge.clock import Clock
from tests.fakes.entra import FakeEntra
from tests.fakes.entra_state import AccessToken
from tests.fakes.faults import Answer, Fault
from tests.fakes.google_signin_dated import Dated, bearer_of
from tests.fakes.graph_access import check_right, check_token, mailbox_of
from tests.fakes.graph_answers import Json, Refusal, of_parts, refusal, throttled
from tests.fakes.graph_contract import BATCH, GraphContract, parts_of, told_of
from tests.fakes.graph_openapi import VERSION, Told
from tests.fakes.graph_operations import Call, Ways, operation_of
from tests.fakes.graph_paging import Links
from tests.fakes.graph_store import GraphMailbox, GraphMessage
from tests.fakes.service import Asked

__all__ = ["FakeGraph", "GraphMailbox", "GraphMessage", "refusal", "throttled"]

MAX_PARTS = 20

_MAILBOX = re.compile(rf"{VERSION}/(?:(me)|users/([^/]+))/(.+)")


@attrs.frozen
class Part:
    """One request of a batch that was carried out."""

    method: str
    path: str
    body: bytes
    status: int


class FakeGraph(Dated):
    """Graph for the people that `entra` knows; `mailbox` is the default person's, `mailboxes` are all by address.

    `limit` is how many requests may be in flight for a mailbox, `retry_after` what the answer to more
    says (None: nothing). `cloud` is "global" or one without permanentDelete. `missing_folder` is the code
    where a folder is not there. `links_lead_to` is another origin for links to lead to. `replay` is how
    many items a delta tells again. `batch_parts` are the requests of batches, as they were carried out.
    """

    def __init__(self, ca: trustme.CA, entra: FakeEntra, clock: Clock | None = None) -> None:
        super().__init__(ca, clock)
        self.entra = entra
        user = entra.users[entra.user]
        self.mailbox = GraphMailbox(user.address, user.object_id)
        self.mailboxes = {user.address: self.mailbox}
        self.contract = GraphContract()
        self.cloud: Literal["global", "usgov", "dod", "china"] = "global"
        self.limit = 4
        self.retry_after: str | None = "1"
        self.missing_folder = "ErrorItemNotFound"
        self.links_lead_to = ""
        self.replay = 0
        self.batch_parts: list[Part] = []
        self._links = Links()
        self._lanes: dict[asyncio.Task[Any] | None, str] = {}
        self._crowding: set[int] = set()
        self._part_rules: list[tuple[re.Pattern[str], deque[Answer]]] = []
        self._part_always: list[tuple[re.Pattern[str], Answer]] = []
        self._meanwhile: list[tuple[re.Pattern[str], Callable[[], object]]] = []

    # ---- what a test says

    def add_mailbox(self, address: str, *, delegates: tuple[str, ...] = ()) -> GraphMailbox:
        """Add another mailbox, that of a person or a shared one."""
        object_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, address))
        self.mailboxes[address] = GraphMailbox(address, object_id, delegates=set(delegates))
        return self.mailboxes[address]

    def script_batch(self, pattern: str, *answers: Answer) -> None:
        """Let the next requests of batches whose "METHOD /path?query" matches be answered so."""
        self._part_rules.append((re.compile(pattern), deque(answers)))

    def always_batch(self, pattern: str, answer: Answer) -> None:
        """Let every request of a batch that matches be answered so, until `heal`."""
        self._part_always.append((re.compile(pattern), answer))

    def heal(self) -> None:
        """Forget every fault that was scripted, those inside batches too."""
        super().heal()
        self._part_rules.clear()
        self._part_always.clear()

    def meanwhile(self, pattern: str, act: Callable[[], object]) -> None:
        """Call `act` once, just before the next request that matches takes effect."""
        self._meanwhile.append((re.compile(pattern), act))

    # ---- serving

    async def start(self, port: int = 0) -> None:
        """Listen, and let Entra know that permissions may begin with this address."""
        await super().start(port)
        self.entra.resources.append(self.url)

    def check_request(self, asked: Asked) -> list[str]:
        lane = self._lane(asked)
        self._lanes[asyncio.current_task()] = lane
        if lane and sum(one == lane for one in self._lanes.values()) > self.limit:
            self._crowding.add(id(asked))  # `asked` is kept for good, so its id stays its own
        return self.contract.check_request(asked)

    def check_answer(self, asked: Asked, answer: Answer) -> list[str]:
        return self.contract.check_answer(asked, answer)

    async def answer(self, asked: Asked) -> Answer:
        self._let_happen(f"{asked.method} {asked.raw_path}")
        try:
            access = check_token(self.entra, bearer_of(asked), self.url)
            if id(asked) in self._crowding:
                return throttled(self.retry_after)
            if (asked.method, asked.path) == ("POST", BATCH):
                return self._batch(access, asked)
            return self._carry_out(access, told_of(asked))
        except Refusal as refused:
            return refused.answer()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await super()._handle(request)
        except Exception as error:
            if not isinstance(error, ConnectionError):  # the peer had enough: its right
                self.violations.append(f"FakeGraph: {request.path}: the fake broke: {error!r}")
            raise
        finally:
            self._lanes.pop(asyncio.current_task(), None)

    async def _send(
        self, request: web.Request, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        told = {"request-id": str(uuid.uuid4())}
        if "client-request-id" in request.headers:
            told["client-request-id"] = request.headers["client-request-id"]
        if "ImmutableId" in request.headers.get("Prefer", ""):
            told["Preference-Applied"] = 'IdType="ImmutableId"'
        named = attrs.evolve(answer, headers={**told, **answer.headers})
        return await super()._send(request, named, fault)

    # ---- private

    def _lane(self, asked: Asked) -> str:
        """Return the app and the mailbox whose concurrency a request counts in; empty for none."""
        access = self.entra.access_of(bearer_of(asked))
        paths = [asked.raw_path.partition("?")[0], *(part.path for _, part in parts_of(asked))]
        found = next((one for one in map(_MAILBOX.fullmatch, paths) if one), None)
        if access is None or found is None:
            return ""
        try:
            mailbox = mailbox_of(self.mailboxes, access, unquote(found[1] or found[2]))
        except Refusal:
            return ""
        return f"{access.client_id} {mailbox.address}"

    def _carry_out(self, access: AccessToken, told: Told) -> Answer:
        found = _MAILBOX.fullmatch(told.path)
        known = operation_of(told.method, found[3]) if found else None
        if found is None or known is None:
            raise Refusal(400, "BadRequest", "Resource not found for the segment.")
        operation, ids = known
        mailbox = mailbox_of(self.mailboxes, access, unquote(found[1] or found[2]))
        check_right(self.entra, access, mailbox, writes=operation.writes)
        parts = tuple(unquote(one) for one in ids)
        prefer = told.headers.get("Prefer", "")
        body = _json_object(told.body)
        call = Call(self._ways(), mailbox, told.path, parts, dict(told.query), prefer, body)
        return operation.carry_out(call)

    def _ways(self) -> Ways:
        has_purge = self.cloud == "global"
        base = self.links_lead_to or self.url
        return Ways(base, self._links, has_purge, self.missing_folder, self.replay)

    def _batch(self, access: AccessToken, asked: Asked) -> Answer:
        """Carry out the requests of a batch; the answers come in another order."""
        parts = list(parts_of(asked))
        if len(parts) > MAX_PARTS:
            message = f"Number of batch request steps exceeds the maximum value of {MAX_PARTS}."
            raise Refusal(400, "MaximumValueExceeded", message)
        if not parts or len(dict(parts)) < len(parts):
            raise Refusal(400, "BadRequest", "Every request needs an id of its own.")
        answers = [_packed(number, self._part(access, told)) for number, told in parts]
        return of_parts(answers[::-1])

    def _part(self, access: AccessToken, told: Told) -> Answer:
        line = f"{told.method} {_relative(told)}"
        self._let_happen(line)
        try:
            answer = self._scripted(line) or self._carry_out(access, told)
        except Refusal as refused:
            answer = refused.answer()
        self.batch_parts.append(Part(told.method, _relative(told), told.body, answer.status))
        return answer

    def _scripted(self, line: str) -> Answer | None:
        for pattern, answers in self._part_rules:
            if answers and pattern.search(line):
                return answers.popleft()
        return next((one for pattern, one in self._part_always if pattern.search(line)), None)

    def _let_happen(self, line: str) -> None:
        for one in [one for one in self._meanwhile if one[0].search(line)]:
            self._meanwhile.remove(one)
            one[1]()


def _relative(told: Told) -> str:
    query = "&".join(f"{name}={text}" for name, text in told.query)
    return told.path.removeprefix(VERSION) + (f"?{query}" if query else "")


def _packed(number: str, answer: Answer) -> Json:
    """Return one answer of a batch: JSON as it is, what is not JSON is beyond this fake."""
    assert isinstance(answer.body, bytes)
    one: Json = {"id": number, "status": answer.status, "headers": dict(answer.headers)}
    return {**one, "body": json.loads(answer.body)} if answer.body else one


def _json_object(body: bytes) -> Json:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, "BadRequest", "Unable to read JSON request payload.")
    return value
