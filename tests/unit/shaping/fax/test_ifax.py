"""What an internet fax gets of a message: one TIFF, and a text where there is any to say."""

import email
import sys
from email.message import EmailMessage, Message

import attrs
import pytest

from bridge.shaping.errors import Unshapeable
from bridge.shaping.fax import missing_libraries
from bridge.shaping.fax.coding import coded
from bridge.shaping.fax.paper import Sheet
from bridge.shaping.fax.tiff import write_tiff
from bridge.shaping.fax.tiffprofiles import Profile, deviations
from bridge.shaping.shape import shape
from bridge.shaping.wish import Charset, Deliver, FaxText, Wish
from tests.unit.shaping.fax.fax_pages import by_pillow, page, pdf

WISH = Wish(Deliver.IFAX)
PDF = pdf(b"0 g 9 9 99 99 re f", b"0 g 9 9 99 99 re f")


def mail(text: str = "Please sign.", *files: tuple[str, str, bytes]) -> bytes:
    """Return a mail as modern programs write it, with files of a name, a type and a content."""
    made = EmailMessage()
    made["From"] = "Jörg Weiß <joerg@example.org>"
    made["To"] = "fax@example.org"
    made["Subject"] = "AW: [EXTERNAL] Rechnung 4711 für März"
    made["Message-ID"] = "<1@example.org>"
    made["Disposition-Notification-To"] = "joerg@example.org"
    made.set_content(text)
    made.add_alternative(f"<p>{text}</p>", subtype="html")
    for name, kind, content in files:
        main, _, sub = kind.partition("/")
        made.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return made.as_bytes()


def shaped(message: bytes, wish: Wish = WISH) -> Message:
    """Return what a fax gets, read again."""
    data = b"".join(shape(message, wish))
    assert data.count(b"\n") == data.count(b"\r\n")
    assert data.isascii()
    return email.message_from_bytes(data)


def parts(message: Message) -> list[tuple[str, bytes]]:
    """Return type and content of each part."""
    leaves = [part for part in message.walk() if not part.is_multipart()]
    return [
        (leaf.get_content_type(), bytes(leaf.get_payload(decode=True) or b""))
        for leaf in leaves
    ]


def tiff(message: Message) -> bytes:
    """Return the one TIFF of a message."""
    (found,) = [content for kind, content in parts(message) if kind == "image/tiff"]
    return found


@pytest.mark.parametrize("profile", Profile)
def test_a_pdf_becomes_a_text_and_a_tiff(profile: Profile) -> None:
    message = shaped(
        mail("Please sign.", ("c.pdf", "application/pdf", PDF)),
        Wish(Deliver.IFAX, tiff=profile),
    )
    assert message.get_content_type() == "multipart/mixed"
    assert [kind for kind, _ in parts(message)] == ["text/plain", "image/tiff"]
    assert parts(message)[0][1] == b"Please sign."
    assert deviations(tiff(message), profile) == ()
    assert len(by_pillow(tiff(message))) == 2


def test_from_and_subject_tell_in_24_characters_who_and_what() -> None:
    """Canon prints so many above a page that has no text."""
    message = shaped(mail())
    assert message["From"] == "Jorg Weiss <joerg@example.org>"
    assert message["Subject"] == "Rechnung 4711 fur Marz [EXTERNAL]"
    assert message["Subject"][:24] == "Rechnung 4711 fur Marz ["
    assert message["Message-ID"] == "<1@example.org>"
    assert message["Disposition-Notification-To"] == "joerg@example.org"


def test_a_text_alone_is_a_bare_tiff() -> None:
    message = shaped(mail("Only words."))
    assert message.get_content_type() == "image/tiff"
    assert deviations(tiff(message), Profile.S) == ()


@pytest.mark.parametrize(
    ("wish", "kinds", "pages"),
    [
        (FaxText.KEEP, ["text/plain", "image/tiff"], 2),
        (FaxText.PAGE, ["image/tiff"], 3),
        (FaxText.DROP, ["image/tiff"], 2),
    ],
)
def test_the_text_goes_where_its_owner_wants(
    wish: FaxText, kinds: list[str], pages: int
) -> None:
    message = shaped(
        mail("Please sign.", ("c.pdf", "application/pdf", PDF)),
        Wish(Deliver.IFAX, fax_text=wish),
    )
    assert [kind for kind, _ in parts(message)] == kinds
    assert len(by_pillow(tiff(message))) == pages


def test_a_text_that_is_dropped_is_printed_where_there_is_nothing_else() -> None:
    message = shaped(mail("Only words."), Wish(Deliver.IFAX, fax_text=FaxText.DROP))
    assert len(by_pillow(tiff(message))) == 1


def test_a_text_that_the_device_cannot_spell_is_drawn() -> None:
    message = shaped(mail("Подпишите", ("c.pdf", "application/pdf", PDF)))
    assert [kind for kind, _ in parts(message)] == ["image/tiff"]
    assert len(by_pillow(tiff(message))) == 3
    spelt = shaped(
        mail("Подпишите", ("c.pdf", "application/pdf", PDF)),
        Wish(Deliver.IFAX, charset=Charset.UTF8),
    )
    assert [kind for kind, _ in parts(spelt)] == ["text/plain", "image/tiff"]


def test_what_a_fax_cannot_print_is_named_in_the_text() -> None:
    files = [
        ("c.pdf", "application/pdf", PDF),
        ("letter.docx", "application/octet-stream", b"PK\x03\x04 word/"),
        ("broken.pdf", "application/pdf", b"%PDF-1.7 and no more"),
    ]
    text = parts(shaped(mail("Please sign.", *files)))[0][1].decode()
    assert "Please sign." in text
    assert "letter.docx is not printed" in text
    assert '"broken.pdf" is damaged, or no PDF.' in text


def test_pages_end_at_the_limit() -> None:
    message = shaped(
        mail("x", ("c.pdf", "application/pdf", PDF)), Wish(Deliver.IFAX, fax_pages=1)
    )
    assert len(by_pillow(tiff(message))) == 1
    assert b"at most 1 page" in parts(message)[0][1]


def test_a_fax_passes_octet_for_octet() -> None:
    fax = write_tiff([coded(Sheet(page()), Profile.S)])
    assert tiff(shaped(mail("Here.", ("in.tif", "image/tiff", fax)))) == fax


@pytest.mark.parametrize("how", list(FaxText))
def test_a_subject_alone_is_drawn(how: FaxText) -> None:
    made = shaped(mail(""), attrs.evolve(WISH, fax_text=how))
    assert made.get_content_type() == "image/tiff"
    assert len(by_pillow(tiff(made))) == 1


def test_nothing_that_can_be_printed_is_told_in_words() -> None:
    message = mail("", ("letter.docx", "application/octet-stream", b"PK\x03\x04 word/"))
    with pytest.raises(
        Unshapeable, match=r"Nothing in it can be printed by a fax\. letter\.docx"
    ) as raised:
        shape(message, WISH)
    assert raised.value.why == "Nothing in it can be printed by a fax.", "the log has no name"


def test_a_missing_library_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bridge.shaping.fax.ifax", raising=False)
    for name in [name for name in sys.modules if name.startswith("bridge.shaping.fax.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(Unshapeable, match=r"PIL is not installed: install popbridge\[ifax\]\."):
        shape(mail(), WISH)


def test_what_is_missing_is_known_before_a_maildrop_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert missing_libraries() == []
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert missing_libraries() == ["Pillow"]


def test_no_field_can_be_smuggled_into_the_header() -> None:
    raw = (
        b'From: "a\rBcc: x@example.org" <a@example.org>\r\nSubject: one\x00\x0btwo\r\n\r\nHello'
    )
    message = shaped(raw)
    assert message["Bcc"] is None
    assert message["Subject"] == "onetwo"
