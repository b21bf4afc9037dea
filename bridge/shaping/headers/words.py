"""Encoded-words of RFC 2047: read to text, and written in the letters of a device."""

import binascii
import re
from collections.abc import Iterator

from bridge.shaping.letters import codec_of, decoded, plain, spelled
from bridge.shaping.wish import Charset

WORD_OCTETS = 75
"""The longest encoded-word (RFC 2047 section 2)."""

LEAST_OCTETS = 16
"""So many octets of a line are worth beginning an encoded text in: one character of UTF-8 is 12 in Q."""

_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?\s]*)\?=")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_BLANKS = re.compile(r"[ \t\r\n]+")


def read(raw: bytes) -> str:
    """Return the text of a field: encoded-words and raw octets decoded, folds and control characters gone."""
    pieces = _pieces(decoded(raw, "utf-8"))
    return _BLANKS.sub(" ", plain("".join(piece for piece, _ in pieces))).strip()


def is_spelled(raw: bytes, charset: Charset) -> bool:
    """Tell whether what encoded-words hold is in the letters of `charset`, none of them a control character.

    A device may decode the words and obey what is in them. Half a word is in no letters.
    """
    return all(
        piece.isprintable() and spelled(piece, charset) == piece
        if is_word
        else "=?" not in piece
        for piece, is_word in _pieces(decoded(raw, "utf-8"))
    )


def has_words(text: bytes) -> bool:
    """Tell whether there is anything in `text` that begins as an encoded-word does."""
    return b"=?" in text


def written(text: str, charset: Charset, begun: int = 0) -> list[str]:
    """Return the words of `text` for a header, ASCII only; blanks go between, and are then not seen.

    What is ASCII is written plainly, word for word; all from the first word that is not ASCII to the
    last is encoded. A line of which `begun` octets are there already has room for the first word, if
    that is encoded and the name of a field does not fill the line.
    """
    words = spelled(text, charset).split()
    strange = [index for index, word in enumerate(words) if not word.isascii() or "=?" in word]
    if not strange:
        return words
    first, last = strange[0], strange[-1] + 1
    return [
        *words[:first],
        *_encoded(" ".join(words[first:last]), codec_of(charset), 0 if first else begun),
        *words[last:],
    ]


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in order, decoded, and of each piece whether encoded-words held it."""
    octets, charset, done = b"", "", 0
    for found in _WORD.finditer(text):
        between = text[done : found.start()]
        joined = bool(charset) and not between.strip()
        if not joined or found[1].lower() != charset:
            yield (decoded(octets, charset) if charset else ""), True
            yield ("" if joined else between), False
            octets, charset = b"", found[1].lower()
        octets += _content(found[2], found[3])
        done = found.end()
    yield (decoded(octets, charset) if charset else ""), True
    yield text[done:], False


def _content(encoding: str, payload: str) -> bytes:
    octets = payload.encode("utf-8")
    if encoding in "qQ":
        return binascii.a2b_qp(octets, header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _encoded(text: str, codec: str, begun: int) -> list[str]:
    """Return encoded-words in Q, or in B where that is shorter; no character is split between two."""
    quoted = [_quoted(character, codec) for character in text]
    opening = f"=?{codec}?"
    room = WORD_OCTETS - len(opening) - len("Q?") - len("?=")
    at_first = room - begun if room - begun >= LEAST_OCTETS else room
    octets = len(text.encode(codec))
    if sum(map(len, quoted)) <= octets * 4 / 3 + 4:
        return [f"{opening}Q?{payload}?=" for payload in _filled(quoted, at_first, room)]
    chunks = _filled(list(text), at_first // 4 * 3, room // 4 * 3, codec)
    return [f"{opening}B?{_base64(chunk.encode(codec))}?=" for chunk in chunks]


def _quoted(character: str, codec: str) -> str:
    if character == " ":
        return "_"
    if character in _SAFE:
        return character
    return "".join(f"={octet:02X}" for octet in character.encode(codec))


def _filled(pieces: list[str], room: int, later: int, codec: str = "ascii") -> list[str]:
    """Return the pieces joined, `room` octets in the first and `later` in each further one at most."""
    filled: list[str] = []
    now: list[str] = []
    used = 0
    for piece in pieces:
        length = len(piece.encode(codec))
        if now and used + length > room:
            filled.append("".join(now))
            now, used, room = [], 0, later
        now.append(piece)
        used += length
    return [*filled, "".join(now)]


def _base64(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode("ascii")
