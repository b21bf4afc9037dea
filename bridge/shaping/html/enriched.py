"""Text of RFC 1896 (text/enriched) as the HTML that shows the same."""

import re

_PARAMETER = re.compile(r"<param>[^<]*+</param>", re.IGNORECASE)
_LINES = re.compile(r"\n{2,}")


def enriched(text: str) -> str:
    """Return `text`, whose lines end in line feeds, as HTML: of some line ends together one is none (section 4). Linear."""
    text = _PARAMETER.sub("", text).replace("&", "&amp;").replace("<<", "&lt;")
    return _LINES.sub(lambda found: "<br>" * (len(found[0]) - 1), text)
