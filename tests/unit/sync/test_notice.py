import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.wireform import WireForm
from bridge.sync.notice import TEXT_CHARACTERS, notice
from providers.contract import Envelope

NOTHING = Envelope()
WHEN = 1_800_000_000.0


def test_a_notice_names_the_message_and_the_reason() -> None:
    text = notice("job-7.eml", "it may not be read", NOTHING, WHEN).decode("ascii")
    assert "Message: job-7.eml\n" in text
    assert "Reason:  it may not be read\n" in text
    assert "Date: Fri, 15 Jan 2027 08:00:00 -0000" in text


@given(st.text(), st.text())
def test_whatever_the_texts_hold_a_notice_is_a_7_bit_message(name: str, reason: str) -> None:
    octets = notice(name, reason, NOTHING, WHEN)
    assert max(octets) < 0x80
    parsed = email.message_from_bytes(octets, policy=email.policy.default)
    assert parsed.defects == []
    assert parsed["Subject"] == "A message could not be fetched"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed.get_content_charset() == "us-ascii"
    assert parsed.get_content().count("\n") == 6


@pytest.mark.parametrize(
    "sneaked",
    ["x\r\nBcc: victim@example.org", "x\n\n.\n", "x\x1b[2J\x00", "x\u2028\u0085Bcc: y"],
)
def test_a_name_cannot_bring_a_line_or_a_control_of_its_own(sneaked: str) -> None:
    envelope = Envelope(sneaked, sneaked, sneaked)
    lines = notice(sneaked, sneaked, envelope, WHEN).splitlines()
    assert len(lines) == len(notice("x", "x", Envelope("x", "x", "x"), WHEN).splitlines())
    assert not [line for line in lines if line.startswith((b"Bcc", b".", b"\x1b"))]
    assert b"\x1b" not in b"".join(lines)


def test_a_notice_repeats_only_so_much() -> None:
    text = notice("n" * 10_000, "r" * 10_000, NOTHING, WHEN).decode()
    assert text.count("n" * TEXT_CHARACTERS) == text.count("r" * TEXT_CHARACTERS) == 1
    assert len(text) < 1200


def test_no_line_of_a_notice_is_longer_than_mail_allows() -> None:
    """RFC 5322 section 2.1.1: 998 octets."""
    long = Envelope("f" * 10_000, "㏂" * 10_000, "d" * 10_000)
    octets = notice("n" * 10_000, "r" * 10_000, long, WHEN)
    form = WireForm()
    wire = form.feed(octets) + form.finish()
    assert max(map(len, wire.split(b"\r\n"))) <= 998


# ---- what the original was


def shown(envelope: Envelope) -> list[str]:
    """Return the lines between the notice's first sentence and its last ones."""
    parsed = email.message_from_bytes(
        notice("id", "why", envelope, WHEN), policy=email.policy.default
    )
    lines: list[str] = parsed.get_content().splitlines()
    return lines[lines.index("") + 1 : lines.index("Message: id")]


def test_a_notice_shows_sender_subject_and_date_of_the_original() -> None:
    envelope = Envelope("Ada <ada@example.org>", "Order 66", "2027-01-15T07:00:00Z")
    assert shown(envelope) == [
        "From:    Ada <ada@example.org>",
        "Subject: Order 66",
        "Date:    2027-01-15T07:00:00Z",
    ]


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_what_the_service_did_not_tell_is_left_out(empty: str) -> None:
    assert shown(Envelope(empty, "Order 66", empty)) == ["Subject: Order 66"]


@pytest.mark.parametrize(
    ("subject", "plain"),
    [
        ("Zürich, à côté", "Zurich, a cote"),
        ("Zu\u0308rich", "Zurich"),
        ("ﬁne\u00a0print…", "fine print..."),
        ("½ Preis: 5 €", "? Preis: 5 ?"),
        ("한국 \U0001f5a8", "?? ?"),
        ("=?utf-8?q?a=0Ab?=", "=?utf-8?q?a=0Ab?="),
        ("a\ud800b", "a?b"),
        ("\u0301a", "?a"),
        ("㏂" * TEXT_CHARACTERS, "a.m." * (TEXT_CHARACTERS // 4)),
    ],
)
def test_a_subject_comes_as_near_to_ascii_as_plain_letters_can(
    subject: str, plain: str
) -> None:
    assert shown(Envelope(subject=subject)) == [f"Subject: {plain}"]


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_whatever_the_envelope_holds_it_has_its_three_lines_and_no_header(
    sender: str, subject: str, date: str
) -> None:
    octets = notice("id", "why", Envelope(sender, subject, date), WHEN)
    assert max(octets) < 0x80
    parsed = email.message_from_bytes(octets, policy=email.policy.default)
    bare = email.message_from_bytes(notice("id", "why", NOTHING, WHEN))
    assert parsed.defects == []
    assert [(k, str(v)) for k, v in parsed.items()] == bare.items()
    told = [text for text in (sender, subject, date) if text.strip()]
    assert len(shown(Envelope(sender, subject, date))) == len(told)
    assert all(len(line) <= 9 + TEXT_CHARACTERS for line in octets.decode().splitlines())
