import email
from email.message import EmailMessage
from email.policy import default

import attrs
import pytest

from bridge.admission import Admission, refusal
from bridge.errors import RegisterError
from bridge.imprint.imprint import ImprintTaker
from bridge.names import MaildropName
from bridge.shaping.fax.envelope import SHOWN
from bridge.testpage.mail import mail
from bridge.testpage.page import LETTERS, Kind, ruler
from tests.unit.testpage.test_page import PAGE

SENDER = "popbridge@popbridge.lan"


def parsed(octets: bytes) -> EmailMessage:
    found = email.message_from_bytes(octets, policy=default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def test_a_text_tells_its_own_octets_and_shows_letters_dots_and_a_ruler() -> None:
    octets = mail(PAGE, SENDER, "token")
    text = parsed(octets).get_content()
    assert f"Octets:    {len(octets):7} as made" in text
    assert LETTERS in text
    assert [line[:2] for line in text.splitlines() if line.startswith(".")] == [".A", ".."]
    assert text.splitlines()[-2:] == list(ruler())


def test_it_is_seven_bits_with_crlf_in_short_lines() -> None:
    octets = mail(PAGE, SENDER, "token")
    assert octets.isascii()
    assert octets.count(b"\n") == octets.count(b"\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= 78  # RFC 5322 section 2.1.1


def test_its_header_tells_a_fax_in_24_characters_what_it_is() -> None:
    page = parsed(mail(PAGE, SENDER, "token"))
    assert page["Subject"] == "Test page 17 for hall"
    assert len(page["Subject"]) <= SHOWN
    assert page["From"] == SENDER
    assert page["To"] == "hall@popbridge.lan"
    assert page["Date"].datetime.timestamp() == PAGE.when


def test_a_pdf_is_attached_to_a_short_text_and_tells_the_octets_of_the_mail() -> None:
    octets = mail(attrs.evolve(PAGE, kind=Kind.PDF), SENDER, "token")
    page = parsed(octets)
    assert octets.isascii()
    text, attached = page.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert f"{len(octets):7} as made" in text.get_content()
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_filename() == "testpage.pdf"
    assert f"{len(octets):7} as made".encode() in attached.get_content()
    assert page.get_boundary() == "test-page-token"


def test_the_same_page_is_the_same_octets() -> None:
    page = attrs.evolve(PAGE, kind=Kind.PDF)
    assert mail(page, SENDER, "token") == mail(page, SENDER, "token")


def test_no_two_have_the_same_message_id() -> None:
    ids = {parsed(mail(PAGE, SENDER, token))["Message-ID"] for token in ("a", "b")}
    assert ids == {"<test-page.a@popbridge.lan>", "<test-page.b@popbridge.lan>"}


def test_it_is_no_mail_of_a_program() -> None:
    taker = ImprintTaker()
    taker.feed(mail(PAGE, SENDER, "token"))
    imprint = taker.finish()
    assert imprint.senders == (SENDER,)
    assert refusal(Admission(automatic=False), imprint, PAGE.when) == ""


@pytest.mark.parametrize("name", ["a.", "A-1_x", "x" * 64])
def test_any_name_of_a_maildrop_can_be_addressed(name: str) -> None:
    page = parsed(mail(attrs.evolve(PAGE, maildrop=MaildropName(name)), SENDER, "token"))
    assert page["To"].addresses[0].username == name


@pytest.mark.parametrize(
    "sender", ["", "nobody", "a@b\r\nBcc: c@d", "a b@c", "Ann <a@b>", "a@b, c@d"]
)
def test_what_is_no_address_is_no_sender(sender: str) -> None:
    with pytest.raises(RegisterError, match="is no address"):
        mail(PAGE, sender, "token")
