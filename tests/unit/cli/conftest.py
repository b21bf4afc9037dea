"""An owner with a state folder, for every test of the command line."""

from pathlib import Path

import pytest

from tests.cli.command_line import Owner, bare, copied, made


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("POPBRIDGE_CONFIG", "POPBRIDGE_MASTER_KEY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    return made(tmp_path_factory.mktemp("owner"))


@pytest.fixture
def owner(template: Owner, tmp_path: Path) -> Owner:
    return copied(template, tmp_path / "owner")


@pytest.fixture
def newcomer(tmp_path: Path) -> Owner:
    return bare(tmp_path / "newcomer")
