"""Raw octets in headers are found whatever the chunks; what is found clean is left as it is by down-conversion."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.imprint import rawheaders
from bridge.imprint.rawheaders import HEADER_OCTETS, RawHeaderFinder, RawHeaders
from bridge.shaping.headers.downward import down_convert

NESTED = (
    "Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
    "Subject: {within}\n\nü\n--c\n\nSubject: ü\n--b\nContent-Description: {part}\n\nü\n--b--\nü\n"
)


def found(message: str | bytes, cuts: list[int] | None = None) -> RawHeaders:
    octets = message.replace("\n", "\r\n").encode() if isinstance(message, str) else message
    finder = RawHeaderFinder()
    ends = sorted({0, len(octets), *(min(cut, len(octets)) for cut in cuts or [])})
    for start, end in pairwise(ends):
        finder.feed(octets[start:end])
    return finder.finish()


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("Subject: a\n\nü\n", RawHeaders.NONE),
        ("\nSubject: ü\n", RawHeaders.NONE),
        ("", RawHeaders.NONE),
        ("Subject: ü\n\na\n", RawHeaders.UTF8),
        ("Subject: ü", RawHeaders.UTF8),
        (b"Subject: \xfc\r\n\r\n", RawHeaders.OTHER),
        (NESTED.format(within="a", part="a"), RawHeaders.NONE),
        (NESTED.format(within="ü", part="a"), RawHeaders.UTF8),
        (NESTED.format(within="a", part="ü"), RawHeaders.UTF8),
        (NESTED.format(within="ü", part="a").encode("latin-1"), RawHeaders.OTHER),
        ("Content-Type: message/rfc822\n\n\nSubject: ü\n", RawHeaders.NONE),
        ('Content-Type: multipart/x;\n boundary="b c"\n\n--b c \nX: ü\n', RawHeaders.UTF8),
    ],
)
def test_only_octets_of_headers_count(message: str | bytes, wanted: RawHeaders) -> None:
    """RFC 6532 section 3: headers may hold UTF-8; what bodies hold is said by their charset."""
    octets = message if isinstance(message, bytes) else message.replace("\n", "\r\n").encode()
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert found(octets) is wanted
    assert found(octets, list(range(len(octets)))) is wanted


def test_a_header_longer_than_is_kept_is_read_to_its_end() -> None:
    traces = "X: x\n" * HEADER_OCTETS
    late = traces + "Content-Type: message/rfc822\n" + traces + "\nSubject: ü\n\n"
    for cuts in ([], list(range(0, 2 * len(late), 5000))):
        assert found(traces + "Subject: ü\n\n", cuts) is RawHeaders.UTF8
        assert found(late, cuts) is RawHeaders.UTF8
        assert found(traces + "\nü\n", cuts) is RawHeaders.NONE


def test_of_a_message_made_to_exhaust_every_octet_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rawheaders, "LINES", 3)
    message = "Content-Type: multipart/x; boundary=b\n\n" + "--c\n" * 4
    assert found(message) is RawHeaders.NONE
    assert found(message + "ü\n") is RawHeaders.UTF8
    nested = "Content-Type: message/rfc822\n\n" * 3 + "\nü\n"
    assert found(nested) is RawHeaders.NONE
    monkeypatch.setattr(rawheaders, "HEADERS", 2)
    assert found(nested) is RawHeaders.UTF8
    monkeypatch.setattr(rawheaders, "BOUNDARIES", 1)
    assert found("X: boundary=b boundary=c\n\nü\n") is RawHeaders.UTF8


FRAGMENTS = st.sampled_from(
    [
        b"Subject: a", b"\r\n", b"\r\n\r\n", b"--b", b"--b--", b"--c\r\n", b"\xfc", "ü".encode(), b" ", b"\t", b"x",
        b"X: ", b"content-type: multipart/mixed; boundary=b\r\n", b'Content-Type: Multipart/x;\r\n boundary = "c"',
        b"Content-Type: message/rfc822\r\n", b"Content-Type:\r\n message/global", b"boundary=b", b"From me\r\n",
    ]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=40).map(b"".join), st.lists(st.integers(0, 300)))
def test_what_is_found_clean_needs_no_conversion(message: bytes, cuts: list[int]) -> None:
    assert found(message, cuts) is found(message)
    out = b"".join(down_convert(message))
    if found(message) is RawHeaders.NONE:
        assert out == message
    assert (b"\r\n" + out).split(b"\r\n\r\n")[0].isascii()
