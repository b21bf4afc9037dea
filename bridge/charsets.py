"""Names of charsets: which codec is meant by each, and what a text itself says of its own.

Mailers name a charset and write the wider one that Windows has for it; the WHATWG Encoding Standard
(section 4.2) has browsers read it so, and Python's codecs do not.
"""

import codecs
import re
from typing import Final

META_OCTETS: Final = 1024
"""How far an HTML page may say its charset (HTML Living Standard section 13.2.3.2)."""

NAME_CHARACTERS: Final = 40
"""The longest name of a charset (RFC 2978 section 2.3)."""

_REFUSED: Final = frozenset(
    # not charsets of mail, or read in quadratic time, or not to be trusted with foreign text
    ["idna", "punycode", "unicode_escape", "raw_unicode_escape", "unicode-escape", "undefined"]
)
_ALIASES: Final = {
    "x-unknown": "", "unknown-8bit": "", "default": "", "ansi": "cp1252", "cp-850": "cp850",
    "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8", "iso-8859-6-i": "iso-8859-6", "iso-8859-6-e": "iso-8859-6",
    "x-sjis": "cp932", "windows-31j": "cp932", "x-gbk": "gbk", "x-euc-jp": "euc-jp", "windows-874": "cp874", "windows-949": "cp949",
    "x-mac-roman": "mac_roman", "x-mac-cyrillic": "mac_cyrillic", "unicode-1-1-utf-8": "utf-8", "dos-874": "cp874",
}  # fmt: skip
_WINDOWS: Final = re.compile(r"(?:win|x-cp|cp-|windows|x-windows-)-?(125\d)")
_WIDER: Final = {
    "ascii": "utf-8", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs", "iso2022_jp": "iso2022_jp_ext",
}  # fmt: skip
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META: Final = re.compile(
    rb"<meta[\s/][^>]*?charset\s*+=\s*+[\"']?+\s*+([A-Za-z0-9_:.+-]{1,40})", re.IGNORECASE
)


def codec_meant(charset: str) -> str:
    """Return the codec to read a text by whose charset is called so, "" where that is none of mail's."""
    name = charset.partition("(")[0].strip().lower().strip("\"'")  # a comment may be behind it
    if not name.isascii() or len(name) > NAME_CHARACTERS:
        return ""
    windows = _WINDOWS.fullmatch(name)
    name = f"cp{windows[1]}" if windows else _ALIASES.get(name, name)
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    if known in _REFUSED or name in _REFUSED:
        return ""
    return _WIDER.get(known, known)


def told(octets: bytes, charset: str, *, is_html: bool) -> str:
    """Return the charset of a text that is declared as `charset`, "" for nothing told.

    A byte order mark counts most, then what is declared, then what an HTML page says in its beginning.
    """
    for mark, name in _BOMS:
        if octets.startswith(mark):
            return name
    if charset or not is_html:
        return charset
    found = _META.search(octets[:META_OCTETS])
    name = found[1].decode("ascii") if found else ""
    return "utf-8" if is_wide(name) else name  # or it could not be read here


def is_wide(charset: str) -> bool:
    """Tell whether each letter is two octets in this charset, NUL one of most pairs."""
    return charset.strip("\"' ").lower().replace("_", "-").startswith(("utf-16", "utf16"))


def has_wide_mark(head: bytes) -> bool:
    """Tell whether what begins with `head` is marked as UTF-16."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
