"""Elements of HTML by what they mean for a text on paper (HTML Living Standard, 2025)."""

from collections.abc import Iterable
from typing import Final

SKIPPED: Final = frozenset(["template", "object", "svg", "math", "select", "datalist"])
"""Nothing in these is for a reader."""

PARAGRAPHS: Final = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre"]
)
"""Blocks with an empty line around them."""

CELLS: Final = frozenset(["td", "th"])

SIMPLE: Final = frozenset(
    ["p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "center", "section", "article", "form"]
)
"""Blocks of words, as they stand in cells."""

_TABLE_SECTIONS: Final = frozenset(["thead", "tbody", "tfoot"])

TABLE_PARTS: Final = _TABLE_SECTIONS | {"table", "tr", "caption"}
"""A row ends where one of these begins or ends."""

BLOCKS: Final = (
    PARAGRAPHS
    | _TABLE_SECTIONS
    | frozenset(
        [
            "div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "main", "aside", "nav",
            "address", "figure", "figcaption", "form", "fieldset", "center", "caption", "body", "html", "hr",
            "details", "summary",
        ]
    )
)  # fmt: skip
"""They begin and end a line."""

VOID: Final = frozenset(
    ["br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"]
)  # fmt: skip
"""Nothing is in these, and nothing ends them (section 13.1.2)."""


def _closing() -> Iterable[tuple[str, frozenset[str]]]:
    for block in BLOCKS - {"li", "dt", "dd", "tr", "caption", "body", "html"}:
        yield block, frozenset(["p"])
    yield "li", frozenset(["li", "p"])
    for name in ("dt", "dd"):
        yield name, frozenset(["dt", "dd", "p"])
    in_cells = frozenset(["td", "th", "p", "li", "dt", "dd"])
    for name in CELLS:
        yield name, in_cells
    yield "tr", in_cells | {"tr", "caption"}
    for name in _TABLE_SECTIONS:
        yield name, in_cells | {"tr", "caption"} | _TABLE_SECTIONS


CLOSES: Final = dict(_closing())
"""What ends where an element of a name begins: its end tag may be left out (section 13.1.2.4)."""
