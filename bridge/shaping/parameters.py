"""Parameters of a field (RFC 2045 section 5.1), RFC 2231's continuations and charsets, and what mailers make of them."""

import re
import urllib.parse

from bridge.shaping.letters import decoded
from bridge.shaping.words import read

MOST = 50
"""Parameters that are looked at; a dozen are known."""

_PARAMETER = re.compile(
    rb";[ \t\r\n]*+([^\s=;*\"]{1,60})(\*\d{1,3})?(\*)?[ \t\r\n]*+=[ \t\r\n]*+"
    rb"(?:\"((?:[^\"\\]|\\.)*+)\"?|([^;\r\n]*+))",
    re.DOTALL,
)


def parameters(value: bytes) -> dict[str, str]:
    """Return the parameters by their names in small letters, decoded; the first of a name counts. Linear."""
    plain: dict[str, str] = {}
    extended: dict[str, list[tuple[int, bool, bytes]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(value)):
        if count == MOST:
            break
        name = found[1].decode("ascii", "replace").lower()
        content = (
            re.sub(rb"\\(.)", rb"\1", found[4]) if found[4] is not None else found[5].strip()
        )
        if found[2] or found[3]:
            number = int(found[2][1:]) if found[2] else 0
            extended.setdefault(name, []).append((number, bool(found[3]), content))
        else:
            plain.setdefault(name, read(content))
    return plain | {name: _joined(sections) for name, sections in extended.items()}


def _joined(sections: list[tuple[int, bool, bytes]]) -> str:
    sections.sort(key=lambda section: section[0])
    charset = "utf-8"
    octets = b""
    for index, (_, is_encoded, section) in enumerate(sections):
        content = section
        if is_encoded and index == 0 and section.count(b"'") >= 2:  # noqa: PLR2004 - charset'language'text
            name, _, content = section.split(b"'", 2)
            charset = name.decode("ascii", "replace") or charset
        octets += urllib.parse.unquote_to_bytes(content) if is_encoded else content
    return read(decoded(octets, charset).encode("utf-8", "replace"))
