"""How a maildrop's owner wants messages to arrive at its devices."""

import enum

import attrs

from bridge.shaping.fax.tiffprofiles import Profile


class Deliver(enum.StrEnum):
    """What a device gets of a message."""

    ORIGINAL = "original"  # untouched but for CRLF
    COMMAND = "command"  # untouched, byte for byte: the machine reads commands in it
    PRINT = "print"  # readable text and the attachments that can be printed, flat
    IFAX = "ifax"  # one TIFF that an internet fax prints, and a text
    TEXT = "text"  # one text/plain part


class Charset(enum.StrEnum):
    """The letters a device knows; Ricoh names the first two alone (MP 402 fax, "Abnormal files")."""

    ASCII = "us-ascii"
    LATIN1 = "latin1"
    UTF8 = "utf-8"


class Headers(enum.StrEnum):
    """Which header fields a device gets."""

    ALL = "all"  # unknown ones too: Panasonic's relay passwords travel in them
    FEW = "few"  # those that a person reads, and the Message-ID


class Signatures(enum.StrEnum):
    """What becomes of the lines below a line of "-- "."""

    KEEP = "keep"
    DROP = "drop"


class Oversize(enum.StrEnum):
    """What becomes of a message that is larger than a device takes; none is ever split."""

    NOTICE = "notice"
    SKIP = "skip"
    ORIGINAL = "original"


class Crypto(enum.StrEnum):
    """What becomes of a message that S/MIME or PGP protects."""

    NOTICE = "notice"  # what is encrypted is replaced by a sentence, what is signed is read
    PASS = "pass"  # noqa: S105 - the message as it is, for a machine that can open it


class Mdn(enum.StrEnum):
    """What becomes of the fields in which a sender asks for a receipt (RFC 8098 section 2.1)."""

    PASS = "pass"  # noqa: S105 - the machine answers
    STRIP = "strip"


class FaxText(enum.StrEnum):
    """What becomes of a message's text where a fax prints its files."""

    KEEP = "keep"  # a text/plain part before the TIFF
    PAGE = "page"  # pages of the TIFF, before the files
    DROP = "drop"  # nothing, unless there is nothing else


FAX_PAGES = 50
"""Pages of a message that a fax prints; a stranger's thousand pages would end its paper."""

MOST_FAX_PAGES = 1000

INLINE_FLOOR = 16384
"""Octets below which an image inside of text is a logo, not a picture."""

MAX_PARTS = 200
"""Parts of a message that are looked at; a mail with more is an archive or an attack."""

MOST_PARTS = 1000
"""What an owner may ask for of them."""

SMALLEST_SIZE = 4096
"""Octets that any device must take: a notice has some thousand."""

LINE_LIMIT = 998
"""Octets of a line without CRLF (RFC 5322 section 2.1.1); 76 suits machines of few buffers."""

SHORTEST_LINE_LIMIT = 76

ATTACHMENTS = ("pdf", "tiff", "jpeg", "png", "text")
"""What most machines that print mail can print."""


@attrs.frozen
class Wish:
    """All that an owner may ask of shaping.

    `attachments` are names of kinds (`bridge.kinds`). `size_octets` is the most that a device
    takes of a message, as it is sent; None is no limit.
    """

    deliver: Deliver = Deliver.ORIGINAL
    charset: Charset = Charset.LATIN1
    line_limit: int = attrs.field(
        default=LINE_LIMIT,
        validator=[attrs.validators.ge(SHORTEST_LINE_LIMIT), attrs.validators.le(LINE_LIMIT)],
    )
    headers: Headers = Headers.ALL
    attachments: tuple[str, ...] = ATTACHMENTS
    inline_floor: int = INLINE_FLOOR
    signatures: Signatures = Signatures.KEEP
    size_octets: int | None = None
    oversize: Oversize = Oversize.NOTICE
    crypto: Crypto = Crypto.NOTICE
    mdn: Mdn = Mdn.PASS
    max_parts: int = attrs.field(
        default=MAX_PARTS,
        validator=[attrs.validators.ge(1), attrs.validators.le(MOST_PARTS)],
    )
    tiff: Profile = Profile.S
    fax_text: FaxText = FaxText.KEEP
    fax_pages: int = attrs.field(
        default=FAX_PAGES,
        validator=[attrs.validators.ge(1), attrs.validators.le(MOST_FAX_PAGES)],
    )
