"""Unpacks a compressed HTTP body in bounded pieces, and knows whether its end has come."""

import zlib
from collections.abc import Iterator

PIECE_OCTETS = 256 << 10
"""Longest piece made of what arrives: a few octets can unpack to a thousand times as many."""

_CODINGS = frozenset(
    {"gzip", "x-gzip", "br", "deflate", "zstd", "compress", "x-compress", "identity"}
)
"""Those that are told by their names (IANA's HTTP Content Coding Registry); any other text is not."""

_GZIP = 31  # zlib.decompressobj: the gzip container, with its checksum


class Damaged(Exception):
    """What arrived is not what was packed, or not all of it."""


class Inflation:
    """One body as it is coded on the wire (RFC 9110 section 8.4.1); "identity" is passed on as it is."""

    def __init__(self, coding: str) -> None:
        """Expect that coding.

        Raises:
            Damaged: it is one that was never asked for.
        """
        if coding not in ("", "identity", "gzip", "x-gzip"):
            is_known = {one.strip() for one in coding.split(",")} <= _CODINGS
            named = repr(coding[:40]) if is_known else "nobody knows what"
            raise Damaged(f"coded as {named}, which was not asked for")
        self._unpack = zlib.decompressobj(_GZIP) if coding.endswith("gzip") else None

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """Yield what these octets unpack to.

        Raises:
            Damaged: they do not.
        """
        if self._unpack is None:
            yield octets
            return
        while octets:
            try:
                piece = self._unpack.decompress(octets, PIECE_OCTETS)
            except zlib.error as error:
                raise Damaged("damaged on the way") from error
            octets = self._unpack.unconsumed_tail
            if piece:
                yield piece
            if self._unpack.unused_data.strip(
                b"\0"
            ):  # zeros are padding (RFC 1952 section 2.2)
                raise Damaged("followed by something that is not part of it")

    def finish(self) -> None:
        """Accept the end of the body.

        Raises:
            Damaged: something is missing; gzip says so where HTTP does not.
        """
        if self._unpack is not None and not self._unpack.eof:
            raise Damaged("cut short")
