"""Makes the demo's mail: a text, a PDF print job, a TIFF fax, leading dots, eight-bit text.

Everything is made here, octet by octet, so that a try-out needs no file and no library.
"""

import struct
from email.message import EmailMessage
from email.policy import SMTP

from bridge.testpage.pdf import one_page

_DRAWING = b"BT /F1 24 Tf 72 720 Td (popbridge test page) Tj ET"


def samples() -> dict[str, bytes]:
    """Return file names and RFC 5322 octets, in the order in which a printer should see them."""
    return {
        "01-text.eml": _text().as_bytes(policy=SMTP),
        "02-print-job.eml": _attached(
            "Print job: one page", "page.pdf", ("application", "pdf"), one_page(_DRAWING)
        ),
        "03-fax.eml": _attached("Fax from +1 555 0100", "fax.tif", ("image", "tiff"), _tiff()),
        "04-leading-dots.eml": _dots(),
        "05-eight-bit.eml": _eight_bit(),
    }


def _message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Front desk <desk@example.org>"
    message["To"] = "printer@example.org"
    message["Subject"] = subject
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0000"
    message["MIME-Version"] = "1.0"
    return message


def _text() -> EmailMessage:
    message = _message("Hello, printer")
    message.set_content("If you can read this on paper, the bridge works.\n")
    return message


def _attached(subject: str, name: str, kind: tuple[str, str], octets: bytes) -> bytes:
    message = _message(subject)
    message.set_content("The page is attached.\n")
    message.add_attachment(octets, maintype=kind[0], subtype=kind[1], filename=name)
    return message.as_bytes(policy=SMTP)


def _dots() -> bytes:
    """Return a message whose lines begin with dots: byte-stuffing must bring every one through."""
    body = ".\r\n..\r\n.leading dot\r\nA line between.\r\n.\r\n"
    return _head("Lines that begin with dots") + body.encode()


def _eight_bit() -> bytes:
    """Return Latin-1 text as an old gateway would send it, with bare LF as its line end."""
    text = "Gr\u00fc\u00dfe, pr\u00eat \u00e0 imprimer, ma\u00f1ana\n"
    head = _head("Eight-bit text").replace(b"us-ascii", b"iso-8859-1").replace(b"7bit", b"8bit")
    return head + text.encode("latin-1")


def _head(subject: str) -> bytes:
    message = _message(subject)
    message["Content-Type"] = "text/plain; charset=us-ascii"
    message["Content-Transfer-Encoding"] = "7bit"
    return message.as_bytes(policy=SMTP)


def _tiff() -> bytes:
    """Return a white fax page, uncompressed bilevel TIFF (TIFF 6.0 sections 2 and 3)."""
    width, height = 1728, 100  # pixels of an A4 fax line (RFC 3949 section 3); a short page
    strip = b"\x00" * (width // 8 * height)
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 1),  # bits per sample
        (259, 3, 1),  # no compression
        (262, 3, 0),  # zero is white
        (273, 4, 0),  # where the strip begins, set below
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(strip)),
    ]
    begin = 8 + 2 + 12 * len(entries) + 4
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHII", tag, kind, 1, begin if tag == 273 else value)  # noqa: PLR2004 - StripOffsets
    return struct.pack("<2sHI", b"II", 42, 8) + directory + struct.pack("<I", 0) + strip
