"""What comes out of shaping, by the shape that was wished for, whatever goes in."""

import base64
import email
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.shaping.errors import Unshapeable
from bridge.shaping.reading import LEVELS
from bridge.shaping.shape import shape
from bridge.shaping.wish import (
    Charset,
    Crypto,
    Deliver,
    Headers,
    Mdn,
    Signatures,
    Wish,
)
from tests.unit.shaping.messages import PDF, PRINT, made, shaped, text_of, within

ODD = b"subject:  two  blanks\r\nX: \x80\r\n\r\nRELAY-ID-: 1234 \r\n\x00.\r\n"
PLAIN = ODD.replace(b"\x80", b"y")


@pytest.mark.parametrize("deliver", [Deliver.ORIGINAL, Deliver.COMMAND])
def test_a_message_may_pass_untouched(deliver: Deliver) -> None:
    assert b"".join(shape(PLAIN, Wish(deliver))) == PLAIN


@pytest.mark.parametrize("deliver", [Deliver.ORIGINAL, Deliver.COMMAND])
def test_of_one_with_raw_octets_in_its_header_all_else_passes_untouched(
    deliver: Deliver,
) -> None:
    assert b"".join(shape(ODD, Wish(deliver))) == ODD.replace(
        b"X: \x80", b"X: =?utf-8?B?4oKs?="
    )


def test_of_alternatives_the_plain_one_is_printed_and_files_of_all_are_kept() -> None:
    """Apple Mail puts files into the alternative beside the plain text."""
    message = within(
        "Content-Type: text/plain\n\nplain words\n",
        "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/html\n\n<b>rich words</b>\n--c\n"
        f"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n{PDF.decode()}\n--c--\n",
        kind="alternative",
    )
    printed = shaped(message)
    assert [part.get_content_type() for part in printed.walk()] == [
        "multipart/mixed",
        "text/plain",
        "application/pdf",
    ]
    assert text_of(printed) == "plain words\n"


def test_html_is_printed_where_the_plain_text_only_says_that_there_is_html() -> None:
    message = within(
        "Content-Type: text/plain\n\nSee HTML.\n",
        f"Content-Type: text/html\n\n<p>{'Total 12 pieces. ' * 9}</p>\n",
        kind="alternative",
    )
    assert text_of(shaped(message)).startswith("Total 12 pieces.")


def test_a_logo_is_dropped_and_an_image_that_is_attached_is_not() -> None:
    image = "Content-Transfer-Encoding: base64\n\niVBORw0KGgoAAAANSUhEUgAAAAEAAAAB\n"
    logo = f"Content-Type: image/png\nContent-Disposition: inline\nContent-ID: <x>\n{image}"
    kept = f"Content-Type: image/png\nContent-Disposition: attachment; filename=p.png\n{image}"
    printed = shaped(within("Content-Type: text/plain\n\nhi\n", logo, kept))
    assert [part.get_filename() for part in printed.walk()] == [None, None, "p.png"]


IMAGE = "Content-Transfer-Encoding: base64\n\niVBORw0KGgoAAAANSUhEUgAAAAEAAAAB\n"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: image/png; name=p.png\n",
        "Content-Type: image/png; name=p.png\nContent-Disposition: inline\n",
        "Content-Type: image/png; name=p.png\nContent-Disposition: attachment\nContent-ID: <x>\n",
    ],
    ids=["bare", "inline", "attached"],
)
def test_a_small_image_that_no_text_shows_is_no_logo(head: str) -> None:
    """Scanners and phones send small pictures so; Gmail gives what is attached a Content-ID."""
    printed = shaped(within("Content-Type: text/plain\n\nhi\n", head + IMAGE))
    assert [part.get_filename() for part in printed.walk()][2:] == ["p.png"]


def test_a_small_fax_is_printed_whatever_stands_above_it() -> None:
    page = "Content-Type: image/tiff\nContent-ID: <x>\nContent-Transfer-Encoding: base64\n\nSUkqAAgAAAA=\n"
    printed = shaped(within("Content-Type: text/plain\n\nhi\n", page))
    assert [part.get_content_type() for part in printed.walk()][2:] == ["image/tiff"]


def test_a_logo_is_printed_where_there_is_nothing_else() -> None:
    image = f"Content-Type: image/png\nContent-ID: <x>\n{IMAGE}"
    page = "Content-Type: text/html\n\n<img src=cid:x>\n"
    printed = shaped(within(page, image, kind="related"))
    assert [part.get_content_type() for part in printed.walk()] == [
        "multipart/mixed",
        "image/png",
    ]


def test_a_file_is_kept_by_what_it_is_and_named_so() -> None:
    fake = "Content-Type: application/pdf; name=evil.pdf\nContent-Transfer-Encoding: base64\n\nTVqQAAMAAAAEAAAA\n"
    real = f'Content-Type: application/octet-stream; name="Büro.dat"\nContent-Transfer-Encoding: base64\n\n{PDF.decode()}\n'
    printed = shaped(within(fake, real))
    assert [part.get_filename() for part in printed.walk()][1:] == [None, "Buro.dat.pdf"]
    assert "evil.pdf is not printed (file of an unknown kind" in text_of(printed)


def test_a_forwarded_message_is_opened() -> None:
    inner = f"Subject: inner\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n{PDF.decode()}\n"
    printed = shaped(within(f"Content-Type: message/rfc822\n\n{inner}"))
    assert text_of(printed) == "--- Message within ---\nSubject: inner\n"
    assert [part.get_content_type() for part in printed.walk()][2:] == ["application/pdf"]


def saved(head: str, inner: bytes, boundary: str = "b") -> bytes:
    """Return a mail to which a message is attached as a file."""
    letters = base64.encodebytes(inner).decode()
    part = f"{head}Content-Transfer-Encoding: base64\n\n{letters}"
    return made(
        f"Subject: outer\nContent-Type: multipart/mixed; boundary={boundary}\n\n"
        f"--{boundary}\n{part}--{boundary}--\n"
    )


INNER = within(
    "Content-Type: text/plain\n\nTwo boxes.\n",
    f"Content-Type: application/pdf; name=o.pdf\nContent-Transfer-Encoding: base64\n\n{PDF.decode()}\n",
)


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: message/rfc822; name=o.eml\n",
        "Content-Type: application/octet-stream; name=O.EML\nContent-Disposition: attachment\n",
    ],
    ids=["encoded", "file"],
)
def test_a_message_that_is_attached_as_a_file_is_opened(head: str) -> None:
    """RFC 2046 section 5.2.1 forbids base64 for message/rfc822; programs that go by a file's name do it."""
    printed = shaped(saved(head, INNER))
    assert text_of(printed) == "--- Message within ---\nFrom: a@example.org\n\nTwo boxes.\n"
    assert [part.get_filename() for part in printed.walk()][2:] == ["o.pdf"]


def test_what_is_only_called_a_message_is_named() -> None:
    printed = shaped(saved("Content-Type: message/rfc822; name=o.eml\n", b"\x89 no message"))
    assert text_of(printed).startswith("[o.eml is not printed (file of an unknown kind")


def test_messages_in_files_are_opened_to_a_depth_and_their_parts_are_counted() -> None:
    head = "Content-Type: message/rfc822\n"
    deep = INNER
    for level in range(LEVELS):
        deep = saved(head, deep, f"c{level}")
    assert "Two boxes." in text_of(shaped(deep))
    assert "lies too deep" in text_of(shaped(saved(head, deep)))
    with pytest.raises(Unshapeable, match="too many parts, those in attached messages"):
        shape(deep, Wish(Deliver.PRINT, max_parts=5))


def test_a_calendar_entry_is_a_short_text() -> None:
    entry = (
        "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Toner\\, paper\n"
        "DTSTART;TZID=Europe/Berlin:20261201T100000\nBEGIN:VALARM\nSUMMARY:bell\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    assert text_of(shaped(made(entry))) == (
        "Invitation: Toner, paper\nFrom: 2026-12-01 10:00 (Europe/Berlin)\n"
    )


def test_an_invitation_that_is_also_attached_is_told_once_and_no_file() -> None:
    entry = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Toner\nEND:VEVENT\nEND:VCALENDAR\n"
    message = within(
        f"Content-Type: text/calendar; method=REQUEST\n\n{entry}",
        f"Content-Type: application/ics; name=invite.ics\nContent-Disposition: attachment\n\n{entry}",
        "Content-Type: text/calendar; name=no.ics\n\nnothing of the kind\n",
    )
    printed = shaped(message)
    assert text_of(printed) == "Invitation: Toner\n"
    assert [part.get_filename() for part in printed.walk()][2:] == ["no.ics"]


def test_html_that_is_attached_is_read_whatever_its_type() -> None:
    for kind in ("text/html", "application/octet-stream"):
        page = f"Content-Type: {kind}; name=o.html\nContent-Disposition: attachment\n\n<p>Two <b>boxes</b></p>\n"
        printed = shaped(within("Content-Type: text/plain\n\nhi\n", page))
        (file,) = [part for part in printed.walk() if part.get_filename()]
        assert file.get_filename() == "o.txt"
        assert str(file.get_payload()).rstrip() == "Two boxes"


def test_a_notice_that_a_mail_was_read_is_its_text_alone() -> None:
    """RFC 8098 section 3: the second part is for programs."""
    receipt = within(
        "Content-Type: text/plain\n\nIt was displayed.\n",
        "Content-Type: message/disposition-notification\n\nDisposition: manual-action; displayed\n",
        kind="report",
    )
    assert text_of(shaped(receipt)) == "It was displayed.\n"


def test_what_lies_elsewhere_is_named_and_not_fetched() -> None:
    part = "Content-Type: message/external-body; access-type=URL; URL=http://x.example\n\nContent-Type: text/plain\n"
    assert "was not fetched" in text_of(shaped(within(part)))


def test_a_delivery_report_is_a_short_text() -> None:
    report = within(
        "Content-Type: text/plain\n\nYour mail came back.\n",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; c@example.org\n"
        "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n",
        "Content-Type: text/rfc822-headers\n\nSubject: x\n",
        kind="report",
    )
    assert text_of(shaped(report)) == (
        "Your mail came back.\n\nc@example.org: failed (5.1.1): 550 no such user\n"
    )


@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_a_message_that_a_report_brings_back_is_named_and_not_printed(encoding: str) -> None:
    inner = b"Subject: order\r\nTo: c@example.org\r\n" + INNER
    text = (
        inner.decode().replace("\r", "")
        if encoding == "7bit"
        else base64.encodebytes(inner).decode()
    )
    report = within(
        "Content-Type: text/plain\n\nYour mail came back.\n",
        f"Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n{text}\n",
        kind="report",
        boundary="r",
    )
    printed = shaped(report)
    assert [part.get_content_type() for part in printed.walk()] == ["text/plain"]
    assert text_of(printed) == (
        "Your mail came back.\n\n--- Message returned ---\nFrom: a@example.org\nTo: c@example.org\nSubject: order\n"
    )


def test_a_piece_of_a_message_is_refused_with_a_sentence() -> None:
    with pytest.raises(Unshapeable, match="one piece of a message"):
        shape(made("Content-Type: message/partial; id=1; number=1\n\nx\n"), PRINT)


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        (Charset.ASCII, "Grusse - EUR 5"),
        (Charset.LATIN1, "Grüsse - EUR 5"),
        (Charset.UTF8, "Grüsse \N{EN DASH} \N{EURO SIGN} 5"),
    ],
)
@pytest.mark.parametrize("deliver", [Deliver.PRINT, Deliver.TEXT])
def test_text_comes_in_the_letters_of_the_device(
    deliver: Deliver, charset: Charset, text: str
) -> None:
    message = made(
        "Content-Type: text/plain; charset=utf-8\n\nGrüsse \N{EN DASH} \N{EURO SIGN} 5\n"
    )
    assert text_of(shaped(message, Wish(deliver, charset=charset))) == f"{text}\n"


@pytest.mark.parametrize("name", ["idna", "punycode", "undefined", "zlib", "x" * 99])
def test_a_charset_that_is_none_is_guessed(name: str) -> None:
    """Some of Python's codecs refuse to guess, or need a time that grows by the square of the text."""
    message = (
        made(f"Content-Type: text/plain; charset={name}\n\n").rstrip() + b"\r\n\r\nab \xe4\r\n"
    )
    assert "ab ä" in text_of(shaped(message))


def test_text_alone_holds_text_files_and_names_the_others() -> None:
    order = "Content-Type: text/plain; name=o.txt\nContent-Disposition: attachment\n\n^XA^XZ\n"
    scan = f"Content-Type: application/pdf; name=s.pdf\nContent-Transfer-Encoding: base64\n\n{PDF.decode()}\n"
    message = shaped(
        within("Content-Type: text/plain\n\nhi\n", order, scan), Wish(Deliver.TEXT)
    )
    assert message.get_content_type() == "text/plain"
    assert text_of(message) == "hi\n\no.txt:\n^XA^XZ\n\n[s.pdf is not shown (PDF).]\n"


def test_what_is_encrypted_is_replaced_by_a_sentence_or_passes_as_it_is() -> None:
    message = within(
        "Content-Type: application/pgp-encrypted\n\nVersion: 1\n", kind="encrypted"
    )
    assert "can be read by its recipient alone" in text_of(shaped(message))
    assert b"".join(shape(message, Wish(Deliver.PRINT, crypto=Crypto.PASS))) == message


def test_what_is_signed_so_that_it_cannot_be_read_is_not_called_encrypted() -> None:
    message = made(
        "Content-Type: application/pkcs7-mime; smime-type=signed-data\n"
        "Content-Transfer-Encoding: base64\n\nMIIB\n"
    )
    assert "signed in a form that only a mail program opens" in text_of(shaped(message))


def test_what_is_signed_is_read_without_its_signature() -> None:
    message = within(
        "Content-Type: text/plain\n\nhi\n",
        "Content-Type: application/pkcs7-signature; name=smime.p7s\n\nMII\n",
        kind="signed",
    )
    assert text_of(shaped(message)) == "hi\n"


def test_a_request_for_a_receipt_passes_or_is_stripped() -> None:
    message = made("Disposition-Notification-To: a@example.org\n\nx\n")
    assert shaped(message)["Disposition-Notification-To"] == "a@example.org"
    assert "Disposition-Notification-To" not in shaped(
        message, Wish(Deliver.PRINT, mdn=Mdn.STRIP)
    )


def test_unknown_fields_are_kept_unless_few_are_wished_for() -> None:
    message = made("X-Relay: secret\nSubject: s\nDKIM-Signature: v=1\n\nx\n")
    assert shaped(message).keys()[:2] == ["X-Relay", "Subject"]
    assert "X-Relay" not in shaped(message, Wish(Deliver.PRINT, headers=Headers.FEW))
    assert "DKIM-Signature" not in shaped(message)


def test_a_signature_may_be_dropped() -> None:
    message = made("\nhi\n-- \nACME Ltd\n")
    kept = shaped(b"X: y\r\n\r\n" + message, Wish(Deliver.PRINT, signatures=Signatures.KEEP))
    assert "ACME" in text_of(kept)
    dropped = Wish(Deliver.PRINT, signatures=Signatures.DROP)
    assert text_of(shaped(b"X: y\r\n\r\n" + message, dropped)) == "hi\n"


LINES = st.lists(
    st.sampled_from(
        [
            b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html; charset=x", b"--b", b"--b--", b"",
            b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"From: \xc3\xbc <\xff@x>",
            b"Subject: =?utf-8?b?w7w=?= =?x?q?=80?= \x80", b"Content-Type: message/rfc822", b"<p><table <", b"=3D=", b"AAA=",
            b"Content-Type: image/png; name*0*=x''%FF; name*1=\"\\", b"a" * 1200, b'To: "a, (b <c@d>; g: x@' + b"y" * 900,
            b"Message-ID: <" + b"i" * 1000 + b">", b"\0\x1b[m\xe2\x80\xa8x", b" fold", b"Content-Type: message/delivery-status",
            b"Content-Type: application/ms-tnef", b'x\x9f>"\xc4\x22', b"Content-Type: text/calendar", b"BEGIN:VEVENT",
        ]
    )
    | st.binary(max_size=40),
    max_size=30,
)  # fmt: skip


@settings(deadline=None)
@given(
    LINES,
    st.sampled_from([Deliver.PRINT, Deliver.TEXT]),
    st.sampled_from(list(Charset)),
    st.sampled_from([76, 998]),
)
def test_whatever_goes_in_a_device_gets_short_lines_of_seven_bits(
    lines: list[bytes], deliver: Deliver, charset: Charset, limit: int
) -> None:
    """RFC 5322 section 2.1.1; devices.md section 3.8: CRLF, no NUL, always a line between header and body."""
    whole = b"".join(
        shape(b"\r\n".join(lines), Wish(deliver, charset=charset, line_limit=limit))
    )
    assert whole.isascii()
    assert b"\0" not in whole
    assert b"\x1b" not in whole
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", whole)
    assert max(map(len, whole.split(b"\r\n"))) <= limit
    assert whole.endswith(b"\r\n")
    parsed = email.message_from_bytes(whole)
    assert parsed.get_content_type() in {"text/plain", "multipart/mixed"}
    assert not parsed.defects
    encodings = [part["Content-Transfer-Encoding"] for part in parsed.walk()]
    assert set(encodings) <= {None, "7bit", "quoted-printable", "base64"}
    assert all(len(list(part.walk())) == 1 for part in list(parsed.walk())[1:])
