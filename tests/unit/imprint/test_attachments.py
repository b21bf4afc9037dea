"""What can be printed is found by its content, wherever it lies in a message, in any chunking."""

import base64
from encodings.aliases import aliases
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.imprint.attachments import (
    HEADER_OCTETS,
    HEADERS_OCTETS,
    LINES,
    PARTS,
    AttachmentFinder,
)

PDF = b"%PDF-1.7\n" + b"x" * 20000
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def part(content: bytes, *fields: str, encoding: str = "base64") -> bytes:
    header = "\r\n".join([*fields, f"Content-Transfer-Encoding: {encoding}"])
    body = (
        base64.encodebytes(content).replace(b"\n", b"\r\n") if encoding == "base64" else content
    )
    return header.encode() + b"\r\n\r\n" + body


def multipart(*parts: bytes, boundary: str = "b", kind: str = "mixed") -> bytes:
    header = (
        f'Subject: x\r\nContent-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    )
    mark = b"--" + boundary.encode()
    inner = b"".join(mark + b"\r\n" + one + b"\r\n" for one in parts)
    return header + inner + mark + b"--\r\n"


TEXT = part(b"see the attachment", "Content-Type: text/plain", encoding="7bit")
AS_PDF = part(PDF, "Content-Type: application/octet-stream; name=scan")


def found(octets: bytes, cuts: list[int] | None = None) -> bool:
    finder = AttachmentFinder()
    ends = sorted({0, len(octets), *(min(cut, len(octets)) for cut in cuts or [])})
    for start, end in pairwise(ends):
        finder.feed(octets[start:end])
    return finder.finish()


@pytest.mark.parametrize(
    "octets",
    [
        AS_PDF,
        multipart(TEXT, AS_PDF),
        multipart(multipart(TEXT, TEXT, boundary="c", kind="alternative"), AS_PDF),
        multipart(
            TEXT,
            b"Content-Type: message/rfc822\r\n\r\n" + multipart(TEXT, AS_PDF, boundary="c"),
        ),
        multipart(part(b"II*\0....", "Content-Type: image/tiff")),
        multipart(part(b"\xff\xd8\xff\xe0JFIF", "Content-Type: image/jpeg")),
        multipart(part(PNG, "Content-Type: image/png")),
        multipart(
            part(
                PNG,
                "Content-Type: image/png",
                "Content-ID: <1>",
                "Content-Disposition: attachment",
            )
        ),
        multipart(part(b"%!PS-Adobe", "Content-Type: application/postscript", encoding="8bit")),
        multipart(
            part(b"=1BE", "Content-Type: application/vnd.hp-pcl", encoding="quoted-printable")
        ),
    ],
    ids=[
        "alone",
        "mixed",
        "nested",
        "forwarded",
        "tiff",
        "jpeg",
        "png",
        "called so",
        "ps",
        "pcl",
    ],
)
def test_what_can_be_printed_is_found(octets: bytes) -> None:
    assert found(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Subject: x\r\n\r\n%PDF-1.7 in a text\r\n",
        TEXT,
        multipart(TEXT, TEXT),
        multipart(TEXT, part(PNG, "Content-Type: image/png", "Content-ID: <logo>")),
        multipart(TEXT, part(b"MZ...", "Content-Type: application/pdf; name=bill.pdf")),
        multipart(TEXT, part(b"PK\x03\x04", "Content-Type: application/zip")),
        multipart(part(b"abc", "Content-Type: application/pdf").replace(b"YWJj", b"%%%")),
        multipart(TEXT).replace(b"--b\r\n", b"--other\r\n") + AS_PDF,
    ],
    ids=[
        "nothing",
        "text",
        "part",
        "texts",
        "logo",
        "so called",
        "zip",
        "broken",
        "no boundary",
    ],
)
def test_what_cannot_be_is_not(octets: bytes) -> None:
    assert not found(octets)


SAVED = b"Subject: x\r\n\r\nhi"
PACKED = b"\x78\x9f\x3e\x22\1\0"


@pytest.mark.parametrize(
    ("octets", "is_unsure"),
    [
        (multipart(TEXT, part(PACKED, "Content-Type: application/octet-stream")), True),
        (multipart(TEXT, part(PACKED, "Content-Type: text/x-odd; name=a")), True),
        (part(PACKED + b"%PDF-", "Content-Type: application/ms-tnef", encoding="8bit"), True),
        (multipart(TEXT, part(SAVED, "Content-Type: application/octet-stream; name=a.eml")), True),
        (multipart(TEXT, part(SAVED, "Content-Type: message/rfc822")), True),
        (multipart(TEXT, part(SAVED, "Content-Type: text/plain", "Content-Disposition: attachment")), True),
        (multipart(TEXT, part(PNG, "Content-Type: image/png", "Content-ID: <logo>")), True),
        (multipart(TEXT, part(PACKED, "Content-Type: application/ms-tnef"), AS_PDF), False),
        (multipart(AS_PDF, part(PACKED, "Content-Type: application/ms-tnef")), False),
        (multipart(TEXT, part(b"PK\x03\x04", "Content-Type: application/zip")), False),
        (multipart(part(SAVED, "Content-Type: text/plain", encoding="7bit")), False),
        (TEXT, False),
    ],
    ids=[
        "tnef", "tnef-as-text", "tnef-alone", "eml", "encoded-message", "text-file", "inline", "found-later",
        "found-before", "zip", "text", "nothing",
    ],
)  # fmt: skip
def test_what_may_hold_more_is_left_to_who_reads_all_of_it(
    octets: bytes,
    is_unsure: bool,  # noqa: FBT001 - expected
) -> None:
    finder = AttachmentFinder()
    finder.feed(octets)
    assert finder.finish() is (AS_PDF in octets)
    assert finder.is_unsure is is_unsure


def test_what_is_called_text_is_judged_by_its_content_where_it_is_a_file() -> None:
    """A TIFF is no logo either."""
    called = "Content-Type: text/plain; name=a.txt"
    assert found(multipart(TEXT, part(PDF, called, "Content-Disposition: attachment")))
    assert not found(multipart(TEXT, part(b"%!PS", called)))
    assert found(
        multipart(TEXT, part(b"II*\0....", "Content-Type: image/tiff", "Content-ID: <1>"))
    )


NESTED = multipart(TEXT, multipart(TEXT, part(PNG, "Content-Type: image/png"), boundary="c"))
NOTHING = multipart(TEXT, part(b"PK\x03\x04" * 9, "Content-Type: application/zip"))


@pytest.mark.parametrize("octets", [NESTED, NOTHING])
@given(cuts=st.lists(st.integers(0, 700)))
def test_any_chunking_finds_the_same(octets: bytes, cuts: list[int]) -> None:
    assert found(octets, cuts) is found(octets)


@given(st.binary(max_size=1000), st.lists(st.integers(0, 1000)))
def test_whatever_a_message_holds_it_is_looked_at(octets: bytes, cuts: list[int]) -> None:
    assert found(octets, cuts) is found(octets)


CODECS = sorted({*aliases, *aliases.values(), "undefined", "idna", "no such", "a\0b"})
PARAMETERS = st.lists(
    st.tuples(
        st.sampled_from(["boundary", "name", "charset"]),
        st.sampled_from(["", "*", "*0", "*0*", "*1", "*1*", "*" + "9" * 5000]),
        st.sampled_from(["{}'en'x", "{}''xn--%ff", "{}'%zz", "b", '"b"', '"{}', "\\", ""]),
        st.sampled_from(CODECS),
    ).map(lambda one: f"; {one[0]}{one[1]}={one[2].replace('{}', one[3])}"),
    max_size=6,
).map("".join)


@given(PARAMETERS, PARAMETERS)
@example("; boundary*=undefined'en'x", "")
@example("; boundary*=idna'en'xn--%ff", "")
@example("; boundary*=\0''x", "")
@example("; boundary*" + "9" * 5000 + "=x", "")
@example("; boundary*=x; boundary*1=x", "")
def test_parameters_of_any_form_and_charset_are_borne(whole: str, part: str) -> None:
    """RFC 2231 section 4 lets a parameter name any charset, and section 3 number any section."""
    header = f"Content-Type: multipart/mixed; boundary=b{whole}\r\n\r\n--b\r\n".encode()
    odd = f"Content-Type: multipart/mixed{part}\r\nContent-Disposition: x{part}\r\n".encode()
    assert found(header + odd + b"\r\n--b\r\n" + AS_PDF)


def test_a_hostile_message_is_given_up() -> None:
    many = multipart(*[TEXT] * (PARTS + 1), AS_PDF)
    assert not found(many)
    assert not found(multipart(b"\r\n" + b"\r\n--x" * LINES, AS_PDF))
    assert found(multipart(b"\r\n" + b"\r\n--x" * (LINES - 10), AS_PDF))
    padded = part(b"x", "Content-Type: a/b", *["X: " + "x" * 990] * 60)
    full = HEADERS_OCTETS // len(padded)
    assert found(multipart(*[padded] * (full - 1), AS_PDF))
    assert not found(multipart(*[padded] * (full + 2), AS_PDF))
    endless = b"X: " + b"x" * (2 * HEADER_OCTETS)
    finder = AttachmentFinder()
    for start in range(0, len(endless), 1000):
        finder.feed(endless[start : start + 1000])
    assert finder.kept < HEADER_OCTETS + 2000
    assert not finder.finish()
