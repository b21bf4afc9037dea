"""How a maildrop's owner wants messages to arrive at its devices."""

import enum

import attrs


class Deliver(enum.StrEnum):
    """What a device gets of a message."""

    ORIGINAL = "original"  # untouched but for CRLF
    COMMAND = "command"  # untouched, byte for byte: the machine reads commands in it


@attrs.frozen
class Wish:
    """All that an owner may ask of shaping."""

    deliver: Deliver = Deliver.ORIGINAL
