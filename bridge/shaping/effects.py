"""Says where each field of a wish matters: one table for commands, lists and documents.

What is chosen elsewhere changes nothing of any message, and its owner would wait for it in vain.
"""

from collections.abc import Mapping

from bridge.shaping.wish import Deliver, Wish

EVERYWHERE = frozenset(Deliver)

MADE = frozenset({Deliver.PRINT, Deliver.IFAX, Deliver.TEXT})
"""Where a message is made anew; with the others it passes untouched, but for raw headers."""

FAXED = frozenset({Deliver.IFAX})

MATTERS: Mapping[str, frozenset[Deliver]] = {
    "deliver": EVERYWHERE,
    "charset": MADE,
    "line_limit": MADE,
    "headers": MADE,
    "attachments": MADE,
    "inline_floor": MADE,  # also with text, where what is no logo is named
    "signatures": MADE,
    "size_octets": EVERYWHERE,
    "oversize": EVERYWHERE,  # where there is a size
    "crypto": MADE,
    "mdn": MADE,
    "max_parts": MADE,
    "tiff": FAXED,
    "fax_text": FAXED,
    "fax_pages": FAXED,
}
"""Under which `deliver` each field has a say."""


def idle(wish: Wish) -> dict[str, str]:
    """Return each field that has no say in this wish, with what it matters for and how to have that.

    The text goes on after "--OPTION matters only".
    """
    found = {
        name: f"where deliver is {_either(where)}, and here it is {wish.deliver}: leave it out, or"
        f" choose --deliver {_either(where)}"
        for name, where in MATTERS.items()
        if wish.deliver not in where
    }
    if wish.size_octets is None:
        found["oversize"] = "where a largest size is set: leave it out, or choose --size too"
    return found


def _either(where: frozenset[Deliver]) -> str:
    *others, last = [one.value for one in Deliver if one in where]
    return f"{', '.join(others)} or {last}" if others else last
