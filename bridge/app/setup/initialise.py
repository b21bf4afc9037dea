"""Makes a state folder: key, database, LAN CA, certificates; run again it makes what is missing.

Killed at any line, it leaves a folder that another run completes. It never makes a second key for a
database that has one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bridge.app.audit.actors import actor_here
from bridge.app.state import Places, remember_key, writing
from bridge.app.watch.openness import open_to_others
from bridge.clock import Clock
from bridge.config import Config
from bridge.errors import StateError
from bridge.storage.audit import About, AuditEvent, Difference
from bridge.storage.sqlite.audit import Scribe
from bridge.storage.sqlite.database import open_database
from bridge.tls.issuer import create_ca, issue_server_certificates, server_certificate_files
from bridge.vault.keyring import (
    Keyring,
    MasterKey,
    comes_from_elsewhere,
    create_key_file,
    load_master_key,
)
from bridge.wholefile import sweep_drafts


def initialise(config: Config, environ: Mapping[str, str], clock: Clock) -> list[str]:
    """Make what is missing in the state folder, and return a line for each thing made.

    Raises:
        StateError: the folder cannot be made, others can change what lies there, or it holds a spool
            whose key is missing.
    """
    places = Places(config.state_dir)
    if others := open_to_others(places):
        raise StateError(others)
    done = _make_folders(places)
    sweep_drafts(config.vault.key_file.parent, config.vault.key_file.name)
    sweep_drafts(places.tls)
    keyring = Keyring(_master_key(config.vault.key_file, places, environ, done))
    is_new = not places.database.exists()
    open_database(places.database, create=True).close()
    scribe = Scribe(actor_here(environ), clock)
    remember_key(places.database, keyring, scribe)
    if is_new:
        done.append(f"spool and register: {places.database}")
    if not config.tls.certificates:
        done += _make_certificates(places, config.tls.names, clock, scribe)
    return done


def _make_certificates(
    places: Places, names: tuple[str, ...], clock: Clock, scribe: Scribe
) -> list[str]:
    """Make the LAN CA and the server certificates where there are none; return what was made."""
    now, servers = (
        datetime.fromtimestamp(clock.now(), UTC),
        server_certificate_files(places.tls),
    )
    lacks_ca = not (places.tls / "ca.pem").exists()
    if not lacks_ca and all(files.certificate.exists() for files in servers):
        return []
    with writing(places.database) as db:
        scribe.write(db, AuditEvent.CERTIFICATES_BEGUN, About())
    done = []
    if lacks_ca:
        for files in servers:
            files.certificate.unlink(missing_ok=True)  # signed by a CA that is lost
        create_ca(places.tls, now)
        done.append(f"LAN CA: {places.tls / 'ca.pem'}")
    issue_server_certificates(places.tls, names, now)
    done.append(f"server certificates for {', '.join(names)}")
    what = (Difference("LAN CA", None, "new"),) if lacks_ca else ()
    with writing(places.database) as db:
        scribe.write(db, AuditEvent.CERTIFICATES_ISSUED, About(), what)
    return done


def _make_folders(places: Places) -> list[str]:
    done = []
    for folder in (places.state_dir, places.bodies, places.tls):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise StateError(
                f"The folder {folder} cannot be made: {error.strerror}; make its parent folder,"
                " or choose another state_dir."
            ) from error
        done.append(f"folder: {folder}")
    return done


def _master_key(
    key_file: Path, places: Places, environ: Mapping[str, str], done: list[str]
) -> MasterKey:
    """Return the key from where it is kept, or a new one where there is neither key nor spool."""
    if comes_from_elsewhere(environ) or key_file.exists():
        return load_master_key(key_file, environ)
    if places.database.exists():
        raise StateError(
            f"The master key of the spool in {places.state_dir} is missing; restore {key_file},"
            " or move the state folder away and begin anew."
        )
    done.append(f"master key: {key_file} (keep a copy of it in a safe place)")
    return create_key_file(key_file)
