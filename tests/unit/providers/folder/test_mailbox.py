import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from providers.contract import (
    ChangePage,
    Cursor,
    Disposition,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    MessageGone,
    MessageUnreadable,
    RemoteId,
    Unreachable,
)
from providers.folder.mailbox import FolderMailbox, open_folder

INBOX = FolderName("")
NOW = 1_800_000_000.0
NOBODY = 65534


class Clock:
    """A time that a test moves by hand."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def mailbox(tmp_path: Path, clock: Clock) -> AsyncIterator[FolderMailbox]:
    opened = FolderMailbox(tmp_path, clock.now)
    yield opened
    await opened.close()


@pytest.fixture
def powerless() -> Iterator[Path]:
    """Give a folder, and for the length of the test take the powers of the superuser away."""
    root = Path(tempfile.mkdtemp())
    user = os.geteuid()
    if user == 0:
        os.chown(root, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield root
    os.seteuid(user)
    root.chmod(0o700)
    shutil.rmtree(root)


def put(path: Path, octets: bytes = b"x", *, age: float = 3600) -> None:
    path.write_bytes(octets)
    os.utime(path, (NOW - age, NOW - age))


def allow(path: Path, mode: int) -> None:
    path.chmod(mode)


async def look(mailbox: FolderMailbox, cursor: Cursor | None = None) -> list[ChangePage]:
    return [page async for page in mailbox.changes(INBOX, cursor)]


async def ids(mailbox: FolderMailbox) -> list[RemoteId]:
    return [message.remote_id for page in await look(mailbox) for message in page.added]


async def fetch(mailbox: FolderMailbox, remote_id: RemoteId) -> bytes:
    return b"".join([piece async for piece in mailbox.fetch(INBOX, remote_id)])


async def purge(mailbox: FolderMailbox, remote_id: RemoteId) -> list[DispositionOutcome]:
    order = DispositionOrder(INBOX, remote_id, Disposition(DispositionKind.PURGE))
    return list(await mailbox.dispose([order]))


# ---- looks


async def test_a_missing_folder_is_said_in_one_sentence(tmp_path: Path, clock: Clock) -> None:
    mailbox = FolderMailbox(tmp_path / "nowhere", clock.now)
    with pytest.raises(FolderMissing, match=r"^there is no directory .*nowhere: create it"):
        await look(mailbox)
    await mailbox.close()


async def test_a_folder_that_appears_later_is_seen(tmp_path: Path, clock: Clock) -> None:
    mailbox = FolderMailbox(tmp_path / "mail", clock.now)
    assert DispositionKind.MARK_READ not in mailbox.dispositions
    for part in ("mail", "mail/cur", "mail/new"):
        (tmp_path / part).mkdir()
    assert mailbox.dispositions == frozenset(DispositionKind)
    put(tmp_path / "mail" / "new" / "1700000001.1.host")
    assert await ids(mailbox) == ["1700000001.1.host"]
    await mailbox.close()


@pytest.mark.parametrize("cursor", ["", "garbage", "folder-0:00", "\0", "folder-1:" + "0" * 32])
async def test_a_foreign_cursor_means_a_full_list(
    tmp_path: Path, mailbox: FolderMailbox, cursor: str
) -> None:
    put(tmp_path / "a.eml")
    (page,) = await look(mailbox, Cursor(cursor))
    assert page.full
    assert len(page.added) == 1


async def test_a_file_that_is_still_being_written_is_not_remembered_as_seen(
    tmp_path: Path, mailbox: FolderMailbox, clock: Clock
) -> None:
    put(tmp_path / "a.eml")
    put(tmp_path / "b.eml", age=0)
    (first,) = await look(mailbox)
    (idle,) = await look(mailbox, first.cursor)
    assert (len(first.added), idle.full) == (1, False)
    clock.time += 3
    (later,) = await look(mailbox, first.cursor)
    assert [message.sort_key for message in later.added] == ["a.eml", "b.eml"]


async def test_an_edited_file_is_noticed_though_its_directory_did_not_change(
    tmp_path: Path, mailbox: FolderMailbox
) -> None:
    put(tmp_path / "a.eml", b"one", age=500)
    (first,) = await look(mailbox)
    put(tmp_path / "a.eml", b"two", age=400)
    (second,) = await look(mailbox, first.cursor)
    assert second.full
    assert first.added != second.added


async def test_a_flag_renamed_in_a_maildir_is_no_change(
    tmp_path: Path, mailbox: FolderMailbox
) -> None:
    for part in ("cur", "new"):
        (tmp_path / part).mkdir()
    put(tmp_path / "new" / "1700000001.1.host")
    (first,) = await look(mailbox)
    (tmp_path / "new" / "1700000001.1.host").rename(tmp_path / "cur" / "1700000001.1.host:2,S")
    (idle,) = await look(mailbox, first.cursor)
    assert not idle.full


async def test_a_message_once_called_gone_is_listed_again_when_it_is_back(
    tmp_path: Path, mailbox: FolderMailbox
) -> None:
    """The caller forgot it; under the old cursor, which knows it, an idle look would hide it for ever."""
    put(tmp_path / "a.eml")
    (first,) = await look(mailbox)
    (remote_id,) = await ids(mailbox)
    (tmp_path / "a.eml").rename(tmp_path / "aside")
    with pytest.raises(MessageGone):
        await fetch(mailbox, remote_id)
    (tmp_path / "aside").rename(tmp_path / "a.eml")
    (second,) = await look(mailbox, first.cursor)
    (third,) = await look(mailbox, second.cursor)
    assert (second.full, second.added) == (True, first.added)
    assert not third.full


# ---- failures


async def test_a_file_that_may_not_be_read_is_unreadable_for_good(
    powerless: Path, clock: Clock
) -> None:
    mailbox = FolderMailbox(powerless, clock.now)
    put(powerless / "a\n.eml")
    allow(powerless / "a\n.eml", 0)
    (remote_id,) = await ids(mailbox)
    with pytest.raises(MessageUnreadable, match=r"file a%0A\.eml .*: permission denied: "):
        await fetch(mailbox, remote_id)
    await mailbox.close()


@pytest.mark.parametrize("mode", [0, 0o600, 0o300])
async def test_a_folder_that_may_not_be_read_is_a_failure_that_may_pass(
    powerless: Path, clock: Clock, mode: int
) -> None:
    mailbox = FolderMailbox(powerless, clock.now)
    put(powerless / "a.eml")
    allow(powerless, mode)
    with pytest.raises(Unreachable, match=f"{powerless.name} .*Permission denied.*access"):
        await look(mailbox)
    await mailbox.close()


async def test_a_folder_that_may_not_be_searched_makes_no_message_unreadable(
    powerless: Path, clock: Clock
) -> None:
    mailbox = FolderMailbox(powerless, clock.now)
    for part in ("cur", "new"):
        (powerless / part).mkdir()
    put(powerless / "new" / "1700000001.1.host")
    (remote_id,) = await ids(mailbox)
    allow(powerless / "new", 0o600)
    restarted = FolderMailbox(powerless, clock.now)  # finds the name, and cannot open the file
    for either in (mailbox, restarted):
        with pytest.raises(Unreachable, match="Permission denied"):
            await fetch(either, remote_id)
    await restarted.close()
    allow(powerless / "new", 0o700)
    assert await fetch(mailbox, remote_id) == b"x"
    await mailbox.close()


@pytest.mark.parametrize("kind", ["purge", "trash", "move:Printed"])
async def test_a_folder_that_may_not_be_changed_is_named(
    powerless: Path, clock: Clock, kind: str
) -> None:
    mailbox = FolderMailbox(powerless, clock.now)
    put(powerless / "a.eml")
    (remote_id,) = await ids(mailbox)
    allow(powerless, 0o500)
    order = DispositionOrder(INBOX, remote_id, Disposition.parse(kind))
    with pytest.raises(Unreachable, match=f"{powerless.name} .*Permission denied.*access"):
        await mailbox.dispose([order])
    assert (powerless / "a.eml").exists()
    allow(powerless, 0o700)
    assert list(await mailbox.dispose([order])) == [DispositionOutcome.DONE]
    await mailbox.close()


async def test_a_folder_that_is_not_attached_keeps_its_orders(
    tmp_path: Path, clock: Clock
) -> None:
    root = tmp_path / "mail"
    root.mkdir()
    put(root / "a.eml")
    mailbox = FolderMailbox(root, clock.now)
    (remote_id,) = await ids(mailbox)
    root.rename(tmp_path / "detached")
    with pytest.raises(Unreachable):
        await purge(mailbox, remote_id)
    with pytest.raises(Unreachable):
        await fetch(mailbox, remote_id)
    (tmp_path / "detached").rename(root)
    assert await purge(mailbox, remote_id) == [DispositionOutcome.DONE]
    await mailbox.close()


# ---- what is held open


def descriptors_in(root: Path) -> list[str]:
    held = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:  # the descriptor that lists the others
            continue
        held += [target] if target.startswith(str(root)) else []
    return held


async def test_nothing_stays_open_after_a_fetch_that_is_left_early(
    tmp_path: Path, clock: Clock
) -> None:
    put(tmp_path / "a.eml", b"x" * 1_000_000)
    mailbox = FolderMailbox(tmp_path, clock.now)
    (remote_id,) = await ids(mailbox)
    pieces = mailbox.fetch(INBOX, remote_id)
    assert await anext(pieces)
    assert descriptors_in(tmp_path)
    await pieces.aclose()
    await mailbox.close()
    assert descriptors_in(tmp_path) == []


async def test_a_fetch_that_outlives_its_mailbox_lets_go_of_its_file(
    tmp_path: Path, clock: Clock
) -> None:
    put(tmp_path / "a.eml", b"x" * 1_000_000)
    mailbox = FolderMailbox(tmp_path, clock.now)
    (remote_id,) = await ids(mailbox)
    pieces = mailbox.fetch(INBOX, remote_id)
    assert await anext(pieces)
    await mailbox.close()
    await pieces.aclose()
    assert descriptors_in(tmp_path) == []


def test_the_settings_name_the_folder(tmp_path: Path) -> None:
    (tmp_path / "cur").mkdir()
    (tmp_path / "new").mkdir()
    assert DispositionKind.MARK_READ in open_folder({"path": str(tmp_path)}).dispositions


def test_settings_without_a_path_are_refused() -> None:
    with pytest.raises(ValueError, match="needs the setting path"):
        open_folder({})
