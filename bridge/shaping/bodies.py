"""The content of a part: how it is encoded, what it decodes to, and how it is written as base64."""

import binascii
from collections.abc import Iterator, Sequence

import attrs
import pybase64

from bridge.shaping.cargo import LINE_OCTETS, Run
from bridge.shaping.uuencode import unpacked

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOREIGN = bytes(set(range(256)) - set(_ALPHABET) - set(b"="))
_CHUNK = 61440


@attrs.frozen
class Body:
    """Content as it is carried: `pieces` are in `encoding`, "base64", "quoted-printable", "uuencode" or "" for none."""

    pieces: Sequence[bytes | Run] = attrs.field(repr=False)
    encoding: str

    def decoded(self) -> bytes:
        """Return the content; never fails: what is not in the encoding is left out, or stays."""
        raw = self._raw()
        match self.encoding:
            case "base64":
                return _decoded(raw)
            case "quoted-printable":
                return binascii.a2b_qp(raw)
            case "uuencode":
                return unpacked(raw)
            case _:
                return raw

    def head(self, octets: int) -> bytes:
        """Return at least the first `octets` of the content, or all of it, without decoding the rest."""
        if self.encoding != "base64":
            return self.decoded()[:octets]
        encoded = b""
        for chunk in _chunks(self.pieces):
            encoded += chunk
            if len(encoded) >= octets * 2 + LINE_OCTETS:
                break
        return _decoded(encoded)[:octets]

    def size(self) -> int:
        """Return about how many octets the content has."""
        if self.encoding != "base64":
            return len(self.decoded())
        letters = sum(len(_view(piece)) for piece in self.pieces)
        return letters * LINE_OCTETS // (LINE_OCTETS + 2) * 3 // 4

    def base64(self) -> Iterator[bytes | memoryview]:
        """Yield the content as base64, lines of at most 76 octets with CRLF; runs as they are, uncopied."""
        if self.encoding != "base64":
            yield _lines(self.decoded())
        elif self._quads():
            yield from self._laid()
        else:
            yield from _relaid(self.pieces)

    def _raw(self) -> bytes:
        return b"".join(_view(piece) for piece in self.pieces)

    def _quads(self) -> bool:
        """Tell whether every piece but the last is whole quads without padding, and all runs are."""
        for index, piece in enumerate(self.pieces):
            if isinstance(piece, Run):
                if not piece.quads:
                    return False
            elif index < len(self.pieces) - 1:
                letters = piece.translate(None, _FOREIGN)
                if len(letters) % 4 or b"=" in letters:
                    return False
        return True

    def _laid(self) -> Iterator[bytes | memoryview]:
        for piece in self.pieces:
            if isinstance(piece, Run):
                yield piece.octets
            elif lines := _lines(_decoded(piece)):
                yield lines


def _view(piece: bytes | Run) -> bytes | memoryview:
    return piece.octets if isinstance(piece, Run) else piece


def _letters(encoded: bytes) -> bytes:
    """Return the letters of base64 up to the padding; RFC 2045 section 6.8 has others ignored."""
    return encoded.translate(None, _FOREIGN).partition(b"=")[0]


def _decoded(encoded: bytes) -> bytes:
    letters = _letters(encoded)
    whole = len(letters) - (1 if len(letters) % 4 == 1 else 0)  # a letter alone is no octet
    return pybase64.b64decode(letters[:whole] + b"=" * (-whole % 4))


def _lines(content: bytes) -> bytes:
    return pybase64.encodebytes(content).replace(b"\n", b"\r\n")


def _relaid(pieces: Sequence[bytes | Run]) -> Iterator[bytes]:
    """Lay the letters out anew, a chunk at a time: no second copy of the whole is ever held."""
    kept = b""
    for chunk in _chunks(pieces):
        cleaned = chunk.translate(None, _FOREIGN)
        kept += cleaned.partition(b"=")[0]
        if b"=" in cleaned:
            break
        whole = len(kept) - len(kept) % LINE_OCTETS
        if whole:
            yield _lines(_decoded(kept[:whole]))
            kept = kept[whole:]
    if kept:
        yield _lines(_decoded(kept))


def _chunks(pieces: Sequence[bytes | Run]) -> Iterator[bytes]:
    for piece in pieces:
        view = _view(piece)
        for start in range(0, len(view), _CHUNK):
            yield bytes(view[start : start + _CHUNK])
