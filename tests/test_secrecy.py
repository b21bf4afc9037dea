"""The search for secrets in what the suite wrote finds them, however they are spelled."""

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.canary import CANARY
from tests.secrecy import PIECE_OCTETS, forms_of_word, keep, search

HOUSE = Path(__file__).parents[1]

SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "folded": lambda text: text.casefold().encode(),
    "in JSON": lambda text: json.dumps({"Büro": text}).encode(),
    "in a repr": lambda text: repr(b"\0" + text.encode()).encode(),
    "in a form": lambda text: urlencode({"code": f"4/{text}=="}).encode(),
    "percent-encoded": lambda text: quote(f"4/{text}", safe="").encode(),
    "in hex": lambda text: text.encode().hex().encode(),
    "in upper hex": lambda text: text.encode().hex().upper().encode(),
    "in UTF-16": lambda text: text.encode("utf-16"),
    "in big-endian UTF-16": lambda text: text.encode("utf-16-be"),
    "as AUTH PLAIN": lambda text: base64.b64encode(b"\0printer\0" + text.encode()),
    "as AUTH PLAIN for another": lambda text: base64.b64encode(b"a\0printer\0" + text.encode()),
    "as AUTH LOGIN": lambda text: base64.b64encode(text.encode()),
    "as Basic": lambda text: base64.b64encode(f"id-42:{text}".encode()),
    "in a JWT": lambda text: base64.urlsafe_b64encode(json.dumps({"s": text}).encode()),
    "in base64 in base64 of a form": lambda text: quote(
        base64.b64encode(b"\xff" + text.encode() + b"\xff")
    ).encode(),
    "behind much else": lambda text: bytes(PIECE_OCTETS - 5) + text.encode(),
}


@pytest.fixture
def base() -> Iterator[Path]:
    """A base folder that the search at the end of the run does not look into."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_found_however_it_is_spelled(base: Path, spelling: str) -> None:
    (base / "test_x0").mkdir()
    file = base / "test_x0" / "some.db-wal"
    file.write_bytes(SPELLINGS[spelling](f"x{CANARY}y"))
    assert search(base) == [f"test_x0/some.db-wal holds a secret: {CANARY}"]
    file.write_bytes(SPELLINGS[spelling](f"x{CANARY[:-1]}y"))
    assert search(base) == []


def test_no_spelling_of_the_canary_depends_on_the_alphabet_of_base64() -> None:
    """It would have to be looked for percent-encoded too."""
    assert not any(set(b"+/-_") & set(form) for form in forms_of_word(CANARY))


def test_what_a_process_said_is_found(base: Path) -> None:
    keep(base, b"started", f"login {CANARY}")
    keep(base, "")
    assert search(base) == [f"heard.log holds a secret: {CANARY}"]
    assert (base / "heard.log").read_text() == f"started\nlogin {CANARY}\n"


def test_a_key_is_found_outside_its_file(base: Path) -> None:
    """By any half of it, raw or encoded; the key of another test is another test's."""
    one, other = (base / f"popen-gw0/test_{name}0" for name in ("one", "other"))
    for folder in (one, other):
        folder.mkdir(parents=True)
    key = bytes(range(100, 132))
    (one / "master.key").write_bytes(base64.b64encode(key) + b"\n")
    for folder in (one, other):
        (folder / "said").write_bytes(b"key=" + key[16:].hex().encode())
    assert search(base) == [
        "popen-gw0/test_one0/said holds a key of popen-gw0/test_one0/master.key"
    ]


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_private_key_is_found_outside_its_file(base: Path, kind: str) -> None:
    key = (
        rsa.generate_private_key(65537, 2048)
        if kind == "rsa"
        else ec.generate_private_key(ec.SECP256R1())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (base / "test_x0").mkdir()
    for name in ("server.key", "backup"):
        (base / "test_x0" / name).write_bytes(pem)
    assert search(base) == ["test_x0/backup holds a key of test_x0/server.key"]


def test_key_files_that_cannot_be_read_do_not_end_the_search(base: Path) -> None:
    """Of another kind, with a passphrase, or broken: tests have them all."""
    key, passphrase = ed25519.Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")
    (base / "a.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (base / "b.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, passphrase)
    )
    (base / "c.key").write_bytes(b"-----BEGIN PRIVATE KEY-----\nxx")
    (base / "d.key").write_bytes(b"\xff\0")
    (base / "e").write_text(CANARY)
    assert search(base) == [f"e holds a secret: {CANARY}"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_fails_where_a_secret_was_written(base: Path, workers: str) -> None:
    """In a file, in the log of this process, on standard output."""
    (base / "test_it.py").write_text(
        "import logging\n"
        "from tests.canary import CANARY\n"
        "def test_file(tmp_path): (tmp_path / 'file').write_text(CANARY)\n"
        "def test_log(): logging.getLogger('library').warning('key %s', CANARY)\n"
        "def test_print(): print(CANARY)\n"
    )
    said = inner_run(base, workers)
    assert said.returncode == pytest.ExitCode.TESTS_FAILED, said.stdout
    found = said.stdout.split("secrets in what the suite wrote")[1]
    for where in ("/file holds", "logged.log holds", "test_print: Captured stdout call holds"):
        assert where.lstrip("/") in found, said.stdout
    assert "3 passed" in said.stdout


@pytest.mark.slow
def test_a_run_that_wrote_no_secret_passes(base: Path) -> None:
    (base / "test_it.py").write_text(
        "def test_file(tmp_path): (tmp_path / 'x').write_text('x')"
    )
    said = inner_run(base, "0")
    assert said.returncode == 0, said.stdout + said.stderr


def inner_run(base: Path, workers: str) -> subprocess.CompletedProcess[str]:
    words = ("-q", "-n", workers, "-p", "tests.secrecy", "--rootdir", str(base))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--basetemp", str(base / "temp"), str(base)],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
