import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.contract import FolderMissing, FolderName, RemoteId
from providers.folder.directories import Directories, Place
from providers.folder.layout import Listing
from providers.folder.maildir import Maildir, is_maildir

INBOX = FolderName("")
PRINTED = FolderName("Printed")
ONE = RemoteId("1700000001.M5P7.host")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    return tmp_path


@pytest.fixture
def listings() -> dict[FolderName, Listing]:
    return {}


Opener = Callable[[], Maildir]


@pytest.fixture
def opened(root: Path, listings: dict[FolderName, Listing]) -> Iterator[Opener]:
    """Give a layout as each job of a mailbox gets it: a new one, with the hints of the last look."""
    with Directories(root) as directories:
        yield lambda: Maildir(directories, listings)


def put(path: Path, octets: bytes = b"x") -> Path:
    path.write_bytes(octets)
    return path


def test_a_directory_with_cur_and_new_is_a_maildir(root: Path) -> None:
    with Directories(root) as directories:
        assert is_maildir(directories)
        (root / "new").rmdir()
        assert not is_maildir(directories)


def test_messages_of_new_and_cur_are_found(root: Path, opened: Opener) -> None:
    put(root / "new" / "1700000002.1.host")
    put(root / "cur" / "1700000001.1.host:2,S")
    assert set(opened().scan(INBOX)) == {"1700000001.1.host", "1700000002.1.host"}


def test_what_is_not_a_message_is_not_found(root: Path, opened: Opener) -> None:
    put(root / "tmp" / "1700000001.1.host")
    put(root / "new" / ".nfs001")
    (root / "new" / "directory").mkdir()
    (root / "new" / "link").symlink_to(put(root / "elsewhere"))
    os.mkfifo(root / "cur" / "fifo")
    assert opened().scan(INBOX) == {}


def test_a_message_that_is_in_new_and_in_cur_is_one_message(root: Path, opened: Opener) -> None:
    put(root / "new" / ONE)
    os.link(root / "new" / ONE, root / "cur" / f"{ONE}:2,S")
    (found,) = opened().scan(INBOX).values()
    assert found.place == ("cur",)


def test_a_message_without_a_date_in_its_name_is_found(root: Path, opened: Opener) -> None:
    os.utime(put(root / "new" / "message"), (1_700_000_005, 1_700_000_005))
    (found,) = opened().scan(INBOX).values()
    assert found.message.sort_key.startswith("01700000005.000000 ")


def test_a_file_name_that_is_no_text_is_found(root: Path, opened: Opener) -> None:
    put(root / "new" / os.fsdecode(b"1700000001.\xff.host"))
    (found,) = opened().scan(INBOX).values()
    assert found.message.remote_id == "1700000001.%FF.host"
    assert opened().locate(INBOX, found.message.remote_id) == found


def test_a_sub_folder_is_a_directory_with_a_dot(root: Path, opened: Opener) -> None:
    opened().make(PRINTED)
    put(root / ".Printed" / "new" / ONE)
    assert set(opened().scan(PRINTED)) == {ONE}
    assert opened().scan(INBOX) == {}


@pytest.mark.parametrize("name", ["Nowhere", "../other", ".Printed"])
def test_a_sub_folder_that_is_not_there_is_said_to_be_missing(
    name: str, opened: Opener
) -> None:
    with pytest.raises(FolderMissing):
        opened().scan(FolderName(name))


def test_a_new_sub_folder_is_a_whole_maildir(root: Path, opened: Opener) -> None:
    opened().make(PRINTED)
    opened().make(PRINTED)
    names = {path.name for path in (root / ".Printed").iterdir()}
    assert names == {"cur", "new", "tmp", "maildirfolder"}


def test_a_sub_folder_of_somebody_else_gets_no_mark(root: Path, opened: Opener) -> None:
    (root / ".Printed" / "cur").mkdir(parents=True)
    opened().make(PRINTED)
    assert {path.name for path in (root / ".Printed").iterdir()} == {"cur", "new", "tmp"}


def test_a_sub_folder_that_was_only_begun_is_made_whole(root: Path, opened: Opener) -> None:
    """A kill can come between any two of its parts."""
    (root / ".Printed" / "new").mkdir(parents=True)
    opened().make(PRINTED)
    names = {path.name for path in (root / ".Printed").iterdir()}
    assert names == {"cur", "new", "tmp", "maildirfolder"}


def test_a_message_is_located_without_a_look(root: Path, opened: Opener) -> None:
    put(root / "new" / ONE)
    found = opened().locate(INBOX, ONE)
    assert found is not None
    assert found.name == ONE


def test_a_message_is_located_after_its_flags_changed(root: Path, opened: Opener) -> None:
    path = put(root / "new" / ONE)
    opened().scan(INBOX)
    path.rename(root / "cur" / f"{ONE}:2,FS")
    found = opened().locate(INBOX, ONE)
    assert found is not None
    assert (found.place, found.name) == (("cur",), f"{ONE}:2,FS")


def test_a_message_that_is_gone_is_not_located(root: Path, opened: Opener) -> None:
    path = put(root / "new" / ONE)
    opened().scan(INBOX)
    path.unlink()
    assert opened().locate(INBOX, ONE) is None


def test_within_one_job_the_folder_is_read_once_for_all_that_is_gone(
    root: Path, opened: Opener
) -> None:
    layout = opened()
    assert layout.locate(INBOX, ONE) is None
    put(root / "new" / ONE)
    assert layout.locate(INBOX, ONE) is None
    assert opened().locate(INBOX, ONE) is not None


def test_nothing_is_located_in_a_missing_sub_folder(opened: Opener) -> None:
    assert opened().locate(PRINTED, ONE) is None


class _Renaming(Directories):
    """Moves a message from cur/ to new/ after new/ was read and before cur/ is."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._asked = 0

    def get(self, place: Place) -> int:
        self._asked += place == ("cur",)
        if place == ("cur",) and self._asked == 2:
            self.path(("cur", f"{ONE}:2,S")).rename(self.path(("new", ONE)))
        return super().get(place)


def test_a_message_that_moves_while_the_folder_is_read_is_not_missed(root: Path) -> None:
    """readdir(3) and the two directories of a Maildir leave it open whether such a file is seen."""
    put(root / "cur" / f"{ONE}:2,S")
    for part in ("cur", "new"):
        os.utime(
            root / part, (0, 0)
        )  # so that any change shows, however coarse the disk's clock
    with _Renaming(root) as directories:
        assert set(Maildir(directories, {}).scan(INBOX)) == {ONE}
    assert (root / "new" / ONE).exists()


def test_a_look_is_remembered_for_the_next_job(
    root: Path, opened: Opener, listings: dict[FolderName, Listing]
) -> None:
    put(root / "new" / ONE)
    found = opened().scan(INBOX)
    assert set(found) == {ONE}
    assert listings == {INBOX: found}


def test_a_message_keeps_to_new_or_cur_when_it_moves(opened: Opener) -> None:
    assert opened().target(PRINTED, ("new",)) == (".Printed", "new")
    assert opened().target(PRINTED, (".Other", "cur")) == (".Printed", "cur")
    assert opened().target(INBOX, (".Other", "new")) == ("new",)
