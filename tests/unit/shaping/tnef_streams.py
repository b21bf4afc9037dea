"""TNEF built octet by octet, as [MS-OXTNEF] has it."""

import struct

SIGNATURE_AND_KEY = struct.pack("<IH", 0x223E9F78, 1)
MESSAGE, FILE = 1, 2  # levels

VERSION, CODE_PAGE = 0x00089006, 0x00069007
CLASS, SUBJECT, BODY, PROPERTIES = 0x00078008, 0x00018004, 0x0002800C, 0x00069003
BEGINS, TITLE, DATA, FILE_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005

IID_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")
IID_STORAGE = bytes.fromhex("0b00000000000000c000000000000046")


def attribute(level: int, identity: int, data: bytes) -> bytes:
    head = struct.pack("<BII", level, identity, len(data))
    return head + data + struct.pack("<H", sum(data) & 0xFFFF)


def stream(*attributes: bytes) -> bytes:
    version = attribute(MESSAGE, VERSION, struct.pack("<I", 0x10000))
    return SIGNATURE_AND_KEY + version + b"".join(attributes)


def code_page(number: int) -> bytes:
    return attribute(MESSAGE, CODE_PAGE, struct.pack("<II", number, 0))


def padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def one(identity: int, kind: int, value: bytes) -> bytes:
    """Return a property of one value of any length."""
    head = struct.pack("<HHII", kind, identity, 1, len(value))
    return head + padded(value)


def text(identity: int, value: str) -> bytes:
    return one(identity, 0x1F, (value + "\0").encode("utf-16-le"))


def text8(identity: int, value: bytes) -> bytes:
    return one(identity, 0x1E, value + b"\0")


def binary(identity: int, value: bytes) -> bytes:
    return one(identity, 0x102, value)


def number(identity: int, value: int, kind: int = 3) -> bytes:
    return struct.pack("<HHI", kind, identity, value)


def properties(*those: bytes) -> bytes:
    return struct.pack("<I", len(those)) + b"".join(those)


def of_message(*those: bytes) -> bytes:
    return attribute(MESSAGE, PROPERTIES, properties(*those))


def file(content: bytes, title: bytes = b"", *those: bytes) -> bytes:
    """Return the attributes of an attached file."""
    parts = [attribute(FILE, BEGINS, struct.pack("<HIIII", 1, 0, 0, 0, 0)[:14])]
    if title:
        parts.append(attribute(FILE, TITLE, title + b"\0"))
    if content:
        parts.append(attribute(FILE, DATA, content))
    if those:
        parts.append(attribute(FILE, FILE_PROPERTIES, properties(*those)))
    return b"".join(parts)


def message_within(packed: bytes) -> bytes:
    """Return the attributes of an attached message."""
    return file(b"icon", b"", one(0x3701, 0x0D, IID_MESSAGE + packed), text(0x3001, "inner"))
