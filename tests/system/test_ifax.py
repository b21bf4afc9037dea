"""A PDF on its whole road to an internet fax: out of a mail folder, drawn as TIFF, fetched over TLS by poplib."""

import io
import poplib
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish
from tests.system.pop_client import DEADLINE_SECONDS, trusting
from tests.system.running_bridge import PASSWORD, Home, RunningBridge, running

pytest.importorskip("pypdfium2", reason="popbridge[ifax] is not installed")
pytest.importorskip("PIL", reason="popbridge[ifax] is not installed")

from PIL import Image

from tests.unit.shaping.fax.fax_pages import WIDTH, pdf

pytestmark = pytest.mark.slow

PAGES = [b"BT /F1 48 Tf 60 700 Td (Page %d) Tj ET" % number for number in (1, 2, 3)]
BLACK = b"0 0 595 421 re f"
"""The lower half of a page."""


def mail(name: str, *contents: bytes) -> bytes:
    """Return a mail with a text and a PDF of these pages."""
    message = EmailMessage(policy.SMTP)
    message["From"] = "Scanner <scanner@example.com>"
    message["Subject"] = name
    message["Message-ID"] = f"<{name}@example.com>"
    message.set_content("See the file.\n.\n..and dots\n")
    message.add_attachment(pdf(*contents), "application", "pdf", filename=f"{name}.pdf")
    return message.as_bytes()


MAIL = [mail("three", *PAGES), mail("half", BLACK)]
NOTHING_TO_DRAW = (
    b"From: <a@example.com>\r\nSubject: film\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: video/mp4\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
)


@pytest.fixture
def fax(home: Home) -> Iterator[RunningBridge]:
    """Return a bridge at an empty mail folder, whose first look is over."""
    done = home.run("maildrop", "change", "office", "--deliver", "ifax")
    assert done.returncode == 0, done.stderr
    with running(home) as bridge:
        home.sync()
        with logged_in(bridge):
            pass  # uses up the one look that a login brings forward
        home.sync()
        yield bridge


@contextmanager
def logged_in(bridge: RunningBridge) -> Iterator[poplib.POP3_SSL]:
    """Give a device's session, which ends with QUIT."""
    device = poplib.POP3_SSL(
        "127.0.0.1",
        bridge.ports["pop3s"],
        timeout=DEADLINE_SECONDS,
        context=trusting(bridge.home.ca),
    )
    try:
        device.user("printer")
        device.pass_(PASSWORD)
        yield device
        device.quit()
    finally:
        device.close()


def fetched(device: poplib.POP3_SSL) -> list[bytes]:
    """Return all messages; each must have just the octets that LIST, STAT and RETR say."""
    _, lines, _ = device.list()
    said = [int(line.split()[1]) for line in lines]
    assert device.stat() == (len(said), sum(said))
    found = []
    for number, octets in enumerate(said, 1):
        _, got, counted = device.retr(number)
        whole = b"".join(line + b"\r\n" for line in got)
        assert len(whole) == counted == octets
        found.append(whole)
    return found


def drawn(octets: bytes) -> list[Image.Image]:
    """Return the pages of a fax."""
    message = message_from_bytes(octets, policy=policy.default)
    (tiff,) = (part for part in message.walk() if part.get_content_type() == "image/tiff")
    with Image.open(io.BytesIO(tiff.get_payload(decode=True))) as image:
        pages = []
        for number in range(image.n_frames):
            image.seek(number)
            pages.append(image.convert("1"))
        return pages


def test_a_pdf_arrives_as_tiff_in_just_the_octets_that_are_listed(fax: RunningBridge) -> None:
    home = fax.home
    for number, octets in enumerate(MAIL, 1):
        home.put(f"{number}.eml", octets)
    assert home.sync()["delivered"] == len(MAIL)
    with logged_in(fax) as device:
        three, half = fetched(device)
        for number in (1, 2):
            device.dele(number)
    assert [three, half] == [b"".join(shape(one, Wish(Deliver.IFAX))) for one in MAIL]
    pages = drawn(three)
    assert [page.width for page in pages] == [WIDTH] * 3
    assert len({page.tobytes() for page in pages}) == 3
    (page,) = drawn(half)
    white = page.histogram()[255] / (page.width * page.height)
    assert white == pytest.approx(0.5, abs=0.02)
    assert home.sync()["disposed"] == len(MAIL)
    assert home.bodies == []
    printed = sorted((home.mail() / "Printed").iterdir())
    assert [path.read_bytes() for path in printed] == MAIL


def test_a_mail_of_which_no_page_can_be_drawn_is_a_notice_that_says_how_to_get_at_it(
    fax: RunningBridge,
) -> None:
    home = fax.home
    home.put("1.eml", NOTHING_TO_DRAW)
    assert home.sync()["quarantined"] == 1
    with logged_in(fax) as device:
        (notice,) = fetched(device)
    assert b"popbridge message show 1 --original" in notice
    target = home.folder / "film.eml"
    shown = home.run("message", "show", "1", "--original", "--output", str(target))
    assert shown.returncode == 0, shown.stderr
    assert target.read_bytes() == NOTHING_TO_DRAW
