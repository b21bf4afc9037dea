"""Makes, hashes and verifies the passwords of devices.

A slow hash costs some 30 ms and 19 MiB, a poll must cost microseconds: what was verified once is
remembered in memory under a key that dies with the process. A wrong password is never remembered.
"""

import base64
import binascii
import enum
import functools
import hashlib
import hmac
import re
import secrets
import string
from collections import OrderedDict

from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from bridge.errors import OwnerError
from bridge.vault.turns import Turns

GENERATED_LENGTH = 16  # of 62 characters: 95 bits, and short enough for a device's panel
MAX_PASSWORD_OCTETS = 512  # twice what a PASS line can carry (RFC 2449 section 4)
MAX_WAITING = 256  # verifications; each holds a connection, which has a cap of its own

_ALPHABET = string.ascii_letters + string.digits
_SALT_OCTETS = 16  # RFC 9106 section 3.1
_HASH_OCTETS = 32
# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
_ARGON2_MEMORY_KIB = 19 * 1024
_ARGON2_PASSES = 2
_ARGON2_LANES = 1
_SCRYPT_LOG_COST = 14  # RFC 7914 section 2; 16 MiB with r = 8
_MAX_MEMORY_OCTETS = 64 * 1024 * 1024  # a stored string may not ask for more
_ARGON2_FORM = re.compile(
    r"\$argon2id\$v=19\$m=(?P<m>[0-9]{1,8}),t=(?P<t>[0-9]{1,2}),p=(?P<p>[0-9]{1,2})"
    r"\$[A-Za-z0-9+/]{22,64}\$[A-Za-z0-9+/]{43}"
)
_SCRYPT_FORM = re.compile(
    r"\$scrypt\$ln=(?P<ln>[0-9]{1,2}),r=(?P<r>[0-9]{1,2}),p=(?P<p>[0-9]{1,2})"
    r"\$(?P<salt>[A-Za-z0-9+/]{22,64})\$(?P<hash>[A-Za-z0-9+/]{43})"
)


class HashScheme(enum.StrEnum):
    """How a password is hashed at rest; the text is the identifier in its PHC string."""

    ARGON2ID = "argon2id"
    SCRYPT = "scrypt"


def generate_password() -> str:
    """Return 16 random characters that every device's panel can type."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_LENGTH))


@functools.cache
def best_scheme() -> HashScheme:
    """Return Argon2id, or scrypt where the installed cryptography was built without it."""
    try:
        _argon2id(bytes(_SALT_OCTETS))
    except UnsupportedAlgorithm:
        return HashScheme.SCRYPT
    return HashScheme.ARGON2ID


def hash_password(password: str, scheme: HashScheme | None = None) -> str:
    """Return a PHC string that lets the password be verified and not be found; takes some 30 ms.

    Raises:
        OwnerError: the password is empty or longer than 512 octets.
    """
    octets = _octets(password)
    if not 0 < len(octets) <= MAX_PASSWORD_OCTETS:
        raise OwnerError(
            f"a password must have between 1 and {MAX_PASSWORD_OCTETS} octets: choose another"
        )
    salt = secrets.token_bytes(_SALT_OCTETS)
    if (scheme or best_scheme()) is HashScheme.ARGON2ID:
        return _argon2id(salt).derive_phc_encoded(octets)
    return _scrypt_string(salt, _scrypt(octets, salt, 1 << _SCRYPT_LOG_COST, 8, 1))


class PasswordVerifier:
    """Tells whether a password is the one that was hashed, in the same time for every wrong answer."""

    def __init__(self, executor_workers: int = 2, remembered: int = 4096) -> None:
        self._turns = Turns(executor_workers, MAX_WAITING)
        self._capacity = remembered
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._process_key = secrets.token_bytes(32)
        self._decoy = _decoy_string()

    def remembered(self, stored: str, password: str) -> bool:
        """Tell at once whether this password was verified against this very hash before."""
        octets = _octets(password)
        if len(octets) > MAX_PASSWORD_OCTETS:
            return False
        digest = self._digest(stored, octets)
        if digest not in self._remembered:
            return False
        self._remembered.move_to_end(digest)
        return True

    async def verify(self, stored: str | None, password: str, origin: str) -> bool:
        """Tell whether the password is right; None for `stored` means that there is no such device.

        A missing device and an over-long password cost the same work as a wrong password. At most
        one verification runs for an origin, a network address, at a time.

        Raises:
            SpoolUnavailable: too many verifications wait.
        """
        octets = _octets(password)
        if stored is None or len(octets) > MAX_PASSWORD_OCTETS:
            await self._turns.run(origin, functools.partial(_matches, self._decoy, b""))
            return False
        if self.remembered(stored, password):
            return True
        if not await self._turns.run(origin, functools.partial(_matches, stored, octets)):
            return False
        self._remember(self._digest(stored, octets))
        return True

    def close(self) -> None:
        """Refuse what waits and stop the worker threads."""
        self._turns.close()

    def _digest(self, stored: str, octets: bytes) -> bytes:
        # A PHC string holds no NUL, so the two parts cannot be shifted against each other.
        return hmac.digest(self._process_key, stored.encode() + b"\0" + octets, "sha256")

    def _remember(self, digest: bytes) -> None:
        self._remembered[digest] = None
        self._remembered.move_to_end(digest)
        while len(self._remembered) > self._capacity:
            self._remembered.popitem(last=False)


def exert() -> None:
    """Do the work of one verification for nobody, to show that it can be done.

    Raises:
        MemoryError: there is no room for it.
    """
    _matches(_decoy_string(), b"")


def _octets(password: str) -> bytes:
    # The session decodes what a device sends with surrogateescape: this gives its octets back.
    return password.encode("utf-8", "surrogateescape")


def _matches(stored: str, octets: bytes) -> bool:
    """Do the slow work; a string of no known form matches nothing."""
    if (form := _ARGON2_FORM.fullmatch(stored)) is not None:
        return _matches_argon2(form, octets)
    form = _SCRYPT_FORM.fullmatch(stored)
    return form is not None and _matches_scrypt(form, octets)


def _matches_argon2(form: re.Match[str], octets: bytes) -> bool:
    if 1024 * int(form["m"]) > _MAX_MEMORY_OCTETS:
        return False
    try:
        Argon2id.verify_phc_encoded(octets, form.string)
    except (InvalidKey, ValueError):  # wrong, or costs that no writer would choose
        return False
    return True


def _matches_scrypt(form: re.Match[str], octets: bytes) -> bool:
    cost, block, lanes = 1 << int(form["ln"]), int(form["r"]), int(form["p"])
    if 128 * cost * block * lanes > _MAX_MEMORY_OCTETS:
        return False
    try:
        expected = _unpadded_decode(form["hash"])
        found = _scrypt(octets, _unpadded_decode(form["salt"]), cost, block, lanes)
    except (binascii.Error, ValueError):  # a length or a cost that no writer here would choose
        return False
    return hmac.compare_digest(found, expected)


def _argon2id(salt: bytes) -> Argon2id:
    return Argon2id(
        salt=salt,
        length=_HASH_OCTETS,
        iterations=_ARGON2_PASSES,
        lanes=_ARGON2_LANES,
        memory_cost=_ARGON2_MEMORY_KIB,
    )


def _scrypt(octets: bytes, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    limit = _MAX_MEMORY_OCTETS + (1 << 20)  # OpenSSL counts its scratch blocks too
    return hashlib.scrypt(
        octets, salt=salt, n=cost, r=block, p=lanes, maxmem=limit, dklen=_HASH_OCTETS
    )


def _scrypt_string(salt: bytes, digest: bytes) -> str:
    return f"$scrypt$ln={_SCRYPT_LOG_COST},r=8,p=1${_unpadded(salt)}${_unpadded(digest)}"


def _decoy_string() -> str:
    """Return a string that costs what a real one costs; its random digest is the hash of nothing."""
    salt, digest = secrets.token_bytes(_SALT_OCTETS), secrets.token_bytes(_HASH_OCTETS)
    if best_scheme() is HashScheme.SCRYPT:
        return _scrypt_string(salt, digest)
    costs = f"m={_ARGON2_MEMORY_KIB},t={_ARGON2_PASSES},p={_ARGON2_LANES}"
    return f"$argon2id$v=19${costs}${_unpadded(salt)}${_unpadded(digest)}"


def _unpadded(octets: bytes) -> str:
    return base64.b64encode(octets).decode().rstrip("=")


def _unpadded_decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
