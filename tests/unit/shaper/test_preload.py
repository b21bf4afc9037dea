"""Nothing is opened once a message is here: what comes out of a process that cannot is what shaping makes."""

import io
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage

import pytest
from PIL import Image

from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.shaping.shape import shape
from bridge.shaping.wish import Charset, Deliver, Wish
from tests.unit.shaping.fax.fax_pages import pdf

BOUNDS = Bounds(2, Limits(cpu_seconds=20, memory_octets=1 << 29), 60.0, 1 << 24)
CHARSETS = (
    "iso-2022-jp",
    "gb18030",
    "koi8-r",
    "utf-7",
    "big5",
    "windows-1252",
    "idna",
    "rot13",
)
PICTURES = ("PNG", "JPEG", "GIF", "BMP", "TIFF")

pytestmark = pytest.mark.slow


def picture(kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (300, 300), (9, 200, 90)).save(file, kind, **how)
    return file.getvalue()


def everything() -> bytes:
    """Return a mail with a part for each charset, and each kind of file that can be drawn."""
    made = EmailMessage()
    made["From"] = "Jürgen <j@xn--mnchen-3ya.example>"
    made["Subject"] = "中文 für alle"
    made.set_content("Grüße 中文\n")
    made.add_alternative("<p>Gr&uuml;&szlig;e &#x4e2d;</p>", subtype="html")
    files = [("application/pdf", pdf(b"0 g 9 9 99 99 re f", b"BT (x) Tj ET"))]
    files += [(f"image/{kind.lower()}", picture(kind)) for kind in PICTURES]
    files += [("image/tiff", picture("TIFF", compression="jpeg"))]
    files += [("image/jpeg", picture("JPEG", progressive=True))]
    files += [("text/calendar", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20200101\r\n")]
    for kind, content in files:
        main, _, sub = kind.partition("/")
        made.add_attachment(content, maintype=main, subtype=sub, filename="fä")
    return made.as_bytes()


def in_charsets() -> Iterator[bytes]:
    for charset in CHARSETS:
        yield (
            f"Subject: =?{charset}?Q?G=F6?=\r\nContent-Type: text/html; charset={charset}"
            "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>ab=E4&eacute;\r\n"
        ).encode()


async def whole(message: bytes) -> AsyncIterator[bytes]:
    yield message


@pytest.mark.parametrize("deliver", [Deliver.PRINT, Deliver.TEXT, Deliver.IFAX])
async def test_what_may_be_needed_is_loaded_before(deliver: Deliver) -> None:
    wish = Wish(deliver, Charset.UTF8)
    for message in (everything(), *in_charsets()):
        made = ShapingProcesses(BOUNDS).shape(wish, len(message), whole(message))
        assert b"".join([piece async for piece in made]) == b"".join(shape(message, wish))
