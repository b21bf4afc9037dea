import shutil
import sqlite3

import pytest
from cryptography import x509

from tests.cli.command_line import Owner


@pytest.mark.slow
def test_init_makes_a_state_folder_that_only_its_owner_may_read(newcomer: Owner) -> None:
    said = newcomer.must("init")
    assert [line.split()[1] for line in said.out.splitlines()] == [
        "folder:", "folder:", "folder:", "master", "spool", "LAN", "server",
    ]  # fmt: skip
    for path in (newcomer.state, *newcomer.state.rglob("*")):
        public = 0o044 if path.name == "ca.pem" else 0
        assert path.stat().st_mode & 0o077 & ~public == 0, path


def test_init_run_again_changes_nothing(owner: Owner) -> None:
    before = {p: p.read_bytes() for p in owner.state.rglob("*") if p.is_file()}
    said = owner.must("init")
    assert said.out == "Everything is there already; nothing was changed.\n"
    after = {p: p.read_bytes() for p in owner.state.rglob("*") if p.is_file()}
    assert {p: after[p] for p in before} == before


@pytest.mark.parametrize("missing", ["tls/server-rsa.pem", "tls/server-p256.pem", "tls"])
@pytest.mark.slow
def test_init_completes_what_is_missing_and_keeps_the_key(owner: Owner, missing: str) -> None:
    key = (owner.state / "master.key").read_bytes()
    path = owner.state / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    said = owner.must("init", "--json")
    assert path.exists()
    assert any("server certificates" in line for line in said.json["made"])
    assert (owner.state / "master.key").read_bytes() == key
    assert owner.must("init", "--json").json["made"] == []


@pytest.mark.slow
def test_init_completes_a_folder_that_was_left_with_a_key_alone(newcomer: Owner) -> None:
    newcomer.must("init")
    key = (newcomer.state / "master.key").read_bytes()
    for path in newcomer.state.iterdir():
        if path.name != "master.key":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    newcomer.must("init")
    assert (newcomer.state / "master.key").read_bytes() == key
    assert newcomer.must("account", "list", "--json").json == []


def test_init_never_makes_a_second_key_for_a_spool_that_has_one(owner: Owner) -> None:
    (owner.state / "master.key").unlink()
    said = owner.runs("init")
    assert said.code == 4
    assert "master.key" in said.sentence
    assert not (owner.state / "master.key").exists()


def test_init_says_what_to_do_when_the_folder_cannot_be_made(newcomer: Owner) -> None:
    newcomer.config.write_text('state_dir = "/proc/popbridge"\n', "utf-8")
    said = newcomer.runs("init")
    assert said.code == 4
    assert "/proc/popbridge" in said.sentence
    assert "state_dir" in said.sentence


@pytest.mark.slow
def test_a_new_ca_is_followed_by_certificates_that_it_signed(owner: Owner) -> None:
    (owner.state / "tls" / "ca.pem").unlink()
    owner.must("init")
    ca = x509.load_pem_x509_certificate((owner.state / "tls" / "ca.pem").read_bytes())
    for name in ("server-rsa.pem", "server-p256.pem"):
        path = owner.state / "tls" / name
        x509.load_pem_x509_certificate(path.read_bytes()).verify_directly_issued_by(ca)


def test_init_completes_a_spool_that_was_left_without_a_note_of_its_key(owner: Owner) -> None:
    connection = sqlite3.connect(owner.state / "popbridge.db", isolation_level=None)
    connection.execute("DELETE FROM meta WHERE key = 'key-check'")
    connection.close()
    said = owner.runs("account", "list")
    assert said.code == 4
    assert "popbridge init" in said.sentence
    owner.must("init")
    owner.must("account", "list")


def test_nothing_is_made_in_a_folder_that_others_can_change(newcomer: Owner) -> None:
    newcomer.state.mkdir()
    newcomer.state.chmod(0o777)
    said = newcomer.runs("init")
    assert said.code == 4
    assert "run `chmod go-w " in said.sentence
    assert list(newcomer.state.iterdir()) == []
    newcomer.state.chmod(0o755)
    newcomer.must("init")
