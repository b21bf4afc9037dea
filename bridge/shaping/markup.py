"""HTML to text that can be read on paper, in one pass over whatever came.

Linear in the size of the input, also for what is not HTML at all (decision 31): each search that may fail
is either over what is consumed, or counted against a budget.
"""

import html
import re

import attrs

TAG_CHARACTERS = 8192
"""How far quotes are honoured inside one tag."""

QUOTE_DEPTH = 5
"""How many "> " a line begins with at most."""

LINK_CHARACTERS = 80
"""Longer addresses are for machines; nobody types them off a page."""

_BEGIN = re.compile(r"<(?=[a-zA-Z!?/])")
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]{0,40})")
_TAG = re.compile(r"(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+>")
_ATTRIBUTE = re.compile(
    r"(?<![\w-])(href|alt|style|hidden)(?:[ \t\r\n]{0,9}=[ \t\r\n]{0,9}(\"[^\"]*|'[^']*|[^\s>]*)|(?=[\s/>]))",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    r"display[ ]{0,9}:[ ]{0,9}none|mso-hide[ ]{0,9}:[ ]{0,9}all", re.IGNORECASE
)
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_LONG_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}+;?")  # no character; int() refuses them

_RAW = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "xmp", "noembed")
}
_SKIPPED = frozenset(["template", "object", "svg", "math", "select", "datalist"])
_PARAGRAPHS = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre"]
)
_BLOCKS = _PARAGRAPHS | frozenset(
    [
        "div",
        "tr",
        "li",
        "dt",
        "dd",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "nav",
        "address",
        "figure",
        "figcaption",
        "form",
        "fieldset",
        "center",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "body",
        "html",
        "hr",
        "details",
        "summary",
    ]
)
_VOID = frozenset(
    [
        "br",
        "hr",
        "img",
        "input",
        "meta",
        "link",
        "area",
        "base",
        "col",
        "embed",
        "source",
        "track",
        "wbr",
    ]
)


def to_text(source: str) -> str:
    """Return what a reader sees of `source`: line feeds as line ends, no blank at an end of a line."""
    writer = _Writer()
    position, budget = 0, 4 * len(source)
    while begun := _BEGIN.search(source, position):  # any other "<" is one of the text
        start = begun.start()
        writer.text(source[position:start])
        found = _NAME.match(source, start)
        if not found:
            position = _declaration_end(source, start)
            continue
        position, cost = _tag_end(source, found.end(), budget)
        budget -= cost
        if position < 0:
            return writer.finish()
        position = _tag(writer, source, found, position)
    writer.text(source[position:])
    return writer.finish()


def _tag(writer: "_Writer", source: str, found: re.Match[str], end: int) -> int:
    """Obey one tag, and return where to go on."""
    name = found[1].lower()
    attributes = source[found.end() : min(end, found.end() + TAG_CHARACTERS)]
    if found[0].startswith("</"):
        writer.close(name)
        return end
    raw = _RAW.get(name)
    if raw:
        closing = raw.search(source, end)
        return closing.start() if closing else len(source)
    writer.open(name, _attributes(attributes), closed=attributes.endswith("/>"))
    return end


def _declaration_end(source: str, start: int) -> int:
    """Return the end of the comment or the declaration that begins at `start`; it may never end."""
    closing = "-->" if source.startswith("<!--", start) else ">"
    end = source.find(closing, start + len("<!"))
    return end + len(closing) if end >= 0 else len(source)


def _tag_end(source: str, start: int, budget: int) -> tuple[int, int]:
    """Return where the tag ends, or -1 where it does not, and how many characters were tried in vain."""
    if budget > 0:
        found = _TAG.match(source, start, start + TAG_CHARACTERS)
        if found:
            return found.end(), 0
    end = source.find(">", start)
    return (end + 1 if end >= 0 else -1), TAG_CHARACTERS


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), _unescaped(value.strip("\"'")).strip())
    return found


def _unescaped(text: str) -> str:
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text


@attrs.define
class _Writer:
    """Writes text as lines: what is visible, where paragraphs end, and what stands before a line."""

    _lines: list[str] = attrs.field(factory=list)
    _line: list[str] = attrs.field(factory=list)
    _blank: bool = False  # a blank is due before the next word
    _gap: bool = False  # an empty line is due before the next line
    _quotes: int = 0
    _pre: int = 0
    _skipped: str = ""  # the element of which nothing is seen
    _skipped_depth: int = 0
    _link: str = ""
    _link_start: int = 0

    def text(self, raw: str) -> None:
        """Write the text between two tags."""
        if not raw or self._skipped:
            return
        text = _unescaped(raw)
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
        if self._skipped:
            self._skipped_depth += name == self._skipped and not closed
        elif self._is_unseen(name, attributes):
            if name not in _VOID and not closed:
                self._skipped, self._skipped_depth = name, 1
        else:
            self._begin(name, attributes)

    def close(self, name: str) -> None:
        """Obey a closing tag."""
        if self._skipped:
            self._skipped_depth -= name == self._skipped
            if not self._skipped_depth:
                self._skipped = ""
            return
        self._break(name)
        if name == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif name == "pre":
            self._pre = max(0, self._pre - 1)
        elif name in {"td", "th"}:
            self._between_cells()
        elif name == "a":
            self._end_link()

    def finish(self) -> str:
        """Return all lines."""
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def _is_unseen(self, name: str, attributes: dict[str, str]) -> bool:
        return (
            name in _SKIPPED
            or "hidden" in attributes
            or bool(_UNSEEN.search(attributes.get("style", "")))
        )

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
        if name in _BLOCKS:
            self._end_line()
            self._gap = self._gap or name in _PARAGRAPHS

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
        """Write where a link leads to, unless the text says it or nobody would type it."""
        target, self._link = self._link, ""
        shown = target.removeprefix("mailto:")
        if (
            not target.startswith(("http://", "https://", "mailto:"))
            or len(shown) > LINK_CHARACTERS
        ):
            return
        seen = "".join(self._line[self._link_start :])
        bare = shown.removeprefix("https://").removeprefix("http://").rstrip("/")
        if seen.strip() and bare not in seen:
            self._line.append(f" <{shown}>")

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
