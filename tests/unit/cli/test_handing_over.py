import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.handing_over import SECRET_OCTETS, read_line, read_secret
from bridge.errors import RegisterError


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Yield the end of a pipe that standard input is the other end of."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        yield writing


def test_a_line_is_read_and_what_follows_is_left_to_the_next_reader(typed: int) -> None:
    os.write(typed, b"first\nsecond\n")
    os.close(typed)
    assert [read_line(100) for _ in range(3)] == [b"first\n", b"second\n", b""]


def test_a_last_line_without_an_end_is_a_line(typed: int) -> None:
    os.write(typed, b"only")
    os.close(typed)
    assert read_line(100) == b"only"


def test_a_line_without_end_is_cut(typed: int) -> None:
    os.write(typed, b"x" * 50)
    os.close(typed)
    assert read_line(20) == b"x" * 20


def test_a_secret_comes_from_a_line_without_its_end(typed: int) -> None:
    os.write(typed, b" s3cret~ \r\nhttp://localhost/?code=x\n")
    os.close(typed)
    assert read_secret(None, None, from_stdin=True) == "s3cret~"
    assert read_line(100).startswith(b"http")


@pytest.mark.parametrize("which", ["client", "account"])
def test_a_secret_comes_from_a_file(tmp_path: Path, which: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": 1}\n')
    files = (path, None) if which == "client" else (None, path)
    assert read_secret(*files, from_stdin=False) == '{"a": 1}'


def test_a_file_is_read_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.write_bytes(b"x" * (SECRET_OCTETS + 10))
    assert read_secret(path, None, from_stdin=False) == "x" * SECRET_OCTETS


def test_where_nothing_is_handed_over_there_is_no_secret_and_nothing_is_read() -> None:
    assert read_secret(None, None, from_stdin=False) is None


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.p12"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RegisterError, match="not text"):
        read_secret(path, None, from_stdin=False)


def test_two_secrets_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="Give one of"):
        read_secret(tmp_path, tmp_path, from_stdin=False)
