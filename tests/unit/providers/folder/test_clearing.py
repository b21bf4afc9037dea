import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from providers.contract import (
    Disposition,
    DispositionOrder,
    DispositionOutcome,
    FolderName,
    RemoteId,
    Unreachable,
)
from providers.folder.clearing import Clearing
from providers.folder.directories import Directories
from providers.folder.eml import EmlDirectory
from providers.folder.layout import Settling
from providers.folder.maildir import Maildir

INBOX = FolderName("")
NOBODY = 65534
MTIME = 1_700_000_000
ONE = RemoteId("1700000001.M5P7.host")
Clear = Callable[..., list[DispositionOutcome]]
DONE, RETRY, REFUSED = (
    DispositionOutcome.DONE,
    DispositionOutcome.RETRY,
    DispositionOutcome.REFUSED,
)


@pytest.fixture
def eml(tmp_path: Path) -> Clear:
    """Carry out orders in a directory of .eml files."""

    def clear(*orders: DispositionOrder) -> list[DispositionOutcome]:
        with Directories(tmp_path) as directories:
            layout = EmlDirectory(directories, {}, Settling(lambda: MTIME, 2.0))
            return Clearing(directories, layout).carry_out(list(orders))

    return clear


@pytest.fixture
def maildir(tmp_path: Path) -> Clear:
    """Carry out orders in a Maildir."""
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()

    def clear(*orders: DispositionOrder) -> list[DispositionOutcome]:
        with Directories(tmp_path) as directories:
            return Clearing(directories, Maildir(directories, {})).carry_out(list(orders))

    return clear


def put(path: Path, octets: bytes = b"x") -> RemoteId:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(octets)
    os.utime(path, (MTIME, MTIME))
    return RemoteId(f"{path.name}:{len(octets)}:{MTIME}000000000")


def order(remote_id: RemoteId, spelled: str, folder: str = "") -> DispositionOrder:
    return DispositionOrder(FolderName(folder), remote_id, Disposition.parse(spelled))


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


# ---- moving


def test_a_moved_file_keeps_its_id(tmp_path: Path, eml: Clear) -> None:
    remote_id = put(tmp_path / "a.eml")
    assert eml(order(remote_id, "move:Printed")) == [DONE]
    assert eml(order(remote_id, "keep", "Printed")) == [DONE]
    assert (tmp_path / "Printed" / "a.eml").stat().st_mtime == MTIME


def test_a_name_that_is_taken_is_never_overwritten(tmp_path: Path, eml: Clear) -> None:
    put(tmp_path / "Trash" / "a.eml", b"first")
    put(tmp_path / "Trash" / "a-1.eml", b"second")
    assert eml(order(put(tmp_path / "a.eml", b"third"), "trash")) == [DONE]
    assert tree(tmp_path) == {
        "Trash/a.eml": b"first",
        "Trash/a-1.eml": b"second",
        "Trash/a-2.eml": b"third",
    }


@pytest.mark.parametrize("linked", ["a.eml", "a-1.eml"])
def test_a_move_that_was_cut_short_is_finished(tmp_path: Path, eml: Clear, linked: str) -> None:
    remote_id = put(tmp_path / "a.eml")
    (tmp_path / "Trash").mkdir()
    os.link(tmp_path / "a.eml", tmp_path / "Trash" / linked)
    assert eml(order(remote_id, "trash")) == [DONE]
    assert tree(tmp_path) == {f"Trash/{linked}": b"x"}


def test_a_link_elsewhere_does_not_pass_for_a_finished_move(tmp_path: Path, eml: Clear) -> None:
    remote_id = put(tmp_path / "a.eml")
    (tmp_path / "backup").mkdir()
    os.link(tmp_path / "a.eml", tmp_path / "backup" / "a.eml")
    assert eml(order(remote_id, "trash")) == [DONE]
    assert tree(tmp_path) == {"Trash/a.eml": b"x", "backup/a.eml": b"x"}


def test_a_message_moved_to_where_it_lies_stays_there(tmp_path: Path, eml: Clear) -> None:
    remote_id = put(tmp_path / "Printed" / "a.eml")
    assert eml(order(remote_id, "move:Printed", "Printed")) == [DONE]
    assert tree(tmp_path) == {"Printed/a.eml": b"x"}


def test_a_message_of_the_trash_stays_there(tmp_path: Path, eml: Clear) -> None:
    remote_id = put(tmp_path / "Trash" / "a.eml")
    assert eml(order(remote_id, "trash", "Trash")) == [DONE]
    assert tree(tmp_path) == {"Trash/a.eml": b"x"}


@pytest.mark.parametrize("name", ["..", "../x", "/etc", ".hidden", "cur"])
def test_a_move_out_of_the_mail_folder_is_refused(
    tmp_path: Path, eml: Clear, name: str
) -> None:
    assert eml(order(put(tmp_path / "a.eml"), f"move:{name}")) == [REFUSED]
    assert tree(tmp_path) == {"a.eml": b"x"}


def test_a_move_through_a_symbolic_link_changes_nothing(tmp_path: Path, eml: Clear) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "Trash").symlink_to("elsewhere")
    remote_id = put(tmp_path / "a.eml")
    with pytest.raises(Unreachable, match="cannot be moved to Trash"):
        eml(order(remote_id, "trash"))
    assert tree(tmp_path) == {"a.eml": b"x"}


def test_a_file_that_took_the_name_meanwhile_is_left_alone(tmp_path: Path, eml: Clear) -> None:
    remote_id = put(tmp_path / "a.eml")
    put(tmp_path / "a.eml", b"the next print job")
    assert eml(order(remote_id, "purge"), order(remote_id, "trash")) == [DONE, DONE]
    assert tree(tmp_path) == {"a.eml": b"the next print job"}


class _Dropping(Directories):
    """Lets the next print job of the same name arrive between the two halves of a batch."""

    def sync(self, descriptors: Iterable[int]) -> None:
        super().sync(descriptors)
        if self.path(("next",)).exists():
            self.path(("next",)).rename(self.path(("a.eml",)))


@pytest.mark.parametrize("spelled", ["trash", "purge"])
def test_a_file_that_takes_the_name_between_the_halves_is_left_alone(
    tmp_path: Path, spelled: str
) -> None:
    remote_id = put(tmp_path / "a.eml", b"printed")
    put(tmp_path / "next", b"the next print job")
    with _Dropping(tmp_path) as directories:
        layout = EmlDirectory(directories, {}, Settling(lambda: MTIME, 2.0))
        assert Clearing(directories, layout).carry_out([order(remote_id, spelled)]) == [DONE]
    assert (tmp_path / "a.eml").read_bytes() == b"the next print job"


def test_one_message_named_twice_in_a_batch_is_moved_once(tmp_path: Path, eml: Clear) -> None:
    remote_id = put(tmp_path / "a.eml")
    assert eml(order(remote_id, "trash"), order(remote_id, "trash")) == [DONE, DONE]
    assert tree(tmp_path) == {"Trash/a.eml": b"x"}


def test_a_maildir_message_moves_with_its_flags(tmp_path: Path, maildir: Clear) -> None:
    put(tmp_path / "cur" / f"{ONE}:2,F")
    assert maildir(order(ONE, "move:Printed")) == [DONE]
    assert (tmp_path / ".Printed" / "cur" / f"{ONE}:2,F").exists()


def test_an_unread_maildir_message_stays_unread_in_the_trash(
    tmp_path: Path, maildir: Clear
) -> None:
    put(tmp_path / "new" / ONE)
    assert maildir(order(ONE, "trash")) == [DONE]
    assert (tmp_path / ".Trash" / "new" / ONE).exists()


def test_a_cut_short_move_is_finished_though_a_mail_program_renamed_the_copy(
    tmp_path: Path, maildir: Clear
) -> None:
    put(tmp_path / "new" / ONE)
    (tmp_path / ".Trash" / "cur").mkdir(parents=True)
    os.link(tmp_path / "new" / ONE, tmp_path / ".Trash" / "cur" / f"{ONE}:2,S")
    assert maildir(order(ONE, "trash")) == [DONE]
    assert list(tree(tmp_path)) == [f".Trash/cur/{ONE}:2,S"]


@pytest.fixture
def others() -> Iterator[Path]:
    """Give a folder of ours, and take the superuser's powers away for the length of the test."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can make files of somebody else")
    root = Path(tempfile.mkdtemp())
    os.chown(root, NOBODY, NOBODY)
    yield root
    os.seteuid(0)
    shutil.rmtree(root)


def test_a_file_of_somebody_else_that_may_not_be_linked_is_moved(others: Path) -> None:
    """Debian forbids to link such files (protected_hardlinks, proc(5)); the directory is ours."""
    remote_id = put(others / "a.eml", b"moved")
    (others / "a.eml").chmod(0o644)
    os.seteuid(NOBODY)
    (others / "Trash").mkdir()
    (others / "Trash" / "a.eml").write_bytes(b"there already")
    with Directories(others) as directories:
        layout = EmlDirectory(directories, {}, Settling(lambda: MTIME, 2.0))
        assert Clearing(directories, layout).carry_out([order(remote_id, "trash")]) == [DONE]
    assert tree(others) == {"Trash/a.eml": b"there already", "Trash/a-1.eml": b"moved"}


def test_a_file_that_may_be_neither_linked_nor_moved_leaves_no_trace(others: Path) -> None:
    remote_id = put(others / "a.eml")
    (others / "a.eml").chmod(0o644)
    (others / "Trash").mkdir()
    os.chown(others / "Trash", NOBODY, NOBODY)
    os.chown(others, 0, 0)
    others.chmod(0o1777)
    os.seteuid(NOBODY)
    with Directories(others) as directories:
        layout = EmlDirectory(directories, {}, Settling(lambda: MTIME, 2.0))
        assert Clearing(directories, layout).carry_out([order(remote_id, "trash")]) == [RETRY]
    assert tree(others) == {"a.eml": b"x"}


def test_a_message_that_is_kept_from_us_does_not_hold_up_the_others(others: Path) -> None:
    """In a directory with the sticky bit only its owner may remove a file (unlink(2), EPERM)."""
    locked, ours = put(others / "locked.eml"), put(others / "ours.eml")
    (others / "locked.eml").chmod(0o666)
    os.chown(others / "ours.eml", NOBODY, NOBODY)
    os.chown(others, 0, 0)
    others.chmod(0o1777)
    os.seteuid(NOBODY)
    with Directories(others) as directories:
        layout = EmlDirectory(directories, {}, Settling(lambda: MTIME, 2.0))
        orders = [order(locked, "purge"), order(ours, "trash"), order(locked, "trash")]
        outcomes = Clearing(directories, layout).carry_out(orders)
        again = Clearing(directories, layout).carry_out(orders)
    assert outcomes == again == [RETRY, DONE, RETRY]
    assert tree(others) == {
        "Trash/ours.eml": b"x",
        "Trash/locked.eml": b"x",
        "locked.eml": b"x",
    }


# ---- marking and removing


def test_a_new_message_marked_as_read_moves_to_cur(tmp_path: Path, maildir: Clear) -> None:
    put(tmp_path / "new" / ONE)
    assert maildir(order(ONE, "mark-read")) == [DONE]
    assert tree(tmp_path) == {f"cur/{ONE}:2,S": b"x"}


def test_other_flags_stay_when_a_message_is_marked_as_read(
    tmp_path: Path, maildir: Clear
) -> None:
    put(tmp_path / "cur" / f"{ONE}:2,FT")
    assert maildir(order(ONE, "mark-read"), order(ONE, "mark-read")) == [DONE, DONE]
    assert tree(tmp_path) == {f"cur/{ONE}:2,FST": b"x"}


def test_marking_as_read_never_overwrites_a_message(tmp_path: Path, maildir: Clear) -> None:
    put(tmp_path / "cur" / f"{ONE}:2,F", b"one")
    put(tmp_path / "cur" / f"{ONE}:2,FS", b"other")
    assert maildir(order(ONE, "mark-read")) == [DONE]
    assert sorted(tree(tmp_path).values()) == [b"one", b"other"]


def test_eml_files_cannot_be_marked_as_read(tmp_path: Path, eml: Clear) -> None:
    assert eml(order(put(tmp_path / "a.eml"), "mark-read")) == [REFUSED]
    assert tree(tmp_path) == {"a.eml": b"x"}


def test_a_purged_maildir_message_is_removed_whatever_its_flags(
    tmp_path: Path, maildir: Clear
) -> None:
    put(tmp_path / "cur" / f"{ONE}:2,RS")
    assert maildir(order(ONE, "purge"), order(ONE, "purge")) == [DONE, DONE]
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("spelled", ["purge", "trash"])
def test_a_message_that_is_read_and_taken_away_in_one_batch_is_taken_away_by_the_next(
    tmp_path: Path, maildir: Clear, spelled: str
) -> None:
    """Reading it renames it; two maildrops of one folder may want the one and the other."""
    put(tmp_path / "new" / ONE)
    both = order(ONE, spelled), order(ONE, "mark-read")
    assert maildir(*both) == [RETRY, DONE]
    assert maildir(both[0]) == [DONE]
    left = {"purge": {}, "trash": {f".Trash/new/{ONE}": b"x"}}[spelled]
    assert {n: o for n, o in tree(tmp_path).items() if "maildirfolder" not in n} == left


def test_an_order_in_a_folder_that_is_gone_is_done(eml: Clear) -> None:
    assert eml(order(RemoteId("a.eml:1:2"), "purge", "Nowhere")) == [DONE]
