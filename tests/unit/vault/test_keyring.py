import base64
import hashlib
import hmac
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.errors import StateError
from bridge.vault.keyring import (
    Keyring,
    MasterKey,
    Purpose,
    create_key_file,
    load_master_key,
)

FIRST, SECOND, THIRD = (MasterKey(bytes([number]) * 32) for number in (1, 2, 3))


def text_of(key: MasterKey) -> bytes:
    return base64.b64encode(key.octets) + b"\n"


def put(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


@pytest.fixture
def credentials(tmp_path: Path) -> dict[str, str]:
    """An environment as systemd makes it, whose credential is readable by the service's group."""
    put(tmp_path / "creds" / "popbridge-master-key", text_of(FIRST), 0o440)
    return {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")}


def test_the_credential_comes_before_the_environment_and_the_environment_before_the_file(
    key_file: Path, credentials: dict[str, str]
) -> None:
    put(key_file, text_of(THIRD))
    variable = {"POPBRIDGE_MASTER_KEY": text_of(SECOND).decode()}

    assert load_master_key(key_file, credentials | variable) == FIRST
    assert load_master_key(key_file, variable) == SECOND
    assert load_master_key(key_file, {}) == THIRD


def test_a_credentials_folder_for_other_things_is_passed_over(key_file: Path) -> None:
    put(key_file, text_of(THIRD))

    environ = {"CREDENTIALS_DIRECTORY": str(key_file.parent)}

    assert load_master_key(key_file, environ) == THIRD


def test_no_key_anywhere_points_to_init(key_file: Path) -> None:
    with pytest.raises(StateError, match="run `popbridge init`"):
        load_master_key(key_file, {})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_file_open_to_others_is_refused_with_the_line_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    path = put(tmp_path / "with blank" / "master.key", text_of(FIRST), mode)

    with pytest.raises(StateError) as raised:
        load_master_key(path, {})
    assert f"run `chmod 600 '{path}'`" in str(raised.value)


def test_a_world_readable_credential_is_refused(
    key_file: Path, credentials: dict[str, str]
) -> None:
    (Path(credentials["CREDENTIALS_DIRECTORY"]) / "popbridge-master-key").chmod(0o444)

    with pytest.raises(StateError, match="chmod 600"):
        load_master_key(key_file, credentials)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        base64.b64encode(bytes(31)),
        base64.b64encode(bytes(33)),
        bytes(32),
        b"SECRET passphrase of some length",
        b"SECRET" * 1000,
        text_of(FIRST) * 2,
    ],
)
def test_what_is_not_32_octets_in_base64_is_refused_and_not_shown(
    key_file: Path, text: bytes
) -> None:
    put(key_file, text)

    with pytest.raises(StateError, match="32 octets in base64") as raised:
        load_master_key(key_file, {})
    assert "SECRET" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_malformed_variable_is_refused_although_a_file_exists(key_file: Path) -> None:
    put(key_file, text_of(FIRST))

    with pytest.raises(StateError, match="the environment variable POPBRIDGE_MASTER_KEY"):
        load_master_key(key_file, {"POPBRIDGE_MASTER_KEY": "\udcff"})


def listening_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, listening_socket])
def test_what_is_not_a_regular_file_is_refused_at_once(
    key_file: Path, make: Callable[[Path], object]
) -> None:
    make(key_file)

    with pytest.raises(StateError, match="is not a regular file"):
        load_master_key(key_file, {})


def test_a_key_that_cannot_be_opened_is_one_sentence(key_file: Path) -> None:
    key_file.symlink_to(key_file)

    with pytest.raises(StateError, match="cannot be read"):
        load_master_key(key_file, {})


def test_a_created_key_is_random_private_and_loads_again(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = create_key_file(tmp_path / "a")
    finally:
        os.umask(before)
    second = create_key_file(tmp_path / "b")

    assert first != second
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert load_master_key(tmp_path / "a", {}) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_an_existing_key_is_never_replaced(key_file: Path) -> None:
    create_key_file(key_file)
    before = key_file.read_bytes()

    with pytest.raises(StateError, match="exists already"):
        create_key_file(key_file)
    assert key_file.read_bytes() == before
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_dangling_link_is_not_followed_to_make_a_key(key_file: Path) -> None:
    target = key_file.with_name("elsewhere")
    key_file.symlink_to(target)

    with pytest.raises(StateError, match="exists already"):
        create_key_file(key_file)
    assert not target.exists()


def test_a_key_in_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="check the folder"):
        create_key_file(tmp_path / "none" / "master.key")


def test_a_master_key_is_never_shown() -> None:
    shown = repr(FIRST) + str(FIRST) + repr(Keyring(FIRST))

    assert "1" not in repr(FIRST)
    assert "\\x01" not in shown


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_master_key_has_32_octets(length: int) -> None:
    with pytest.raises(ValueError, match="32 octets"):
        MasterKey(bytes(length))


def test_derived_keys_are_hkdf_sha256() -> None:
    """RFC 5869: extract with an empty salt, expand to one block."""
    pseudo_random = hmac.digest(bytes(32), FIRST.octets, hashlib.sha256)
    expected = hmac.digest(pseudo_random, b"popbridge bodies v1\x01", hashlib.sha256)

    assert Keyring(FIRST).derive(Purpose.BODIES) == expected


def test_every_purpose_and_every_master_key_gives_another_key() -> None:
    keys = {
        Keyring(master).derive(purpose) for master in (FIRST, SECOND) for purpose in Purpose
    }

    assert len(keys) == 2 * len(Purpose)
    assert {len(key) for key in keys} == {32}


def test_the_check_value_tells_one_master_key_from_another() -> None:
    stored = Keyring(FIRST).check_value()

    Keyring(FIRST).verify_check_value(stored)
    for wrong in (Keyring(SECOND).check_value(), b"", stored[:-1]):
        with pytest.raises(StateError, match="made with another master key: restore"):
            Keyring(FIRST).verify_check_value(wrong)
