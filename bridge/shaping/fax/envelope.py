"""Writes From and Subject so that their first 24 characters tell who and what.

A fax prints that much of both above a page that has no text (Canon iR-ADV, "Receiving I-Fax
Documents"), in ASCII: an encoded-word, or "Re: Fwd: [EXTERNAL]", would be all that is seen.
"""

import re
import unicodedata

SHOWN = 24  # characters of From and of Subject that a machine prints

_REPLIED = re.compile(
    r"\s*(re|fwd?|fw|aw|wg|tr|rv|sv|vs|antw|antwort|rif)\s*(\[\d+\]|\(\d+\))?\s*[:\uff1a]\s*",
    re.IGNORECASE,
)
_TAG = re.compile(r"\s*(\[[^\[\]]{1,60}\])\s*")
_SPECIALS = re.compile(r'[\x00-\x1f\x7f()<>\[\]:;@\\,."]+')
_SPELT = {
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D",
    "ł": "l", "Ł": "L", "þ": "th", "Þ": "Th", "ð": "d", "\u0131": "i", "€": "EUR", "£": "GBP",
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
    "\u2013": "-", "\u2014": "-", "\u2022": "*", "\u00ab": '"', "\u00bb": '"',
}  # fmt: skip
_MOST_LOST = 0.3  # of a name's letters: with more of them gone it is no name any more


def sender(display: str, address: str) -> str:
    """Return the value of a From field in ASCII: a name that can be spoken, and the address.

    Where the name is in letters that ASCII cannot spell, or is the address again, the address
    stands alone, so that it is what a machine prints. It is never changed: error mails go there.
    """
    name, lost = spelt(display)
    name = " ".join(_SPECIALS.sub(" ", name).split())
    if not name or lost > _MOST_LOST or address.lower() in display.lower():
        return address
    return f"{name} <{address}>"


def subject(text: str) -> str:
    """Return a subject in ASCII that begins with what it is about.

    Marks of replies and forwards go, tags in brackets go behind; what ASCII cannot spell goes, and
    "?" stands for a subject of nothing else.
    """
    rest = " ".join(text.split())
    tags: list[str] = []
    while found := _REPLIED.match(rest) or _TAG.match(rest):
        if found.re is _TAG:
            tags.append(found[1])
        rest = rest[found.end() :]
    words, lost = spelt(" ".join([rest, *dict.fromkeys(tags)]))
    return " ".join(words.split()) or ("?" if lost else "")


def spelt(text: str) -> tuple[str, float]:
    """Return the text in ASCII letters, and what share of its characters has none."""
    spelt_out: list[str] = []
    lost = 0
    for char in text:
        plain = _SPELT.get(char) or unicodedata.normalize("NFKD", char)
        seen = "".join(part for part in plain if " " <= part <= "~")
        lost += not seen and unicodedata.category(char)[0] not in "CMZ"
        spelt_out.append(seen or (" " if char.isspace() else ""))
    return "".join(spelt_out), lost / max(1, len(text))
