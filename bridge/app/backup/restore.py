"""Puts a backup in place on a machine that has no spool yet; it is read whole before anything is placed.

The database is placed last, and at once: killed at any line before, the same command can be run
again; killed after it, all is in place.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from bridge.app.audit.actors import actor_here
from bridge.app.backup.archive import PIECE_OCTETS, Member, read_backup
from bridge.app.backup.create import CONFIG, DATABASE, FACTS, TLS
from bridge.app.state import Places, sole_server
from bridge.clock import Clock
from bridge.config import Config, load_config
from bridge.errors import StateError
from bridge.storage.audit import About, Actor, AuditEvent, Difference
from bridge.storage.sqlite.audit import write_entry
from bridge.storage.sqlite.database import open_database, refuse_stray_log
from bridge.storage.sqlite.moved import Restored, begin_without_bodies, fold_in
from bridge.tls.issuer import FILE_MODES
from bridge.vault.keyring import (
    KEY_VARIABLE,
    Keyring,
    MasterKey,
    comes_from_elsewhere,
    load_master_key,
    write_key_file,
)
from bridge.wholefile import PRIVATE, replace_file, sweep_drafts, sync_folder, write_draft

SMALL_OCTETS: Final = 1 << 20
"""Most octets of a member that is not the database; a config.toml of 1 MiB is none of ours."""

STAGING: Final = ".restore-"


@attrs.frozen
class RestoreOrder:
    """What an admin wants restored, and where to.

    `key_file` holds the master key where neither the environment nor a config.toml that is there
    names it. `nothing_since` promises that no bridge has run on that state since the backup.
    """

    backup: Path
    config_file: Path
    key_file: Path | None = None
    nothing_since: bool = False
    keep_config: bool = False


@attrs.frozen
class Outcome:
    """What was put where, a line each, and what became of the messages."""

    placed: list[str]
    messages: Restored
    made: str


def restore(order: RestoreOrder, environ: Mapping[str, str], clock: Clock) -> Outcome:
    """Put everything of a backup in place.

    Raises:
        OwnerError: it cannot be; nothing was changed.
    """
    master = _master_key(order, environ)
    with read_backup(order.backup, Keyring(master)) as members:
        facts = json.loads(_next(members, FACTS))
        if order.nothing_since and not facts["exact"]:
            raise StateError(
                f"The backup {order.backup} was made while its bridge ran, so devices may have"
                " printed since; leave --nothing-since away. Nothing was changed."
            )
        with contextlib.ExitStack() as stack:
            draft = _draft_config(order, _next(members, CONFIG), stack)
            config = load_config(draft or order.config_file)
            places, key_file = Places(config.state_dir), config.vault.key_file
            sweep_drafts(key_file.parent, key_file.name)
            staging = _staging(places, stack)
            _store(members, staging)
            _refuse_other_certificates(places.tls, staging)
            key_is_missing = _key_is_missing(config, master, environ)
            told = _Told(actor_here(environ), clock.now(), facts["made"])
            messages = asyncio.run(_begin(staging / DATABASE, order, told))
            placed = []
            if key_is_missing:
                write_key_file(key_file, master)
                placed.append(f"master key: {key_file}")
            placed += _place(order, draft, places, staging)
    return Outcome(placed, messages, facts["made"])


def config_of(order: RestoreOrder, environ: Mapping[str, str]) -> bytes:
    """Return the config.toml that a backup holds, once all of the backup was read.

    Raises:
        StateError: it is not whole, or was made with another master key.
    """
    with read_backup(order.backup, Keyring(_master_key(order, environ))) as members:
        _next(members, FACTS)
        octets = _next(members, CONFIG)
        for _ in members:
            pass
    return octets


# ---- what is checked before anything is touched


def _master_key(order: RestoreOrder, environ: Mapping[str, str]) -> MasterKey:
    if order.key_file is not None:
        return load_master_key(order.key_file, {})
    if order.config_file.exists():
        return load_master_key(load_config(order.config_file).vault.key_file, environ)
    if comes_from_elsewhere(environ):
        return load_master_key(Path(os.devnull), environ)
    raise StateError(
        f"A backup opens with its master key only; name the key with --key-file FILE or"
        f" ${KEY_VARIABLE}. Nothing was changed."
    )


def _next(members: Iterator[Member], name: str) -> bytes:
    member = next(members, None)
    if member is None or member.name != name:
        raise _unknown(member.name if member else "nothing")
    return member.read(SMALL_OCTETS)


def _unknown(name: str) -> StateError:
    return StateError(
        f"The backup holds {name}, which this popbridge does not know; restore it with the version"
        " that made it. Nothing was changed."
    )


def _draft_config(
    order: RestoreOrder, octets: bytes, stack: contextlib.ExitStack
) -> Path | None:
    """Return a file beside config.toml that is to become it, or None where that is to stay."""
    path = order.config_file
    sweep_drafts(path.parent, path.name)
    if path.exists():
        if path.read_bytes() == octets or order.keep_config:
            return None
        raise StateError(
            f"{path} is not the one in the backup; move it away, or restore with it by"
            " --keep-config. Nothing was changed."
        )
    draft = write_draft(path, octets, PRIVATE)
    stack.callback(draft.unlink, missing_ok=True)
    return draft


def _staging(places: Places, stack: contextlib.ExitStack) -> Path:
    """Return an empty folder in the state folder, which nobody else writes to meanwhile."""
    if places.database.exists():
        raise StateError(
            f"{places.state_dir} holds a spool already, which a restore would lose; move it away"
            " first. Nothing was changed."
        )
    refuse_stray_log(places.database)
    try:
        places.state_dir.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise StateError(
            f"The folder {places.state_dir} cannot be made: {error.strerror}; make its parent"
            " folder first. Nothing was changed."
        ) from error
    else:
        stack.callback(_remove_if_unused, places)
    stack.enter_context(sole_server(places.state_dir))
    for left in places.state_dir.glob(f"{STAGING}*"):
        shutil.rmtree(left)
    staging = places.state_dir / f"{STAGING}{secrets.token_hex(8)}"
    staging.mkdir(mode=0o700)
    stack.callback(shutil.rmtree, staging, ignore_errors=True)
    return staging


def _remove_if_unused(places: Places) -> None:
    """Leave no folder behind that was made for a restore which failed."""
    if not places.database.exists():
        places.lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            places.state_dir.rmdir()


def _store(members: Iterator[Member], staging: Path) -> None:
    """Write what is left of the backup into the staging folder, to its last octet."""
    for member in members:
        if member.name == DATABASE:
            with open(staging / DATABASE, "xb", opener=_private) as file:
                shutil.copyfileobj(member.source, file, PIECE_OCTETS)
                file.flush()
                os.fsync(file.fileno())
        elif member.name.startswith(TLS) and (name := member.name[len(TLS) :]) in FILE_MODES:
            replace_file(staging / name, member.read(SMALL_OCTETS), PRIVATE)
        else:
            raise _unknown(member.name)
    if not (staging / DATABASE).exists():
        raise _unknown("no database")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _refuse_other_certificates(tls: Path, staging: Path) -> None:
    for name in FILE_MODES:
        here, there = tls / name, staging / name
        if here.exists() and there.exists() and here.read_bytes() != there.read_bytes():
            raise StateError(
                f"{here} is not the one in the backup; move the folder {tls} away first."
                " Nothing was changed."
            )


def _key_is_missing(config: Config, master: MasterKey, environ: Mapping[str, str]) -> bool:
    """Tell whether the bridge would find no master key; refuse where it would find another."""
    if not config.vault.key_file.exists() and not comes_from_elsewhere(environ):
        return True
    found = load_master_key(config.vault.key_file, environ)
    Keyring(found).verify_check_value(Keyring(master).check_value())
    return False


# ---- what is changed


@attrs.frozen
class _Told:
    """What is told of a restore: who, when, and of which moment's backup."""

    actor: Actor
    now: float
    made: str


async def _begin(database: Path, order: RestoreOrder, told: _Told) -> Restored:
    what = Difference("file", None, str(order.backup)), Difference("made", None, told.made)

    def work(db: sqlite3.Connection) -> Restored:
        write_entry(db, told.actor, told.now, AuditEvent.RESTORED, About(), what)
        return begin_without_bodies(db, told.now, is_exact=order.nothing_since)

    opened = open_database(database)
    try:
        outcome = await opened.write(work)
    finally:
        opened.close()
    try:
        fold_in(database)
    except sqlite3.Error as error:
        raise StateError(
            f"The spool of the backup cannot be written: {error}; check the free space. Nothing"
            " was changed."
        ) from error
    return outcome


def _place(order: RestoreOrder, draft: Path | None, places: Places, staging: Path) -> list[str]:
    placed = []
    for folder in (places.bodies, places.tls):
        folder.mkdir(mode=0o700, exist_ok=True)
    for name, mode in FILE_MODES.items():
        if (staging / name).exists():
            replace_file(places.tls / name, (staging / name).read_bytes(), mode)
            placed.append(f"certificate: {places.tls / name}")
    if draft is not None:
        draft.rename(order.config_file)
        placed.append(f"configuration: {order.config_file}")
        sync_folder(order.config_file.absolute().parent)
    # link() refuses a spool that was made meanwhile, rename() would replace it.
    os.link(staging / DATABASE, places.database)
    sync_folder(places.state_dir)
    placed.append(f"spool and register: {places.database}")
    return placed
