"""What storage needs of whoever seals bodies, so that it needs no crypto itself."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol


class FrameSeal(Protocol):
    """Seals bodies at rest; bridge.vault.seal keeps the promise, so that storage needs no crypto.

    `context` is authenticated with every frame: a body opened under another context is altered.
    """

    def writer(self, target: BinaryIO, context: bytes) -> "SealedWriter":
        """Return a writer that seals what it is given into `target`."""
        ...

    def reader(self, source: BinaryIO, context: bytes) -> Iterator[bytes]:
        """Yield the opened frames in order; the first only after its tag was checked.

        Raises:
            BodyUnreadable: a frame is missing, out of order or altered.
        """
        ...


class SealedWriter(Protocol):
    """One body being sealed."""

    def write(self, piece: bytes) -> None:
        """Seal every frame that `piece` completes."""
        ...

    def finish(self) -> None:
        """Seal the last frame and mark it as the last; the file is not synced by this."""
        ...


class RowSeal(Protocol):
    """Seals a short text to the row it belongs to; bridge.vault.seal.SecretSeal keeps the promise."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return the text sealed for `context`."""
        ...

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed for `context`.

        Raises:
            StateError: it was altered, or sealed with another key or for another context.
        """
        ...
