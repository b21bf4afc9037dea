"""Finds the master key, from which every other key of the bridge is derived.

The key is written as base64 in all three places it may come from, so that it can be carried from
one to another with copy and paste.
"""

import base64
import binascii
import enum
import errno
import hmac
import os
import secrets
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

import attrs
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.errors import StateError
from bridge.wholefile import new_file

KEY_OCTETS = 32  # AES-256, and the output of HKDF-SHA256
CREDENTIAL_NAME = "popbridge-master-key"
KEY_VARIABLE = "POPBRIDGE_MASTER_KEY"

_MAX_FILE_OCTETS = 1024  # base64 of the key is 44; more is not a key
_OPEN_TO_ANY_OTHER = 0o077
_OPEN_TO_THE_WORLD = 0o007


class Purpose(enum.StrEnum):
    """What a derived key is for; the text is part of the derivation and never changes."""

    BODIES = "bodies"
    SECRETS = "secrets"
    CHECK = "check"
    BACKUP = "backup"
    DIGESTS = "digests"


@attrs.frozen
class MasterKey:
    """32 octets that are never shown, logged or stored by the bridge outside its key file."""

    octets: bytes = attrs.field(repr=False)

    @octets.validator
    def _is_whole(self, _attribute: object, octets: bytes) -> None:
        if len(octets) != KEY_OCTETS:
            raise ValueError(f"a master key has {KEY_OCTETS} octets")


class Keyring:
    """Derives one key per purpose from the master key; none tells anything about another."""

    def __init__(self, master: MasterKey) -> None:
        self._master = master

    def derive(self, purpose: Purpose) -> bytes:
        """Return 32 octets, always the same for this master key and purpose (RFC 5869)."""
        info = f"popbridge {purpose} v1".encode()
        return HKDF(SHA256(), KEY_OCTETS, salt=None, info=info).derive(self._master.octets)

    def check_value(self) -> bytes:
        """Return what may lie in clear beside the sealed things, and names the master key."""
        return self.derive(Purpose.CHECK)

    def verify_check_value(self, stored: bytes) -> None:
        """Promise that `stored` was made with this master key.

        Raises:
            StateError: it was made with another.
        """
        if not hmac.compare_digest(stored, self.check_value()):
            raise StateError(
                "this spool was made with another master key: restore the key it was made with, "
                "or move the state folder away and run `popbridge init` for an empty one"
            )


def load_master_key(key_file: Path, environ: Mapping[str, str]) -> MasterKey:
    """Return the master key from the first source that has one.

    The sources are the systemd credential `popbridge-master-key`, the environment variable
    POPBRIDGE_MASTER_KEY, and `key_file`.

    Raises:
        StateError: there is none, it is malformed, or others may read it.
    """
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials:
        # systemd owns the folder and may show an ACL for the service as group bits, so only
        # the world is refused here (systemd.exec(5), CREDENTIALS).
        credential = Path(credentials) / CREDENTIAL_NAME
        text = _read_private_file(credential, _OPEN_TO_THE_WORLD)
        if text is not None:
            return _decoded(text, f"the systemd credential {credential}")
    if KEY_VARIABLE in environ:
        # A variable may hold surrogates for octets that are not UTF-8: those are no base64.
        text = environ[KEY_VARIABLE].encode("utf-8", "surrogateescape")
        return _decoded(text, f"the environment variable {KEY_VARIABLE}")
    text = _read_private_file(key_file, _OPEN_TO_ANY_OTHER)
    if text is None:
        raise StateError(
            f"there is no master key at {key_file}: run `popbridge init` to make one, "
            "or restore the key file of this state folder"
        )
    return _decoded(text, f"the key file {key_file}")


def comes_from_elsewhere(environ: Mapping[str, str]) -> bool:
    """Tell whether systemd or the environment hands the master key in, and no file is asked."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return KEY_VARIABLE in environ or bool(folder and (Path(folder) / CREDENTIAL_NAME).exists())


def create_key_file(key_file: Path) -> MasterKey:
    """Make a random master key and return it once it is durable; a kill leaves all of it or nothing.

    Raises:
        StateError: the file exists already, or cannot be written.
    """
    master = MasterKey(secrets.token_bytes(KEY_OCTETS))
    write_key_file(key_file, master)
    return master


def write_key_file(key_file: Path, master: MasterKey) -> None:
    """Put a master key where there is none, durably; a kill leaves all of it or nothing.

    Raises:
        StateError: the file exists already, or cannot be written.
    """
    try:
        with new_file(key_file) as file:
            file.write(base64.b64encode(master.octets) + b"\n")
    except FileExistsError:
        raise StateError(
            f"the key file {key_file} exists already: keep it, as nothing sealed with it can be "
            "opened by another"
        ) from None
    except OSError as error:
        raise StateError(
            f"the key file {key_file} cannot be written ({error.strerror}): "
            "check the folder, its owner and the free space"
        ) from error


def _read_private_file(path: Path, refused_mode: int) -> bytes | None:
    """Return the file's first octets, or None where there is no such file."""
    try:
        # Without O_NONBLOCK a FIFO would hang the start; the kind is checked once it is open.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise _not_a_file(path) from None
        raise StateError(
            f"the master key {path} cannot be read ({error.strerror}): "
            "run popbridge as the user that owns it"
        ) from error
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise _not_a_file(path)
        if stat.S_IMODE(mode) & refused_mode:
            raise StateError(
                "the master key is open to other users of this machine: "
                f"run `chmod 600 {shlex.quote(str(path))}`"
            )
        return os.read(handle, _MAX_FILE_OCTETS)
    finally:
        os.close(handle)


def _not_a_file(path: Path) -> StateError:
    return StateError(
        f"the master key {path} is not a regular file: put the key file there, or name another"
    )


def _decoded(text: bytes, source: str) -> MasterKey:
    try:
        return MasterKey(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError):
        # Without a cause: binascii names what it disliked, and that may be part of the key.
        raise StateError(
            f"{source} does not hold a master key, which is {KEY_OCTETS} octets in base64 as "
            "`popbridge init` writes them: restore the right one"
        ) from None
