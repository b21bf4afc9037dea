import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.wireform import WireForm
from bridge.sync.notice import NAME_CHARACTERS, notice

WHEN = 1_800_000_000.0


def test_a_notice_names_the_message_and_the_reason() -> None:
    text = notice("job-7.eml", "it may not be read", WHEN).decode("ascii")
    assert "Message: job-7.eml\n" in text
    assert "Reason:  it may not be read\n" in text
    assert "Date: Fri, 15 Jan 2027 08:00:00 -0000" in text


@given(st.text(), st.text())
def test_whatever_the_texts_hold_a_notice_is_a_7_bit_message(name: str, reason: str) -> None:
    octets = notice(name, reason, WHEN)
    assert max(octets) < 0x80
    parsed = email.message_from_bytes(octets, policy=email.policy.default)
    assert parsed.defects == []
    assert parsed["Subject"] == "A message could not be fetched"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed.get_content().count("\n") == 6


@pytest.mark.parametrize(
    "sneaked", ["x\r\nBcc: victim@example.org", "x\n\n.\n", "x\x1b[2J\x00"]
)
def test_a_name_cannot_bring_a_line_or_a_control_of_its_own(sneaked: str) -> None:
    lines = notice(sneaked, sneaked, WHEN).splitlines()
    assert not [line for line in lines if line.startswith((b"Bcc", b".", b"\x1b"))]
    assert b"\x1b" not in b"".join(lines)


def test_a_notice_repeats_only_so_much() -> None:
    text = notice("n" * 10_000, "r" * 10_000, WHEN).decode()
    assert text.count("n" * NAME_CHARACTERS) == text.count("r" * NAME_CHARACTERS) == 1
    assert len(text) < 1200


def test_no_line_of_a_notice_is_longer_than_mail_allows() -> None:
    """RFC 5322 section 2.1.1: 998 octets."""
    octets = notice("n" * 10_000, "r" * 10_000, WHEN)
    form = WireForm()
    wire = form.feed(octets) + form.finish()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
