"""Decodes the message in Gmail's JSON while it arrives: {"raw": "base64url..."}, whatever stands beside it.

Nothing is held but the few octets that a piece leaves over, so memory does not grow with the message.
Each step is a search or a translation of a whole piece: a loop over octets would cost minutes a gigabyte.
pybase64 decodes with the processor's vector instructions, a quarter of the standard library's time.
"""

import binascii
import enum
import json
import re

from pybase64 import b64decode

_ALTERNATIVE = b"-_"
_BLANKS = b" \t\r\n"
_ESCAPED_PADDING = re.compile(rb"\\u003[dD]")
_ESCAPE_OCTETS = 6
_REST_OCTETS = 1 << 13  # what stands beside a message: a snippet and some ids, well under 4 kB
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Broken(Exception):
    """This is not, or not wholly, the JSON of a message; the text says what was expected."""


class _Place(enum.Enum):
    BEFORE = enum.auto()  # no message has begun: what is here is kept until it does
    INSIDE = enum.auto()  # in the string that is the message
    AFTER = enum.auto()  # behind it: what is here is kept until the end


class RawDecoder:
    """One answer to messages.get with format=raw (RFC 8259 around RFC 4648 section 5)."""

    def __init__(self) -> None:
        """Expect an object."""
        self._place = _Place.BEFORE
        self._kept = b""
        self._is_padded = False

    def feed(self, octets: bytes) -> bytes:
        """Return what these octets of the answer add to the message.

        Raises:
            Broken: they cannot belong to such an answer.
        """
        if self._place is _Place.BEFORE:
            octets = self._find_message(self._kept + octets)
        if self._place is not _Place.INSIDE:
            self._keep_rest(octets)
            return b""
        end = octets.find(b'"')
        if end < 0:
            return self._decode(octets, is_end=False)
        self._place = _Place.AFTER
        decoded = self._decode(octets[:end], is_end=True)
        self._keep_rest(octets[end + 1 :])
        return decoded

    def finish(self) -> None:
        """Accept the end of the answer.

        Raises:
            Broken: something is missing.
        """
        if self._place is not _Place.AFTER:
            raise Broken("the answer ends before the message does")
        if not _is_json(b'{"raw": ""' + self._kept):
            raise Broken("the answer ends before its object does, or goes on after it")

    # ---- private

    def _find_message(self, octets: bytes) -> bytes:
        """Look for the key at the first level, and return what follows the message's quotation mark."""
        depth, position, is_key = 0, 0, True
        while position < len(octets):
            one = octets[position : position + 1]
            if one == b'"':
                string = _STRING.match(octets, position)
                if string is None:
                    break
                begun = _value_begins(octets, string.end())
                if depth == 1 and is_key and string[0] == b'"raw"' and begun is not None:
                    if not begun:
                        break  # the next piece tells what kind of value it is
                    return self._enter(octets, position, begun)
                position = string.end()
                continue
            depth += (one in b"{[") - (one in b"}]")
            is_key = one in b"{," if one not in _BLANKS else is_key
            if depth < 1 and one not in _BLANKS:
                raise Broken("the answer is no object with a message")
            position += 1
        self._keep(octets)
        return b""

    def _enter(self, octets: bytes, key: int, begun: int) -> bytes:
        """Return what follows the quotation mark at `begun`, behind the key at `key`."""
        if octets[begun : begun + 1] != b'"':
            raise Broken("the message is not a string")
        if not _is_json(octets[:key] + b'"raw": ""}'):
            raise Broken("what stands before the message is no JSON")
        self._place, self._kept = _Place.INSIDE, b""
        return octets[begun + 1 :]

    def _keep(self, octets: bytes) -> None:
        if len(octets) > _REST_OCTETS:
            raise Broken("the answer holds no message")
        self._kept = octets

    def _keep_rest(self, octets: bytes) -> None:
        if self._place is _Place.AFTER:
            self._keep(self._kept + octets)

    def _decode(self, octets: bytes, *, is_end: bool) -> bytes:
        """Return what the digits stand for; those of an unfinished group are kept."""
        octets = self._kept + octets
        if b"\\" in octets:
            octets = _ESCAPED_PADDING.sub(b"=", octets)
        cut = octets.find(b"\\")
        if cut >= 0 and (is_end or len(octets) - cut >= _ESCAPE_OCTETS):
            raise Broken("an escape in the message that stands for no digit")
        whole, unread = (octets, b"") if cut < 0 else (octets[:cut], octets[cut:])
        digits = whole.rstrip(b"=")
        if digits and self._is_padded:
            raise Broken("the message is not base64url")
        self._is_padded = self._is_padded or len(digits) < len(whole)
        is_whole = is_end or self._is_padded
        usable = len(digits) if is_whole else len(digits) - len(digits) % 4
        self._kept = b"" if is_end else digits[usable:] + unread
        return _decoded(digits[:usable])


def _decoded(digits: bytes) -> bytes:
    if b"+" in digits or b"/" in digits:  # digits of base64, but not of base64url
        raise Broken("the message is not base64url")
    try:
        return b64decode(digits + b"=" * (-len(digits) % 4), _ALTERNATIVE, validate=True)
    except binascii.Error as error:
        raise Broken("the message is not base64url, or a digit of it is missing") from error


def _is_json(octets: bytes) -> bool:
    try:
        json.loads(octets)
    except (ValueError, RecursionError):
        return False
    return True


def _value_begins(octets: bytes, position: int) -> int | None:
    """Return where the value behind a key begins; 0 where that is still to come, None behind no key."""
    rest = octets[position:].lstrip(_BLANKS)
    if not rest:
        return 0
    if rest[:1] != b":":
        return None
    value = rest[1:].lstrip(_BLANKS)
    return len(octets) - len(value) if value else 0
