"""Runs the command line as its owner would, in this process, and holds it to its manners.

An owner folder has a config.toml and a state folder that was made once and is copied for each test,
because making keys takes most of a second.
"""

import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import attrs

from bridge.cli import main
from tests.canary import CANARY
from tests.secrecy import keep

CONFIG = """\
state_dir = "state"

[[listener]]
bind = "127.0.0.1"
port = 0
"""

INTERNAL_FAULT = 70
SETTLED = 1_700_000_000  # long ago: files that are still being written are left alone


@attrs.frozen
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str
    octets: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """Return the one line of an error; anything else fails the test."""
        assert self.code != 0
        assert self.out == ""
        [line] = self.err.splitlines()
        assert line.startswith("popbridge: ")
        return line.removeprefix("popbridge: ")


@attrs.frozen
class Owner:
    """A person at a keyboard, in a folder with a config.toml."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def runs(self, *words: str, stdin: bytes = b"") -> Said:
        """Run a command with this folder's config.toml."""
        said = run("--config", str(self.config), *words, stdin=stdin)
        keep(self.folder.parent, said.octets, said.err)
        return said

    def must(self, *words: str, stdin: bytes = b"") -> Said:
        """Run a command that has to succeed."""
        said = self.runs(*words, stdin=stdin)
        assert said.code == 0, said
        return said

    def mail(self, *names: str) -> Path:
        """Return a folder with one message of each name, old enough to be taken."""
        folder = self.folder / "mail"
        folder.mkdir(exist_ok=True)
        for name in names:
            path = folder / name
            path.write_bytes(b"Subject: " + name.encode() + b"\r\n\r\ntext\r\n")
            os.utime(path, (SETTLED, SETTLED))
        return folder

    def enrol(self) -> None:
        """Add account a, maildrop m and device d, as far as an owner comes in three commands."""
        mail = str(self.mail("1.eml", "2.eml"))
        self.must("account", "add", "a", "--provider", "folder", "--path", mail)
        self.must("maildrop", "add", "m", "--account", "a")
        self.must(
            "device",
            "add",
            "d",
            "--maildrop",
            "m",
            "--password-stdin",
            stdin=f"{CANARY}\n".encode(),
        )


def run(*words: str, stdin: bytes = b"") -> Said:
    """Run `popbridge WORDS` in this process; a traceback, or a fault of our own, is a failure."""
    out, err = _stream(), _stream()
    before = sys.argv, sys.stdin
    sys.argv = ["popbridge", *words]
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv, sys.stdin = before
    assert isinstance(code, int)
    assert code != INTERNAL_FAULT, err.buffer.getvalue()
    octets = out.buffer.getvalue()
    return Said(code, octets.decode("utf-8", "replace"), err.buffer.getvalue().decode(), octets)


def made(folder: Path) -> Owner:
    """Return an owner whose state folder is made."""
    owner = bare(folder)
    owner.must("init")
    return owner


def bare(folder: Path) -> Owner:
    """Return an owner with a config.toml and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = Owner(folder)
    owner.config.write_text(CONFIG, "utf-8")
    return owner


def copied(template: Owner, folder: Path) -> Owner:
    """Return an owner whose folder is a copy of the template's."""
    shutil.copytree(template.folder, folder)
    return Owner(folder)


class _Stream(io.TextIOWrapper):
    buffer: io.BytesIO


def _stream() -> _Stream:
    return _Stream(io.BytesIO(), encoding="utf-8", write_through=True)
