"""Letters: octets of any charset to text, and text to the few letters that a device knows.

What a device does not know comes as near as plain letters can. Control characters never pass: a
printer may obey them (ESC begins a command of PCL), and a NUL ends a line in many a machine.
"""

import re
import unicodedata

from bridge.charsets import codec_meant
from bridge.shaping.wish import Charset

_GUESSED = frozenset(["utf-8", "cp1252"])  # others are not mistaken for each other

_STRAY = re.compile(
    "[\udc80-\udcff]"
)  # octets that are not UTF-8, where "surrogateescape" puts them
_FOUND_STRAY = {
    0xDC00 + octet: bytes([octet]).decode("cp1252", "replace") for octet in range(0x80, 0x100)
}
_MEANT_BY_WINDOWS = {
    octet: bytes([octet]).decode("cp1252") for octet in range(0x80, 0xA0) if octet not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}  # fmt: skip

_SPOKEN = {
    "\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u2028": "\n", "\u2029": "\n\n", "\u0085": "\n",
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "\u00b4": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2033": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2039": "'", "\u203a": "'",
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
    "\u2026": "...", "\u2022": "*", "\u00b7": "*", "\u25cf": "*", "\u25aa": "*", "\u2023": ">",
    "\u20ac": "EUR", "\u00a3": "GBP", "\u00a5": "JPY", "\u00a9": "(c)", "\u00ae": "(R)", "\u2122": "(TM)",
    "\u00df": "ss", "\u00e6": "ae", "\u00c6": "AE", "\u0153": "oe", "\u0152": "OE", "\u00f8": "o", "\u00d8": "O",
    "\u0142": "l", "\u0141": "L", "\u0111": "d", "\u0110": "D", "\u0131": "i", "\u00fe": "th", "\u00de": "Th",
    "\u00f0": "d", "\u00d0": "D", "\u2192": "->", "\u2190": "<-", "\u21d2": "=>", "\u2713": "x", "\u2714": "x",
    "\u00d7": "x", "\u00f7": "/", "\u00b0": " deg", "\u2116": "No.", "\u00a7": "S.", "\u2044": "/", "\u00bf": "?", "\u00a1": "!",
}  # fmt: skip


def decoded(octets: bytes, charset: str) -> str:
    """Return the text of `octets`; never fails: an unknown or wrong `charset` is guessed."""
    codec = codec_meant(charset)
    if not codec or codec in _GUESSED:
        return _bare(_guessed(octets, codec))
    try:
        text = octets.decode(codec, "replace")
    except (LookupError, ValueError):  # not of text, or not in it
        return _bare(_guessed(octets, ""))
    return _bare(text.translate(_MEANT_BY_WINDOWS) if codec.startswith("iso8859") else text)


def plain(text: str) -> str:
    """Return `text` with line feeds as line ends, and no control character but tab and line feed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return text.translate(_Controls())


def spelled(text: str, charset: Charset) -> str:
    """Return `text` in the letters of `charset`, line by line as it was."""
    if text.isascii():
        return text
    if charset is Charset.UTF8:
        return text.encode("utf-8", "replace").decode()
    codec = codec_of(charset)
    composed = unicodedata.normalize("NFC", text)
    found: dict[str, str | int | None] = {
        c: _nearest(c, codec) for c in set(composed) if not c.isascii()
    }
    return composed.translate(str.maketrans(found))


def missing(text: str, charset: Charset) -> int:
    """Return how many letters of `text` are "?" where it is `spelled`: letters, not signs."""
    if text.isascii() or charset is Charset.UTF8:
        return 0
    codec = codec_of(charset)
    composed = unicodedata.normalize("NFC", text)
    lost = {
        ord(c): None
        for c in set(composed)
        if not c.isascii() and c.isalpha() and _nearest(c, codec) == "?"
    }
    return len(composed) - len(composed.translate(lost))


def codec_of(charset: Charset) -> str:
    """Return the codec's name, which is also the name of the charset in mail."""
    match charset:
        case Charset.ASCII:
            return "us-ascii"
        case Charset.LATIN1:
            return "iso-8859-1"
        case Charset.UTF8:
            return "utf-8"


class _Controls(dict[int, str]):
    """What stands for each character: nothing for those that are not seen."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
        self[code] = character if kept else ""
        if code in {0x85, 0x2028, 0x2029}:  # other line ends
            self[code] = "\n"
        return self[code]


def _nearest(character: str, codec: str) -> str:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        pass
    else:
        return character
    if character in _SPOKEN:
        return _SPOKEN[character]
    parts = unicodedata.normalize("NFKD", character)
    letters = "".join(part for part in parts if not unicodedata.combining(part))
    if letters and letters.isascii() and letters.isprintable():
        return letters
    return "" if unicodedata.category(character) in {"Mn", "Me", "Cf"} else "?"


def _guessed(octets: bytes, codec: str) -> str:
    """Return the text: as UTF-8 where most of it is, stray octets as Windows has them, else as Windows has all."""
    try:
        return octets.decode(codec or "utf-8")
    except UnicodeDecodeError:
        text = octets.decode("utf-8", "surrogateescape")
    rest, stray = _STRAY.subn("", text)
    good = len(rest) - len(rest.encode("ascii", "ignore"))
    if 0 < stray <= good and (stray < good or codec == "utf-8"):
        return text.translate(_FOUND_STRAY)
    return octets.decode("cp1252", "replace")


def _bare(text: str) -> str:
    return text.removeprefix("\ufeff")
