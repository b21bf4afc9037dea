"""Reads a message as a person would: the text, what is attached, and what could not be taken along.

The tree of parts is gone here: alternatives are chosen among, forwarded messages are opened, logos are
left out. Whoever makes a page or a fax of a message starts from a `Reading`.
"""

import contextlib
from collections.abc import Iterator

import attrs

from bridge.charsets import told
from bridge.kinds import (
    HEAD_OCTETS,
    TEXTS,
    Kind,
    begins_as_message,
    claims_too_much,
    is_tnef,
    recognise,
)
from bridge.shaping import letters
from bridge.shaping.bodies import Body
from bridge.shaping.calendars import calendar_text
from bridge.shaping.errors import Unshapeable
from bridge.shaping.headers.fields import Field, split
from bridge.shaping.html import markup
from bridge.shaping.html.enriched import enriched
from bridge.shaping.leaves import Part, normal, parse
from bridge.shaping.lines import signature_dropped
from bridge.shaping.reports import delivery_status, named
from bridge.shaping.tnef import RTF_OCTETS, unpack
from bridge.shaping.uuencode import packed
from bridge.shaping.wish import Crypto, Signatures, Wish

TEXT_OCTETS = 4194304
"""More text than this is an attachment: a thousand pages."""

FILE_TEXT_OCTETS = 16777216
"""A file of more text is not printed."""

LEVELS = 5
"""How deep messages may lie in files; what lies deeper was decoded once more for each."""

_CALENDARS = frozenset(["text/calendar", "application/ics"])
_UNPRINTED_TEXTS = frozenset(["text/x-amp-html", "text/watch-html"])  # copies for screens
_UNKNOWN = "application/octet-stream"
_SIGNATURES = frozenset(
    [
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
    ]
)
_UNSEEN = _SIGNATURES | {"application/applefile", "application/pgp-keys"}
_OPAQUE = frozenset(
    ["application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"]
)
_ENCRYPTED = "A part is encrypted (S/MIME or PGP) and can be read by its recipient alone."
_SEALED = "A part is signed in a form that only a mail program opens (S/MIME)."
_PARTIAL = "It is one piece of a message that was sent in pieces; ask the sender for the whole."
_PGP = "-----BEGIN PGP MESSAGE-----"
_POOR = 5  # a plain text this many times shorter than the HTML beside it only says that there is HTML


@attrs.frozen
class Attachment:
    """A file that a device is to get; `name` is decoded, and "" where it has none."""

    name: str
    kind: Kind
    body: Body = attrs.field(repr=False)

    def content(self) -> bytes:
        """Return the file, decoded."""
        return self.body.decoded()


@attrs.frozen
class Reading:
    """A message as it is read: `header` is the message's own, `text` has line feeds as line ends.

    `left_out` are sentences about what is neither in the text nor attached.
    """

    header: tuple[Field, ...]
    text: str = attrs.field(repr=False)
    attachments: tuple[Attachment, ...]
    left_out: tuple[str, ...]


def read(message: bytes, wish: Wish) -> Reading:
    """Return what there is to read in `message`, attachments of the kinds in `wish.attachments` alone.

    Raises:
        Unshapeable: the message has no end, no beginning, or more than a message may have.
    """
    whole = parse(normal(message), wish.max_parts)
    reader = _Reader(wish, wish.max_parts - sum(1 for _ in whole.leaves()))
    reader.take(whole)
    if not any(map(str.strip, reader.texts)) and not reader.attachments:
        reader.take_logos()
    return Reading(
        whole.header,
        "\n\n".join(text.strip("\n") for text in reader.texts if text.strip()),
        tuple(reader.attachments),
        tuple(reader.left_out),
    )


@attrs.define
class _Reader:
    """Walks the parts in their order and gathers what is to be read."""

    _wish: Wish
    _parts_left: int  # that may still come to light
    texts: list[str] = attrs.field(factory=list)
    attachments: list[Attachment] = attrs.field(factory=list)
    logos: list[Part] = attrs.field(factory=list)
    left_out: list[str] = attrs.field(factory=list)
    _begun: int = 0  # where the texts of the message begin that is being read
    _levels: int = 0  # of files around what is being read
    _is_packed: bool = False  # the innermost of them is TNEF
    _rtf_left: int = RTF_OCTETS  # that may still be read

    def take(self, part: Part) -> None:
        """Take what `part` and the parts in it hold."""
        match part.media_type:
            case "multipart/alternative":
                self._take_alternative(part.children)
            case "multipart/report":
                self._take_report(part.children)
            case "multipart/encrypted":
                self.left_out.append(_ENCRYPTED)
            case kind if kind.startswith("message/") or kind == "text/rfc822-headers":
                self._take_message(part)
            case _ if part.children:
                for child in part.children:
                    self.take(child)
            case _:
                self._take_leaf(part)

    def take_logos(self) -> None:
        """Take the small images after all: they are what there is."""
        self._wish = attrs.evolve(self._wish, inline_floor=0)
        for leaf in self.logos:
            self._take_file(leaf)

    def _take_message(self, part: Part) -> None:
        match part.media_type:
            case "message/partial":
                raise Unshapeable(_PARTIAL)
            case "message/rfc822" | "message/global" if part.children:
                self._take_forwarded(part)
            case "message/rfc822" | "message/global":
                self._take_file(part)
            case "message/delivery-status" | "message/global-delivery-status":
                self.texts.append(delivery_status(part))
            case "message/external-body":
                self.left_out.append("A part that lies elsewhere was not fetched.")
            case _:
                pass  # receipts and headers: the text beside them says the same to people

    def _take_leaf(self, leaf: Part) -> None:
        if leaf.media_type in _UNSEEN:
            return
        if leaf.media_type in _OPAQUE:
            is_signed = leaf.parameters.get("smime-type", "").lower() == "signed-data"
            self.left_out.append(_SEALED if is_signed else _ENCRYPTED)
        elif leaf.media_type in _CALENDARS and (entry := _entry(leaf)):
            if entry not in self.texts:  # most invitations bring theirs twice, once attached
                self.texts.append(entry)
        elif self._is_read(leaf):
            self._take_text(_readable(leaf))
        else:
            self._take_file(leaf)

    def _is_read(self, leaf: Part) -> bool:
        """Tell whether this is the message's text, not a file of text."""
        return (
            leaf.media_type in TEXTS
            and leaf.disposition != "attachment"
            and leaf.body.size() <= TEXT_OCTETS
        )

    def _take_text(self, text: str) -> None:
        if _PGP in text and self._wish.crypto is Crypto.NOTICE:
            self.left_out.append(_ENCRYPTED)
            return
        if self._wish.signatures is Signatures.DROP:
            text = signature_dropped(text)
        self.texts.append(self._without_files(text))

    def _without_files(self, text: str) -> str:
        """Return the text without the files in it (uuencode), which are taken."""
        if "\nend" not in text:
            return text
        octets, kept, done = text.encode("utf-8", "replace"), [], 0
        for file in packed(octets):
            self._count(1)
            body = Body((file.content,), "")
            self._take_file(Part(_UNKNOWN, "attachment", file.name, "", {}, (), body=body))
            kept.append(octets[done : file.start])
            done = file.end
        return b"".join([*kept, octets[done:]]).decode()

    def _take_alternative(self, alternatives: tuple[Part, ...]) -> None:
        """Take the text that reads best, and what is attached in any of them."""
        leaves = [leaf for part in alternatives for leaf in part.leaves()]
        read = {id(leaf): _readable(leaf) for leaf in leaves if self._is_read(leaf)}
        plain = [
            leaf for leaf in leaves if id(leaf) in read and leaf.media_type == "text/plain"
        ]
        rich = [leaf for leaf in leaves if id(leaf) in read and leaf.media_type == "text/html"]
        lengths = [sum(len(read[id(leaf)].strip()) for leaf in some) for some in (plain, rich)]
        chosen = plain if lengths[0] and lengths[0] * _POOR >= lengths[1] else rich or plain
        if not any(read[id(leaf)].strip() for leaf in chosen):
            chosen = [leaf for leaf in leaves if read.get(id(leaf), "").strip()]
        for leaf in chosen:
            self._take_text(read[id(leaf)])
        for part in alternatives:
            self._take_others(part)

    def _take_others(self, part: Part) -> None:
        """Take all but the texts, which were chosen among."""
        if part.media_type in {"message/rfc822", "message/global", "message/partial"}:
            self.take(part)
        elif part.children:
            for child in part.children:
                self._take_others(child)
        elif not self._is_read(part):
            self.take(part)

    def _take_report(self, children: tuple[Part, ...]) -> None:
        """Take what a report says; of the message that it brings back (RFC 6522 section 3), what names it."""
        for part in children:
            if part.media_type not in {"message/rfc822", "message/global"}:
                self.take(part)
                continue
            within = [message.header for message in part.children]
            headers = within or [tuple(split(normal(part.body.head(HEAD_OCTETS)))[0])]
            self.texts += [named("--- Message returned ---", header) for header in headers]

    def _take_forwarded(self, part: Part) -> None:
        for message in part.children:
            self.texts.append(named("--- Message within ---", message.header))
            around, self._begun = self._begun, len(self.texts)
            self.take(message)
            self._begun = around

    def _take_packed(self, leaf: Part) -> None:
        """Take what TNEF holds; its text only where the message has none beside it."""
        was_attached = self._is_packed
        has_text = len(self.texts) > self._begun and not was_attached
        room = None if has_text else self._rtf_left
        unpacked = unpack(leaf.body.decoded(), self._parts_left, room)
        self._count(len(unpacked.part.children))
        self._rtf_left -= unpacked.rtf_octets
        if not unpacked.is_whole:
            self.left_out.append("winmail.dat is damaged: what could be read of it is here.")
        if unpacked.is_cut:
            self.left_out.append("The text in winmail.dat is too long: its end is left out.")
        with self._inside(is_packed=True):
            if was_attached:
                self._take_forwarded(attrs.evolve(leaf, children=(unpacked.part,)))
                return
            for part in unpacked.part.children:
                if part.disposition or not has_text:
                    self.take(part)

    def _take_saved(self, leaf: Part) -> None:
        """Take a message that is attached as a file."""
        message = parse(normal(leaf.body.decoded()), self._wish.max_parts)
        self._count(sum(1 for _ in message.leaves()))
        with self._inside(is_packed=False):
            self._take_forwarded(attrs.evolve(leaf, children=(message,)))

    @contextlib.contextmanager
    def _inside(self, *, is_packed: bool) -> Iterator[None]:
        around, self._is_packed = self._is_packed, is_packed
        self._levels += 1
        yield
        self._levels -= 1
        self._is_packed = around

    def _count(self, parts: int) -> None:
        self._parts_left -= parts
        if self._parts_left < 0:
            raise Unshapeable("It has too many parts, those in attached messages included.")

    def _open(self, leaf: Part, head: bytes) -> bool:
        """Take what a file holds that is a message; tell whether it is one."""
        if is_tnef(head):
            opener = self._take_packed
        elif _is_message(leaf, head):
            opener = self._take_saved
        else:
            return False
        if self._levels < LEVELS:
            opener(leaf)
        else:
            self.left_out.append("A message that lies too deep in others was not opened.")
        return True

    def _take_file(self, leaf: Part) -> None:
        head = leaf.body.head(HEAD_OCTETS)
        if self._open(leaf, head):
            return
        kind = recognise(head, leaf.media_type, leaf.name, leaf.parameters.get("charset", ""))
        if not head:
            self._leave_out(leaf, kind, "it is empty")
        elif self._is_logo(leaf, kind):
            self.logos.append(leaf)
        elif claims_too_much(head):
            self._leave_out(leaf, kind, "it claims to be larger than any page")
        elif kind.name not in self._wish.attachments:
            self._leave_out(leaf, kind, kind.spoken)
        elif kind.name == "text" and leaf.body.size() > FILE_TEXT_OCTETS:
            self._leave_out(leaf, kind, "it is longer than anybody reads")
        else:
            self.attachments.append(_attached(leaf, kind))

    def _is_logo(self, leaf: Part, kind: Kind) -> bool:
        """Tell whether this is a small image that a text shows in itself; a fax is none."""
        return (
            kind.media_type.startswith("image/")
            and kind.name != "tiff"
            and bool(leaf.content_id)
            and leaf.disposition != "attachment"
            and leaf.body.size() < self._wish.inline_floor
        )

    def _leave_out(self, leaf: Part, kind: Kind, why: str) -> None:
        name = leaf.name or kind.spoken
        self.left_out.append(
            f"{name} is not printed ({why}, {_spoken_size(leaf.body.size())})."
        )


def _is_message(leaf: Part, head: bytes) -> bool:
    """Tell whether a file is a message: called so, and a header field begins it."""
    is_called = leaf.media_type == "message/rfc822" or leaf.name.lower().endswith(".eml")
    return is_called and begins_as_message(head)


def _text(leaf: Part) -> str:
    octets = leaf.body.decoded()
    charset = told(octets, leaf.parameters.get("charset", ""), is_html=_is_html(leaf))
    return letters.plain(letters.decoded(octets, charset))


def _is_html(leaf: Part) -> bool:
    return leaf.media_type == "text/html" or leaf.name.lower().endswith((".html", ".htm"))


def _readable(leaf: Part) -> str:
    if leaf.media_type in _UNPRINTED_TEXTS:
        return ""
    if leaf.media_type == "text/plain":
        return _text(leaf)
    text = _text(leaf)
    if leaf.media_type == "text/enriched":
        text = enriched(text)
    return letters.plain(markup.to_text(text))


def _entry(leaf: Part) -> str:
    """Return what a calendar says, "" where it is none or too long to be read."""
    return calendar_text(_text(leaf)) if leaf.body.size() <= TEXT_OCTETS else ""


def _attached(leaf: Part, kind: Kind) -> Attachment:
    """Return the file; text as UTF-8, and HTML as a text of what is read in it."""
    if kind.name != "text":
        return Attachment(leaf.name, kind, leaf.body)
    name, text = leaf.name, _text(leaf)
    if _is_html(leaf):
        stem = name.rpartition(".")[0]
        name, text = f"{stem or name}.txt", letters.plain(markup.to_text(text))
    return Attachment(name, kind, Body((text.encode("utf-8", "replace"),), ""))


def _spoken_size(octets: int) -> str:
    return f"{octets / 1e6:.1f} MB" if octets >= 100_000 else f"{max(1, octets // 1000)} KB"  # noqa: PLR2004 - a tenth of a MB
