"""Microsoft 365 and Gmail in a simulation: the true providers, the imitated services, and pairs of sockets between them.

Requests go through the bridge's own HTTP client; what is missing is TLS, which the tests of the fakes have.
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import trustme
from aiohttp import web
from aiohttp.client_proto import ResponseHandler

from providers import caller, transport
from providers.contract import DispositionKind, GrantLost, MailboxProvider, RemoteId
from providers.google import mailbox as gmail_mailbox
from providers.microsoft import mailbox as graph_mailbox
from tests.chaos.failing import Fault
from tests.chaos.mails import Job
from tests.chaos.steady_loop import instead, steady_loop
from tests.chaos.upstreams import Place, Seen
from tests.fakes.clock import LoopClock
from tests.fakes.entra import FakeEntra
from tests.fakes.faults import Answer, Refuse, Reset, Truncate
from tests.fakes.faults import Fault as HttpFault
from tests.fakes.gmail import FakeGmail
from tests.fakes.google_signin import FakeGoogleSignin
from tests.fakes.graph import FakeGraph
from tests.fakes.service import Asked, Service

FOR_EVER = 10**10
"""Seconds that an access token lives: a simulation takes months."""

SICK = Answer(500, b"{}", is_legal=False)
HTTP_FAULTS: Mapping[Fault, tuple[HttpFault, ...]] = {
    Fault.UNREACHABLE: (Refuse(),) * 4,  # as often as a request is tried
    Fault.THROTTLED: (Answer(429, b"{}", {"Retry-After": "60"}, is_legal=False),),
    Fault.REFUSED: (Answer(403, b"{}", is_legal=False),),
    Fault.FOLDER_MISSING: (Answer(502, b"<html>", is_legal=False),),
    Fault.HALF: (Reset(60), Truncate(60), Reset(0), Truncate(10)),
}


class Tokens:
    """A token source whose grant is lost as often as it is told."""

    def __init__(self, bearer: str) -> None:
        self.bearer = bearer
        self.losses = 0
        self.met = 0

    async def access_token(self) -> str:
        if self.losses:
            self.losses -= 1
            self.met += 1
            raise GrantLost("invalid_grant")
        return self.bearer

    async def replace(self, refused: str, claims: str | None = None) -> str:
        del refused, claims
        return self.bearer


class Troubled(Service):
    """A service between whose requests a process may end, and which counts the faults it was told of."""

    met = 0

    async def answer(self, asked: Asked) -> Answer:
        steady_loop().pass_boundary()
        answer = await super().answer(asked)
        steady_loop().pass_boundary()
        return answer

    def _next_fault(self, asked: Asked) -> HttpFault | None:
        fault = super()._next_fault(asked)
        self.met += fault is not None and fault is not SICK
        return fault


class TroubledGraph(Troubled, FakeGraph):
    """Graph."""


class TroubledGmail(Troubled, FakeGmail):
    """Gmail."""


class PairedConnector(aiohttp.BaseConnector):
    """Connects to services of this process over pairs of sockets, whatever address is asked for."""

    services: Mapping[int, Service] = {}

    def __init__(self, *, limit: int, keepalive_timeout: float, ssl: object) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout)
        del ssl

    async def _create_connection(self, req: object, *_how: object) -> ResponseHandler:
        port: int = req.url.port  # type: ignore[attr-defined] - aiohttp.ClientRequest
        runner = self.services[port]._runner  # noqa: SLF001 - it has no other door than its port
        assert isinstance(runner, web.AppRunner)
        assert runner.server is not None
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(runner.server, ours)
        _, protocol = await loop.create_connection(lambda: ResponseHandler(loop), sock=theirs)
        return protocol


class CloudUpstream:
    """What both clouds share. A message is sick by the answers that its address gives."""

    service: Troubled
    tokens: Tokens
    can_be_unreadable = False
    follows: frozenset[DispositionKind]

    def __init__(self, root: Path, _at_once: int) -> None:
        root.mkdir()
        self.root = root
        self.ids: dict[int, RemoteId] = {}
        self._stack = ExitStack()

    async def start(self) -> None:
        clock = LoopClock()
        time = SimpleNamespace(monotonic=clock.monotonic, time=clock.now)
        for module in (caller, graph_mailbox, gmail_mailbox, transport):
            self._stack.enter_context(instead(module, "time", time))
        modules = SimpleNamespace(**{**vars(aiohttp), "TCPConnector": PairedConnector})
        self._stack.enter_context(instead(transport, "aiohttp", modules))
        await self.begin(trustme.CA(), clock)
        PairedConnector.services = {self.service.port: self.service}

    async def stop(self) -> None:
        self._stack.close()
        await self.service.stop()

    def check(self) -> list[str]:
        return self.service.violations

    async def begin(self, ca: trustme.CA, clock: LoopClock) -> None:
        raise NotImplementedError

    # ---- trouble

    @property
    def met(self) -> int:
        return self.service.met + self.tokens.met

    def trouble(self, faults: list[Fault]) -> None:
        for fault in faults:
            if fault is Fault.GRANT_LOST:
                self.tokens.losses += 1
            elif fault is Fault.CURSOR_EXPIRED:
                self.forget_cursors()
            else:
                self.service.script("", *HTTP_FAULTS[fault])

    def heal(self) -> None:
        self.tokens.losses = 0
        self.service.heal()

    def forget_cursors(self) -> None:
        raise NotImplementedError


class GraphUpstream(CloudUpstream):
    """A mailbox of Microsoft 365."""

    service: TroubledGraph
    follows = frozenset({DispositionKind.MARK_READ})
    can_be_unreadable = True

    async def begin(self, ca: trustme.CA, clock: LoopClock) -> None:
        entra = FakeEntra(ca, clock)
        entra.lifetime = FOR_EVER
        self.service = TroubledGraph(ca, entra, clock)
        await self.service.start()
        self.service.mailbox.page_limit = 4
        self.tokens = Tokens(entra.bearer("Mail.ReadWrite"))
        for name in _FOLDERS.values():
            self.service.mailbox.make_folder(name)

    def put(self, job: Job) -> RemoteId:
        self.ids[job.number] = RemoteId(self.service.mailbox.put(job.octets).id)
        return self.ids[job.number]

    def seen(self) -> dict[int, Seen]:
        mailbox = self.service.mailbox
        places = {mailbox.folder(name).id: place for place, name in _FOLDERS.items()}
        found = {job: mailbox.messages.get(one) for job, one in self.ids.items()}
        return {
            job: Seen(places[one.folder_id], one.is_read) for job, one in found.items() if one
        }

    def move(self, job: int, place: Place) -> None:
        mailbox = self.service.mailbox
        if place is Place.GONE:
            mailbox.remove(self.ids[job])
        else:
            mailbox.move(self.ids[job], mailbox.folder(_FOLDERS[place]).id)

    def mark(self, job: int, *, is_read: bool) -> None:
        self.service.mailbox.change(self.ids[job], is_read=is_read)

    def sicken(self, sick: Mapping[int, bool]) -> None:
        for job, one in self.ids.items():
            if one in self.service.mailbox.messages:
                self.service.mailbox.messages[one].unconvertible = sick.get(job) is False
        self.service.heal()
        for job in (job for job, can_be_had in sick.items() if can_be_had):
            self.service.always(rf"GET .*/messages/{self.ids[job]}/", SICK)

    def forget_cursors(self) -> None:
        self.service.mailbox.expire_delta()

    def open(self) -> MailboxProvider:
        settings = {
            "client_id": self.service.entra.client_id,
            "graph_url": self.service.url,
            "access": "purge",
        }
        return graph_mailbox.open_mailbox(settings, self.tokens)


_FOLDERS = {
    Place.INBOX: "inbox",
    Place.TRASH: "deleteditems",
    Place.DONE: "Done",
    Place.ELSEWHERE: "Elsewhere",
}


class GmailUpstream(CloudUpstream):
    """A mailbox of Gmail, where a label given elsewhere stays, and the disposition's is added."""

    service: TroubledGmail
    follows = frozenset(DispositionKind) - {DispositionKind.PURGE}

    async def begin(self, ca: trustme.CA, clock: LoopClock) -> None:
        signin = FakeGoogleSignin(ca, clock)
        signin.expires_in = FOR_EVER
        self.service = TroubledGmail(ca, signin, clock)
        await self.service.start()
        self.service.mailbox.page_limit = 4
        self.tokens = Tokens(signin.bearer("https://mail.google.com/"))
        for name in ("Done", "Elsewhere"):
            self.service.mailbox.create_label(name)

    def put(self, job: Job) -> RemoteId:
        self.ids[job.number] = RemoteId(self.service.mailbox.put(job.octets))
        return self.ids[job.number]

    def seen(self) -> dict[int, Seen]:
        mailbox = self.service.mailbox
        here = {job: one for job, one in self.ids.items() if one in mailbox.messages}
        return {job: _seen(mailbox.label_names(one)) for job, one in here.items()}

    def move(self, job: int, place: Place) -> None:
        mailbox, one = self.service.mailbox, self.ids[job]
        if place is Place.GONE:
            mailbox.remove(one)
            return
        labels = {where: mailbox.label_named(name) for where, name in _LABELS.items()}
        ids = {where: label.id for where, label in labels.items() if label}
        mailbox.modify(one, [ids[place]], [ids[where] for where in ids if where is not place])

    def mark(self, job: int, *, is_read: bool) -> None:
        change = ([], ["UNREAD"]) if is_read else (["UNREAD"], [])
        self.service.mailbox.modify(self.ids[job], *change)

    def sicken(self, sick: Mapping[int, bool]) -> None:
        self.service.heal()
        for job in sick:
            self.service.always(rf"GET .*/messages/{self.ids[job]}\?format=raw", SICK)

    def forget_cursors(self) -> None:
        self.service.mailbox.forget_history()

    def open(self) -> MailboxProvider:
        settings = {
            "gmail_url": self.service.url,
            "access": "purge",
            "units_per_minute": "1000000",
        }
        return gmail_mailbox.open_mailbox(settings, self.tokens)


_LABELS = {
    Place.INBOX: "INBOX",
    Place.TRASH: "TRASH",
    Place.DONE: "Done",
    Place.ELSEWHERE: "Elsewhere",
}


def _seen(labels: set[str]) -> Seen:
    place = next(place for place, name in _LABELS.items() if name in labels)
    return Seen(place, "UNREAD" not in labels)
