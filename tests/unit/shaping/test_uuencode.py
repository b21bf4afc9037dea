"""Files that old mailers put into a text (uuencode) are files."""

import binascii

import pytest

from bridge.shaping.uuencode import FILES, packed, unpacked
from tests.unit.shaping.messages import made, shaped, text_of, within

PDF = b"%PDF-1.4\n" + bytes(range(256))


def lines(content: bytes) -> str:
    pieces = [content[start : start + 45] for start in range(0, len(content), 45)]
    return "".join(binascii.b2a_uu(piece).decode() for piece in pieces)


FILE = f"begin 644 order 1.pdf\n{lines(PDF)}`\nend\n"


def test_a_file_in_a_text_is_attached_and_no_part_of_the_text() -> None:
    printed = shaped(made(f"Subject: s\n\nhi\n{FILE}bye\n"))
    assert text_of(printed) == "hi\nbye\n"
    (file,) = [part for part in printed.walk() if part.get_filename()]
    assert file.get_filename() == "order 1.pdf"
    assert file.get_payload(decode=True) == PDF


@pytest.mark.parametrize("encoding", ["x-uuencode", "uuencode", "X-UUE (old)"])
def test_a_part_may_be_encoded_so(encoding: str) -> None:
    part = f"Content-Type: application/pdf; name=o.pdf\nContent-Transfer-Encoding: {encoding}\n\n{FILE}"
    printed = shaped(within("Content-Type: text/plain\n\nhi\n", part))
    (file,) = [part for part in printed.walk() if part.get_filename()]
    assert file.get_payload(decode=True) == PDF


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 a\nwhat is no line of it\nend\n",
        f"begin 644 a\n{lines(PDF)}",
        f"begin 644 a\n{lines(PDF)}and more\nend\n",
        "begin 644 a\n\u00e4\nend\n",
        "begin at 644\nend\n",
    ],
)
def test_what_is_no_whole_file_stays_text(text: str) -> None:
    assert list(packed(text.encode())) == []
    assert text_of(
        shaped(made(f"Content-Type: text/plain; charset=utf-8\n\n{text}"))
    ).startswith("begin")


def test_blanks_lost_at_line_ends_and_sums_do_no_harm() -> None:
    content = b"x" + bytes(44)
    line = lines(content).replace("`", " ").rstrip()
    (file,) = packed(f"begin 644 a\r\n{line}\r\n{lines(b'abc').rstrip()}X\r\n \r\nend".encode())
    assert file.content == content + b"abc"


def test_several_files_are_found_up_to_a_number() -> None:
    assert [file.name for file in packed((FILE * 3).encode())] == ["order 1.pdf"] * 3
    assert len(list(packed((FILE * (FILES + 1)).encode()))) == FILES


def test_what_breaks_off_is_read_as_far_as_it_goes() -> None:
    assert unpacked(f"hi\nbegin 644 a\n{lines(PDF)}".encode()) == PDF
    assert unpacked(b"nothing of the kind") == b"nothing of the kind"
