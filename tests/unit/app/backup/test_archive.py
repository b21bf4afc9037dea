import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.app.backup.archive import MAGIC, Member, read_backup, write_backup
from bridge.errors import StateError
from bridge.vault.keyring import KEY_OCTETS, Keyring, MasterKey
from bridge.vault.seal import FRAME_OCTETS, HEADER_OCTETS

KEYRING = Keyring(MasterKey(bytes(range(32))))
HEAD = len(MAGIC) + KEY_OCTETS
SEALED_FRAME = FRAME_OCTETS + 16
LARGE = os.urandom(3 * FRAME_OCTETS)
FILES = {"backup.json": b"{}", "config.toml": b"", "popbridge.db": LARGE}


def members(files: dict[str, bytes]) -> Iterator[Member]:
    for name, octets in files.items():
        yield Member(name, len(octets), io.BytesIO(octets))


def taken(path: Path, keyring: Keyring = KEYRING) -> dict[str, bytes]:
    with read_backup(path, keyring) as found:
        return {member.name: member.read(len(LARGE)) for member in found}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    path = tmp_path / "a.backup"
    write_backup(path, KEYRING, members(FILES))
    return path


def test_what_was_sealed_comes_back(backup: Path) -> None:
    assert taken(backup) == FILES


def test_a_backup_is_for_its_owner_alone_and_leaves_no_draft(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert list(backup.parent.iterdir()) == [backup]


def test_nothing_of_it_lies_in_clear(backup: Path) -> None:
    sealed = backup.read_bytes()
    assert b"config.toml" not in sealed
    assert LARGE[:16] not in sealed


def test_a_backup_that_is_there_is_not_written_over(backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(StateError, match="exists already"):
        write_backup(backup, KEYRING, members({"backup.json": b"new"}))
    assert backup.read_bytes() == before


def test_another_master_key_is_told_from_damage(backup: Path) -> None:
    other = Keyring(MasterKey(bytes(32)))
    with pytest.raises(StateError, match=r"another master key.*Nothing was changed"):
        taken(backup, other)


def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(StateError, match="not a backup"):
        taken(tmp_path / "x")


def cuts(size: int) -> set[int]:
    """Return lengths at and around every edge: of the head, of each frame, of the file."""
    edges = {HEAD + HEADER_OCTETS + n * SEALED_FRAME for n in range(size // SEALED_FRAME + 1)}
    edges |= {0, len(MAGIC), HEAD, HEAD + HEADER_OCTETS, size}
    return {
        edge + off for edge in edges for off in (-1, 0, 1) if len(MAGIC) <= edge + off < size
    }


def test_a_cut_anywhere_is_noticed_at_the_edge_of_a_frame_too(backup: Path) -> None:
    whole = backup.read_bytes()
    places = sorted(cuts(len(whole)))
    assert len(places) > 10
    for length in places:
        backup.write_bytes(whole[:length])
        with pytest.raises(StateError, match="Nothing was changed"):
            taken(backup)


def test_octets_after_the_end_are_noticed(backup: Path) -> None:
    with backup.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(StateError, match="cut short or altered"):
        taken(backup)


@pytest.mark.parametrize("place", [HEAD, HEAD + 20, HEAD + HEADER_OCTETS + 5, -1])
def test_one_altered_octet_is_noticed(backup: Path, place: int) -> None:
    octets = bytearray(backup.read_bytes())
    octets[place] ^= 1
    backup.write_bytes(octets)
    with pytest.raises(StateError, match="cut short or altered"):
        taken(backup)


def test_a_failure_to_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        write_backup(tmp_path / "none" / "a.backup", KEYRING, members(FILES))

    def broken() -> Iterator[Member]:
        yield from members({"backup.json": b"{}"})
        raise OSError(28, "No space left on device")

    with pytest.raises(StateError, match="No space left"):
        write_backup(tmp_path / "a.backup", KEYRING, broken())
    assert list(tmp_path.iterdir()) == []


def test_a_member_larger_than_its_reader_allows_is_refused() -> None:
    large = Member("popbridge.db", len(LARGE), io.BytesIO(LARGE))
    with pytest.raises(StateError, match=r"popbridge\.db"):
        large.read(100)
