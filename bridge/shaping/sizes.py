"""Whether a device takes a message of a size, and what becomes of it otherwise."""

from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.wish import Oversize, Wish


def is_taken(octets: int, wish: Wish) -> bool:
    """Tell whether a device takes so many octets; False where it gets the original all the same.

    Raises:
        Unshapeable: it does not, and is told so.
        Skipped: it does not, and is told nothing.
    """
    if wish.size_octets is None or octets <= wish.size_octets:
        return True
    why = (
        f"It has {octets} octets, and this maildrop takes {wish.size_octets} at most (--size)."
    )
    match wish.oversize:
        case Oversize.ORIGINAL:
            return False
        case Oversize.SKIP:
            raise Skipped(why)
        case Oversize.NOTICE:
            raise Unshapeable(why)


def is_refused(octets: int, wish: Wish) -> bool:
    """Tell whether a device gets nothing, or a notice, of so many octets."""
    try:
        is_taken(octets, wish)
    except Unshapeable:
        return True
    return False
