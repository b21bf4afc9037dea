import os
from pathlib import Path

import pytest

from providers.contract import FolderMissing, FolderName
from providers.folder.directories import Directories
from providers.folder.layout import checked, entries, lstat, status_of


def test_a_name_that_no_folder_can_have_is_a_missing_folder() -> None:
    assert checked(FolderName("Printed")) == "Printed"
    with pytest.raises(FolderMissing, match="do not nest"):
        checked(FolderName("a/b"))


def test_a_file_that_is_gone_has_no_status(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with Directories(tmp_path) as directories:
        (entry,) = entries(directories, ())
        (tmp_path / "a").unlink()
        assert status_of(entry) is None
        assert lstat(directories.get(()), "a") is None


def test_the_status_of_a_link_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    with Directories(tmp_path) as directories:
        (entry,) = entries(directories, ())
        status = lstat(directories.get(()), "a")
        assert status == status_of(entry)
        assert status == os.lstat(tmp_path / "a")


def test_a_directory_can_be_read_twice_in_one_job(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with Directories(tmp_path) as directories:
        assert [entry.name for entry in entries(directories, ())] == ["a"]
        assert [entry.name for entry in entries(directories, ())] == ["a"]
