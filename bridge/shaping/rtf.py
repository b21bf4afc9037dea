"""RTF to text, or to the HTML that Outlook wrapped in it ([MS-OXRTFEX]), in one pass over whatever came.

Linear in the size of the input, also for what is no RTF at all: every token is consumed where it is found,
groups beyond a depth are only counted, and what is written is never more than what was read.
"""

import enum
import re
from collections.abc import Iterator
from typing import NamedTuple

import attrs

from bridge.shaping.html.textwriter import link_told
from bridge.shaping.letters import decoded
from bridge.shaping.mapi import charset_of
from bridge.shaping.rtfwords import (
    CHARACTER_SETS,
    CHARACTERS,
    FONT_CHARSETS,
    SYMBOLS,
    UNSEEN,
)

LEVELS = 1000
"""Groups within groups whose end restores what was before; Word nests some ten."""

HEAD_TOKENS = 10
"""How far a document says what is wrapped in it ([MS-OXRTFEX] section 2.1.3.1)."""

CODE_CHARACTERS = 1000
"""How much of a field's code is looked at: a link and its address."""

_TOKEN = re.compile(
    rb"\\(?P<word>[A-Za-z]{1,32})(?P<number>-?[0-9]{1,10})? ?"
    rb"|\\'(?P<octet>[0-9A-Fa-f]{2})"
    rb"|\\(?P<symbol>.)"
    rb"|(?P<brace>[{}])"
    rb"|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
_LINK = re.compile(r'HYPERLINK\s{1,9}"([^"\s]+)"')
_SURROGATES = range(0xD800, 0xE000)
_CHARACTERS = 0x110000
_WRAP = 0x10000  # \u counts in 16 bits with a sign


class _Place(enum.Enum):
    TEXT = enum.auto()
    RESULT = enum.auto()  # text too: what a field shows
    CODE = enum.auto()  # what a field does
    TAG = enum.auto()  # HTML that RTF cannot say
    FONTS = enum.auto()
    UNSEEN = enum.auto()


_SEEN = frozenset([_Place.TEXT, _Place.RESULT, _Place.TAG])


class _State(NamedTuple):
    """What the end of a group restores."""

    place: _Place
    charset: str
    spares: int = 1  # characters behind a \\u for those who do not know it
    is_hidden: bool = False  # by \\v, or by \\htmlrtf for those who want the HTML


_BEGINNING = _State(_Place.TEXT, "cp1252")


@attrs.frozen
class Document:
    """What was read; `is_html` where `text` is HTML."""

    text: str = attrs.field(repr=False)
    is_html: bool


def is_rtf(octets: bytes) -> bool:
    """Tell whether a content begins as RTF does."""
    return octets.startswith(b"{\\rtf")


def read(octets: bytes) -> Document:
    """Return what a reader sees of `octets`, line feeds as line ends; never fails."""
    reader = _Reader()
    for count, token in enumerate(_tokens(octets)):
        reader.take(token, is_head=count < HEAD_TOKENS)
        if reader.is_done:
            break
    return Document(reader.finish(), reader.is_html)


def _tokens(octets: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the tokens, and pass over what is in octets of its own ("bin")."""
    position = 0
    while position < len(octets):
        start, position = position, len(octets)
        for found in _TOKEN.finditer(octets, start):
            yield found
            if found["word"] == b"bin":
                position = found.end() + max(0, int(found["number"] or 0))
                break


@attrs.define
class _Reader:
    """Obeys tokens in their order."""

    is_html: bool = False
    is_done: bool = False
    _state: _State = _BEGINNING
    _around: list[_State] = attrs.field(factory=list)
    _deeper: int = 0  # groups that are only counted
    _written: list[str] = attrs.field(factory=list, repr=False)
    _octets: bytearray = attrs.field(factory=bytearray, repr=False)  # not yet decoded
    _has_surrogates: bool = False
    _spare: int = 0  # characters that are still to be passed
    _is_starred: bool = False
    _charset: str = "cp1252"  # the document's own
    _fonts: dict[int, str] = attrs.field(factory=dict)
    _font: int = 0  # that the table of fonts speaks of
    _default_font: int = -1
    _code: list[str] = attrs.field(factory=list, repr=False)
    _code_room: int = 0
    _link: str = attrs.field(default="", repr=False)
    _link_start: int = 0

    def take(self, token: re.Match[bytes], *, is_head: bool) -> None:
        """Obey a token."""
        match token.lastgroup:
            case "text":
                self._take_octets(token["text"])
            case "octet":
                self._take_octets(bytes([int(token["octet"], 16)]))
            case "brace":
                self._take_brace(token["brace"])
            case "symbol":
                self._take_symbol(token["symbol"])
            case _:
                number = None if token["number"] is None else int(token["number"])
                self._take_word(token["word"], number, is_head=is_head)

    def finish(self) -> str:
        """Return all that was written."""
        self._flush()
        text = "".join(self._written)
        if not self._has_surrogates:
            return text
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    # ---- groups

    def _take_brace(self, brace: bytes) -> None:
        self._flush()
        self._spare, self._is_starred = 0, False
        if brace == b"{":
            if len(self._around) < LEVELS:
                self._around.append(self._state)
            else:
                self._deeper += 1
        elif self._deeper:
            self._deeper -= 1
        elif self._around:
            self._leave(self._around.pop())
            self.is_done = not self._around

    def _leave(self, outer: _State) -> None:
        inner, self._state = self._state.place, outer
        if inner is outer.place:
            return
        if inner is _Place.FONTS:
            default = self._fonts.get(self._default_font, outer.charset)
            self._state = outer._replace(charset=default)
        elif inner is _Place.CODE:
            found = _LINK.search("".join(self._code))
            self._link, self._code = found[1] if found else "", []
        elif inner is _Place.RESULT and self._link:
            seen = "".join(self._written[self._link_start :])
            self._written.append(link_told(self._link, seen))
            self._link = ""

    def _enter(self, place: _Place) -> None:
        self._flush()
        self._state = self._state._replace(place=place)

    # ---- words

    def _take_word(self, word: bytes, number: int | None, *, is_head: bool) -> None:
        if self._spare:
            self._spare -= 1
            return
        if self._is_starred:
            self._is_starred = False
            self._take_starred(word)
        elif word in CHARACTERS:
            self._write(CHARACTERS[word])
        elif word == b"u" and number is not None:
            self._take_unicode(number)
        elif word in UNSEEN:
            self._enter(_Place.UNSEEN)
        elif not self._take_place(word, number):
            self._take_format(word, number)
            self.is_html = self.is_html or (is_head and word == b"fromhtml" and number != 0)

    def _take_starred(self, word: bytes) -> None:
        """Enter a destination that readers who do not know it pass over."""
        if word == b"htmltag" and self.is_html:
            self._enter(_Place.TAG)
            self._state = self._state._replace(charset=self._charset, is_hidden=False)
        elif word == b"fldinst" and self._state.place is _Place.TEXT and not self.is_html:
            self._enter(_Place.CODE)
            self._code, self._code_room = [], CODE_CHARACTERS
        else:
            self._enter(_Place.UNSEEN)

    def _take_place(self, word: bytes, number: int | None) -> bool:
        """Obey a word of fonts or fields; tell whether it is one."""
        match word, self._state.place:
            case b"fonttbl", _:
                self._enter(_Place.FONTS)
            case b"fldrslt", _Place.TEXT:
                self._enter(_Place.RESULT)
                self._link_start = len(self._written)
            case b"f", _Place.FONTS:
                self._font = number or 0
            case b"fcharset", _Place.FONTS if number in FONT_CHARSETS:
                self._fonts[self._font] = FONT_CHARSETS[number]
            case b"cpg", _Place.FONTS if number:
                self._fonts[self._font] = charset_of(number)
            case _:
                return False
        return True

    def _take_format(self, word: bytes, number: int | None) -> None:
        match word:
            case b"f":
                self._spell(self._fonts.get(number or 0, self._charset))
            case b"plain":
                self._spell(self._fonts.get(self._default_font, self._charset))
                self._hide("v", is_hidden=False)
            case b"v" | b"htmlrtf":
                self._hide(word.decode(), is_hidden=number != 0)
            case b"uc":
                self._state = self._state._replace(spares=max(0, number or 0))
            case _:
                self._take_document(word, number)

    def _take_document(self, word: bytes, number: int | None) -> None:
        """Obey a word that is true of the whole document."""
        if word == b"deff":
            self._default_font = number or 0
        elif word == b"ansicpg":
            self._speak(charset_of(number or 0))
        elif word in CHARACTER_SETS:
            self._speak(CHARACTER_SETS[word])

    def _speak(self, charset: str) -> None:
        self._charset = charset
        self._spell(charset)

    def _spell(self, charset: str) -> None:
        if charset != self._state.charset:
            self._flush()
            self._state = self._state._replace(charset=charset)

    def _hide(self, word: str, *, is_hidden: bool) -> None:
        """Hide what follows, or show it: by one word in RTF, and by another in HTML that is wrapped in it."""
        if (
            word == ("htmlrtf" if self.is_html else "v")
            and is_hidden is not self._state.is_hidden
        ):
            self._flush()
            self._state = self._state._replace(is_hidden=is_hidden)

    # ---- text

    def _take_symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._is_starred = True
        elif self._spare:
            self._spare -= 1
        elif symbol in SYMBOLS:
            self._write(SYMBOLS[symbol])

    def _take_octets(self, octets: bytes) -> None:
        if self._spare:
            passed = min(self._spare, len(octets))
            self._spare -= passed
            octets = octets[passed:]
        if octets and (self._is_seen() or self._state.place is _Place.CODE):
            self._octets += octets

    def _take_unicode(self, number: int) -> None:
        code = number + _WRAP if number < 0 else number
        if 0 <= code < _CHARACTERS:
            self._has_surrogates = self._has_surrogates or code in _SURROGATES
            self._write(chr(code))
        self._spare = self._state.spares

    def _is_seen(self) -> bool:
        return self._state.place in _SEEN and not self._state.is_hidden

    def _write(self, text: str) -> None:
        self._flush()
        if self._is_seen():
            self._written.append(text)

    def _flush(self) -> None:
        """Decode what came as octets: of two that are one letter, one may be written in hexadecimal."""
        if not self._octets:
            return
        octets = bytes(self._octets)
        self._octets.clear()
        text = (
            octets.decode("ascii") if octets.isascii() else decoded(octets, self._state.charset)
        )
        if self._state.place is not _Place.CODE:
            self._written.append(text)
        elif self._code_room > 0:
            self._code.append(text[: self._code_room])
            self._code_room -= len(text)
