"""Writes what HTML shows as lines of text, tag by tag: what is visible, and where lines end."""

import html
import re

import attrs

from bridge.shaping.html.elements import (
    BLOCKS,
    CELLS,
    PARAGRAPHS,
    SIMPLE,
    SKIPPED,
    TABLE_PARTS,
    VOID,
)
from bridge.shaping.html.extent import Extent
from bridge.shaping.html.tablerows import BORDER, BREAK, PARAGRAPH, Row

QUOTE_DEPTH = 5
"""How many "> " a line begins with at most."""

LINK_CHARACTERS = 80
"""Longer addresses are for machines; nobody types them off a page."""

_HIDDEN = re.compile(
    r"display[ ]{0,9}:[ ]{0,9}none|mso-hide[ ]{0,9}:[ ]{0,9}all", re.IGNORECASE
)
_KEPT = re.compile(
    r"white-space(?:-collapse)?[ ]{0,9}:[ ]{0,9}(?:pre|break-spaces|preserve)", re.IGNORECASE
)
_NUMBER = re.compile(r"-?[0-9]{1,6}")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_FLAT = {BREAK: " ", PARAGRAPH: " ", BORDER: "  "}
_LONG_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}+;?")  # no character; int() refuses them


def unescaped(text: str) -> str:
    """Return `text` with the characters that its references stand for."""
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text


def link_told(target: str, seen: str) -> str:
    """Return what is written behind the text of a link: where it leads, unless `seen` says so or nobody would type it."""
    shown = target.removeprefix("mailto:")
    is_web_or_mail = target.startswith(("http://", "https://", "mailto:"))
    if not is_web_or_mail or len(shown) > LINK_CHARACTERS:
        return ""
    bare = shown.removeprefix("https://").removeprefix("http://").rstrip("/")
    return f" <{shown}>" if seen.strip() and bare not in seen else ""


def _number(text: str, otherwise: int) -> int:
    return int(text) if _NUMBER.fullmatch(text) else otherwise


@attrs.define
class TextWriter:
    """Writes text as lines: what is visible, where paragraphs end, and what stands before a line.

    `has_hidden` tells whether there was anything that a sender hides.
    """

    hides: bool = True  # what the sender hides is not written
    has_hidden: bool = attrs.field(default=False, init=False)
    _lines: list[str] = attrs.field(factory=list)
    _line: list[str] = attrs.field(factory=list)
    _blank: bool = False  # a blank is due before the next word
    _gap: bool = False  # an empty line is due before the next line
    _quotes: int = 0
    _pre: int = 0
    _link: str = ""
    _link_start: int = 0
    _unseen: Extent | None = None
    _row: Row | None = None
    _kept: Extent | None = None  # the element whose line ends are its style's
    _numbers: list[int | None] = attrs.field(
        factory=list
    )  # the last one of each list around, None for bullets

    def text(self, raw: str) -> None:
        """Write the text between two tags."""
        if not raw or self._unseen:
            return
        text = unescaped(raw)
        if self._pre or self._kept:
            first, *others = text.replace("\r\n", "\n").split("\n")
            self._line.append(first)
            for other in others:
                self._end_line(even_empty=True)
                self._line.append(other)
            return
        words = _BLANKS.sub(" ", text)
        if words == " ":
            self._blank = bool(self._line)
        else:
            due = (self._blank or words[0] == " ") and self._line
            self._write((" " if due else "") + words.strip(" "))
            self._blank = words[-1] == " "

    def open(self, name: str, attributes: dict[str, str], *, closed: bool) -> None:
        """Obey an opening tag."""
        if self._unseen:
            self._unseen.begins(name, closed=closed)
        if self._unseen:
            return
        if self._kept:
            self._kept.begins(name, closed=closed)
        if not self._is_unseen(name, attributes):
            self._begin(name, attributes)
            if not closed and _KEPT.search(attributes.get("style", "")):
                self._keep_lines(name)
        elif name not in VOID and not closed:
            self._unseen = Extent(name)

    def close(self, name: str) -> None:
        """Obey a closing tag."""
        if self._unseen and self._unseen.ends(name):
            return
        if self._kept:
            self._kept.ends(name)
        self._break(name)
        if name in {"ol", "ul"}:
            del self._numbers[-1:]
        elif name == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif name == "pre":
            self._pre = max(0, self._pre - 1)
        elif name in CELLS:
            self._next_cell(is_in_cell=False)
        elif name == "a":
            self._end_link()

    def finish(self) -> str:
        """Return all lines."""
        self._end_row()
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def _is_unseen(self, name: str, attributes: dict[str, str]) -> bool:
        if name in SKIPPED:
            return True
        is_hidden = "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style", "")))
        self.has_hidden = self.has_hidden or is_hidden
        return is_hidden and self.hides

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._break(name)
        match name:
            case "br":
                self._break_by_hand()
            case "tr":
                self._row = Row()
            case _ if name in CELLS:
                self._next_cell(is_in_cell=True)
            case "hr":
                self._line.append("-" * 40)
                self._end_line()
            case "ol" | "ul" | "li":
                self._begin_list(name, attributes)
            case "blockquote":
                self._quotes += 1
            case "pre":
                self._pre += 1
            case _:
                self._begin_inline(name, attributes)

    def _begin_inline(self, name: str, attributes: dict[str, str]) -> None:
        if name == "a":
            self._begin_link(attributes.get("href", ""))
        elif name == "img":
            self._image(attributes.get("alt", ""))

    def _begin_list(self, name: str, attributes: dict[str, str]) -> None:
        if name == "ul":
            self._numbers.append(None)
        elif name == "ol":
            self._numbers.append(_number(attributes.get("start", ""), 1) - 1)
        elif not self._numbers or (last := self._numbers[-1]) is None:
            self._line.append("- ")
        else:
            self._numbers[-1] = number = _number(attributes.get("value", ""), last + 1)
            self._line.append(f"{number}. ")

    def _keep_lines(self, name: str) -> None:
        """Keep blanks and line ends up to the end of the element that has just begun."""
        if self._kept or name in VOID:
            return
        if self._row and self._row.is_in_cell:
            self._spread(self._row)
            self._row.has_words = self._row.is_tall = True
        self._kept = Extent(name)

    def _break_by_hand(self) -> None:
        if self._row and self._row.is_in_cell:
            self._row.wait(BREAK, by_hand=True)
            return
        self._end_row()
        self._end_line(even_empty=True)

    def _break(self, name: str) -> None:
        """End the line where a block begins or ends."""
        if name not in BLOCKS:
            return
        row = self._row
        if row and row.is_in_cell and name in SIMPLE:
            row.wait(PARAGRAPH if name in PARAGRAPHS else BREAK)
            return
        if row and row.is_in_cell and name not in TABLE_PARTS:
            self._spread(row)
            row.has_words = row.is_tall = True
        else:
            self._end_row()
        self._end_line()
        self._gap = self._gap or name in PARAGRAPHS

    def _begin_link(self, target: str) -> None:
        self._end_link()
        self._link, self._link_start = target, len(self._line)

    def _image(self, alternative: str) -> None:
        if words := " ".join(alternative.split()):
            self.text(html.escape(f"[{words}]"))

    def _write(self, words: str) -> None:
        row = self._row
        if row:
            self._mark(row, row.word(len(words)))
            if row.is_long and not row.is_spread:
                self._spread(row)
        begins = not self._line or self._line[-1][-1:].isspace()
        self._line.append(words.lstrip(" ") if begins else words)

    def _mark(self, row: Row, mark: str) -> None:
        """Write a break or a border between words of a row: now, or as what it will be when the row is."""
        if mark and not row.is_spread:
            self._line.append(mark)
        elif mark == BORDER:
            self._line.append("  ")
        elif mark:
            self._end_line()
            self._gap = self._gap or mark == PARAGRAPH

    def _next_cell(self, *, is_in_cell: bool) -> None:
        if self._row is None:
            if not is_in_cell:
                return
            self._end_line()
            self._row = Row()
        is_tall, self._blank = self._row.is_tall, False
        if self._row.next_cell():
            self._mark(self._row, BREAK if self._row.is_spread and is_tall else BORDER)
        self._row.is_in_cell = is_in_cell

    def _end_row(self) -> None:
        """Write the row: on one line where it has several cells, each of them short."""
        row = self._row
        if row is None:
            return
        row.next_cell()
        if row.is_data and row.cells > 1 and not row.is_spread:
            self._line = [_FLAT.get(piece, piece) for piece in self._line]
            row.is_spread, row.ends_paragraph = True, False
        self._spread(row)
        self._row = None
        self._end_line()
        self._gap = self._gap or row.ends_paragraph

    def _spread(self, row: Row) -> None:
        """Write what is there of a row as lines; what comes is written so, too."""
        if row.is_spread:
            return
        row.is_spread = True
        blank, self._gap = self._blank, self._gap or (row.begins_paragraph and row.cells <= 1)
        pieces, self._line = self._line, []
        is_tall = False
        for piece in pieces:
            if piece == BORDER:
                self._mark(row, BREAK if is_tall else BORDER)
                is_tall = False
            elif piece in _FLAT:
                self._mark(row, piece)
                is_tall = is_tall or piece == PARAGRAPH
            else:
                self._line.append(piece)
        self._blank = blank

    def _end_link(self) -> None:
        """Write where a link leads to, if that is to be told."""
        target, self._link = self._link, ""
        if target and (told := link_told(target, "".join(self._line[self._link_start :]))):
            self._line.append(told)

    def _end_line(self, *, even_empty: bool = False) -> None:
        line = "".join(self._line).rstrip()
        self._line, self._blank, self._link_start = [], False, 0
        if not line and not even_empty:
            return
        prefix = "> " * min(self._quotes, QUOTE_DEPTH)
        if (self._gap or not line) and self._lines and self._lines[-1] != prefix.rstrip():
            self._lines.append(prefix.rstrip())
        self._gap = False
        if line:
            self._lines.append((prefix + line).rstrip())
