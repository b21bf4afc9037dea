"""Knows the labels of one mailbox by name and by id; Gmail is asked for them once, and when one is not found."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from providers.contract import CursorExpired, FolderMissing, FolderName
from providers.google import wire
from providers.google.failures import NameTaken, NoSuchThing
from providers.google.requests import Priced, Requests
from providers.google.wire import ByLabelId, ByLabelName

Ask: TypeAlias = Callable[[Priced], Awaitable[Any]]
"""Sends a request and returns the JSON of its good answer."""


class Labels:
    """The labels of one mailbox."""

    def __init__(self, requests: Requests, ask: Ask) -> None:
        """Know none yet."""
        self._requests = requests
        self._ask = ask
        self._ids: dict[str, str] = {}

    def forget(self) -> None:
        """Ask anew the next time: one was removed, or renamed."""
        self._ids = {}

    async def of_folder(self, folder: FolderName) -> str:
        """Return the id of a folder's label; empty for a search.

        Raises:
            FolderMissing: there is no label of that name.
        """
        match wire.folder_ref(folder):
            case ByLabelId(label_id):
                return label_id
            case ByLabelName(name):
                found = await self._find(name)
                if found is None:
                    raise no_label(folder)
                return found
            case _:
                return ""

    async def check_name(self, folder: FolderName, label_id: str) -> None:
        """Accept a folder whose label still has the name it goes by.

        Raises:
            CursorExpired: it was removed or renamed, and perhaps made anew.
        """
        reference = wire.folder_ref(folder)
        if not isinstance(reference, ByLabelName):
            return
        self.forget()
        if await self._find(reference.name) != label_id:
            raise CursorExpired("the label of that name is gone, or is another one now")

    async def to_give(self, target: str) -> str:
        """Return the id of a label to give to a message, made where its name is missing.

        Empty for one that no message can be given, and for a name that Gmail does not take.
        """
        match wire.label_to_give(target):
            case ByLabelId(label_id):
                return label_id if await self._is_there(label_id) else ""
            case ByLabelName(name):
                return await self._find(name) or await self._make(name)
            case _:
                return ""

    async def to_take(self, folder: FolderName) -> str | None:
        """Return the label that a message of a folder can lose; empty for a search, None where it is gone."""
        try:
            label_id = await self.of_folder(folder)
        except FolderMissing:
            return None
        return label_id if not label_id or await self._is_there(label_id) else None

    async def _make(self, name: str) -> str:
        """Return the id of a new label; empty for a name that Gmail does not take.

        That (400) is no failure of the account: as one it would hold up all other orders for ever. A
        name that is taken (409) is somebody else's new label, or is asked for again.
        """
        try:
            value = await self._ask(self._requests.create_label(name))
        except NoSuchThing:
            return ""
        except NameTaken:
            if (found := await self._find(name)) is None:
                raise
            return found
        made = self._ids[name.casefold()] = wire.read_text(value, "id")
        return made

    async def _find(self, name: str) -> str | None:
        if name.casefold() not in self._ids:
            await self._load()
        return self._ids.get(name.casefold())

    async def _is_there(self, label_id: str) -> bool:
        if label_id in wire.SYSTEM_LABELS:
            return True
        if label_id not in self._ids.values():
            await self._load()
        return label_id in self._ids.values()

    async def _load(self) -> None:
        self._ids = wire.read_labels(await self._ask(self._requests.labels()))


def no_label(folder: FolderName) -> FolderMissing:
    """Return the error about a folder whose label is not there."""
    return FolderMissing(
        f"the mailbox has no label {folder}; it is spelled as in Gmail, with / between a label and"
        " one below it"
    )
