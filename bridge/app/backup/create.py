"""Makes a backup while the bridge runs: config, register, bookkeeping, unique-ids, grants, certificates.

Bodies stay out, since upstream has them, and so does the master key, which opens the backup.
"""

import asyncio
import contextlib
import io
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs

from bridge import __version__
from bridge.app.backup.archive import Member, write_backup
from bridge.app.state import Places, State, open_state, sole_server
from bridge.clock import Clock
from bridge.config import Config
from bridge.errors import SpoolUnavailable, StateError
from bridge.storage.audit import AuditEvent, Difference
from bridge.storage.sqlite.moved import copy_database
from bridge.tls.issuer import FILE_MODES
from bridge.vault.keyring import Keyring, load_master_key

FACTS: Final = "backup.json"
CONFIG: Final = "config.toml"
DATABASE: Final = "popbridge.db"
TLS: Final = "tls/"
"""What the members of a backup are called."""


@attrs.frozen
class Made:
    """A backup that was made; `is_exact` where no bridge was running meanwhile.

    `untold` says why the audit log does not tell of it, and is empty where it does.
    """

    octets: int
    is_exact: bool
    untold: str = ""


def make_backup(
    target: Path, config_file: Path, config: Config, environ: Mapping[str, str], clock: Clock
) -> Made:
    """Write a backup of what `config_file` and its state folder hold to `target`.

    Raises:
        StateError: the state folder cannot be read, or `target` not be written or exists.
    """
    places = Places(config.state_dir)
    with contextlib.ExitStack() as stack:
        is_exact = _is_alone(stack, config.state_dir)
        # Once it is open its key fits, and its schema is ours.
        state = stack.enter_context(open_state(config, environ))
        keyring = Keyring(load_master_key(config.vault.key_file, environ))
        copy = places.state_dir / f".backup-{secrets.token_hex(8)}.db"
        stack.callback(copy.unlink, missing_ok=True)
        if is_exact:  # else another backup may be under way beside the bridge
            _sweep(places.state_dir)
        where = Difference("file", None, str(target))
        untold = _record(state, clock, AuditEvent.BACKUP_BEGUN, where)
        _copy(places.database, copy)
        facts = {
            "popbridge": __version__,
            "made": datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="seconds"),
            "exact": is_exact,
        }
        members = _members(facts, config_file, places.tls, copy)
        octets = write_backup(target, keyring, members)
        size = Difference("octets", None, str(octets))
        untold = untold or _record(state, clock, AuditEvent.BACKUP_MADE, where, size)
        return Made(octets, is_exact, untold)


def _record(state: State, clock: Clock, event: AuditEvent, *what: Difference) -> str:
    """Write down that a backup is made; return why that cannot be, for a backup is worth more than its entry."""
    try:
        asyncio.run(state.audit.record(state.actor, clock.now(), event, what))
    except SpoolUnavailable as error:
        return str(error)
    return ""


def _is_alone(stack: contextlib.ExitStack, state_dir: Path) -> bool:
    """Keep a bridge from starting while the backup is made; return False where one runs."""
    if not Places(state_dir).database.exists():
        return False  # what is missing is told by whoever opens it
    try:
        stack.enter_context(sole_server(state_dir))
    except StateError:
        return False
    return True


def _sweep(state_dir: Path) -> None:
    """Remove what a killed run left."""
    for left in state_dir.glob(".backup-*.db*"):
        left.unlink(missing_ok=True)


def _copy(database: Path, copy: Path) -> None:
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        copy_database(database, copy)
    except (OSError, sqlite3.Error) as error:
        raise StateError(
            f"The spool {database} cannot be copied: {error}; check the free space, and try again."
        ) from error


def _members(
    facts: Mapping[str, object], config_file: Path, tls: Path, copy: Path
) -> Iterator[Member]:
    yield _small(FACTS, json.dumps(facts).encode())
    yield _small(CONFIG, config_file.read_bytes())
    for name in FILE_MODES:
        if (tls / name).exists():  # an owner who has certificates of another CA has none here
            yield _small(f"{TLS}{name}", (tls / name).read_bytes())
    with copy.open("rb") as file:
        yield Member(DATABASE, os.fstat(file.fileno()).st_size, file)


def _small(name: str, octets: bytes) -> Member:
    return Member(name, len(octets), io.BytesIO(octets))
