"""A file is whole or not there, and a new one never in the place of another."""

import os
import stat
from pathlib import Path

import pytest

from bridge.errors import StateError
from bridge.wholefile import PRIVATE, PUBLIC, new_file, replace_file, sweep_drafts


@pytest.mark.parametrize("mode", [PRIVATE, PUBLIC])
def test_a_file_gets_its_mode_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        replace_file(tmp_path / "file", b"octets", mode)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert (tmp_path / "file").read_bytes() == b"octets"


def test_a_replaced_file_is_another_file_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new", PRIVATE)
        assert reader.read() == b"old"

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_replacement_keeps_the_old_and_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()

    with pytest.raises(StateError, match="cannot be written"):
        replace_file(tmp_path / "file", b"new", PRIVATE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="check the folder"):
        replace_file(tmp_path / "none" / "file", b"new", PRIVATE)


def test_what_killed_writers_left_goes_and_nothing_else(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"octets", PRIVATE)
    for name in (".file.0123456789abcdef", ".other.fedcba9876543210", ".file.of-the-owner"):
        (tmp_path / name).write_bytes(b"half")
    sweep_drafts(tmp_path)
    sweep_drafts(tmp_path / "none")
    assert {path.name for path in tmp_path.iterdir()} == {"file", ".file.of-the-owner"}


def test_only_what_was_to_become_one_file_goes_where_it_is_named(tmp_path: Path) -> None:
    for name in (".a[b].0123456789abcdef", ".ab.fedcba9876543210"):
        (tmp_path / name).write_bytes(b"half")
    sweep_drafts(tmp_path, "a[b]")
    assert [path.name for path in tmp_path.iterdir()] == [".ab.fedcba9876543210"]


def test_a_new_file_is_its_owners_alone_and_has_no_name_before_it_is_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new"
    with new_file(path) as file:
        file.write(b"octets")
        assert not path.exists()
    assert path.read_bytes() == b"octets"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("is_a_link_to_nothing", [False, True])
def test_what_is_there_stays(tmp_path: Path, *, is_a_link_to_nothing: bool) -> None:
    path = tmp_path / "old"
    if is_a_link_to_nothing:
        path.symlink_to(tmp_path / "nothing")
    else:
        path.write_bytes(b"old")
    with pytest.raises(FileExistsError), new_file(path) as file:
        file.write(b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert is_a_link_to_nothing or path.read_bytes() == b"old"


def test_what_came_there_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with pytest.raises(FileExistsError), new_file(path):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), new_file(tmp_path / "new"):
        raise BrokenPipeError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_of_the_same_file_goes(tmp_path: Path) -> None:
    (tmp_path / ".new.0123456789abcdef").write_bytes(b"half")
    with new_file(tmp_path / "new"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
