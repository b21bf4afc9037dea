import errno
import os
from pathlib import Path

import pytest

from providers.contract import FolderMissing
from providers.folder.directories import Directories, unreachable


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors, not files


def test_a_missing_root_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing, match=r"no directory .*/nowhere: create it"):
        Directories(tmp_path / "nowhere").__enter__()


def test_a_root_that_is_a_file_is_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderMissing):
        Directories(tmp_path / "file").__enter__()


def test_a_root_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "mail" / "cur").mkdir(parents=True)
    (tmp_path / "link").symlink_to("mail")
    with Directories(tmp_path / "link") as directories:
        assert directories.holds("cur")


def test_a_sub_folder_may_not_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "Printed").symlink_to(tmp_path / "elsewhere")
    with Directories(tmp_path / "mail") as directories, pytest.raises(FolderMissing):
        directories.get(("Printed",))


def test_every_directory_is_closed_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    before = open_descriptors()
    with Directories(tmp_path) as directories:
        assert directories.get(("a", "b")) == directories.get(("a", "b"))
        assert open_descriptors() == before + 3
    assert open_descriptors() == before


def test_a_directory_is_made_once_with_the_permissions_of_the_root(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    before = os.umask(0o077)
    try:
        with Directories(tmp_path) as directories:
            directories.make(("a", "b"))
        with Directories(tmp_path) as directories:
            directories.make(("a", "b"))
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o750


def test_a_directory_is_not_made_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "Trash").write_bytes(b"x")
    with Directories(tmp_path) as directories, pytest.raises(FolderMissing):
        directories.make(("Trash",))
    assert (tmp_path / "Trash").read_bytes() == b"x"


def test_one_directory_is_the_same_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with Directories(tmp_path) as directories:
        assert directories.same(("a",), ("a", "b", ".."))
        assert not directories.same(("a",), ("a", "b"))


def test_only_directories_are_held(tmp_path: Path) -> None:
    (tmp_path / "cur").touch()
    with Directories(tmp_path) as directories:
        assert not directories.holds("cur")
        assert not directories.holds("new")


def test_syncing_what_cannot_be_synced_is_no_failure(tmp_path: Path) -> None:
    """fsync(2): EINVAL for special files that do not support it, such as a pipe."""
    reading, writing = os.pipe()
    with Directories(tmp_path) as directories:
        directories.sync([directories.get(()), reading])
    os.close(reading)
    os.close(writing)


def test_syncing_a_closed_directory_is_a_failure(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with Directories(tmp_path) as directories, pytest.raises(OSError, match="descriptor"):
        directories.sync([writing])


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "(Permission denied): give the bridge's user access"),
        (errno.EROFS, "(Read-only file system): see that its disk"),
    ],
)
def test_the_owner_is_told_which_folder_fails_and_why(number: int, sentence: str) -> None:
    text = str(unreachable(Path("mail"), OSError(number, "x")))
    assert text.startswith("the mail folder mail cannot be used ")
    assert sentence in text
