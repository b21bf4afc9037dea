"""A mailbox as the parts of a batch see it, for tests of what disposes of its messages."""

from collections.abc import Callable, Sequence
from urllib.parse import unquote

import attrs

from providers.contract import (
    Disposition,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    ProviderError,
    RemoteId,
)
from providers.microsoft.batch import MAX_REQUESTS, Part, PartAnswer
from providers.microsoft.disposing import Disposing

DONE, RETRY, REFUSED = (
    DispositionOutcome.DONE,
    DispositionOutcome.RETRY,
    DispositionOutcome.REFUSED,
)
ALL = frozenset(DispositionKind)
PATH = "/users/scans%40example.com"
Fault = Callable[[Part], PartAnswer | None]


def failed(status: int, code: str = "", **headers: str) -> PartAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PartAnswer(status, named, {"error": {"code": code, "message": "x"}})


def order(key: str, disposition: str, folder: str = "inbox") -> DispositionOrder:
    return DispositionOrder(FolderName(folder), RemoteId(key), Disposition.parse(disposition))


@attrs.define
class Message:
    folder: str = "id-inbox"
    categories: list[str] = attrs.field(factory=list)
    is_read: bool = False


@attrs.define
class Mailbox:
    """A mailbox as a batch shows it; `fault` may answer a part in its place."""

    messages: dict[str, Message] = attrs.field(factory=dict)
    folders: dict[str, str] = attrs.field(
        factory=lambda: {n: f"id-{n}" for n in ("inbox", "deleteditems", "archive")}
    )
    fault: Fault = lambda _part: None
    batches: list[list[Part]] = attrs.field(factory=list)
    pauses: list[float] = attrs.field(factory=list)
    told: list[ProviderError] = attrs.field(factory=list)

    async def send(self, parts: Sequence[Part]) -> list[PartAnswer]:
        assert 0 < len(parts) <= MAX_REQUESTS
        self.batches.append([*parts])
        return [self.fault(part) or self.answer(part) for part in parts]

    def answer(self, part: Part) -> PartAnswer:
        path, _, query = part.path.removeprefix(f"{PATH}/messages/").partition("?")
        key, _, action = path.partition("/")
        message = self.messages.get(unquote(key))
        if message is None:
            return failed(404, "ErrorItemNotFound")
        match part.method, action, query:
            case "GET", "", "$select=parentFolderId,categories":
                body = {"parentFolderId": message.folder, "categories": message.categories}
                return PartAnswer(200, {}, body)
            case "PATCH", "", "":
                return self.patched(message, part)
            case "POST", "permanentDelete", "":
                assert part.body is None
                del self.messages[unquote(key)]
                return PartAnswer(204, {}, None)
            case "POST", "move", "":
                return self.moved(message, part)
            case _:
                raise AssertionError(part)

    def patched(self, message: Message, part: Part) -> PartAnswer:
        body = part.body or {}
        assert {*body} <= {"isRead", "categories"}, "all else is a sensitive property"
        categories = body.get("categories", message.categories)
        assert isinstance(categories, list)
        message.categories = [*categories]
        message.is_read = bool(body.get("isRead", message.is_read))
        return PartAnswer(200, {}, {})

    def moved(self, message: Message, part: Part) -> PartAnswer:
        assert part.body is not None
        destination = part.body["destinationId"]
        if destination not in self.folders.values():
            return failed(404, "ErrorItemNotFound")  # the same as for a missing message
        message.folder = str(destination)
        return PartAnswer(201, {}, {"id": "same"})

    @property
    def writes(self) -> list[Part]:
        return [part for batch in self.batches for part in batch if part.method != "GET"]


@attrs.define
class Finder:
    """Finds the folders of a mailbox, makes those whose names allow it, and remembers ids."""

    mailbox: Mailbox
    remembered: dict[FolderName, str] = attrs.field(factory=dict)

    async def find(self, folder: FolderName) -> str:
        if folder not in self.remembered:
            if folder not in self.mailbox.folders:
                raise FolderMissing(f"the mailbox has no folder {folder}", request_id="r-1")
            self.remembered[folder] = self.mailbox.folders[folder]
        return self.remembered[folder]

    async def find_or_make(self, folder: FolderName) -> str:
        if folder not in self.remembered and not folder.startswith("id:"):
            made = f"id-{folder}-{len(self.mailbox.folders)}"
            self.mailbox.folders.setdefault(folder, made)
        return await self.find(folder)

    def forget(self, folder: FolderName) -> None:
        self.remembered.pop(folder, None)


def mailbox_of(*keys: str) -> Mailbox:
    return Mailbox({key: Message() for key in keys})


def disposing_in(mailbox: Mailbox) -> Disposing:
    return Disposing(
        PATH,
        Finder(mailbox),
        mailbox.send,
        mailbox.pauses.append,
        lambda: 0.0,
        mailbox.told.append,
    )


async def dispose(mailbox: Mailbox, *orders: DispositionOrder) -> list[DispositionOutcome]:
    return await disposing_in(mailbox).carry_out(orders, ALL)


def answering(method: str, answer: PartAnswer, key: str = "A") -> Fault:
    """Return a fault that meets this method on this message."""
    path = f"{PATH}/messages/{key}"
    return lambda part: (
        answer if part.method == method and part.path.split("?")[0].startswith(path) else None
    )
