"""Starts a client program as its user would: no shell, a home folder of its own, a time limit."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

DEADLINE_SECONDS = 60.0
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"  # Debian's own programs, with the system's python

NUMBERING_MDA = """\
#!/bin/sh
exec cat >"$HOME/mail/$(printf %04d $(ls "$HOME/mail" | wc -l))"
"""
"""Takes delivery of mail: each message becomes a file, numbered as they come."""


def path_of(program: str) -> str:
    """Return where the program lies; where it is missing, skip, or fail in CI."""
    found = shutil.which(program, path=SYSTEM_PATH)
    if found is None:
        reason = f"the Debian package with {program} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run(
    program: str,
    *words: str,
    home: Path,
    environ: Mapping[str, str] | None = None,
    text: str = "",
) -> "subprocess.CompletedProcess[bytes]":
    """Run the program to its end and return what it said."""
    environment = {
        "HOME": str(home),
        "PATH": SYSTEM_PATH,
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
    }
    return subprocess.run(
        [path_of(program), *words],
        cwd=home,
        env=environment | dict(environ or {}),
        input=text.encode(),
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def private_file(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file that only its owner may read, as the clients demand of their settings."""
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path
