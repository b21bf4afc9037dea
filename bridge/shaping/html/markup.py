"""HTML to text that can be read on paper, in one pass over whatever came.

Linear in the size of the input, also for what is not HTML at all (decision 31): each search that may fail
is either over what is consumed, or counted against a budget.
"""

import re

from bridge.shaping.html.textwriter import TextWriter, unescaped

TAG_CHARACTERS = 8192
"""How far quotes are honoured inside one tag."""

_BEGIN = re.compile(r"<(?=[a-zA-Z!?/])")
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]{0,40})")
_TAG = re.compile(r"(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+>")
_ATTRIBUTE = re.compile(
    r"([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"?|'([^']*+)'?|([^\s>]*+)))?"
)
_READ = frozenset(["href", "alt", "style", "hidden", "start", "value"])

_RAW = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "xmp", "noembed")
}


def to_text(source: str) -> str:
    """Return what a reader sees of `source`: line feeds as line ends, no blank at an end of a line.

    Where that is nothing, what is hidden is taken: it is what there is.
    """
    writer = TextWriter()
    text = _written(source, writer)
    if writer.has_hidden and not text.strip():
        text = _written(source, TextWriter(hides=False))
    return text


def _written(source: str, writer: TextWriter) -> str:
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


def _tag(writer: TextWriter, source: str, found: re.Match[str], end: int) -> int:
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
    """Return the attributes that are read, the first of each name (section 13.2.5.33)."""
    found: dict[str, str] = {}
    for whole in _ATTRIBUTE.finditer(text):
        name = whole[1].lower()
        if name in _READ and name not in found:
            value = whole[2] or whole[3] or whole[4] or ""
            found[name] = unescaped(value).strip()
    return found
