"""Killed between any two steps of a look, the next looks end as if nothing had happened."""

import itertools
from pathlib import Path

import pytest

from bridge.storage.messages import MessageState
from providers.contract import MessageUnreadable, RemoteId
from tests.contract.storage_harness import FAX, OFFICE, PRINTER, maildrop
from tests.fakes.mailbox import TRASH
from tests.unit.sync.looking import Killed, Looking, SteppedSpool, mail

ENOUGH = 400


class _Fuse:
    """Ends the process at one step of a look, counted from 0: among all, or among those of a name."""

    def __init__(self, at: int, name: str = "") -> None:
        self._left = at
        self._name = name
        self.burnt = ""
        self.seen: list[str] = []

    def __call__(self, name: str) -> None:
        self.seen.append(name)
        if self._name not in ("", name):
            return
        if self._left == 0 and not self.burnt:
            self.burnt = name
            raise Killed
        self._left -= 1


async def _before(looking: Looking) -> RemoteId:
    """Leave work of every kind for the next look; return the message that cannot be had."""
    await looking.register(maildrop(PRINTER, on_dele="trash"), maildrop(FAX, on_dele="keep"))
    looking.service.page_messages = 2
    for name in ("deleted", "stays", "goes"):
        looking.service.put(mail(name))
    await looking.look()
    await looking.delete(1)
    looking.service.remove(RemoteId("message-3"))
    poison = looking.service.put(mail("poison"))
    looking.service.trouble[poison] = MessageUnreadable("it cannot be converted")
    for name in ("new-1", "new-2", "new-3"):
        looking.service.put(mail(name))
    return poison


async def _look_until_killed(looking: Looking, fuse: _Fuse) -> bool:
    """Return whether the look came to its end."""
    looking.spool = SteppedSpool(looking.storage.spool, fuse)
    looking.service.on_step = fuse
    try:
        await looking.look()
    except Killed:
        return False
    except BaseExceptionGroup as group:
        if group.split(Killed)[1] is not None:
            raise
        return False  # killed while it fetched
    finally:
        looking.spool = None
        looking.service.on_step = lambda _name: None
    return True


async def _is_as_it_should_be(looking: Looking, poison: RemoteId) -> None:
    stays, notice, *new = await looking.listed()
    assert stays == mail("stays")
    assert b"it cannot be converted" in notice
    assert new == [mail("new-1"), mail("new-2"), mail("new-3")]
    unique_ids = [entry.unique_id for entry in (await looking.listing()).entries]
    assert len(set(unique_ids)) == 5
    assert [m.octets for m in looking.service.folder(TRASH).values()] == [mail("deleted")]
    assert await looking.storage.spool.queued(OFFICE, 10) == []
    known = await looking.storage.spool.known(PRINTER)
    assert known[poison] is MessageState.QUARANTINED
    assert known[RemoteId("message-1")] is MessageState.DISPOSED
    assert known.get(RemoteId("message-3"), MessageState.VANISHED) is MessageState.VANISHED
    # The other maildrop lost what was moved away upstream before its device took it.
    assert len(await looking.listed(FAX)) == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expired", "at_once"),
    [(False, 1), (True, 1), (False, 3)],
    ids=["by changes", "by full list", "side by side"],
)
async def test_a_look_killed_at_any_step_is_completed_by_the_next(
    tmp_path: Path, at_once: int, *, expired: bool
) -> None:
    async def killed_by(fuse: _Fuse) -> bool:
        looking = Looking(tmp_path / f"life-{next(lives)}")
        looking.service.at_once = at_once
        poison = await _before(looking)
        if expired:
            looking.service.expire_cursors()
        is_complete = await _look_until_killed(looking, fuse)
        looking.storage.crash()
        await looking.storage.spool.sweep_orphans()
        await looking.look()
        await _is_as_it_should_be(looking, poison)
        looking.storage.close()
        return is_complete

    lives = itertools.count()
    whole = _Fuse(ENOUGH)
    assert await killed_by(whole)
    for at in range(ENOUGH):
        if await killed_by(_Fuse(at)):
            break
    else:
        pytest.fail("a look that never comes to its end")
    # Lanes side by side take their steps in any order, so a number may never fall on a name.
    for name in sorted(set(whole.seen)):
        assert not await killed_by(_Fuse(0, name)), name
    assert {
        "look", "page", "fetch", "piece", "dispose", "disposed",
        "before announce", "after announce", "before deliver", "after deliver",
        "before quarantine", "after quarantine", "before forget", "after forget",
        "before save_cursor", "after save_cursor", "before disposed", "after disposed",
    } <= set(whole.seen)  # fmt: skip


@pytest.mark.slow
async def test_looks_killed_again_and_again_come_to_an_end(tmp_path: Path) -> None:
    """Each life gets a little further than the one before; none undoes what another did."""
    looking = Looking(tmp_path)
    poison = await _before(looking)
    for at in itertools.count(3):
        assert at < ENOUGH
        is_complete = await _look_until_killed(looking, _Fuse(at))
        looking.storage.crash()
        await looking.storage.spool.sweep_orphans()
        if is_complete:
            break
    await _is_as_it_should_be(looking, poison)
    looking.storage.close()


async def test_a_message_that_was_away_for_a_moment_is_listed_again_after_a_crash(
    looking: Looking,
) -> None:
    """Killed between taking note of a removal and saving the cursor, the old cursor must not count."""
    await looking.register()
    first = mail("a")
    looking.service.put(first)
    await looking.look()
    (record,) = await looking.records()
    spool = looking.storage.spool
    assert await spool.cursor(record.name) is not None
    (remote_id,) = await spool.known(record.name)
    await spool.forget(record.name, [remote_id])
    assert await spool.cursor(record.name) is None
    await looking.look()
    assert await looking.listed() == [first]
