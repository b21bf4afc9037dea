"""Fails the run where a secret lies in anything that the whole suite wrote.

What a process said is kept in the folder of its test (`keep`), what this process logged in pytest's
base folder; once every test has run, each file below that folder is read. A secret that a test makes
up holds the canary; keys are the product's own, and known by the files that hold them.
"""

import base64
import functools
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge import logs
from tests.canary import CANARY

WORDS = (CANARY, "secret-token-", "secret-grant-", "s3cr3t", "hunter-")
"""The canary, what `tests.fakes.identity` begins its tokens and grants with, and what some tests hand in."""

MAY_HOLD_A_WORD = {
    "client.json": "what Google Cloud hands out, as an admin hands it in",
    "settings": "those of a mail client, which needs its password",
}
MAY_HOLD_A_KEY = {
    "*master.key*": "the master key where its owner keeps it, and the draft of it",
    "*.key*": "a private key beside its certificate, and the draft of it",
    "server-*.pem*": "a certificate of ours with its key behind it, and the draft of it",
    "aside": "such a file, put aside by a test",
}
"""Files that hold a secret by design, and why."""

HEARD = "heard.log"
LOGGED = "logged.log"

PIECE_OCTETS = 16 << 20
"""Read at once of a file, so that a large one costs no memory."""

_writing = threading.Lock()


# ---- what the suite wrote


def keep(folder: Path, *said: bytes | str) -> None:
    """Keep what a process said, to be searched with all else that was written."""
    octets = [one if isinstance(one, bytes) else one.encode("utf-8", "replace") for one in said]
    with _writing, (folder / HEARD).open("ab") as file:
        file.writelines(one + b"\n" for one in octets if one)


@pytest.fixture(scope="session", autouse=True)
def _everything_is_logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Write all that is logged, at every level, as the product would."""
    root = logging.getLogger()
    level, loud = root.level, logging.raiseExceptions
    with (tmp_path_factory.getbasetemp() / LOGGED).open("w", encoding="utf-8") as file:
        logs.configure("debug", "json", file)
        logging.raiseExceptions = loud
        root.handlers[-1].setFormatter(_AsIs(root.handlers[-1].formatter))
        yield
        root.removeHandler(
            next(one for one in root.handlers if isinstance(one.formatter, _AsIs))
        )
        root.setLevel(level)


class _AsIs(logging.Formatter):
    """Spells as the product does; a test that configures the product's logging does not replace it."""

    def __init__(self, product: logging.Formatter | None) -> None:
        super().__init__()
        assert product is not None
        self._product = product

    def format(self, record: logging.LogRecord) -> str:
        return self._product.format(record)


# ---- the search


def search(base: Path) -> list[str]:
    """Return a line for each secret that lies in a file below `base` and should not."""
    words = {form: f"a secret: {word}" for word in WORDS for form in forms_of_word(word)}
    groups: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in _files(base):
        groups[_group(path.relative_to(base))].append(path)
    found = []
    for paths in groups.values():
        keys = {
            form: f"a key of {path.relative_to(base)}"
            for path in paths
            for form in _key_forms(path)
        }
        for path in paths:
            needles = {} if _is_named(path, MAY_HOLD_A_WORD) else dict(words)
            needles |= {} if _is_named(path, MAY_HOLD_A_KEY) else keys
            found += [f"{path.relative_to(base)} holds {what}" for what in _held(path, needles)]
    return found


def forms(secret: bytes) -> set[bytes]:
    """Return what is in a file that holds `secret` as it is, in hex, in base64 or in UTF-16."""
    digits = secret.hex().encode()
    found = {secret, digits, digits.upper(), b"\0".join(bytes([one]) for one in secret)}
    for before in range(3):
        # Of a longer text's base64, the characters that this part alone decides (RFC 4648 s.4).
        coded = base64.b64encode(bytes(before) + secret)
        coded = coded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        found |= {coded, coded.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def forms_of_word(word: str) -> set[bytes]:
    """Return the forms of a word, and those of what folding its case makes of it."""
    return {form for one in (word, word.lower(), word.upper()) for form in forms(one.encode())}


def _files(base: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(base):
        paths = (Path(folder, name) for name in names)
        yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _group(path: Path) -> Path:
    """Return the folder of one test; below the base there is one more where tests ran in parallel."""
    return Path(*path.parts[: 2 if path.parts[0].startswith("popen-gw") else 1])


def _is_named(path: Path, patterns: Iterable[str]) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in patterns)


def _key_forms(path: Path) -> set[bytes]:
    if path.stat().st_size > 1 << 16 or not _is_named(path, MAY_HOLD_A_KEY):
        return set()
    return _forms_of_key(path.read_bytes())


@functools.cache  # state folders are copies of a few
def _forms_of_key(octets: bytes) -> set[bytes]:
    """Return the forms of a master key, or of what is secret in a private key in PEM."""
    try:
        if b"PRIVATE KEY" in octets:
            secret = _secret_number(octets)
        else:
            secret = base64.b64decode(octets.strip(), validate=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return set()  # broken or with a passphrase, as a test has it
    half = len(secret) // 2  # PEM breaks its lines, but not within both halves
    return (
        forms(secret[:half]) | forms(secret[half:]) if len(set(secret)) > half // 2 else set()
    )


def _secret_number(pem: bytes) -> bytes:
    key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.private_numbers().p.to_bytes(256, "big").lstrip(b"\0")[:32]
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UnsupportedAlgorithm("neither the product nor its fakes make others")
    return key.private_numbers().private_value.to_bytes(66, "big").lstrip(b"\0")[:32]


def _held(path: Path, needles: dict[bytes, str]) -> set[str]:
    overlap = max(map(len, needles), default=1)
    found: set[str] = set()
    with path.open("rb") as file:
        octets = file.read(PIECE_OCTETS)
        while octets:
            found |= {what for needle, what in needles.items() if needle in octets}
            fresh = file.read(PIECE_OCTETS)
            octets = octets[-overlap:] + fresh if fresh else b""
    return found


# ---- the end of the run


class Secrecy:
    """Searches once every test has run; where they run in parallel, once all workers are done."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Search what a test printed; what it logged is in `LOGGED`, as the product spells it."""
        for title, text in report.sections:
            if "log" not in title and any(word in text for word in WORDS):
                self.found.append(f"{report.nodeid}: {title} holds a secret")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search, and fail the run where anything was found."""
        folders: pytest.TempPathFactory = session.config._tmp_path_factory  # noqa: SLF001 - there is no public way to it from here
        self.found += search(folders.getbasetemp())
        if self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was found."""
        if self.found:
            terminalreporter.section("secrets in what the suite wrote", red=True)
            for line in self.found:
                terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Secrecy(), "secrecy")
