"""Opens winmail.dat: the files and the text that Outlook packs into TNEF ([MS-OXTNEF]), as parts of a message.

One pass over what came, and no copy but of the files themselves. Formatted text (RTF) is unpacked and read
only where there is no other.
"""

import enum
import struct
from collections.abc import Iterator

import attrs

from bridge.kinds import TNEF_START
from bridge.shaping.bodies import Body
from bridge.shaping.errors import Unshapeable
from bridge.shaping.headers.fields import Field
from bridge.shaping.leaves import NAME_CHARACTERS, Part
from bridge.shaping.letters import decoded
from bridge.shaping.lzfu import DamagedRtf, unpacked
from bridge.shaping.mapi import Octets, Properties, Tag, Type, charset_of, ended
from bridge.shaping.rtf import is_rtf, read

MOST_ATTRIBUTES = 10_000
"""Attributes of a stream; a file needs some five."""

RTF_OCTETS = 8388608
"""More RTF than this, unpacked, is not read: 8 MiB are some thousand pages, and some seconds."""

TNEF = "application/ms-tnef"
_UNKNOWN = "application/octet-stream"

_KEY_OCTETS = 2
_ATTRIBUTE = struct.Struct("<BII")  # level, id and length stand before the data
_CHECKSUM_OCTETS = 2
_GUID_OCTETS = 16
_MESSAGE_OBJECT = bytes.fromhex("0703020000000000c000000000000046")  # IID_IMessage

_NOTHING = Part("multipart/mixed", "", "", "", {}, ())


class _Attribute(enum.IntEnum):
    """Attributes that hold something to read (section 2.1.3.2)."""

    CODE_PAGE = 0x00069007
    SUBJECT = 0x00018004
    BODY = 0x0002800C
    MESSAGE = 0x00069003
    FILE_BEGINS = 0x00069002
    FILE_TITLE = 0x00018010
    FILE_DATA = 0x0006800F
    FILE = 0x00069005


@attrs.frozen
class Unpacked:
    """What was in a stream: `part` holds the text, if there is any, then the files; a message within is TNEF again.

    `is_whole` is False where a length led beyond the end, or the text is damaged; `is_cut` is True where there is
    more of the text than was asked for. `rtf_octets` were read for it.
    """

    part: Part
    is_whole: bool
    is_cut: bool
    rtf_octets: int


@attrs.define
class _File:
    told: Properties
    title: bytes = attrs.field(default=b"", repr=False)
    data: memoryview = attrs.field(default=memoryview(b""), repr=False)


@attrs.define
class _Stream:
    """What is gathered of a stream."""

    most_files: int
    told: Properties = attrs.field(factory=Properties)
    subject: bytes = attrs.field(default=b"", repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    files: list[_File] = attrs.field(factory=list)
    is_whole: bool = True
    is_cut: bool = False
    rtf_octets: int = 0

    def take(self, attribute: int, data: memoryview) -> None:
        """Take what an attribute holds; unknown ones are left."""
        match attribute:
            case _Attribute.CODE_PAGE:
                self.told.charset = charset_of(int.from_bytes(data[:4], "little"))
            case _Attribute.BODY:
                self.body = bytes(data)
            case _Attribute.SUBJECT:
                self.subject = bytes(data)
            case _Attribute.MESSAGE:
                self._read(self.told, data)
            case _Attribute.FILE_BEGINS:
                self._begin()
            case _ if self.files:
                self._take_of_file(self.files[-1], attribute, data)
            case _:
                pass

    def text(self, octets: bytes) -> str:
        """Return a text that is no property."""
        return ended(decoded(octets, self.told.charset))

    def _begin(self) -> None:
        if len(self.files) >= self.most_files:
            raise Unshapeable("It has too many parts, those in its winmail.dat included.")
        self.files.append(_File(Properties(self.told.charset)))

    def _take_of_file(self, file: _File, attribute: int, data: memoryview) -> None:
        match attribute:
            case _Attribute.FILE_TITLE:
                file.title = bytes(data)
            case _Attribute.FILE_DATA:
                file.data = data
            case _Attribute.FILE:
                self._read(file.told, data)
            case _:
                pass

    def _read(self, told: Properties, data: memoryview) -> None:
        octets = Octets(data)
        told.read(octets)
        self.is_whole = self.is_whole and not octets.is_beyond


def unpack(data: bytes, most_files: int, most_rtf: int | None = RTF_OCTETS) -> Unpacked:
    """Return what is packed in `data`, which begins as TNEF does. Linear in its size and `most_rtf`.

    Of a text that is there as RTF alone, so many octets are read; None for no such text.

    Raises:
        Unshapeable: it holds more files than `most_files`.
    """
    stream = _Stream(most_files)
    octets = Octets(memoryview(data)[len(TNEF_START) + _KEY_OCTETS :])
    for attribute, content in _attributes(octets):
        stream.take(attribute, content)
    children = (*_texts(stream, most_rtf), *(_file(stream, one) for one in stream.files))
    return Unpacked(
        attrs.evolve(_NOTHING, header=tuple(_header(stream)), children=children),
        stream.is_whole and not octets.is_beyond,
        stream.is_cut,
        stream.rtf_octets,
    )


def _attributes(octets: Octets) -> Iterator[tuple[int, memoryview]]:
    for _ in range(MOST_ATTRIBUTES):
        if not octets:
            return
        head = octets.take(_ATTRIBUTE.size)
        if len(head) < _ATTRIBUTE.size:
            return
        _level, attribute, length = _ATTRIBUTE.unpack(head)
        content = octets.take(length)
        if octets.is_beyond:
            return
        yield attribute, content
        # Not checked: what a wrong sum belies is still all there is.
        octets.take(_CHECKSUM_OCTETS)
    octets.is_beyond = octets.is_beyond or bool(octets)


def _header(stream: _Stream) -> Iterator[Field]:
    name, address = stream.told.text(Tag.SENDER_NAME), stream.told.text(Tag.SENDER_ADDRESS)
    lines = {
        "From": f"{name} <{address}>" if name and "@" in address else name or address,
        "Subject": stream.told.text(Tag.SUBJECT) or stream.text(stream.subject),
    }
    for label, text in lines.items():
        if words := " ".join(text.split()):
            yield Field(label, b" " + words.encode("utf-8", "replace"))


def _texts(stream: _Stream, most_rtf: int | None) -> Iterator[Part]:
    """Yield the text, plain where it can be had so."""
    plain = stream.told.text(Tag.BODY) or stream.text(stream.body)
    if plain.strip():
        yield _of_text("text/plain", plain)
        return
    kind, octets = stream.told.value(Tag.HTML)
    charset = charset_of(stream.told.number(Tag.CODE_PAGE))
    html = (
        decoded(bytes(octets), charset) if kind == Type.BINARY else stream.told.text(Tag.HTML)
    )
    if html.strip():
        yield _of_text("text/html", html)
    elif most_rtf is not None:
        yield from _rich(stream, most_rtf)


def _rich(stream: _Stream, most: int) -> Iterator[Part]:
    """Yield the text that is there as RTF; HTML where RTF only wraps it."""
    kind, packed = stream.told.value(Tag.RTF)
    if kind != Type.BINARY:
        return
    try:
        found = unpacked(packed, most)
    except DamagedRtf:
        stream.is_whole = False
        return
    stream.rtf_octets, stream.is_cut = len(found.octets), not found.is_whole
    if is_rtf(found.octets):
        document = read(found.octets)
        yield _of_text("text/html" if document.is_html else "text/plain", document.text)


def _of_text(media_type: str, text: str) -> Part:
    body = Body((text.encode("utf-8", "replace"),), "")
    return attrs.evolve(
        _NOTHING, media_type=media_type, parameters={"charset": "utf-8"}, body=body
    )


def _file(stream: _Stream, file: _File) -> Part:
    kind, packed = file.told.value(Tag.FILE_DATA)
    declared = file.told.text(Tag.MEDIA_TYPE).strip().lower()
    content = file.data or packed
    if kind == Type.OBJECT:
        interface, object_ = packed[:_GUID_OCTETS], packed[_GUID_OCTETS:]
        # What lies beside a message is a picture of its icon.
        is_message = interface == _MESSAGE_OBJECT
        declared = TNEF if is_message else _UNKNOWN
        content = object_ if is_message else file.data or object_
    if declared.startswith(("message/", "multipart/")):
        declared = _UNKNOWN  # nobody has taken its parts apart
    name = file.told.text(Tag.LONG_NAME) or stream.text(file.title)
    content_id = file.told.text(Tag.CONTENT_ID)
    is_inline = content_id and file.told.number(Tag.HIDDEN)
    return attrs.evolve(
        _NOTHING,
        media_type=declared or _UNKNOWN,
        disposition="inline" if is_inline else "attachment",
        name=(name or file.told.text(Tag.SHORT_NAME, Tag.DISPLAY_NAME))[:NAME_CHARACTERS],
        content_id=content_id,
        body=Body((bytes(content),), ""),
    )
