"""Seals bodies and secrets so that a changed octet is noticed before it is believed.

A sealed body is a header (magic with version, 32 octets of salt) and frames of 64 KiB plaintext,
each followed by its tag. Every body has a key of its own, made from the header, so the frame
number can be the nonce; a flipped bit in the header gives another key and no frame opens. What
may surprise: the number of frames stands nowhere. The frame that ends the file must have been
sealed as the last one, which is what tells a whole body from one cut at a frame's edge.
"""

import hmac
import secrets
from collections.abc import Iterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.errors import BodyUnreadable, StateError

FRAME_OCTETS: Final = 65536
SALT_OCTETS: Final = 32
MAGIC: Final = b"popseal1"
HEADER_OCTETS: Final = len(MAGIC) + SALT_OCTETS

_TAG_OCTETS: Final = 16
_SEALED_FRAME_OCTETS: Final = FRAME_OCTETS + _TAG_OCTETS
_FRAMES_PER_READ: Final = 1  # an open body holds two of these: what a slow reader costs
_NONCE_OCTETS: Final = 12  # NIST SP 800-38D section 8.2: 96 bits
_SECRET_VERSION: Final = b"\x01"


class BodySeal:
    """Seals bodies at rest with AES-256-GCM; fits `bridge.storage.sealing.FrameSeal`."""

    def __init__(self, bodies_key: bytes) -> None:
        self._bodies_key = bodies_key

    def writer(self, target: BinaryIO, context: bytes) -> "BodyWriter":
        """Write the header and return a writer that seals what it is given into `target`."""
        header = MAGIC + secrets.token_bytes(SALT_OCTETS)
        target.write(header)
        return BodyWriter(target, self._file_key(header), context)

    def reader(self, source: BinaryIO, context: bytes) -> Iterator[bytes]:
        """Yield the opened frames in order, each only after its tag was checked.

        Holds at most two frames. An OSError of the source is passed on as it is.

        Raises:
            BodyUnreadable: a frame is missing, out of order or altered, or octets follow the last.
        """
        header = _read_fully(source, HEADER_OCTETS)
        if len(header) != HEADER_OCTETS or not header.startswith(MAGIC):
            raise BodyUnreadable("the body does not start with a seal of this version")
        key = self._file_key(header)
        number = 0
        for batch, ends_file in _batches(source):
            for start in range(0, len(batch), _SEALED_FRAME_OCTETS):
                end = start + _SEALED_FRAME_OCTETS
                last = ends_file and end >= len(batch)
                yield _open_frame(
                    key, number, batch[start:end], _associated(context, number, last=last)
                )
                number += 1

    def _file_key(self, header: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._bodies_key, b"popbridge body" + header, "sha256"))


class BodyWriter:
    """One body being sealed; fits `bridge.storage.sealing.SealedWriter`."""

    def __init__(self, target: BinaryIO, key: AESGCM, context: bytes) -> None:
        self._target = target
        self._key = key
        self._context = context
        self._held = bytearray()
        self._number = 0
        self._finished = False

    def write(self, piece: bytes) -> None:
        """Seal every frame that `piece` completes; one frame is held back, as it may be the last.

        Raises:
            ValueError: the body is finished.
        """
        if self._finished:
            raise ValueError("this body is finished")
        rest = memoryview(piece)
        while len(self._held) + len(rest) > FRAME_OCTETS:
            missing = FRAME_OCTETS - len(self._held)
            self._held += rest[:missing]
            rest = rest[missing:]
            self._seal_held(last=False)
        self._held += rest

    def finish(self) -> None:
        """Seal the last frame and mark it as the last; a second call does nothing."""
        if not self._finished:
            self._seal_held(last=True)
            self._finished = True

    def _seal_held(self, *, last: bool) -> None:
        associated = _associated(self._context, self._number, last=last)
        self._target.write(self._key.encrypt(_nonce(self._number), self._held, associated))
        self._held.clear()
        self._number += 1


class SecretSeal:
    """Seals short secrets of the register (grants, APOP secrets) with AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        self._key = AESGCM(key)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return the secret sealed for `context`; sealing twice gives two different texts.

        A random nonce is safe for 2**32 secrets under one key (NIST SP 800-38D section 8.3).
        """
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        return (
            _SECRET_VERSION
            + nonce
            + self._key.encrypt(nonce, plaintext, _SECRET_VERSION + context)
        )

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the secret that was sealed for `context`.

        Raises:
            StateError: it was altered, or sealed with another key or for another context.
        """
        nonce_end = len(_SECRET_VERSION) + _NONCE_OCTETS
        if len(sealed) < nonce_end or not sealed.startswith(_SECRET_VERSION):
            raise _cannot_open()
        nonce = sealed[len(_SECRET_VERSION) : nonce_end]
        try:
            return self._key.decrypt(nonce, sealed[nonce_end:], _SECRET_VERSION + context)
        except InvalidTag:
            raise _cannot_open() from None


def _cannot_open() -> StateError:
    return StateError(
        "a sealed secret in the register cannot be opened: restore the master key and the "
        "register from the same backup, or enter the secret anew"
    )


def _batches(source: BinaryIO) -> Iterator[tuple[memoryview, bool]]:
    """Yield runs of sealed frames, and with each whether the file ends there.

    One batch is read ahead, because only the read that finds nothing shows the end of the file.
    """
    octets = _FRAMES_PER_READ * _SEALED_FRAME_OCTETS
    batch = _read_fully(source, octets)
    if not batch:
        raise BodyUnreadable("the body was cut short: no frame follows its header")
    while batch:
        following = _read_fully(source, octets) if len(batch) == octets else b""
        yield memoryview(batch), not following
        batch = following


def _read_fully(source: BinaryIO, octets: int) -> bytes:
    """Return `octets` octets, or fewer only at the end of the file; an unbuffered file may give less at once."""
    piece = source.read(octets)
    if len(piece) == octets or not piece:
        return piece
    pieces = [piece]
    missing = octets - len(piece)
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _open_frame(key: AESGCM, number: int, frame: memoryview, associated: bytes) -> bytes:
    try:
        return key.decrypt(_nonce(number), frame, associated)
    except InvalidTag:
        raise BodyUnreadable(f"frame {number} of the body was altered or cut short") from None


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_OCTETS, "big")


def _associated(context: bytes, number: int, *, last: bool) -> bytes:
    # The tail has a fixed length, so no context can be mistaken for another one's frame number.
    return context + number.to_bytes(8, "big") + (b"\x01" if last else b"\x00")
