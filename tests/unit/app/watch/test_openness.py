import os
from pathlib import Path

import pytest

from bridge.app.state import Places
from bridge.app.watch.openness import open_to_others


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "a state")
    for folder in (made.state_dir, made.bodies, made.tls):
        folder.mkdir(mode=0o700)
    for file in (made.database, made.tls / "ca.pem"):
        file.write_bytes(b"")
        file.chmod(0o644)
    return made


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o711, 0o1755])
def test_what_others_may_only_read_is_private_enough(places: Places, mode: int) -> None:
    places.state_dir.chmod(mode)
    assert open_to_others(places) == ""


def test_a_folder_that_is_not_made_yet_is_nobodys(tmp_path: Path) -> None:
    assert open_to_others(Places(tmp_path / "none")) == ""


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777, 0o720, 0o702])
@pytest.mark.parametrize("part", ["", "bodies", "tls", "popbridge.db", "tls/ca.pem"])
def test_what_others_may_write_is_named_with_what_to_do(
    places: Places, part: str, mode: int
) -> None:
    path = places.state_dir / part
    path.chmod(mode)
    said = open_to_others(places)
    assert said == (
        f"{path} can be changed by other users of this machine: run `chmod go-w '{path}'`"
    )


@pytest.fixture
def owner(places: Places) -> int:
    """Return who owns the folder: somebody else than root."""
    if os.geteuid() != 0:
        return os.geteuid()
    for path in (places.state_dir, *places.state_dir.rglob("*")):
        os.chown(path, 4711, -1)
    return 4711


def test_a_folder_of_another_user_is_named(places: Places, owner: int) -> None:
    assert open_to_others(places, owner) == ""
    assert f"{places.state_dir} belongs to user {owner}" in open_to_others(places, owner + 1)


def test_root_may_ask_about_the_folder_of_the_bridges_own_user(
    places: Places, owner: int
) -> None:
    assert open_to_others(places, 0) == ""
    places.database.unlink()
    assert f"belongs to user {owner}" in open_to_others(places, 0)
