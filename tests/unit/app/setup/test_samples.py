import email
import email.policy
import struct
from email.message import EmailMessage

import pytest

from bridge.app.setup.samples import samples
from bridge.pop3.wireform import WireForm


def parsed(name: str) -> EmailMessage:
    message = email.message_from_bytes(samples()[name], policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def attachment(name: str) -> bytes:
    (part,) = parsed(name).iter_attachments()
    content: bytes = part.get_content()
    return content


def test_the_samples_are_named_in_the_order_of_printing() -> None:
    assert list(samples()) == sorted(samples())
    assert len(samples()) == 5


def test_the_samples_are_the_same_each_time_but_for_their_boundaries() -> None:
    plain = ("01-text.eml", "04-leading-dots.eml", "05-eight-bit.eml")
    assert [samples()[name] for name in plain] == [samples()[name] for name in plain]


@pytest.mark.parametrize("name", samples())
def test_every_sample_is_a_message_with_what_mail_needs(name: str) -> None:
    message = parsed(name)
    assert message.defects == []
    assert all(message[header] for header in ("From", "To", "Subject", "Date"))


def test_the_print_job_is_a_pdf_whose_offsets_are_right() -> None:
    """ISO 32000-1 section 7.5.4: the table names the octet at which each object begins."""
    pdf = attachment("02-print-job.eml")
    assert pdf.startswith(b"%PDF-1.4\n")
    assert pdf.endswith(b"%%EOF\n")
    table_at = int(pdf.rpartition(b"startxref\n")[2].split()[0])
    lines = pdf[table_at:].splitlines()
    assert lines[:3] == [b"xref", b"0 7", b"0000000000 65535 f "]
    for number, line in enumerate(lines[3:8], 1):
        assert pdf[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)


def test_the_fax_is_a_tiff_whose_strip_is_where_it_says() -> None:
    """TIFF 6.0 section 2."""
    tiff = attachment("03-fax.eml")
    order, magic, at = struct.unpack_from("<2sHI", tiff)
    assert (order, magic) == (b"II", 42)
    (count,) = struct.unpack_from("<H", tiff, at)
    entries = [struct.unpack_from("<HHII", tiff, at + 2 + 12 * n) for n in range(count)]
    tags = {tag: value for tag, _, _, value in entries}
    assert list(tags) == sorted(tags)
    assert tags[273] + tags[279] == len(tiff)
    assert tags[279] == tags[256] // 8 * tags[257]


def test_the_dots_are_there_to_be_stuffed() -> None:
    octets = samples()["04-leading-dots.eml"]
    assert b"\r\n.\r\n" in octets
    assert b"\r\n..\r\n" in octets
    form = WireForm()
    wire = form.feed(octets) + form.finish()
    assert b"\r\n.\r\n" not in wire
    assert form.octets == len(octets)


def test_the_eight_bit_sample_has_octets_and_line_ends_that_need_care() -> None:
    octets = samples()["05-eight-bit.eml"]
    assert max(octets) > 0x7F
    assert octets.count(b"\n") > octets.count(b"\r\n")
    assert "Grüße" in parsed("05-eight-bit.eml").get_content()
