"""The one door to shaping: a message goes in, what a device gets comes out."""

from collections.abc import Sequence

from bridge.shaping.wish import Deliver, Wish


def shape(message: bytes, wish: Wish) -> Sequence[bytes | memoryview]:
    """Return the pieces of the message that a device gets, in order; views of `message` cost no memory.

    Raises:
        Unshapeable: the message cannot be brought into the shape that is wished for.
    """
    match wish.deliver:
        case Deliver.ORIGINAL | Deliver.COMMAND:
            return (memoryview(message),)
