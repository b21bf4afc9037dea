"""What Outlook packs into winmail.dat is had as if it had been attached; no length in it is believed."""

import base64
import email
import struct
from collections.abc import Callable
from email.message import Message

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.shaping.errors import Unshapeable
from bridge.shaping.leaves import Part
from bridge.shaping.reading import LEVELS
from bridge.shaping.shape import shape
from bridge.shaping.tnef import MOST_ATTRIBUTES, RTF_OCTETS, unpack
from bridge.shaping.wish import Charset, Deliver, FaxText, Wish
from tests.unit.shaping import rtf_streams as rtf
from tests.unit.shaping import tnef_streams as tnef

PDF = b"%PDF-1.4\n" + b"x" * 40
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08"
PRINT = Wish(Deliver.PRINT)


def children(packed: bytes) -> tuple[Part, ...]:
    return unpack(packed, 50).part.children


def content(part: Part) -> bytes:
    return part.body.decoded()


def mail(
    packed: bytes, text: str = "", kind: str = "application/ms-tnef", name: str = "winmail.dat"
) -> bytes:
    parts = [f"Content-Type: text/plain\r\n\r\n{text}\r\n"] if text else []
    letters = base64.encodebytes(packed).decode().replace("\n", "\r\n")
    parts.append(
        f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n{letters}'
    )
    body = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{body}--b--\r\n".encode()


def printed(message: bytes, wish: Wish = PRINT) -> tuple[str, list[tuple[str | None, bytes]]]:
    """Return the text, and name and content of each file."""
    made = email.message_from_bytes(b"".join(shape(message, wish)))
    leaves = [part for part in made.walk() if not part.is_multipart()]
    text = octets(leaves[0]).decode(leaves[0].get_content_charset("ascii")).rstrip()
    return text.replace("\r\n", "\n"), [(one.get_filename(), octets(one)) for one in leaves[1:]]


def octets(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


# ---- what is in it


def test_a_file_has_its_long_name_and_its_content() -> None:
    packed = tnef.stream(tnef.file(PDF, b"INVOIC~1.PDF", tnef.text(0x3707, "Invoice März.pdf")))
    (file,) = children(packed)
    assert (file.name, file.disposition, content(file)) == (
        "Invoice März.pdf",
        "attachment",
        PDF,
    )


def test_a_title_is_in_the_code_page_of_the_message() -> None:
    packed = tnef.stream(
        tnef.code_page(1251), tnef.file(PDF, "счёт.pdf".encode("cp1251")), tnef.file(PDF)
    )
    assert [file.name for file in children(packed)] == ["счёт.pdf", ""]


@pytest.mark.parametrize(
    "attributes",
    [
        [tnef.code_page(1252), tnef.attribute(tnef.MESSAGE, tnef.BODY, b"Gr\xfc\xdfe\0\0")],
        [tnef.code_page(65001), tnef.of_message(tnef.text8(0x1000, "Grüße".encode()))],
        [tnef.of_message(tnef.number(0x0E07, 1), tnef.text(0x1000, "Grüße"))],
        [
            tnef.of_message(
                tnef.number(0x3FDE, 28591), tnef.binary(0x1013, b"<p>Gr\xfc\xdfe</p>")
            )
        ],
        [tnef.of_message(tnef.text(0x1013, "<p>Grüße</p>"))],
    ],
    ids=["attBody", "string8", "unicode", "html-binary", "html-text"],
)
def test_the_text_is_printed_where_the_message_has_none(attributes: list[bytes]) -> None:
    assert printed(mail(tnef.stream(*attributes))) == ("Grüße", [])


def rich(packed: bytes) -> bytes:
    """Return the property of a text in RTF."""
    return tnef.binary(0x1009, packed)


@pytest.mark.parametrize("pack", [rtf.compressed, rtf.stored])
def test_a_text_that_is_there_as_rtf_alone_is_printed(pack: Callable[[bytes], bytes]) -> None:
    packed = tnef.stream(
        tnef.of_message(rich(pack(rtf.RICH))), tnef.file(PDF, b"", tnef.text(0x3707, "a.pdf"))
    )
    wish = attrs.evolve(PRINT, charset=Charset.UTF8)
    assert printed(mail(packed), wish) == (rtf.RICH_TEXT, [("a.pdf", PDF)])


def test_html_in_rtf_is_read_as_html() -> None:
    packed = tnef.stream(tnef.of_message(rich(rtf.compressed(rtf.WRAPPED))))
    wish = Wish(Deliver.TEXT, charset=Charset.UTF8)
    assert printed(mail(packed), wish)[0] == "Five < \u0393\u03b5six\n{seven}"


def test_a_fax_has_the_text_of_rtf() -> None:
    packed = mail(tnef.stream(tnef.of_message(rich(rtf.compressed(rb"{\rtf1 Two boxes.}")))))
    drawn = shape(packed, Wish(Deliver.IFAX, fax_text=FaxText.PAGE))
    assert b"Content-Type: image/tiff" in b"".join(drawn)
    beside = tnef.stream(
        tnef.of_message(rich(rtf.compressed(rb"{\rtf1 Two boxes.}"))),
        tnef.file(b"more", b"a.txt"),
    )
    assert "Two boxes." in printed(mail(beside), Wish(Deliver.IFAX))[0]


def test_rtf_is_read_only_where_there_is_no_other_text() -> None:
    damaged = rich(b"no RTF that can be unpacked")
    for other in (tnef.text(0x1000, "plain"), tnef.text(0x1013, "<p>plain</p>")):
        assert printed(mail(tnef.stream(tnef.of_message(damaged, other)))) == ("plain", [])
    packed = tnef.stream(tnef.of_message(damaged))
    assert printed(mail(packed, "beside it")) == ("beside it", [])


def test_the_text_of_a_message_that_was_attached_may_be_rtf() -> None:
    inner = tnef.stream(tnef.of_message(rich(rtf.compressed(rb"{\rtf1 Two boxes.}"))))
    text, _ = printed(mail(tnef.stream(tnef.message_within(inner)), "See below."))
    assert text.endswith("Two boxes.")


@pytest.mark.parametrize(
    "packed",
    [b"", rtf.compressed(rtf.RICH)[:-1], rtf.compressed(rtf.RICH)[:-1] + b"\xff"],
    ids=["nothing", "cut", "checksum"],
)
def test_of_damaged_rtf_nothing_is_printed_but_that(packed: bytes) -> None:
    text, files = printed(
        mail(tnef.stream(tnef.of_message(rich(packed)), tnef.file(PDF, b"a.pdf")))
    )
    assert text == "[winmail.dat is damaged: what could be read of it is here.]"
    assert files == [("a.pdf", PDF)]


def test_a_text_that_is_no_rtf_is_none() -> None:
    packed = tnef.stream(tnef.of_message(rich(rtf.stored(b"hello"))))
    assert printed(mail(packed)) == ("This message has no text.", [])


def test_the_text_is_not_printed_twice() -> None:
    packed = tnef.stream(tnef.of_message(tnef.text(0x1000, "Hello")), tnef.file(PDF, b"a.pdf"))
    assert printed(mail(packed, "Hello, plainly")) == (
        "Hello, plainly",
        [("a.pdf", PDF)],
    )


def test_properties_that_say_nothing_here_are_passed() -> None:
    """Fixed lengths, several values, and names of both kinds ([MS-OXTNEF] section 2.1.3.4)."""
    name = "x-odd".encode("utf-16-le") + b"\0\0"
    others = [
        struct.pack("<HHd", 5, 1, 1.0),
        struct.pack("<HH", 0x48, 2) + bytes(16),
        struct.pack("<HHI", 0x1003, 3, 2) + bytes(8),
        struct.pack("<HHI", 0x101F, 4, 2) + struct.pack("<I", 2) + b"a\0\0\0" + bytes(4),
        struct.pack("<HH", 3, 0x8001) + bytes(16) + struct.pack("<III", 0, 7, 1),
        struct.pack("<HH", 3, 0x8002)
        + bytes(16)
        + struct.pack("<II", 1, len(name))
        + tnef.padded(name)
        + bytes(4),
    ]
    unpacked = unpack(tnef.stream(tnef.of_message(*others, tnef.text(0x1000, "seen"))), 9)
    assert unpacked.is_whole
    assert [content(part) for part in unpacked.part.children] == [b"seen"]


def test_a_message_that_was_attached_is_opened_with_its_header() -> None:
    inner = tnef.stream(
        tnef.of_message(
            tnef.text(0x0037, "Order"),
            tnef.text(0x0C1A, "Jörg"),
            tnef.text(0x0C1F, "j@example.org"),
            tnef.text(0x1000, "Two boxes."),
        ),
        tnef.file(PDF, b"order.pdf"),
    )
    text, files = printed(
        mail(tnef.stream(tnef.message_within(inner)), "See below."),
    )
    assert text.splitlines() == [
        "See below.",
        "",
        "--- Message within ---",
        "From: Jörg <j@example.org>",
        "Subject: Order",
        "",
        "Two boxes.",
    ]
    assert files == [("order.pdf", PDF)]


def test_an_image_of_its_text_is_a_logo_and_what_is_attached_is_none() -> None:
    logo = tnef.file(
        PNG, b"logo.png", tnef.text(0x3712, "cid"), tnef.number(0x7FFE, 1, kind=0x0B)
    )
    packed = tnef.stream(logo, tnef.file(PNG, b"scan.png", tnef.text(0x3712, "cid")))
    assert printed(mail(packed, "hi"))[1] == [("scan.png", PNG)]


def test_an_embedded_object_of_another_program_is_named() -> None:
    ole = tnef.file(b"", b"chart", tnef.one(0x3701, 0x0D, tnef.IID_STORAGE + b"\xd0\xcf"))
    text, files = printed(mail(tnef.stream(ole), "hi"))
    assert "chart is not printed" in text
    assert files == []


def test_it_is_known_by_its_content_and_what_is_only_called_so_is_a_file() -> None:
    packed = tnef.stream(tnef.file(PDF, b"a.pdf"))
    for kind, name in (("application/octet-stream", "att1.dat"), ("text/x-y", "x")):
        assert printed(mail(packed, "hi", kind, name))[1] == [("a.pdf", PDF)]
    assert "winmail.dat is not printed" in printed(mail(b"no TNEF at all", "hi"))[0]


def test_a_file_that_claims_to_be_a_message_is_judged_by_its_content() -> None:
    packed = tnef.stream(
        tnef.file(PDF, b"a", tnef.text(0x370E, "message/partial")),
        tnef.file(PDF, b"b", tnef.text(0x370E, "multipart/mixed")),
    )
    assert printed(mail(packed, "hi"))[1] == [("a.pdf", PDF), ("b.pdf", PDF)]


# ---- what strangers send


def test_more_files_than_a_message_may_have_are_refused() -> None:
    packed = tnef.stream(*[tnef.file(b"x", b"a.txt")] * 30)
    assert len(printed(mail(packed, "hi"))[1]) == 30
    with pytest.raises(Unshapeable, match=r"too many parts, those in its winmail\.dat"):
        shape(mail(packed, "hi"), Wish(Deliver.PRINT, max_parts=20))


def test_files_of_several_streams_are_counted_together() -> None:
    packed = tnef.stream(*[tnef.file(b"x", b"a.txt")] * 8)
    outer = tnef.stream(tnef.file(packed), tnef.file(packed), tnef.file(packed))
    with pytest.raises(Unshapeable, match="too many parts"):
        shape(mail(outer, "hi"), Wish(Deliver.PRINT, max_parts=20))


def test_rtf_is_read_to_a_length_that_all_of_a_message_share() -> None:
    """One that was packed to an eighth could fill any memory, and ten of them any time."""
    packed = rich(rtf.stored(rb"{\rtf1 first" + bytes(RTF_OCTETS - 20)))
    second = rich(rtf.bomb(RTF_OCTETS))
    small = rich(rtf.stored(rb"{\rtf1 second}"))
    whole = unpack(tnef.stream(tnef.of_message(packed)), 9)
    assert (whole.is_cut, whole.rtf_octets) == (False, RTF_OCTETS - 8)
    cut = unpack(tnef.stream(tnef.of_message(second)), 9)
    assert (cut.is_cut, cut.rtf_octets) == (True, RTF_OCTETS)
    within = [tnef.message_within(tnef.stream(tnef.of_message(one))) for one in (packed, small)]
    text, _ = printed(mail(tnef.stream(*within), "hi"))
    assert "[The text in winmail.dat is too long: its end is left out.]" in text
    assert unpack(tnef.stream(tnef.of_message(second)), 9, None).rtf_octets == 0


def test_messages_in_messages_are_opened_to_a_depth() -> None:
    packed = tnef.stream(tnef.of_message(tnef.text(0x1000, "innermost")))
    for _ in range(LEVELS - 1):
        packed = tnef.stream(tnef.message_within(packed))
    assert "innermost" in printed(mail(packed, "hi"))[0]
    text, _ = printed(mail(tnef.stream(tnef.message_within(packed)), "hi"))
    assert "innermost" not in text
    assert "lies too deep" in text


WHOLE = tnef.stream(
    tnef.code_page(1252),
    tnef.of_message(tnef.text(0x1000, "text"), tnef.number(0x3FDE, 1252)),
    tnef.file(PDF, b"first.pdf", tnef.text(0x3707, "first.pdf")),
    tnef.file(PDF, b"second.pdf"),
)


def test_of_a_stream_that_was_cut_what_came_whole_is_printed() -> None:
    text, files = printed(mail(WHOLE[:-30]))
    assert "winmail.dat is damaged" in text
    assert files[0] == ("first.pdf", PDF)


@pytest.mark.parametrize(
    "hostile",
    [
        tnef.SIGNATURE_AND_KEY + struct.pack("<BII", 1, tnef.BODY, 0xFFFFFFFF) + b"x",
        tnef.stream(tnef.attribute(1, tnef.PROPERTIES, b"\xff\xff\xff\xff")),
        tnef.stream(tnef.attribute(1, tnef.PROPERTIES, struct.pack("<IHHI", 1, 0x1003, 1, 1 << 31))),
        tnef.stream(tnef.attribute(1, tnef.PROPERTIES, struct.pack("<IHHI", 1, 0x101F, 1, 0xFFFFFFFF))),
        tnef.stream(tnef.of_message(struct.pack("<HHII", 0x1F, 0x1000, 1, 0xFFFFFFFF))),
        tnef.stream(tnef.of_message(struct.pack("<HH", 0x1234, 0x1000))),
        tnef.stream(tnef.attribute(1, tnef.CODE_PAGE, b"")) + b"\1",
        tnef.stream(*[tnef.attribute(1, 0, b"")] * (MOST_ATTRIBUTES + 1)),
    ],
    ids=["length", "count", "values", "strings", "string", "type", "tail", "attributes"],
)  # fmt: skip
def test_a_length_that_cannot_be_ends_the_reading(hostile: bytes) -> None:
    unpacked = unpack(hostile, 9)
    assert not unpacked.is_whole
    assert unpacked.part.children == ()


@given(st.integers(0, len(WHOLE)), st.binary(max_size=12), st.integers(0, 12))
def test_whatever_is_changed_files_are_no_more_than_what_came(
    at: int, changed: bytes, gone: int
) -> None:
    unpacked = unpack(WHOLE[:at] + changed + WHOLE[at + gone :], 9)
    assert sum(len(content(part)) for part in unpacked.part.children) <= len(WHOLE) + 12


ATTRIBUTES = st.lists(
    st.builds(
        tnef.attribute,
        st.integers(0, 3),
        st.sampled_from(
            [
                tnef.CODE_PAGE, tnef.SUBJECT, tnef.BODY, tnef.PROPERTIES, tnef.BEGINS,
                tnef.TITLE, tnef.DATA, tnef.FILE_PROPERTIES, 7,
            ]
        ),
        st.binary(max_size=30)
        | st.builds(
            tnef.properties,
            st.builds(
                tnef.one,
                st.sampled_from([0x37, 0x1000, 0x1009, 0x1013, 0x3701, 0x3707, 0x370E, 0x8001]),
                st.sampled_from([0x0B, 0x0D, 0x1E, 0x1F, 0x102, 0x101F, 0x48]),
                st.binary(max_size=40)
                | st.just(tnef.IID_MESSAGE + tnef.stream(tnef.file(PDF, b"a")))
                | st.binary(max_size=40).map(rtf.packed)
                | st.binary(max_size=40).map(rb"{\rtf1 ".__add__).map(rtf.stored),
            ),
        ),
    ),
    max_size=8,
)  # fmt: skip


@settings(deadline=None)
@given(ATTRIBUTES, st.sampled_from([Deliver.PRINT, Deliver.TEXT]))
def test_whatever_is_packed_comes_out_as_a_message_that_can_be_printed(
    attributes: list[bytes], deliver: Deliver
) -> None:
    whole = b"".join(shape(mail(tnef.stream(*attributes)), Wish(deliver)))
    assert whole.isascii()
    assert b"\0" not in whole
    assert max(map(len, whole.split(b"\r\n"))) <= 998
    assert not email.message_from_bytes(whole).defects
