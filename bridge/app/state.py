"""Opens what lies in the state folder: key, database, bodies; one server at a time may serve it."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from bridge.accounts.grants import Grants
from bridge.app.audit.actors import actor_here
from bridge.clock import SystemClock
from bridge.config import CertificateFiles, Config, TlsConfig
from bridge.errors import StateError
from bridge.storage.audit import THE_BRIDGE, About, Actor, AuditEvent, Difference
from bridge.storage.sqlite.addresses import SqliteAddresses
from bridge.storage.sqlite.alerts import SqliteAlerts
from bridge.storage.sqlite.audit import Scribe, SqliteAuditLog
from bridge.storage.sqlite.bodies import Bodies
from bridge.storage.sqlite.database import Database, open_database
from bridge.storage.sqlite.register import SqliteRegister
from bridge.storage.sqlite.settings import SqliteSettings
from bridge.storage.sqlite.sightings import SqliteSightings
from bridge.storage.sqlite.spool.histories import Histories
from bridge.storage.sqlite.spool.spool import SqliteSpool
from bridge.storage.sqlite.unread import SqliteUnreadHeaders
from bridge.tls.issuer import server_certificate_files
from bridge.vault.keyring import Keyring, Purpose, load_master_key
from bridge.vault.seal import BodySeal, SecretSeal
from bridge.wholefile import sweep_drafts

if TYPE_CHECKING:
    from bridge.accounts.changes import SecretSealer
    from bridge.accounts.directory import SecretOpener, Verifier
    from bridge.accounts.grants import SecretBox
    from bridge.maildrop import Maildrop, MessageEntry
    from bridge.pop3.events import Drop, Entry
    from bridge.storage.sealing import FrameSeal, RowSeal
    from bridge.vault.passwords import PasswordVerifier

KEY_CHECK = "key-check"
"""Where the database remembers which master key it was made with."""


@attrs.frozen
class Places:
    """Where things lie in a state folder."""

    state_dir: Path

    @property
    def database(self) -> Path:
        """Return the register and the spool's bookkeeping."""
        return self.state_dir / "popbridge.db"

    @property
    def bodies(self) -> Path:
        """Return the folder of sealed bodies."""
        return self.state_dir / "bodies"

    @property
    def tls(self) -> Path:
        """Return the folder of the LAN CA and its certificates."""
        return self.state_dir / "tls"

    @property
    def lock(self) -> Path:
        """Return the file whose lock the one server holds."""
        return self.state_dir / "server.lock"


@attrs.frozen
class State:
    """What lies in the state folder, open; `actor` is who changes it."""

    places: Places
    database: Database
    bodies: Bodies
    spool: SqliteSpool
    register: SqliteRegister
    addresses: SqliteAddresses
    secrets: SecretSeal
    digest_key: bytes = attrs.field(repr=False)
    actor: Actor = THE_BRIDGE

    @property
    def histories(self) -> Histories:
        """Return the lives of messages."""
        return Histories(self.database, self.secrets)

    @property
    def unread_headers(self) -> SqliteUnreadHeaders:
        """Return what an earlier release stored without a look at its headers."""
        return SqliteUnreadHeaders(self.database, self.spool.refresh)

    @property
    def sightings(self) -> SqliteSightings:
        """Return who logged in where."""
        return SqliteSightings(self.database)

    @property
    def audit(self) -> SqliteAuditLog:
        """Return who changed what."""
        return SqliteAuditLog(self.database)

    @property
    def alerts(self) -> SqliteAlerts:
        """Return the alerts that are still to be told."""
        return SqliteAlerts(self.database)

    @property
    def settings(self) -> SqliteSettings:
        """Return the settings that the bridge ran with last."""
        return SqliteSettings(self.database)

    @property
    def grants(self) -> Grants:
        """Return the grants in the register."""
        return Grants(self.register, self.secrets)


@contextmanager
def open_state(
    config: Config, environ: Mapping[str, str], actor: Actor | None = None
) -> Iterator[State]:
    """Open the state folder, and close it after the block; changes are `actor`'s, or of whose process this is.

    Raises:
        StateError: it was never made, its key is another or missing, or a newer version wrote it.
    """
    places = Places(config.state_dir)
    if not places.database.exists():
        raise StateError(
            f"There is no spool in {places.state_dir}; run `popbridge init` first."
        )
    for part in (places.database, places.bodies):
        if not os.access(part, os.W_OK):
            raise StateError(
                f"{part} is missing or cannot be written; mend it,"
                " or the rights of the user that runs popbridge."
            )
    who = actor or actor_here(environ)
    keyring = Keyring(load_master_key(config.vault.key_file, environ))
    database = open_database(places.database)
    bodies = Bodies(
        places.bodies,
        BodySeal(keyring.derive(Purpose.BODIES)),
        config.spool.minimum_free_octets,
    )
    try:
        _check_key(places.database, keyring)
        secrets = SecretSeal(keyring.derive(Purpose.SECRETS))
        scribe = Scribe(who, SystemClock())
        yield State(
            places,
            database,
            bodies,
            SqliteSpool(database, bodies, SystemClock(), secrets),
            SqliteRegister(database, scribe),
            SqliteAddresses(database, scribe),
            secrets,
            keyring.derive(Purpose.DIGESTS),
            who,
        )
    finally:
        bodies.close()
        database.close()


@contextmanager
def sole_server(state_dir: Path) -> Iterator[None]:
    """Hold the state folder's lock during the block; the kernel frees it however we end.

    Raises:
        StateError: another bridge serves this folder, or it cannot be written.
    """
    places = Places(state_dir)
    try:
        descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"The state folder {state_dir} cannot be used: {error.strerror};"
            " run `popbridge init` first, or mend its permissions."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateError(
                f"Another popbridge already serves {state_dir}; stop it first,"
                " or give this one a state_dir of its own."
            ) from error
        yield
    finally:
        os.close(descriptor)


def sweep_left_over(places: Places) -> None:
    """Remove what commands that were killed left half-done in the state folder.

    Its sole server does this at its start: a command that runs along just then fails, and can be repeated.
    """
    sweep_drafts(places.tls)
    for left in places.state_dir.glob(".backup-*"):
        with suppress(OSError):
            left.unlink()
    for left in places.state_dir.glob(".restore-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def writing(database: Path) -> Iterator[sqlite3.Connection]:
    """Make what the block does to a database one transaction, which is durable after it.

    Raises:
        StateError: it cannot be written; nothing was changed.
    """
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StateError(f"The spool {database} cannot be written: {error}.") from error


def remember_key(database: Path, keyring: Keyring, scribe: Scribe) -> None:
    """Note in a database that has no note yet which master key it belongs to, and who made it.

    Raises:
        StateError: it belongs to another key, or cannot be written.
    """
    with writing(database) as db:
        noted = db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING",
            (KEY_CHECK, keyring.check_value()),
        )
        if noted.rowcount:
            where = Difference("state_dir", None, str(database.parent))
            scribe.write(db, AuditEvent.INITIALISED, About(), (where,))
    _check_key(database, keyring)


def certificate_files(tls: TlsConfig, places: Places) -> tuple[CertificateFiles, ...]:
    """Return the certificates to serve with: the owner's own, or those of the LAN CA."""
    if tls.certificates:
        return tls.certificates
    return tuple(server_certificate_files(places.tls))


def _check_key(database: Path, keyring: Keyring) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        row = connection.execute(
            "SELECT value FROM meta WHERE key = ?", (KEY_CHECK,)
        ).fetchone()
    except sqlite3.Error as error:
        raise StateError(f"The spool {database} cannot be read: {error}.") from error
    finally:
        connection.close()
    if row is None:
        raise StateError(f"The spool {database} is not complete; run `popbridge init` again.")
    keyring.verify_check_value(row[0])


if TYPE_CHECKING:
    # Who keeps which promise: floors that may not import each other meet here.
    _frame_seal: type[FrameSeal] = BodySeal
    _row_seal: type[RowSeal] = SecretSeal
    _opener: type[SecretOpener] = SecretSeal
    _sealer: type[SecretSealer] = SecretSeal
    _box: type[SecretBox] = SecretSeal
    _verifier: type[Verifier] = PasswordVerifier
    _entry: type[Entry] = MessageEntry
    _drop: type[Drop] = Maildrop
