"""Finds the folders of one mailbox by name, makes those a move needs, and remembers their ids."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from providers.caller import Request
from providers.contract import (
    FolderMissing,
    FolderName,
    MessageGone,
    ProviderError,
    Unreachable,
)
from providers.microsoft.wire import ById, ByPath, WellKnown, folder_ref, odata_text, quoted
from providers.transport import HttpAnswer

HOUR_SECONDS = 3600.0
"""How often a path is followed anew: a look at an unchanged folder is one request otherwise."""

Ask = Callable[[Request], Awaitable[HttpAnswer]]


class NameTaken(ProviderError):
    """A folder of that name is there already (409 ErrorFolderExists)."""


class Folders:
    """The folders of one mailbox; ids of folders stay the same for as long as they exist."""

    def __init__(self, base: str, ask: Ask, now: Callable[[], float] = time.monotonic) -> None:
        """Ask below `base`, the address of the mailbox; `now` runs in seconds, never backwards."""
        self._now = now
        self._looked_up: dict[FolderName, float] = {}
        self._base = base
        self._ask = ask
        self._known: dict[FolderName, str] = {}

    async def find(self, folder: FolderName) -> str:
        """Return the id of a folder.

        Raises:
            FolderMissing: there is none of that name.
            ProviderError: as the contract says.
        """
        if folder not in self._known:
            self._known[folder] = await self._look_up(folder, create=False)
        return self._known[folder]

    async def find_hourly(self, folder: FolderName) -> str | None:
        """Return the id that a path leads to now, once an hour; None in between and for other names.

        A folder keeps its id when it is renamed or thrown away, and another may take its name.

        Raises:
            FolderMissing: the path leads nowhere any more.
            ProviderError: as the contract says.
        """
        due = self._looked_up.setdefault(folder, self._now()) + HOUR_SECONDS
        if self._now() < due or not isinstance(folder_ref(folder), ByPath):
            return None
        self._looked_up[folder] = self._now()
        self.forget(folder)
        return await self.find(folder)

    async def find_or_make(self, folder: FolderName) -> str:
        """Return the id of a folder, and make it, and those above it, where it is missing.

        Raises:
            FolderMissing: it can only be found, being named by an id.
            ProviderError: as the contract says.
        """
        if folder not in self._known:
            self._known[folder] = await self._look_up(folder, create=True)
        return self._known[folder]

    def forget(self, folder: FolderName) -> None:
        """Look this folder up again when it is next asked for: it may have been removed."""
        self._known.pop(folder, None)

    async def _look_up(self, folder: FolderName, *, create: bool) -> str:
        match folder_ref(folder):
            case WellKnown(name) | ById(name):
                return await self._id_of(name, folder)
            case ByPath(start, names):
                here = start
                for name in names:
                    child = await self._child(here, name)
                    if child is None and create:
                        child = await self._make(here, name)
                    if child is None:
                        raise FolderMissing(
                            f"the mailbox has no folder {folder}; it is spelled as in Outlook,"
                            " with / between a folder and one inside it"
                        )
                    here = child
                return here

    async def _id_of(self, name: str, folder: FolderName) -> str:
        url = f"{self._base}/mailFolders/{quoted(name)}?$select=id"
        try:
            answer = await self._ask(Request("GET", url))
        except MessageGone as error:
            raise FolderMissing(
                f"the mailbox has no folder {folder or 'inbox'}", request_id=error.request_id
            ) from error
        return _id(answer.json())

    async def _child(self, parent: str, name: str) -> str | None:
        wanted = quote(f"displayName eq {odata_text(name)}", safe="")
        url = f"{self._below(parent)}?includeHiddenFolders=true&$filter={wanted}&$select=id,displayName&$top=50"
        value = (await self._ask_inside(name, Request("GET", url))).json()
        items = value.get("value") if isinstance(value, dict) else None
        if not isinstance(items, list):
            raise Unreachable("Graph's answer is no list of folders")
        same = [one for one in items if _is_named(one, name)]
        return _id(same[0]) if same else None

    async def _make(self, parent: str, name: str) -> str:
        body = json.dumps({"displayName": name}).encode()
        request = Request(
            "POST", self._below(parent), {"Content-Type": "application/json"}, body
        )
        try:
            return _id((await self._ask_inside(name, request)).json())
        except NameTaken as error:
            child = await self._child(parent, name)  # somebody, or an earlier try, was quicker
            if child is None:
                raise FolderMissing(
                    f"the mailbox has a folder {name}, but hides it; choose another name",
                    request_id=error.request_id,
                ) from error
            return child

    async def _ask_inside(self, name: str, request: Request) -> HttpAnswer:
        """Return the answer to what is asked of the folder that `name` is, or will be, in."""
        try:
            return await self._ask(request)
        except MessageGone as error:
            raise FolderMissing(
                f"the mailbox has no folder for {name} to be in", request_id=error.request_id
            ) from error

    def _below(self, parent: str) -> str:
        if parent == "msgfolderroot":
            return f"{self._base}/mailFolders"
        return f"{self._base}/mailFolders/{quoted(parent)}/childFolders"


def _id(value: Any) -> str:  # noqa: ANN401 - JSON, checked here
    found = value.get("id") if isinstance(value, dict) else None
    if not isinstance(found, str) or not found:
        raise Unreachable("Graph's answer names no folder")
    return found


def _is_named(one: object, name: str) -> bool:
    shown = one.get("displayName") if isinstance(one, dict) else None
    return isinstance(shown, str) and shown.casefold() == name.casefold()
