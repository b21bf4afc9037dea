"""Faxes made where they are made: in a process with the limits of a bridge, of mail by good and bad people."""

import email
import io
import struct
import zlib
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest
from PIL import Image

from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.shaping.errors import Unshapeable
from bridge.shaping.fax.tiffprofiles import Profile, deviations
from bridge.shaping.wish import Deliver, Wish
from tests.unit.shaping.fax.fax_pages import by_pillow, pdf

BOUNDS = Bounds(
    processes=1,
    limits=Limits(cpu_seconds=20, memory_octets=1 << 29),
    seconds=60.0,
    output_octets=1 << 26,
)

pytestmark = pytest.mark.slow


def mail(content: bytes, kind: str) -> bytes:
    """Return a mail that brings a file, and no text."""
    made = EmailMessage()
    made["From"] = "jane@example.org"
    made["Subject"] = "File"
    main, _, sub = kind.partition("/")
    made.add_attachment(content, maintype=main, subtype=sub, filename="file")
    return made.as_bytes()


async def whole(message: bytes) -> AsyncIterator[bytes]:
    """Yield a message in one piece."""
    yield message


async def faxed(message: bytes) -> bytes:
    """Return the TIFF that a process makes of a mail."""
    shaping = ShapingProcesses(BOUNDS).shape(Wish(Deliver.IFAX), len(message), whole(message))
    made = email.message_from_bytes(b"".join([piece async for piece in shaping]))
    (tiff,) = [part for part in made.walk() if part.get_content_type() == "image/tiff"]
    return bytes(tiff.get_payload(decode=True) or b"")


async def test_a_pdf_is_drawn_within_the_limits() -> None:
    tiff = await faxed(mail(pdf(*[b"0 g 9 9 99 99 re f"] * 10), "application/pdf"))
    assert deviations(tiff, Profile.S) == ()
    assert len(by_pillow(tiff)) == 10


def png_of(wide: int, long: int) -> bytes:
    """Return a colour picture of zeroes in a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body))
            + kind
            + body
            + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, long, 8, 2, 0, 0, 0))
    rows = zlib.compress(bytes((3 * wide + 1) * long), 1)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def test_the_largest_picture_that_is_taken_fits_the_memory() -> None:
    assert len(by_pillow(await faxed(mail(png_of(5000, 7900), "image/png")))) == 1


async def test_the_largest_photograph_of_a_telephone_fits_the_memory() -> None:
    file = io.BytesIO()
    taken = Image.new("RGB", (12_000, 9000), "gray")
    taken.save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert len(by_pillow(await faxed(mail(file.getvalue(), "image/jpeg")))) == 1


def deep_pdf() -> bytes:
    """Return a PDF whose page draws forms that draw forms: 10 to the 12th rectangles from 3 kB."""
    forms = b"".join(b"/X%d %d 0 R " % (n, 10 + n) for n in range(13))
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /XObject << " + forms + b">> >> >>",
        4: b"<< /Length 6 >>\nstream\n/X0 Do\nendstream",
    }
    for n in range(13):
        does = b"/X%d Do " % (n + 1) * 10 if n < 12 else b"0 0 9 9 re f "
        objects[10 + n] = (
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << "
            + forms
            + b">> >> /Length %d >>\nstream\n%s\nendstream" % (len(does), does)
        )
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, thing) for n, thing in objects.items())
    return b"%PDF-1.4\n" + body + b"trailer << /Root 1 0 R >>\n%%EOF\n"


def progressive(side: int) -> bytes:
    """Return a JPEG whose decoder must hold all of it: far more than may be had."""
    file = io.BytesIO()
    Image.new("L", (side, side), 120).save(file, "JPEG", progressive=True)
    return file.getvalue()


async def test_a_pdf_of_forms_in_forms_ends() -> None:
    """PDFium ends its process where memory lacks (SIGABRT); the message ends as a notice."""
    try:
        tiff = await faxed(mail(deep_pdf(), "application/pdf"))
    except Unshapeable as why:
        assert "seconds" in str(why) or "memory" in str(why)  # noqa: PT017 - either is a right end, silence is none
    else:
        assert deviations(tiff, Profile.S) == ()


async def test_160_million_pixels_are_the_most() -> None:
    with pytest.raises(Unshapeable, match="can be printed"):
        await faxed(mail(progressive(12_700), "image/jpeg"))


async def test_a_progressive_jpeg_of_a_large_scan_ends_in_words_or_on_paper() -> None:
    try:
        tiff = await faxed(mail(progressive(12_500), "image/jpeg"))
    except Unshapeable as why:
        assert "memory" in str(why) or "damaged" in str(why)  # noqa: PT017 - as above
    else:
        assert deviations(tiff, Profile.S) == ()
