"""Messages for tests, and what comes out of shaping them, read again."""

import email
from email.message import Message

from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish

PDF = b"JVBERi0xLjQKJeLjz9MK"
PRINT = Wish(Deliver.PRINT)


def made(text: str) -> bytes:
    return text.strip("\n").replace("\n", "\r\n").encode()


def shaped(message: bytes, wish: Wish = PRINT) -> Message:
    return email.message_from_bytes(b"".join(shape(message, wish)))


def text_of(message: Message) -> str:
    first = message.get_payload(0) if message.is_multipart() else message
    assert isinstance(first, Message)
    content = first.get_payload(decode=True)
    assert isinstance(content, bytes)
    return (
        content.decode(first.get_content_charset("ascii")).replace("\r\n", "\n").rstrip("\n")
        + "\n"
    )


def within(*parts: str, kind: str = "mixed", boundary: str = "b") -> bytes:
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return made(
        f"From: a@example.org\nContent-Type: multipart/{kind}; boundary={boundary}\n\n{body}--{boundary}--\n"
    )
