import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.folder.writers import has_writer


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_a_file_open_for_writing_has_a_writer(tmp_path: Path, directory: int) -> None:
    with (tmp_path / "a.eml").open("wb"):
        assert has_writer(directory, "a.eml") is True
    assert has_writer(directory, "a.eml") is False


def test_a_file_open_for_appending_has_a_writer(tmp_path: Path, directory: int) -> None:
    (tmp_path / "a.eml").write_bytes(b"x")
    with (tmp_path / "a.eml").open("ab"):
        assert has_writer(directory, "a.eml") is True


def test_a_reader_is_no_writer(tmp_path: Path, directory: int) -> None:
    (tmp_path / "a.eml").write_bytes(b"x")
    with (tmp_path / "a.eml").open("rb"):
        assert has_writer(directory, "a.eml") is False


def test_the_file_can_be_written_at_once_after_the_question(
    tmp_path: Path, directory: int
) -> None:
    (tmp_path / "a.eml").write_bytes(b"x")
    has_writer(directory, "a.eml")
    descriptor = os.open(
        tmp_path / "a.eml", os.O_WRONLY | os.O_NONBLOCK
    )  # refused under a lease
    assert os.write(descriptor, b"y") == 1
    os.close(descriptor)


def test_a_program_that_opens_the_file_meanwhile_does_not_end_us(
    tmp_path: Path, directory: int
) -> None:
    """A lease that is broken is announced with SIGIO, which ends the process by default (fcntl(2))."""
    (tmp_path / "a.eml").write_bytes(b"x")
    broken, over = threading.Event(), threading.Event()

    def open_again_and_again() -> None:
        while not over.is_set():
            try:
                os.close(os.open(tmp_path / "a.eml", os.O_WRONLY | os.O_NONBLOCK))
            except BlockingIOError:
                broken.set()

    writer = threading.Thread(target=open_again_and_again)
    writer.start()
    answers = {has_writer(directory, "a.eml") for _ in range(2000) if not broken.is_set()}
    over.set()
    writer.join()
    assert answers <= {True, False}
    assert has_writer(directory, "a.eml") is False


def test_a_file_that_is_gone_is_said_to_be_gone(directory: int) -> None:
    with pytest.raises(FileNotFoundError):
        has_writer(directory, "a.eml")


def test_of_a_symbolic_link_nothing_is_said(tmp_path: Path, directory: int) -> None:
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "a.eml").symlink_to("target")
    assert has_writer(directory, "a.eml") is None


def test_of_a_fifo_nothing_is_said_and_nobody_waits(tmp_path: Path, directory: int) -> None:
    os.mkfifo(tmp_path / "a.eml")
    assert has_writer(directory, "a.eml") is None
