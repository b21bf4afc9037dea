"""Mailboxes of a simulation, seen from their other side: senders, the owner, and what goes wrong."""

import enum
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import attrs

from providers.contract import DispositionKind, FolderName, MailboxProvider, RemoteId
from providers.folder import mailbox as folder_mailbox
from providers.folder.wire import maildir_id
from tests.chaos.failing import FailingMailbox, Fault, Faults
from tests.chaos.mails import Job
from tests.chaos.steady_loop import TurnsTaken, instead, steady_loop
from tests.fakes.clock import LoopClock
from tests.fakes.mailbox import FakeMailbox, FakeService, RemoteMail


class Place(enum.StrEnum):
    """Where a message can lie upstream; `ELSEWHERE` is where only its owner puts it."""

    INBOX = "inbox"
    TRASH = "trash"
    DONE = "done"
    ELSEWHERE = "elsewhere"
    GONE = "gone"


@attrs.frozen
class Seen:
    """A message as it is upstream."""

    place: Place
    is_read: bool = False


GONE = Seen(Place.GONE)


class Upstream(Protocol):
    """One mailbox that outlives every process of the bridge; `met` counts the faults that were met so far.

    `can_be_unreadable` says whether it has messages that can never be had, `follows` which dispositions
    reach a message that its owner has filed elsewhere.
    """

    can_be_unreadable: bool
    follows: frozenset[DispositionKind]

    @property
    def met(self) -> int: ...

    async def start(self) -> None:
        """Be there; called before anything else."""

    async def stop(self) -> None:
        """Be gone."""

    def check(self) -> list[str]:
        """Return what was asked against the service's contract."""

    def trouble(self, faults: list[Fault]) -> None:
        """Let the next calls meet these faults."""

    def heal(self) -> None:
        """Forget all faults; sick messages stay sick only where `sicken` says so again."""

    def sicken(self, sick: Mapping[int, bool]) -> None:
        """Let these messages, and no other, fail whenever they are fetched; the value says whether they ever can be had."""

    def put(self, job: Job) -> RemoteId:
        """Let a message arrive in the inbox."""

    def seen(self) -> dict[int, Seen]:
        """Return where every message is that is anywhere."""

    def move(self, job: int, place: Place) -> None:
        """Move a message, or take it away for ever, as its owner would."""

    def mark(self, job: int, *, is_read: bool) -> None:
        """Mark a message as read or unread, as its owner would."""

    def forget_cursors(self) -> None:
        """Know no cursor any more that was given so far."""

    def open(self) -> MailboxProvider:
        """Return a new connection."""


FOLDERS = {
    Place.INBOX: FolderName(""),
    Place.TRASH: FolderName("Trash"),
    Place.DONE: FolderName("Done"),
    Place.ELSEWHERE: FolderName("Elsewhere"),
}
BY_DISPOSITION = {
    DispositionKind.TRASH: Place.TRASH,
    DispositionKind.MOVE: Place.DONE,
    DispositionKind.PURGE: Place.GONE,
    DispositionKind.MARK_READ: Place.INBOX,
}
"""Where a message is once a disposition was obeyed; a move goes to Done."""


class PlainUpstream:
    """What mailboxes share that fail through a `FailingMailbox`."""

    can_be_unreadable = True
    follows: frozenset[DispositionKind] = frozenset()

    def __init__(self) -> None:
        self.faults = Faults()
        self.ids: dict[int, RemoteId] = {}

    @property
    def met(self) -> int:
        return self.faults.met

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def check(self) -> list[str]:
        return []

    def trouble(self, faults: list[Fault]) -> None:
        self.faults.waiting += faults

    def heal(self) -> None:
        self.faults.waiting.clear()

    def sicken(self, sick: Mapping[int, bool]) -> None:
        self.faults.sick = {self.ids[job]: can_be_had for job, can_be_had in sick.items()}


class MemoryUpstream(PlainUpstream):
    """The mailbox in memory that other tests script to fail."""

    def __init__(self, _root: Path, at_once: int) -> None:
        super().__init__()
        self.service = FakeService(page_messages=4)
        self.service.at_once = at_once
        self.service.on_step = lambda _name: steady_loop().pass_boundary()
        for folder in FOLDERS.values():
            self.service.folder(folder)

    def put(self, job: Job) -> RemoteId:
        self.ids[job.number] = self.service.put(job.octets, remote_id=f"m{job.number}")
        return self.ids[job.number]

    def seen(self) -> dict[int, Seen]:
        return {
            int(remote_id[1:]): Seen(place, mail.is_read)
            for place, folder in FOLDERS.items()
            for remote_id, mail in self.service.folder(folder).items()
        }

    def move(self, job: int, place: Place) -> None:
        mail = self._take(job)
        if place is not Place.GONE:
            self.service.bring_back(mail, FOLDERS[place])

    def mark(self, job: int, *, is_read: bool) -> None:
        for folder in FOLDERS.values():
            if (mail := self.service.folder(folder).get(RemoteId(f"m{job}"))) is not None:
                mail.is_read = is_read

    def forget_cursors(self) -> None:
        self.service.expire_cursors()

    def open(self) -> MailboxProvider:
        return FailingMailbox(FakeMailbox(self.service), self.faults)

    def _take(self, job: int) -> RemoteMail:
        for folder in FOLDERS.values():
            if (mail := self.service.remove(RemoteId(f"m{job}"), folder)) is not None:
                return mail
        raise KeyError(job)


class FolderUpstream(PlainUpstream):
    """A Maildir."""

    def __init__(self, root: Path, _at_once: int) -> None:
        super().__init__()
        self._root = root
        for folder in FOLDERS.values():
            for part in ("cur", "new", "tmp"):
                (self._base(folder) / part).mkdir(parents=True)

    def put(self, job: Job) -> RemoteId:
        path = self._root / "new" / f"{1_700_000_000 + job.number}.M0P{job.number}.host"
        path.write_bytes(job.octets)
        now = LoopClock().now()
        os.utime(path, (now, now))
        self.ids[job.number] = maildir_id(path.name)
        return self.ids[job.number]

    def seen(self) -> dict[int, Seen]:
        return {
            _number(path): Seen(place, "S" in path.name.partition(":2,")[2])
            for place, folder in FOLDERS.items()
            for path in self._files(folder)
        }

    def move(self, job: int, place: Place) -> None:
        path = self._find(job)
        if place is Place.GONE:
            path.unlink()
        else:
            path.rename(self._base(FOLDERS[place]) / path.parent.name / path.name)

    def mark(self, job: int, *, is_read: bool) -> None:
        path = self._find(job)
        name = path.name.partition(":")[0] + (":2,S" if is_read else ":2,")
        path.rename(path.parent.parent / "cur" / name)

    def forget_cursors(self) -> None:
        """Do nothing: a cursor of a folder never expires."""

    def open(self) -> MailboxProvider:
        # The folder's jobs take their turn with everything else.
        with instead(folder_mailbox, "ThreadPoolExecutor", TurnsTaken):
            inner = folder_mailbox.FolderMailbox(self._root, LoopClock().now)
        return FailingMailbox(inner, self.faults)

    def _base(self, folder: FolderName) -> Path:
        return self._root / f".{folder}" if folder else self._root

    def _files(self, folder: FolderName) -> list[Path]:
        base = self._base(folder)
        return sorted(path for part in ("new", "cur") for path in (base / part).iterdir())

    def _find(self, job: int) -> Path:
        for folder in FOLDERS.values():
            for path in self._files(folder):
                if _number(path) == job:
                    return path
        raise KeyError(job)


def _number(path: Path) -> int:
    return int(path.name.partition(".M0P")[2].partition(".")[0])
