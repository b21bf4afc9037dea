import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.contract import DispositionKind, FolderMissing, FolderName, RemoteId
from providers.folder.directories import Directories
from providers.folder.eml import EmlDirectory
from providers.folder.layout import Listing, Settling

INBOX = FolderName("")
PRINTED = FolderName("Printed")
NOW = 1_800_000_000
Opener = Callable[[], EmlDirectory]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Give a layout as each job of a mailbox gets it: a new one, with the hints of the last look."""
    listings: dict[FolderName, Listing] = {}
    with Directories(tmp_path) as directories:
        yield lambda: EmlDirectory(directories, listings, Settling(lambda: NOW, 2.0))


def put(path: Path, octets: bytes = b"x", *, age: float = 3600) -> Path:
    path.write_bytes(octets)
    os.utime(path, (NOW - age, NOW - age))
    return path


def names(listing: Listing) -> set[str]:
    return {found.name for found in listing.values()}


def only_id(layout: EmlDirectory) -> RemoteId:
    (remote_id,) = layout.scan(INBOX)
    return remote_id


def test_eml_files_in_any_letter_case_are_found(tmp_path: Path, opened: Opener) -> None:
    for name in ("a.eml", "B.EML"):
        put(tmp_path / name)
    assert names(opened().scan(INBOX)) == {"a.eml", "B.EML"}


def test_what_is_not_a_message_is_not_found(tmp_path: Path, opened: Opener) -> None:
    put(tmp_path / ".hidden.eml")
    put(tmp_path / "notes.txt")
    put(tmp_path / "a.eml.part")
    put(tmp_path / "empty.eml", b"")
    (tmp_path / "directory.eml").mkdir()
    (tmp_path / "link.eml").symlink_to(put(tmp_path / "elsewhere"))
    os.mkfifo(tmp_path / "fifo.eml")
    assert opened().scan(INBOX) == {}


@pytest.mark.parametrize(
    ("age", "is_found"), [(0, False), (1.5, False), (2, True), (-30, False), (-3600, True)]
)
def test_a_file_is_found_once_it_was_left_alone(
    tmp_path: Path, opened: Opener, age: float, *, is_found: bool
) -> None:
    put(tmp_path / "a.eml", age=age)
    assert bool(opened().scan(INBOX)) is is_found


def test_a_file_that_is_open_for_writing_is_not_found(tmp_path: Path, opened: Opener) -> None:
    path = put(tmp_path / "a.eml", age=300)
    with path.open("ab"):
        assert opened().scan(INBOX) == {}
    assert names(opened().scan(INBOX)) == {"a.eml"}


def test_a_file_that_was_found_before_stays_when_a_program_opens_it(
    tmp_path: Path, opened: Opener
) -> None:
    path = put(tmp_path / "a.eml", age=300)
    before = opened().scan(INBOX)
    with path.open("ab"):
        assert opened().scan(INBOX) == before != {}


def test_a_file_that_no_program_wrote_to_for_long_is_found(
    tmp_path: Path, opened: Opener
) -> None:
    path = put(tmp_path / "a.eml", age=3600)
    with path.open("ab"):
        assert names(opened().scan(INBOX)) == {"a.eml"}


def test_an_edited_file_is_a_new_message(tmp_path: Path, opened: Opener) -> None:
    put(tmp_path / "a.eml", b"one", age=500)
    before = only_id(opened())
    put(tmp_path / "a.eml", b"two", age=400)
    assert only_id(opened()) != before
    assert opened().locate(INBOX, before) is None


def test_a_copy_that_is_restored_with_its_times_is_the_old_message(
    tmp_path: Path, opened: Opener
) -> None:
    path = put(tmp_path / "a.eml", b"one")
    before = only_id(opened())
    path.unlink()
    put(tmp_path / "a.eml", b"one")
    assert only_id(opened()) == before


def test_a_file_name_that_is_no_text_is_found(tmp_path: Path, opened: Opener) -> None:
    put(tmp_path / os.fsdecode(b"\xff\n:1:2.eml"))
    remote_id = only_id(opened())
    assert remote_id.startswith("%FF%0A:1:2.eml:1:")
    found = opened().locate(INBOX, remote_id)
    assert found is not None
    assert os.fsencode(found.name) == b"\xff\n:1:2.eml"


def test_a_sub_folder_is_a_sub_directory(tmp_path: Path, opened: Opener) -> None:
    opened().make(PRINTED)
    put(tmp_path / "Printed" / "a.eml")
    assert names(opened().scan(PRINTED)) == {"a.eml"}
    assert opened().scan(INBOX) == {}


@pytest.mark.parametrize("name", ["Nowhere", "../other", "/"])
def test_a_sub_folder_that_is_not_there_is_said_to_be_missing(
    name: str, opened: Opener
) -> None:
    with pytest.raises(FolderMissing):
        opened().scan(FolderName(name))
    assert opened().locate(FolderName(name), RemoteId("a.eml:1:2")) is None


@pytest.mark.parametrize("remote_id", ["foreign", "a.eml:1:2", "../a.eml:1:2"])
def test_what_is_not_there_is_not_located(remote_id: str, opened: Opener) -> None:
    assert opened().locate(INBOX, RemoteId(remote_id)) is None


def test_a_link_is_not_located_in_place_of_the_file(tmp_path: Path, opened: Opener) -> None:
    path = put(tmp_path / "a.eml")
    remote_id = only_id(opened())
    path.rename(tmp_path / "other")
    path.symlink_to("other")
    assert opened().locate(INBOX, remote_id) is None


def test_marking_as_read_is_not_offered() -> None:
    assert frozenset(DispositionKind) - EmlDirectory.dispositions == {DispositionKind.MARK_READ}
