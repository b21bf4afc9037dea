"""Writes what HTML shows as lines of text, tag by tag: what is visible, and where lines end."""

import html
import re

import attrs

from bridge.shaping.elements import BLOCKS, CELLS, PARAGRAPHS, SKIPPED, VOID
from bridge.shaping.unseen import Unseen

QUOTE_DEPTH = 5
"""How many "> " a line begins with at most."""

LINK_CHARACTERS = 80
"""Longer addresses are for machines; nobody types them off a page."""

_HIDDEN = re.compile(
    r"display[ ]{0,9}:[ ]{0,9}none|mso-hide[ ]{0,9}:[ ]{0,9}all", re.IGNORECASE
)
_BLANKS = re.compile(r"[ \t\r\n\f]+")
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
    _unseen: Unseen | None = None

    def text(self, raw: str) -> None:
        """Write the text between two tags."""
        if not raw or self._unseen:
            return
        text = unescaped(raw)
        if self._pre:
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
            self._line.append((" " if due else "") + words.strip(" "))
            self._blank = words[-1] == " "

    def open(self, name: str, attributes: dict[str, str], *, closed: bool) -> None:
        """Obey an opening tag."""
        if self._unseen:
            self._unseen.begins(name, closed=closed)
        if self._unseen:
            return
        if not self._is_unseen(name, attributes):
            self._begin(name, attributes)
        elif name not in VOID and not closed:
            self._unseen = Unseen(name)

    def close(self, name: str) -> None:
        """Obey a closing tag."""
        if self._unseen and self._unseen.ends(name):
            return
        self._break(name)
        if name == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif name == "pre":
            self._pre = max(0, self._pre - 1)
        elif name in CELLS:
            self._between_cells()
        elif name == "a":
            self._end_link()

    def finish(self) -> str:
        """Return all lines."""
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
                self._end_line(even_empty=True)
            case "hr":
                self._line.append("-" * 40)
                self._end_line()
            case "li":
                self._line.append("- ")
            case "blockquote":
                self._quotes += 1
            case "pre":
                self._pre += 1
            case "img":
                self._image(attributes.get("alt", ""))
            case "a":
                self._begin_link(attributes.get("href", ""))
            case _:
                pass

    def _break(self, name: str) -> None:
        """End the line where a block begins or ends."""
        if name in BLOCKS:
            self._end_line()
            self._gap = self._gap or name in PARAGRAPHS

    def _begin_link(self, target: str) -> None:
        self._end_link()
        self._link, self._link_start = target, len(self._line)

    def _image(self, alternative: str) -> None:
        if words := " ".join(alternative.split()):
            self.text(html.escape(f"[{words}]"))

    def _between_cells(self) -> None:
        if self._line:
            self._line.append("  ")
            self._blank = False

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
