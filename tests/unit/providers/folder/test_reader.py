import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.contract import FolderName, MessageGone, RemoteId
from providers.folder.directories import Directories
from providers.folder.eml import EmlDirectory
from providers.folder.layout import Settling
from providers.folder.reader import PIECE_OCTETS, MessageReader

INBOX = FolderName("")
MTIME = 1_700_000_000


@pytest.fixture
def directories(tmp_path: Path) -> Iterator[Directories]:
    with Directories(tmp_path) as opened:
        yield opened


def put(path: Path, octets: bytes) -> RemoteId:
    path.write_bytes(octets)
    os.utime(path, (MTIME, MTIME))
    return RemoteId(f"{path.name}:{len(octets)}:{MTIME}000000000")


def reader_of(directories: Directories, remote_id: RemoteId) -> MessageReader:
    reader = MessageReader(INBOX, remote_id)
    reader.open(directories, EmlDirectory(directories, {}, Settling(lambda: MTIME, 2.0)))
    return reader


def test_a_message_is_read_in_pieces(tmp_path: Path, directories: Directories) -> None:
    octets = os.urandom(PIECE_OCTETS + 1)
    reader = reader_of(directories, put(tmp_path / "a.eml", octets))
    assert [len(reader.read()) for _ in range(3)] == [PIECE_OCTETS, 1, 0]
    reader.close()


def test_a_message_that_grows_while_it_is_read_is_gone(
    tmp_path: Path, directories: Directories
) -> None:
    reader = reader_of(directories, put(tmp_path / "a.eml", b"x"))
    (tmp_path / "a.eml").write_bytes(b"xy")
    assert reader.read() == b"xy"
    with pytest.raises(MessageGone, match="removed or changed"):
        reader.read()
    reader.close()


def test_a_message_that_changed_since_it_was_listed_is_gone(
    tmp_path: Path, directories: Directories
) -> None:
    remote_id = put(tmp_path / "a.eml", b"x")
    put(tmp_path / "a.eml", b"xy")
    with pytest.raises(MessageGone):
        reader_of(directories, remote_id)


def test_a_message_that_is_removed_while_it_is_read_is_read_to_its_end(
    tmp_path: Path, directories: Directories
) -> None:
    reader = reader_of(directories, put(tmp_path / "a.eml", b"x"))
    (tmp_path / "a.eml").unlink()
    assert [reader.read(), reader.read()] == [b"x", b""]
    reader.close()


def test_a_reader_can_be_closed_twice_and_reads_no_more(
    tmp_path: Path, directories: Directories
) -> None:
    reader = reader_of(directories, put(tmp_path / "a.eml", b"x"))
    reader.close()
    reader.close()
    with pytest.raises(MessageGone):
        reader.read()


def test_a_reader_that_was_never_opened_can_be_closed() -> None:
    reader = MessageReader(INBOX, RemoteId("a.eml:1:2"))
    reader.close()
    with pytest.raises(MessageGone):
        reader.read()
