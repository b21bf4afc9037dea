"""A new file is whole or not there, and never in the place of another."""

from pathlib import Path

import pytest

from bridge.app.backup.newfile import new_file


def test_the_file_is_its_owners_alone_and_has_no_name_before_it_is_whole(
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
