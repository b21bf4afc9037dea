"""Messages that strangers make to exhaust a machine: each ends as a shaped message or a sentence.

What costs time is tried where messages are shaped, in a process with limits: the kernel ends one that
needs more than its seconds, and no clock is read here. A search that begins anew at every character
of half a megabyte would need minutes.
"""

import base64
import email
import functools
import struct
import zlib
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.shaping.errors import Unshapeable
from bridge.shaping.headers.downward import HEADERS, down_convert
from bridge.shaping.shape import shape
from bridge.shaping.wish import Charset, Deliver, Wish
from tests.unit.shaping import rtf_streams as rtf
from tests.unit.shaping import tnef_streams as tnef
from tests.unit.shaping.fax.fax_pages import pdf

PRINT = Wish(Deliver.PRINT)
SHAPES = [Deliver.PRINT, Deliver.TEXT, Deliver.IFAX]
MIB = 1 << 20
HALF = MIB // 2
BOUNDS = Bounds(
    processes=1,
    limits=Limits(cpu_seconds=12, memory_octets=1 << 29),
    seconds=120.0,
    output_octets=1 << 26,
)


def encoded(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


def attached(content: bytes, kind: bytes, name: bytes = b"f") -> bytes:
    return (
        b"From: a@example.org\r\nContent-Type: " + kind + b'; name="' + name + b'"\r\n'
        b"Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + encoded(content)
    )


def assert_fit(whole: bytes, limit: int = 998) -> None:
    """Hold what a device gets to what any device can read."""
    assert whole.isascii()
    assert b"\0" not in whole
    assert max(map(len, whole.split(b"\r\n"))) <= limit
    assert not email.message_from_bytes(whole).defects


# ---- in the time that its size costs


async def processed(message: bytes, wish: Wish) -> bytes:
    """Return what a shaping process makes of a message within the limits."""

    async def pieces() -> AsyncIterator[bytes]:
        yield message

    made = ShapingProcesses(BOUNDS).shape(wish, len(message), pieces())
    return b"".join([piece async for piece in made])


def html(unit: str) -> bytes:
    """Return a page of broken HTML."""
    page = unit * (HALF // len(unit))
    return b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded(
        page.encode()
    )


def text(head: bytes, unit: bytes, octets: int = HALF) -> bytes:
    return head + b"\r\n\r\n" + unit * (octets // len(unit))


def fields(name: bytes, unit: bytes) -> bytes:
    """Return a message whose header is as large as one may be."""
    one = name + b": " + unit * (65_000 // len(unit)) + b"\r\n"
    return one * 4 + b"\r\nhi\r\n"


def rich(unit: bytes, octets: int = HALF) -> bytes:
    """Return a mail in rich text whose RTF is one thing again and again, packed as Outlook does."""
    body = rb"{\rtf1 " + unit * (octets // len(unit))
    packed = tnef.stream(tnef.of_message(tnef.binary(0x1009, rtf.stored(body))))
    return attached(packed, b"application/ms-tnef")


COSTLY = {
    "rtf-groups": rich(b"{", 2 * MIB),
    "rtf-empty-groups": rich(b"{}", 2 * MIB),
    "rtf-field-codes": rich(rb"{\field{\*\fldinst{"),
    "rtf-links": rich(rb'{\field{\*\fldinst{HYPERLINK "http://a/"'),
    "rtf-results": rich(rb'{\*\fldinst{HYPERLINK "http://a/"}}{\fldrslt'),
    "rtf-fonts": rich(rb"{\fonttbl{\f1\fcharset"),
    "rtf-letters": rich(rb"\'e4{}"),
    "rtf-surrogates": rich(rb"\u-10179"),
    "rtf-octets": rich(rb"\bin1 "),
    "rtf-backslashes": rich(b"\\"),
    "rtf-spares": rich(rb"\uc999999999\u8364"),
    "rtf-html": rich(rb"\fromhtml1{\*\htmltag <a '"),
    "rtf-packed": attached(
        tnef.stream(tnef.of_message(tnef.binary(0x1009, rtf.bomb(16 * MIB)))),
        b"application/ms-tnef",
    ),
    "unclosed-quotes": html("<a '"),
    "quotes-in-quotes": html("<a \"'>"),
    "unclosed-comments": html("<!--"),
    "closing-comments": html("-->"),
    "unclosed-sections": html("<![CDATA["),
    "unclosed-tags": html("<p"),
    "open-tags": html("<p><b><i>"),
    "nested-tables": html("<table><tr><td>"),
    "unclosed-scripts": html("<script>"),
    "half-closed-scripts": html("<script></script"),
    "entities": html("&amp"),
    "long-numbers": html("&#" + "9" * 50),
    "attributes": html("<a href = " + "style=x " * 9),
    "attributes-without-values": html("<a b" + " " * 50),
    "hidden-rows": html("<table><tr hidden><td><p><ul><li>"),
    "cells": html("<td><p>x"),
    "one-row": html("<tr>" + "<td>x<p>y<br>" * 4000),
    "one-cell": html("<tr><td>" + "<p>x" * 9000),
    "tables-in-cells": html("<table><tr><td>x<p>y<td>z"),
    "lists": html("<ol><li><ul>"),
    "kept-lines": html("<tr><td><p style=white-space:pre>\n"),
    "ends-of-nothing": html("<span hidden></b></p>"),
    "less-than": html("<"),
    "links": html("<a href=http://x.example>"),
    "plain-in-pre": html("<pre>\n"),
    "boundaries-of-ours": text(b"a: b", b"\r\n".join(b"=_part_%d" % n for n in range(80_000))),
    "tokens-of-ours": text(b"a: b", b" ".join(b"cargo*%d*" % n for n in range(80_000)))
    + b"\r\n"
    + (b"A" * 76 + b"\r\n") * 2000,
    "words": fields(b"Subject", b"=?a?q?"),
    "half-words": fields(b"Subject", b"=?"),
    "comments": fields(b"To", b"("),
    "commas": fields(b"To", b","),
    "quotes": fields(b"To", b'"\\'),
    "comments-of-a-type": fields(b"Content-Disposition", b"((\\("),
    "folds": fields(b"Subject", b"\r\n\t \r\n =?x?q?=?= "),
    "parameters": fields(b"Content-Disposition", b";a*0*=x''%"),
    "events": text(b"Content-Type: text/calendar", b"BEGIN:VEVENT\r\n"),
    "calendar-quotes": text(b"Content-Type: text/calendar", b'A;B="'),
    "files-in-text": text(b"a: b", b"begin 644 f\r\n#86)C\r\n"),
    "files-without-lines": text(b"a: b", b"begin 644 f\r\nend\r\n"),
    "one-line": text(b"a: b", b"x"),
    "utf-7": text(b"Content-Type: text/plain; charset=utf-7", b"+AGE\xff"),
    "combining": text(b"Content-Type: text/plain; charset=utf-8", b"\xcc\x81"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
async def test_the_cost_grows_with_the_size_alone(name: str) -> None:
    assert_fit(await processed(COSTLY[name], Wish(Deliver.PRINT, charset=Charset.ASCII)))


# ---- in the memory that it may have


def png(wide: int, long: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, long, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@functools.cache
def zeroes(mib: int) -> bytes:
    """Return so many MiB of NUL, compressed to the two hundredth part."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mib)) + packer.flush()


def pdf_of_streams(mib: int, layers: int) -> bytes:
    """Return a PDF whose page is a stream of so many MiB, compressed as often as `layers` says."""
    packed = zeroes(mib)
    for _ in range(layers - 1):
        packed = zlib.compress(packed, 9)
    length = b"<< /Length %d >>" % len(packed)
    page = pdf(packed)
    assert length in page
    return page.replace(length, b"<< /Filter [%s] " % (b"/FlateDecode " * layers) + length[3:])


BOMBS: dict[str, Callable[[], bytes]] = {
    "png-of-1-GB": lambda: attached(png(32_000, 31_000, zeroes(600)), b"image/png"),
    "png-of-more-than-it-says": lambda: attached(png(8, 8, zeroes(600)), b"image/png"),
    "pdf": lambda: attached(pdf_of_streams(600, 1), b"application/pdf"),
    "pdf-in-layers": lambda: attached(pdf_of_streams(600, 2), b"application/pdf"),
    "zip": lambda: attached(b"PK\x03\x04" + zeroes(600), b"application/zip"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
async def test_what_is_compressed_is_never_unpacked_beyond_the_limits(name: str) -> None:
    """A device gets it as it came, its pages, or a notice; the process has less memory than it would take."""
    bomb = BOMBS[name]()
    for deliver in SHAPES:
        try:
            assert_fit(await processed(bomb, Wish(deliver)))
        except Unshapeable as why:
            assert deliver is Deliver.IFAX
            assert str(why)  # noqa: PT017 - as above


def tiff(wide: int, long: int, order: str) -> bytes:
    entries = [(254, 4, 0), (256, 4, wide), (257, 4, long)]
    tags = b"".join(struct.pack(f"{order}HHII", tag, kind, 1, of) for tag, kind, of in entries)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return head + struct.pack(f"{order}H", len(entries)) + tags + bytes(4)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(40_000, 40_000, b""), b"image/png"),
        (tiff(40_000, 40_000, "<"), b"image/tiff"),
        (tiff(40_000, 40_000, ">"), b"image/tiff"),
        (b"GIF89a\xff\xff\xff\xff" + bytes(20), b"image/gif"),
        (
            b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x11\x08\xff\xff\xff\xff" + bytes(20),
            b"image/jpeg",
        ),
        (b"BM" + bytes(16) + struct.pack("<ii", 40_000, -40_000) + bytes(20), b"image/bmp"),
    ],
    ids=["png", "tiff-le", "tiff-be", "gif", "jpeg", "bmp"],
)
def test_an_image_that_claims_to_be_larger_than_any_page_is_named(
    content: bytes, kind: bytes
) -> None:
    wish = Wish(Deliver.TEXT, attachments=("png", "tiff", "gif", "jpeg", "bmp"))
    whole = b"".join(shape(attached(content, kind, b"big"), wish))
    assert b"it claims to be larger than any page" in whole


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_page_of_a_fax_is_not_too_large(order: str) -> None:
    whole = b"".join(shape(attached(tiff(1728, 2292, order), b"image/tiff"), PRINT))
    assert b"Content-Type: image/tiff" in whole


# ---- as words


@pytest.mark.parametrize("deliver", SHAPES)
@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000, "too many parts"),
        (b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1000)), "parts that hold parts"),
        (b"Content-Type: message/rfc822\r\n\r\n" * 1000, "parts that hold parts"),
        (b"X: y\r\n" * 60_000 + b"\r\nhi\r\n", "header is larger"),
        (b"X: " + b"y" * 300_000, "header is larger"),
        (b"X: y\r\n" + b" y\r\n" * 20_000 + b"\r\nhi\r\n", "header field of more"),
        (b"To: " + b"a@example.org,\r\n " * 5000 + b"\r\n\r\nhi\r\n", "header field of more"),
    ],
    ids=["10000-parts", "1000-levels", "1000-messages", "fields", "one-line", "folds", "recipients"],
)  # fmt: skip
def test_what_is_more_than_a_message_is_refused_in_every_shape(
    message: bytes, why: str, deliver: Deliver
) -> None:
    with pytest.raises(Unshapeable, match=why):
        shape(message, Wish(deliver))


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"--b\r\n", b"--b\r\nContent-Type: message/rfc822\r\n\r\n"])
def test_too_many_headers_are_refused_where_only_headers_are_made_ascii(unit: bytes) -> None:
    message = b"Subject: \xc3\xbc\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    with pytest.raises(Unshapeable, match="too many parts"):
        down_convert(message + unit * HEADERS)


@pytest.mark.parametrize("deliver", [Deliver.PRINT, Deliver.TEXT])
@pytest.mark.parametrize(
    "message",
    [
        bytes(MIB),
        b"\0From\0: a@\0example.org\r\n\0\r\n\0hi\0\r\n\0",
        b"From: a@example.org\r\n\r\n" + b"h\0i\0\r\0\n\0" * 50_000,
        attached(b"%PDF-1.4\n" + bytes(100_000), b"application/pdf").replace(b"A", b"\0A"),
        b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + bytes(100_000),
    ],
    ids=["nothing-else", "header", "text", "base64", "utf-16"],
)
def test_a_device_never_gets_a_nul(message: bytes, deliver: Deliver) -> None:
    assert_fit(b"".join(shape(message, Wish(deliver))))


@pytest.mark.parametrize(
    "charset",
    [
        "x-nonsense", "", "utf-8-sig", "utf-16", "utf-32", "utf-7", "idna", "punycode", "unicode_escape",
        "raw_unicode_escape", "undefined", "rot13", "zlib", "bz2", "hex", "base64", "uu", "quopri", "charmap",
        "oem", "mbcs", "latin\u00e71", "a" * 5000, "utf-8\0", "../../etc/passwd", "=?utf-8?q?utf-8?=", "utf-8'", "iso-2022-kr",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "octets", [b"Gr\xc3\xbc\xc3\x9fe", b"\xff\xfe\x80\x81 +AGE- \\u0041 &"]
)
def test_no_charset_is_believed_or_run(charset: str, octets: bytes) -> None:
    message = (
        b'Content-Type: text/plain; charset="' + charset.encode() + b'"\r\n'
        b"Subject: =?" + charset.encode() + b"?q?=FC?= =?utf-8?q?=C3?= x\r\n\r\n" + octets
    )
    try:
        assert_fit(b"".join(shape(message, PRINT)))
    except Unshapeable as why:
        assert "Content-Type of more" in str(why)  # noqa: PT017 - of the longest alone
        assert len(charset) > 4000


@pytest.mark.parametrize(
    "letters",
    [
        b"",
        b"=",
        b"====",
        b"JVBERi0xLjQKA",
        b"JVBERi0xLjQK=JVBERi0=",
        b"JVBE!Ri0x*Lj\xffQK",
        b"J\r\nV\r\nB\r\nERi0xLjQK",
        b"=JVBERi0xLjQK",
        b"JVBERi0xLjQK" + b"-" * 5000,
        b"JVBERi0xLjQK" + b"A" * 200_001,
        (b"A" * 77 + b"\r\n") * 2000,
        (b"A" * 76 + b"\r\n") * 2000 + b"=\r\n" + (b"A" * 76 + b"\r\n") * 2000,
    ],
)
@pytest.mark.parametrize("kind", [b"application/pdf", b"text/plain", b"application/ms-tnef"])
def test_bad_base64_is_what_can_be_read_of_it(letters: bytes, kind: bytes) -> None:
    head = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert_fit(b"".join(shape(head + letters, PRINT)))


# ---- whatever comes


HEADS = st.lists(
    st.sampled_from(
        [
            b"From: \xff <a@\xc3\xbc>", b"To: " + b"x" * 2000, b"Content-Type: multipart/mixed; boundary=b",
            b'Content-Type: multipart/alternative; boundary="b"', b"Content-Type: multipart/signed; boundary=b",
            b"Content-Type: message/rfc822", b"Content-Type: message/delivery-status", b"Content-Type: text/html; charset=utf-7",
            b"Content-Type: text/calendar", b"Content-Type: application/ms-tnef", b"Content-Type: image/tiff; name=\0.tif",
            b"Content-Type: application/pkcs7-mime; smime-type=signed-data", b"Content-Disposition: attachment; filename*=x''%00",
            b"Content-ID: <x>", b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
            b"Content-Transfer-Encoding: x-uuencode", b"no field", b"", b" fold", b"\0:\0",
        ]
    ),
    max_size=5,
)  # fmt: skip
BODIES = st.sampled_from(
    [
        b"--b", b"--b--", b"JVBERi0xLjQK", b"SUkqAAgAAAA=", b"eJ8+IgEAAQ==", b'x\x9f>"\1\0\2\3\0\0\0', b"<p>a<table", b"&#0;",
        b"BEGIN:VEVENT", b"SUMMARY:x", b"-----BEGIN PGP MESSAGE-----", b"-- ", b"Final-Recipient: rfc822; a", b"=\0C3=BC", b".", b"",
    ]
) | st.binary(max_size=30)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.tuples(HEADS, st.lists(BODIES, max_size=4)), min_size=1, max_size=6),
    st.sampled_from([*Deliver]),
    st.sampled_from([76, 998]),
)
def test_whatever_comes_ends_as_a_message_or_a_sentence(
    parts: list[tuple[list[bytes], list[bytes]]], deliver: Deliver, limit: int
) -> None:
    message = b"\r\n--b\r\n".join(b"\r\n".join([*head, b"", *body]) for head, body in parts)
    try:
        whole = b"".join(shape(message, Wish(deliver, line_limit=limit)))
    except Unshapeable as why:
        assert str(why).strip().endswith((".", "]"))  # noqa: PT017 - it stands on a notice
        return
    if deliver in SHAPES:
        assert_fit(whole, limit)
