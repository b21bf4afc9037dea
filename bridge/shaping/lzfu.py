"""Unpacks RTF as Outlook compresses it ([MS-OXRTFCP]), and never more of it than is asked for."""

import struct
import zlib

import attrs

_HEADER = struct.Struct("<II4sI")  # COMPSIZE, RAWSIZE, COMPTYPE, CRC (section 2.1.3.1.1)
_COUNTED_OCTETS = 12  # of the header, in COMPSIZE
_COMPRESSED, _UNCOMPRESSED = b"LZFu", b"MELA"

_WINDOW_OCTETS = 4096
_BEGINNING = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the window holds before anything is written (section 2.1.2.1); the rest of it is blank here."""

_RUN_TOKENS = 8
_SHORTEST_COPY = 2


class DamagedRtf(Exception):
    """Compressed RTF that is not as it was written."""


@attrs.frozen
class Unpacked:
    """What was unpacked; `is_whole` is False where there was more."""

    octets: bytes = attrs.field(repr=False)
    is_whole: bool


def unpacked(packed: memoryview, most: int) -> Unpacked:
    """Return at most `most` octets of the RTF in `packed`. Linear in what comes in and goes out.

    Raises:
        DamagedRtf: its length or its checksum is wrong, or it is compressed in no known way.
    """
    if len(packed) < _HEADER.size:
        raise DamagedRtf
    octets, raw_octets, kind, checksum = _HEADER.unpack_from(packed)
    contents = packed[_HEADER.size : _HEADER.size - _COUNTED_OCTETS + octets]
    if len(contents) != octets - _COUNTED_OCTETS:
        raise DamagedRtf
    if kind == _UNCOMPRESSED:
        raw = contents[:raw_octets]
        return Unpacked(bytes(raw[:most]), len(raw) <= most)
    # The usual sum of zlib, but begun and ended with zeroes (section 2.1.3.2).
    if kind != _COMPRESSED or zlib.crc32(contents, 0xFFFFFFFF) ^ 0xFFFFFFFF != checksum:
        raise DamagedRtf
    expanded = _expanded(bytes(contents), most)
    return Unpacked(bytes(expanded[:most]), len(expanded) <= most)


def _expanded(contents: bytes, most: int) -> bytearray:
    """Return what `contents` expand to, or a few octets more than `most` of it."""
    made = bytearray(
        _BEGINNING.rjust(_WINDOW_OCTETS)
    )  # the window is always its last 4096 octets
    position, enough = 0, _WINDOW_OCTETS + most
    while position < len(contents) and len(made) <= enough:
        control = contents[position]
        position += 1
        for bit in range(_RUN_TOKENS):
            if not control >> bit & 1:
                made += contents[position : position + 1]
                position += 1
            elif _copy(made, contents[position : position + 2]):
                position += 2
            else:
                return made[_WINDOW_OCTETS:]
    return made[_WINDOW_OCTETS:]


def _copy(made: bytearray, token: bytes) -> bool:
    """Append what `token` refers to; return False where it marks the end (section 2.1.3.1.4)."""
    reference = int.from_bytes(token, "big")
    written = len(_BEGINNING) + len(made)  # modulo the window: where the next octet goes
    back = (written - (reference >> 4)) % _WINDOW_OCTETS
    if not back or len(token) < 2:  # noqa: PLR2004 - a token that was cut
        return False
    length, start = (reference & 0xF) + _SHORTEST_COPY, len(made) - back
    seen = made[
        start : start + length
    ]  # and what it writes itself, where it is longer than that
    made += (seen * (length // len(seen) + 1))[:length]
    return True
