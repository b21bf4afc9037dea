import os
import stat
from pathlib import Path

import pytest

from bridge.errors import StateError
from bridge.tls.wholefile import PRIVATE, PUBLIC, replace_file, sweep_drafts


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
