"""Makes of a test page the mail that brings it, so that its octets are those it tells of itself; pure.

No Auto-Submitted field is in it (RFC 3834): a maildrop that takes nothing automatic would judge it otherwise
than mail, and machines that look for the field would not print it.
"""

from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from bridge.errors import RegisterError
from bridge.testpage.page import LETTERS, Kind, Page, facts, ruler
from bridge.testpage.pdf import drawn_page

CHARSET: Final = "iso-8859-1"
"""What Ricoh and Canon name besides US-ASCII as the letters of mail that they print."""

TITLE: Final = "popbridge test page"
READ_WELL: Final = "Whoever reads this on paper has seen the way from bridge to machine."
FILE_NAME: Final = "testpage.pdf"
"""Of eight characters and three, for machines that know no more."""

_DOTS = (".A line that begins with a dot, which POP3 doubles on the way.", "..And one of two.")


def mail(page: Page, sender: str, token: str) -> bytes:
    """Return RFC 5322 octets of 7 bits with CRLF; `token` makes the Message-ID unlike any other.

    Of a page that is to be a TIFF they hold the PDF that is to be drawn.

    Raises:
        RegisterError: `sender` is no address.
    """
    draft = _built(page, sender, token, 0)
    return _built(page, sender, token, len(draft))


def _built(page: Page, sender: str, token: str, octets: int) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender)
    message["To"] = Address(username=page.maildrop, domain=page.bridge)
    message["Subject"] = f"Test page {page.number} for {page.maildrop}"
    message["Date"] = formatdate(page.when)
    message["Message-ID"] = f"<test-page.{token}@{page.bridge}>"
    match page.kind:
        case Kind.TEXT:
            message.set_content(_text(page, octets), charset=CHARSET, cte="quoted-printable")
        case Kind.PDF | Kind.TIFF:
            _attach(message, page, octets)
            message.set_boundary(f"test-page-{token}")
    return message.as_bytes()


def _attach(message: EmailMessage, page: Page, octets: int) -> None:
    """Attach the page as a PDF, which is drawn later where it is to be a TIFF."""
    lines = [*facts(page, octets), "", READ_WELL, "", *ruler()]
    text = "\n".join(["The test page is attached.", "", *facts(page, octets)])
    message.set_content(f"{text}\n", charset="us-ascii")
    message.add_attachment(
        drawn_page(TITLE, lines, LETTERS),
        maintype="application",
        subtype="pdf",
        filename=FILE_NAME,
    )


def _address(sender: str) -> Address:
    try:
        return Address(addr_spec=sender)
    except (ValueError, IndexError, MessageError):
        raise RegisterError(
            f"{sender!r} is no address; give one such as popbridge@example.com."
        ) from None


def _text(page: Page, octets: int) -> str:
    lines = [
        TITLE,
        "",
        *facts(page, octets),
        "",
        READ_WELL,
        "",
        f"Letters:   {LETTERS}",
        *_DOTS,
        "",
        *ruler(),
    ]
    return "\n".join(lines) + "\n"
