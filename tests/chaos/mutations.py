"""Bridges that break a promise, each in one way that somebody might think harmless; the simulator must find them.

Each takes a `monkeypatch` and puts the broken part in the place of the true one.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any

import pytest

from bridge.maildrop import Listing
from bridge.names import MaildropName, SpoolId
from bridge.pop3.events import Accepted, Expunge, Expunged, Refused
from bridge.pop3.replies import ResponseCode
from bridge.session.session import Session
from bridge.storage.holding import Holder
from bridge.storage.lives import Note
from bridge.storage.messages import MessageState
from bridge.storage.register import Device
from bridge.storage.sqlite.moved import Restored
from bridge.storage.sqlite.spool import queries, steps
from bridge.storage.sqlite.spool.spool import SqliteSpool
from bridge.sync import errand as errands
from bridge.sync.disposing import Disposer
from bridge.sync.fetching import Fetcher
from bridge.sync.look import Looker
from bridge.sync.room import Room
from providers.contract import AccessRefused, DispositionOrder, RemoteId, Unreachable
from tests.chaos import moving_steps

Patch = pytest.MonkeyPatch


def tombstones_are_forgotten(patch: Patch) -> None:
    """What is disposed of is removed, and so is the guard that would not let it."""

    def dispose(db: sqlite3.Connection, messages: Iterable[SpoolId], now: float) -> None:
        del now
        db.execute("DROP TRIGGER IF EXISTS message_end")
        db.executemany("DELETE FROM message WHERE id = ?", [(one,) for one in messages])

    patch.setattr(steps, "dispose", dispose)


def quit_is_answered_first(patch: Patch) -> None:
    """+OK is said before the deletion is on the disk."""
    true = Session._expunge  # noqa: SLF001 - it is to be broken

    async def answer(self: Session, effect: Expunge) -> Expunged:
        async def later() -> None:
            await asyncio.sleep(1)  # noqa: TID251 - of the loop's own time
            await true(self, effect)

        _TASKS.append(asyncio.get_running_loop().create_task(later()))
        return Expunged()

    patch.setattr(Session, "_expunge", answer)


_TASKS: list[asyncio.Task[None]] = []
"""Tasks that nobody waits for."""


def quit_is_obeyed_piece_by_piece(patch: Patch) -> None:
    """Each deletion is a transaction of its own."""
    true = SqliteSpool.expunge

    async def expunge(
        self: SqliteSpool,
        maildrop: MaildropName,
        messages: Iterable[SpoolId],
        by: Holder | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        for one in messages:
            await true(self, maildrop, [one], by, notes)
            notes = ()

    patch.setattr(SqliteSpool, "expunge", expunge)


def a_lost_connection_deletes(patch: Patch) -> None:
    """What was marked is deleted even where no QUIT came."""
    true = Session.serve

    async def serve(self: Session) -> None:
        await true(self)
        drop, device = self._done._drop, self._device  # noqa: SLF001 - it is to be broken
        if drop is not None and device is not None and drop.marked():
            await self._services.spool.expunge(device.maildrop, drop.marked())

    patch.setattr(Session, "serve", serve)


def dispositions_are_repeated(patch: Patch) -> None:
    """Each look carries out what earlier looks have carried out already."""
    true = Disposer._answers  # noqa: SLF001 - it is to be broken
    earlier: list[DispositionOrder] = []

    async def answers(self: Disposer, work: Any, batch: Any) -> Any:  # noqa: ANN401 - as it says
        found = await true(self, work, batch)
        with suppress(Unreachable, AccessRefused):
            await self.provider.dispose(earlier[-20:])
        earlier.extend(
            DispositionOrder(work.folders[item.maildrop], item.remote_id, item.disposition)
            for item in batch
        )
        return found

    patch.setattr(Disposer, "_answers", answers)


def half_a_body_is_enough(patch: Patch) -> None:
    """A body that breaks off is taken for a short one."""
    true = Fetcher._bounded  # noqa: SLF001 - it is to be broken

    async def bounded(self: Fetcher, turn: Any, arriving: Any) -> AsyncGenerator[bytes, None]:  # noqa: ANN401 - as it says
        is_begun = False
        try:
            async with aclosing(true(self, turn, arriving)) as pieces:
                async for piece in pieces:
                    yield piece
                    is_begun = True
        except Unreachable:
            if not is_begun:
                raise

    patch.setattr(Fetcher, "_bounded", bounded)


def an_outage_empties_the_maildrop(patch: Patch) -> None:
    """While the account fails nothing is listed, whatever its owner wants."""
    true = Session._listing  # noqa: SLF001 - it is to be broken

    async def listing(self: Session, device: Device) -> Listing:
        found = await true(self, device)
        record = self._services.directory.record_of(device.maildrop)
        is_failing = record is not None and self._services.is_failing(record.account)
        return Listing.of([]) if is_failing else found

    patch.setattr(Session, "_listing", listing)


def an_outage_is_a_wrong_password(patch: Patch) -> None:
    """What the spool cannot answer is answered with [AUTH]."""
    true = Session._log_in  # noqa: SLF001 - it is to be broken

    async def log_in(self: Session, check: Any) -> Any:  # noqa: ANN401 - as it says
        answer: Accepted | Refused = await true(self, check)
        if isinstance(answer, Refused) and answer.code is ResponseCode.SYS_TEMP:
            return Refused(ResponseCode.AUTH)
        return answer

    patch.setattr(Session, "_log_in", log_in)


def the_cursor_is_saved_first(patch: Patch) -> None:
    """A look that ends early has seen what it never announced."""
    true = Looker._take_page  # noqa: SLF001 - it is to be broken

    async def take_page(self: Looker, page: Any, names: Any, *rest: Any) -> None:  # noqa: ANN401 - as it says
        if page.cursor is not None:
            await self.spool.save_cursor(names, page.cursor)
        await true(self, page, names, *rest)

    patch.setattr(Looker, "_take_page", take_page)


def a_bad_message_ends_every_look(patch: Patch) -> None:
    """The first fetch that fails ends the look, and is the first of the next one."""
    true = Fetcher._waiting  # noqa: SLF001 - it is to be broken

    async def waiting(self: Fetcher, maildrop: MaildropName, errand: Any) -> Any:  # noqa: ANN401 - as it says
        fresh, again = await true(self, maildrop, errand)
        return sorted([*fresh, *again], key=lambda item: item.spool_id), []

    patch.setattr(Fetcher, "_waiting", waiting)
    patch.setattr(errands, "FAILURES_IN_A_ROW", 1)


def copies_are_printed(patch: Patch) -> None:
    """A second copy of a print job is listed beside the first."""
    patch.setattr(steps, "twin", lambda *_asked: None)


def a_ceiling_is_but_a_hint(patch: Patch) -> None:
    """More is fetched than may lie here."""
    patch.setattr(Room, "check", lambda *_asked: None)
    patch.setattr(Room, "take", lambda *_asked: None)


def a_restore_lists_what_the_backup_lists(patch: Patch) -> None:
    """What waited when the backup was made is listed again, as if nothing had been printed since."""
    true = moving_steps.begin_without_bodies

    def begin(db: sqlite3.Connection, now: float, *, is_exact: bool) -> Restored:
        del is_exact
        return true(db, now, is_exact=True)

    patch.setattr(moving_steps, "begin_without_bodies", begin)


def a_look_misses_what_was_made_here(patch: Patch) -> None:
    """A test page counts as mail of the mailbox, which a full list does not name."""
    true = queries.known

    def known(db: sqlite3.Connection, maildrop: MaildropName) -> dict[RemoteId, MessageState]:
        rows = db.execute(
            "SELECT remote_id, state FROM message WHERE maildrop = ? AND local = 1", (maildrop,)
        )
        pages = {RemoteId(name): MessageState(state) for name, state in rows}
        return {**true(db, maildrop), **pages}

    patch.setattr(queries, "known", known)


MUTATIONS = {
    tombstones_are_forgotten: "was deleted and is listed again",
    quit_is_answered_first: "was deleted and is listed again",
    quit_is_obeyed_piece_by_piece: "was obeyed in part",
    a_lost_connection_deletes: "are lost to",
    dispositions_are_repeated: "as nobody ordered",
    half_a_body_is_enough: "octets, not",
    an_outage_empties_the_maildrop: "was told another list",
    an_outage_is_a_wrong_password: "[AUTH]",
    the_cursor_is_saved_first: "are not listed to",
    a_bad_message_ends_every_look: "block the others",
    copies_are_printed: "is a copy of",
    a_ceiling_is_but_a_hint: "octets lie in",
    a_restore_lists_what_the_backup_lists: "was deleted and is listed again",
    a_look_misses_what_was_made_here: "are lost to",
}
"""What each breaks, in the words of the model."""
