"""Parameters of a field (RFC 2045 section 5.1), RFC 2231's continuations and charsets, and what mailers make of them."""

import re
import urllib.parse

from bridge.shaping.headers.words import read
from bridge.shaping.letters import decoded, spelled
from bridge.shaping.wish import Charset

MOST = 50
"""Parameters that are looked at; a dozen are known."""

SECTION_OCTETS = 20
"""Octets of a value on a line of its own: each takes three characters of 78 (RFC 5322 section 2.1.1)."""

PLAIN_CHARACTERS = 60
"""What of a value is there in plain letters: as much as machines show of a file's name."""

EXTENSION_CHARACTERS = 5

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


def ascii_parameters(value: bytes) -> bytes:
    """Return the field's value in ASCII; what is so already stays as it is, octet for octet.

    A parameter that is not is there twice: as RFC 2231 section 4 has it (so does RFC 6857), and before that in the nearest plain letters, for machines that look for `name="...pdf"` alone.
    """
    return re.sub(rb"[\x80-\xff]", b"?", _PARAMETER.sub(_in_ascii, value))


def _in_ascii(found: re.Match[bytes]) -> bytes:
    if found[0].isascii() or found[2] or found[3]:
        return found[0]
    content = re.sub(rb"\\(.)", rb"\1", found[4]) if found[4] is not None else found[5]
    text = read(content)
    name = found[1].decode("ascii", "replace")
    plain = f'{name}="{_plain_name(text)}"'
    sections = _sections(urllib.parse.quote(text, safe="", errors="replace"))
    if len(sections) == 1:
        extended = [f"{name}*=utf-8''{sections[0]}"]
    else:
        first, *others = sections
        extended = [f"{name}*0*=utf-8''{first}"]
        extended += [f"{name}*{n}*={section}" for n, section in enumerate(others, 1)]
    return "".join(f";\r\n {one}" for one in (plain, *extended)).encode("ascii", "replace")


def _plain_name(text: str) -> str:
    """Return the nearest plain letters; a name that is cut keeps its end, which machines go by."""
    near = re.sub(r'["\\]', "_", spelled(text, Charset.ASCII))
    stem, dot, extension = near.rpartition(".")
    end = f".{extension}" if dot and len(extension) <= EXTENSION_CHARACTERS else ""
    stem = stem if end else near
    return stem[: PLAIN_CHARACTERS - len(end)] + end


def _sections(quoted: str) -> list[str]:
    """Return pieces for lines of their own, no octet's three characters in two of them."""
    return re.findall(rf"(?:%..|[^%]){{1,{SECTION_OCTETS}}}", quoted) or [""]


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
