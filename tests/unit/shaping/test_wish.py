"""Each knob of a wish has its effect in every shape that is made."""

import email
import io
from email.message import EmailMessage, Message

import attrs
import pytest
from PIL import Image

from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.shape import shape
from bridge.shaping.wish import (
    Charset,
    Crypto,
    Deliver,
    Headers,
    Mdn,
    Oversize,
    Signatures,
    Wish,
)

SHAPES = [Deliver.PRINT, Deliver.IFAX, Deliver.TEXT]
every_shape = pytest.mark.parametrize("deliver", SHAPES)


def picture(width: int = 20) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, 20), 0).save(file, "PNG")
    return file.getvalue()


def mail(text: str = "Bitte prüfen", *files: tuple[str, str, bytes]) -> bytes:
    """Return a mail with a request for a receipt, and files of a name, a disposition and a content."""
    made = EmailMessage()
    made["From"] = "a@example.org"
    made["Subject"] = "s"
    made["X-Relay"] = "9"
    made["Disposition-Notification-To"] = "a@example.org"
    made.set_content(text)
    made.add_attachment(picture(), maintype="image", subtype="png", filename="scan.png")
    for name, disposition, content in files:
        made.add_attachment(
            content,
            maintype="image",
            subtype="png",
            filename=name,
            disposition=disposition,
            cid=f"<{name}>",
        )
    return made.as_bytes()


def made(message: bytes, deliver: Deliver, **chosen: object) -> Message:
    return email.message_from_bytes(
        b"".join(shape(message, attrs.evolve(Wish(deliver), **chosen)))
    )


def said(message: Message) -> str:
    """Return the text that a device gets beside files."""
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            return content.decode(part.get_content_charset("ascii"))
    return ""


@every_shape
@pytest.mark.parametrize(
    ("charset", "text"),
    [(Charset.ASCII, "prufen"), (Charset.LATIN1, "prüfen"), (Charset.UTF8, "prüfen")],
)
def test_letters(deliver: Deliver, charset: Charset, text: str) -> None:
    message = made(mail(), deliver, charset=charset)
    assert text in said(message)
    known = {"us-ascii", charset.value.replace("latin1", "iso-8859-1")}
    assert set(message.get_charsets()) <= {None, *known}


@every_shape
def test_line_limit(deliver: Deliver) -> None:
    message = mail("word " * 100)
    lengths = {
        limit: max(
            map(len, b"".join(shape(message, Wish(deliver, line_limit=limit))).split(b"\r\n"))
        )
        for limit in (76, 998)
    }
    assert lengths[76] <= 76 < lengths[998]


@every_shape
def test_headers(deliver: Deliver) -> None:
    assert made(mail(), deliver, headers=Headers.ALL)["X-Relay"] == "9"
    few = made(mail(), deliver, headers=Headers.FEW)
    assert few["X-Relay"] is None
    assert few["Subject"] == "s"


@every_shape
def test_receipts_are_asked_for_or_not(deliver: Deliver) -> None:
    for headers in Headers:
        kept = made(mail(), deliver, headers=headers, mdn=Mdn.PASS)
        assert kept["Disposition-Notification-To"] == "a@example.org"
        stripped = made(mail(), deliver, headers=headers, mdn=Mdn.STRIP)
        assert stripped["Disposition-Notification-To"] is None


@every_shape
def test_kinds_of_attachments(deliver: Deliver) -> None:
    assert "scan.png is not printed" in said(made(mail(), deliver, attachments=("pdf",)))
    assert "is not printed" not in said(made(mail(), deliver, attachments=("png",)))


@every_shape
def test_logos_below_a_size(deliver: Deliver) -> None:
    message = mail("x", ("logo.png", "inline", picture()))
    octets = {
        floor: len(b"".join(shape(message, Wish(deliver, inline_floor=floor))))
        for floor in (0, 16384)
    }
    assert octets[16384] < octets[0]


@every_shape
def test_signatures(deliver: Deliver) -> None:
    message = mail("hi\n-- \nACME Ltd\n")
    assert "ACME" in said(made(message, deliver, signatures=Signatures.KEEP))
    assert "ACME" not in said(made(message, deliver, signatures=Signatures.DROP))


@every_shape
def test_parts(deliver: Deliver) -> None:
    with pytest.raises(Unshapeable, match="too many parts: 3, where 2"):
        shape(mail(), Wish(deliver, max_parts=2))
    assert said(made(mail(), deliver, max_parts=3))


@pytest.mark.parametrize("deliver", list(Deliver))
def test_what_is_too_large_is_told_skipped_or_sent_as_it_came(deliver: Deliver) -> None:
    message = mail("word " * 900)
    wish = Wish(deliver, size_octets=500)
    with pytest.raises(Unshapeable, match=r"and this maildrop takes 500 at most \(--size\)"):
        shape(message, wish)
    with pytest.raises(Skipped, match="takes 500 at most"):
        shape(message, attrs.evolve(wish, oversize=Oversize.SKIP))
    whole = shape(message, attrs.evolve(wish, oversize=Oversize.ORIGINAL))
    assert b"".join(whole) == message


@every_shape
def test_what_counts_is_the_size_as_it_is_sent(deliver: Deliver) -> None:
    octets = len(b"".join(shape(mail(), Wish(deliver))))
    assert shape(mail(), Wish(deliver, size_octets=octets))
    with pytest.raises(Unshapeable, match=f"has {octets} octets"):
        shape(mail(), Wish(deliver, size_octets=octets - 1))


ENCRYPTED = (
    b"From: a@example.org\r\nDisposition-Notification-To: a@example.org\r\nSubject: \xc3\xbc\r\n"
    b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n"
)


@every_shape
def test_what_is_encrypted_passes_as_it_is_where_the_machine_can_open_it(
    deliver: Deliver,
) -> None:
    """Its header is ASCII all the same, and receipts are asked for only where they may be."""
    passed = b"".join(shape(ENCRYPTED, Wish(deliver, crypto=Crypto.PASS)))
    assert passed == ENCRYPTED.replace(b"\xc3\xbc", b"=?utf-8?Q?=C3=BC?=")
    stripped = b"".join(shape(ENCRYPTED, Wish(deliver, crypto=Crypto.PASS, mdn=Mdn.STRIP)))
    assert stripped == passed.replace(b"Disposition-Notification-To: a@example.org\r\n", b"")


def test_what_is_encrypted_becomes_a_sentence_or_a_notice() -> None:
    for deliver in (Deliver.PRINT, Deliver.TEXT):
        assert "can be read by its recipient alone" in said(made(ENCRYPTED, deliver))
    with pytest.raises(Unshapeable, match="can be read by its recipient alone"):
        shape(ENCRYPTED, Wish(Deliver.IFAX))


@every_shape
def test_a_pgp_text_becomes_a_sentence_or_passes(deliver: Deliver) -> None:
    message = mail("-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n")
    assert "can be read by its recipient alone" in said(made(message, deliver))
    assert "hQEM" in said(made(message, deliver, crypto=Crypto.PASS))
